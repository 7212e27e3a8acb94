//! Text that somebody else wrote, made fit to be shown.
//!
//! Records carry words of guests, of runtimes and of people who send their runs. A control character
//! among them moves the cursor of a terminal, an override of the direction of writing makes a line read
//! as another one. Nothing of that kind is ever shown: it is replaced, so that one sees that there was
//! something.

use std::borrow::Cow;

/// So many characters of a text are shown: a reason of four megabytes is no reason any more.
pub const LONGEST: usize = 4096;

/// What stands where a character is not shown.
const REPLACED: char = char::REPLACEMENT_CHARACTER;

/// Whether a character is seen where it stands, and does nothing else.
pub fn is_printable(character: char) -> bool {
    let is_invisible = matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Spaces without width, marks and overrides of direction, separators of lines.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            // Tags and selectors of variants; private use.
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}'
    );
    !character.is_control() && !is_invisible
}

/// A text as one line: newlines and tabs are spaces, what is not printable is replaced, and what is
/// longer than [`LONGEST`] is cut off.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, |character| match character {
        '\n' | '\t' => Some(' '),
        _ => None,
    })
}

/// A text of several lines, of any length: all that is not printable is replaced but newlines.
pub fn lines(text: &str) -> Cow<'_, str> {
    if text.chars().all(|it| it == '\n' || is_printable(it)) {
        return Cow::Borrowed(text);
    }
    let replaced = |it: char| match it {
        '\n' => '\n',
        '\t' => ' ',
        it if is_printable(it) => it,
        _ => REPLACED,
    };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// A text of several lines in colours: as [`lines`], and what sets the colour of letters stays. No
/// other sequence does: none that moves, erases, renames a window or writes to a clipboard.
pub fn coloured(text: &str) -> Cow<'_, str> {
    if text.chars().all(|it| it == '\n' || is_printable(it)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        shown.push_str(&lines(&rest[..at]));
        let length = colour(&rest[at..]);
        if length == 0 {
            shown.push(REPLACED);
        }
        shown.push_str(&rest[at..at + length]);
        rest = &rest[at + length.max(1)..];
    }
    shown.push_str(&lines(rest));
    Cow::Owned(shown)
}

/// The length of the sequence for a colour that a text begins with; 0 if it begins with another one.
fn colour(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let end = parameters.find(|it: char| !it.is_ascii_digit() && it != ';');
    match end {
        Some(end) if parameters[end..].starts_with('m') => 2 + end + 1,
        _ => 0,
    }
}

fn shown(text: &str, instead: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    // A character has up to four bytes: a short text needs no counting.
    let fits = text.len() <= LONGEST || text.chars().count() <= LONGEST;
    if fits && text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let replaced = |it: char| match instead(it) {
        Some(other) => other,
        None if is_printable(it) => it,
        None => REPLACED,
    };
    let mut shown: String = text.chars().take(LONGEST).map(replaced).collect();
    if !fits {
        shown.push('…');
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sequences that terminals act upon, and characters that change how a line reads.
    const BAD: [&str; 10] = [
        "\u{1b}]0;title\u{7}",
        "\u{1b}[2J",
        "\u{9b}2J",
        "\u{1b}[31",
        "\r",
        "\u{8}",
        "\u{202e}txt.exe",
        "\u{2066}",
        "\u{200b}",
        "\u{0}",
    ];

    #[test]
    fn nothing_that_a_terminal_acts_upon_is_left() {
        for bad in BAD {
            for shown in [line(bad), lines(bad), coloured(bad)] {
                assert!(shown.chars().all(is_printable), "{bad:?}: {shown:?}");
                assert!(shown.contains(REPLACED), "{bad:?}: {shown:?}");
            }
        }
        assert_eq!(line("a\tb\nc"), "a b c");
        assert_eq!(lines("a\n\u{1b}[1mb"), "a\n\u{fffd}[1mb");
    }

    #[test]
    fn colours_stay_where_they_are_asked_for() {
        let text = "\u{1b}[38;5;208mbar\u{1b}[0m\n\u{1b}[2Jgone";
        assert_eq!(
            coloured(text),
            "\u{1b}[38;5;208mbar\u{1b}[0m\n\u{fffd}[2Jgone"
        );
        assert!(matches!(coloured("plain é\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_text_is_cut_off() {
        let shown = line(&"é".repeat(LONGEST + 1)).into_owned();
        assert_eq!(shown.chars().count(), LONGEST + 1);
        assert!(shown.ends_with("é…"));
    }

    proptest! {
        #[test]
        fn a_line_is_printable_whatever_it_is_made_of(text in any::<String>()) {
            prop_assert!(line(&text).chars().all(is_printable));
            prop_assert!(lines(&text).chars().all(|it| it == '\n' || is_printable(it)));
        }
    }
}
