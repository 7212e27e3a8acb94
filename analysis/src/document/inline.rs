//! The marks within prose.

/// A piece of prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span<'a> {
    /// Words.
    Plain(&'a str),
    /// A name of something in a program.
    Code(&'a str),
    /// Words that carry the sentence.
    Strong(&'a str),
    /// Words, and the anchor that they lead to.
    Link(&'a str, &'a str),
}

/// Words of somebody else within prose: they may name code, and neither link nor shout. What stands in code is
/// no mark, and a backslash before it would be seen.
pub fn literal(words: &str) -> String {
    let mut literal = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(character) = rest.chars().next() {
        let length = match mark(rest) {
            Some((Span::Code(_), length)) => length,
            _ => character.len_utf8(),
        };
        if matches!(character, '\\' | '*' | '[' | ']') {
            literal.push('\\');
        }
        literal.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    literal
}

/// Words of somebody else as code, whatever they are.
pub fn code(words: &str) -> String {
    format!("`{}`", words.replace('`', "'"))
}

/// Takes prose apart. A mark that is not closed is itself, as is one behind a backslash.
pub fn spans(text: &str) -> Vec<Span<'_>> {
    let (mut found, mut plain, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with('\\') && rest[1..].starts_with(['\\', '*', '[', ']']) {
            if plain < at {
                found.push(Span::Plain(&text[plain..at]));
            }
            (plain, at) = (at + 1, at + 2);
        } else if let Some((span, length)) = mark(&text[at..]) {
            if plain < at {
                found.push(Span::Plain(&text[plain..at]));
            }
            found.push(span);
            at += length;
            plain = at;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    if plain < text.len() {
        found.push(Span::Plain(&text[plain..]));
    }
    found
}

fn mark(text: &str) -> Option<(Span<'_>, usize)> {
    if let Some(rest) = text.strip_prefix('`') {
        let end = rest.find('`').filter(|end| *end > 0)?;
        return Some((Span::Code(&rest[..end]), end + 2));
    }
    if let Some(rest) = text.strip_prefix("**") {
        let end = rest.find("**").filter(|end| *end > 0)?;
        return Some((Span::Strong(&rest[..end]), end + 4));
    }
    let rest = text.strip_prefix('[')?;
    let middle = rest.find("](#")?;
    if rest[..middle].contains('[') {
        return None;
    }
    let target = &rest[middle + 3..];
    let end = target.find(')')?;
    Some((
        Span::Link(&rest[..middle], &target[..end]),
        1 + middle + 3 + end + 1,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_prose_apart() {
        use Span::{Code, Link, Plain, Strong};
        let found = spans("a `b` **c d** [e](#f) g`");
        let wanted = [
            Plain("a "),
            Code("b"),
            Plain(" "),
            Strong("c d"),
            Plain(" "),
            Link("e", "f"),
            Plain(" g`"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn words_of_others_are_neither_links_nor_strong() {
        let words = "see [this](#there) **now** \\ `x = [\"a\", **]` [ `";
        let written = literal(words);
        let found = spans(&written).into_iter().map(|span| match span {
            Span::Plain(text) => text.to_owned(),
            Span::Code(text) => format!("`{text}`"),
            other => panic!("{other:?}"),
        });
        assert_eq!(found.collect::<String>(), words);
        let code = code("a`b");
        assert_eq!(spans(&code), [Span::Code("a'b")]);
    }

    proptest! {
        #[test]
        fn never_loses_a_word(text in "[a-z`*\\[\\]()#é ]{0,40}") {
            let length: usize = spans(&text).iter().map(|span| match span {
                Span::Plain(text) => text.len(),
                Span::Code(text) => text.len() + 2,
                Span::Strong(text) => text.len() + 4,
                Span::Link(text, to) => text.len() + to.len() + 5,
            }).sum();
            prop_assert_eq!(length, text.len());
        }
    }
}
