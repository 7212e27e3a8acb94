//! As LaTeX for pdflatex, with the rules of booktabs.

use minijinja::value::{Serde, Value};

use super::template::{Form, render};
use super::{Document, Span, Table, spans};

/// A form of LaTeX with this template.
const fn form(template: &'static str) -> Form {
    Form {
        template,
        escape: escaped,
        prose: inline,
    }
}

/// The whole report as one file. Pictures are in the folder `plots` beside it.
pub fn latex(document: &Document) -> String {
    const FORM: Form = form(include_str!("report.tex.jinja"));
    render(document, &FORM, |environment| {
        environment.add_filter("columns", |table: Serde<Table>| {
            Value::from_safe_string(columns(&table))
        });
        environment.add_filter("comment", commented);
    })
}

/// Each picture as a figure with its caption and a label, for a paper of one's own to take from.
pub fn figures(document: &Document) -> String {
    const FORM: Form = form(include_str!("figures.tex.jinja"));
    render(document, &FORM, |environment| {
        environment.add_filter("comment", commented);
    })
}

fn commented(text: &str) -> Value {
    Value::from_safe_string(comment(text))
}

/// A column is as wide as its longest field, up to a share of the page: what is longer is broken
/// into lines.
fn columns(table: &Table) -> String {
    let longest = |index: usize| {
        let fields = table.rows.iter().filter_map(|row| row.fields.get(index));
        let shown = |text: &str| {
            spans(text)
                .iter()
                .map(|span| words(span).chars().count())
                .sum::<usize>()
        };
        fields
            .map(|field| shown(field))
            .chain([shown(&table.columns[index].title)])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..table.columns.len()).map(longest).collect();
    let room: usize = match table.columns.len() {
        0..=6 => 104,
        7..=8 => 118,
        _ => 140,
    };
    let total: usize = widths.iter().map(|width| width + 2).sum();
    let text: usize = widths
        .iter()
        .zip(&table.columns)
        .filter(|(_, column)| !column.numeric)
        .map(|(width, _)| *width)
        .sum();
    // What is too much is taken from the columns of words, each by its share.
    let left = room.saturating_sub(total - text).max(18) as f64 / text.max(1) as f64;
    // Lines are broken between words and after hyphens only.
    let piece = |text: &str| {
        text.split([' ', '-'])
            .map(|piece| piece.chars().count() + 1)
            .max()
            .unwrap_or(0)
    };
    let word = |index: usize| {
        let fields = table.rows.iter().filter_map(|row| row.fields.get(index));
        let shown = |field: &String| {
            spans(field)
                .iter()
                .map(|span| piece(words(span)))
                .max()
                .unwrap_or(0)
        };
        fields
            .map(shown)
            .chain([piece(&table.columns[index].title)])
            .max()
            .unwrap_or(0)
    };
    let column = |(index, (width, column)): (usize, (&usize, &super::Column))| match column.numeric
    {
        true => "r".to_owned(),
        false if total <= room => "l".to_owned(),
        false => {
            let share = (*width as f64 * left.min(1.0)).max(word(index) as f64) / room as f64;
            format!("L{{{:.3}\\linewidth}}", share.clamp(0.05, 0.7))
        }
    };
    widths
        .iter()
        .zip(&table.columns)
        .enumerate()
        .map(column)
        .collect()
}

/// A text behind a percent sign. TeX ends a line at more characters than one, and knows a way to write
/// each of them.
fn comment(text: &str) -> String {
    let kept = |it: char| {
        if it == ' ' || it.is_ascii_alphanumeric() || ".,:;-()".contains(it) {
            it
        } else {
            '_'
        }
    };
    text.chars().map(kept).collect()
}

fn words<'a>(span: &Span<'a>) -> &'a str {
    match span {
        Span::Plain(text) | Span::Code(text) | Span::Strong(text) | Span::Link(text, _) => text,
    }
}

fn inline(text: &str) -> String {
    let shown = |span: Span<'_>| match span {
        // Anchors are rows of folded tables, which paper does not have.
        Span::Plain(text) | Span::Link(text, _) => escaped(text),
        Span::Code(text) => format!("\\texttt{{{}}}", breakable(&escaped(text))),
        Span::Strong(text) => format!("\\textbf{{{}}}", escaped(text)),
    };
    spans(text).into_iter().map(shown).collect()
}

