//! As Markdown, with tables as GitHub and others read them.

use minijinja::value::Value;
use results::names::FileName;

use super::template::{Form, render};
use super::{Document, Span, spans};

const FORM: Form = Form {
    template: include_str!("report.md.jinja"),
    escape: escaped,
    prose,
};

/// The whole report as one text. Pictures are in the folder `plots` beside it.
pub fn markdown(document: &Document) -> String {
    render(document, &FORM, |environment| {
        environment.add_filter("field", |text: &str| Value::from_safe_string(field(text)));
    })
}

/// A text on lines of its own: what would make a heading, a list or a block of its beginning does not.
fn prose(text: &str) -> String {
    let written = written(text, false);
    let text = written.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // A number is written as it is: only a blank behind it, or behind a hyphen, makes it a mark.
    let is_number = |text: &str| text.starts_with(|it: char| it.is_ascii_digit());
    if text.starts_with(['#', '+', '-', '=']) && !is_number(&text[1..]) {
        return format!("\\{text}");
    }
    let is_item = text[digits..].starts_with(['.', ')']) && !is_number(&text[digits + 1..]);
    if digits > 0 && is_item {
        return format!("{}\\{}", &text[..digits], &text[digits..]);
    }
    text.to_owned()
}

/// A text within a table.
fn field(text: &str) -> String {
    written(text, true)
}

fn written(text: &str, in_table: bool) -> String {
    let shown = |span: Span<'_>| match span {
        Span::Plain(text) => escaped(text),
        Span::Code(text) => code(text, in_table),
        Span::Strong(text) => format!("**{}**", escaped(text)),
        Span::Link(text, to) => format!("[{}](#{})", escaped(text), FileName::of(to)),
    };
    spans(text).into_iter().map(shown).collect()
}

/// Code between more backticks than it has in a row.
pub(crate) fn code(text: &str, in_table: bool) -> String {
    let text = text.replace(['\n', '\r'], " ");
    // A table is taken apart at its pipes before anything else is.
    let text = if in_table {
        text.replace('|', "\\|")
    } else {
        text
    };
    let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let is_at_edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if is_at_edge { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A text of which nothing is a mark, a tag, an entity, a formula or an address that a reader would make a
/// link of.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        let is_mark = match character {
            // Within a word it marks nothing.
            '_' => !(before.is_alphanumeric() && rest.starts_with(char::is_alphanumeric)),
            ':' => rest.starts_with("//"),
            '.' => ends_with_www(&text[..at]),
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' | '@' => true,
            _ => false,
        };
        if is_mark {
            safe.push('\\');
        }
        safe.push(if matches!(character, '\n' | '\r') {
            ' '
        } else {
            character
        });
        before = character;
    }
    safe
}

fn ends_with_www(text: &str) -> bool {
    let end = text.len().checked_sub(3).and_then(|from| text.get(from..));
    end.is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_no_markup() {
        let found =
            field("<script>alert(1)</script> | ![x](http://e.org) www.e.org &lt; $x$ _y_ a_b");
        let wanted = "\\<script\\>alert(1)\\</script\\> \\| !\\[x\\](http\\://e.org) \
            www\\.e.org \\&lt; \\$x\\$ \\_y\\_ a_b";
        assert_eq!(found, wanted);
        for (text, wanted) in [
            ("# heading", "\\# heading"),
            ("1. item", "1\\. item"),
            ("    code", "code"),
            ("- item\n- another", "\\- item - another"),
            ("`a|b`", "`a|b`"),
            ("[a](#b c)", &format!("[a](#{})", FileName::of("b c"))),
        ] {
            assert_eq!(prose(text), wanted);
        }
        assert_eq!(field("`a|b`"), "`a\\|b`");
        assert_eq!(code("a``b", false), "```a``b```");
        assert_eq!(code("`", false), "`` ` ``");
    }
}