/// Names may be broken after a hyphen or an underscore, or they stand out into the margin.
fn breakable(code: &str) -> String {
    code.replace("\\_", "\\_\\allowbreak{}")
        .replace('-', "-\\allowbreak{}")
        .replace('/', "/\\allowbreak{}")
}

/// What pdflatex with Latin Modern has as a character, and otherwise an equivalent.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => safe.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '%' | '#' | '_' => safe.extend(['\\', character]),
            // Behind the end of a row or a point they would be its option.
            '[' | ']' | '*' => safe.extend(['{', character, '}']),
            '~' => safe.push_str("\\textasciitilde{}"),
            '^' => safe.push_str("\\textasciicircum{}"),
            '<' => safe.push_str("\\textless{}"),
            '>' => safe.push_str("\\textgreater{}"),
            '|' => safe.push_str("\\textbar{}"),
            '"' => safe.push_str("\\textquotedbl{}"),
            'µ' | 'μ' => safe.push_str("\\textmu{}"),
            '×' => safe.push_str("\\texttimes{}"),
            '÷' => safe.push_str("\\textdiv{}"),
            '±' => safe.push_str("\\textpm{}"),
            '−' => safe.push_str("\\textminus{}"),
            '→' => safe.push_str("$\\rightarrow$"),
            '≥' => safe.push_str("$\\geq$"),
            '≤' => safe.push_str("$\\leq$"),
            '≈' => safe.push_str("$\\approx$"),
            '≠' => safe.push_str("$\\neq$"),
            '·' => safe.push_str("\\textperiodcentered{}"),
            '…' => safe.push_str("\\ldots{}"),
            '✓' => safe.push_str("\\checkmark{}"),
            '✗' => safe.push_str("$\\times$"),
            '²' => safe.push_str("\\texttwosuperior{}"),
            '–' => safe.push_str("--"),
            '—' => safe.push_str("---"),
            'δ' => safe.push_str("$\\delta$"),
            'α' => safe.push_str("$\\alpha$"),
            '▲' => safe.push_str("$\\blacktriangle$"),
            '▼' => safe.push_str("$\\blacktriangledown$"),
            '∞' => safe.push_str("$\\infty$"),
            '’' => safe.push('\''),
            '\u{a0}' | '\u{202f}' => safe.push('~'),
            'À'..='ÿ' | ' '..='~' => safe.push(character),
            '\n' | '\r' | '\t' => safe.push(' '),
            _ => safe.push('?'),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is left of a text in LaTeX without what [`escaped`] writes for single characters.
    fn rest(mut text: &str) -> String {
        const WRITTEN: [&str; 14] = [
            "\\{",
            "\\}",
            "\\$",
            "\\&",
            "\\%",
            "\\#",
            "\\_",
            "{[}",
            "{]}",
            "{*}",
            "~",
            "--",
            "---",
            "\\ldots{}",
        ];
        let mut rest = String::new();
        while let Some(next) = text.chars().next() {
            let known = WRITTEN.iter().find(|it| text.starts_with(**it));
            let word = text.strip_prefix("\\text").and_then(|it| {
                let end = it.find("{}")?;
                let is_word = it[..end].bytes().all(|byte| byte.is_ascii_lowercase());
                is_word.then_some("\\text".len() + end + 2)
            });
            let length = known.map(|it| it.len()).or(word);
            if length.is_none() {
                rest.push(next);
            }
            text = &text[length.unwrap_or(next.len_utf8())..];
        }
        rest
    }

    proptest! {
        #[test]
        fn no_character_of_a_text_is_one_that_tex_acts_upon(text in "[ -~\\n\\r\\t\u{1b}é\u{202e}`]{0,60}") {
            let left = rest(&escaped(&text));
            prop_assert!(!left.contains(['\\', '{', '}', '$', '&', '%', '#', '_', '^', '~', '[', ']', '*', '\n', '\r']), "{left}");
            prop_assert!(left.chars().all(|it| it.is_ascii_graphic() || it == ' ' || it == 'é'), "{left}");
            let comment = comment(&text);
            prop_assert!(!comment.contains(['\\', '^', '\n', '\r', '%']), "{comment}");
        }
    }

    #[test]
    fn what_begins_a_field_is_no_option_of_the_row_before() {
        assert_eq!(escaped("[1ex]*"), "{[}1ex{]}{*}");
        assert_eq!(
            inline("\\input{x} `a_b`"),
            "\\textbackslash{}input\\{x\\} \\texttt{a\\_\\allowbreak{}b}"
        );
    }
}
