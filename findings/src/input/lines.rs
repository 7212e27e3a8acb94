//! Lines of a file, one after another, none of them longer in memory than a line may be.

use std::io::{self, BufRead};

/// The longest line that is read: fifty times that of a sample with a large histogram. A line of ten
/// gigabytes is passed over without ever being in memory.
pub const LONGEST_LINE: usize = 4 << 20;

/// What stood between two newlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A whole line, without its newline.
    Whole(Vec<u8>),
    /// What came after the last newline.
    Torn(u64),
    /// A line of so many bytes, which are gone.
    TooLong(u64),
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    longest: usize,
}

impl<R: BufRead> Lines<R> {
    /// Of `input`, up to [`LONGEST_LINE`] bytes each.
    pub fn new(input: R) -> Self {
        Self::up_to(input, LONGEST_LINE)
    }

    /// Of `input`, up to `longest` bytes each.
    pub fn up_to(input: R, longest: usize) -> Self {
        Self { input, longest }
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        let (mut line, mut length) = (Vec::new(), 0_u64);
        loop {
            let bytes = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if bytes.is_empty() {
                return Ok((length > 0).then_some(Line::Torn(length)));
            }
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            length += part.len() as u64;
            if length <= self.longest as u64 {
                line.extend_from_slice(part);
            } else {
                line = Vec::new();
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                let whole = length <= self.longest as u64;
                return Ok(Some(if whole {
                    Line::Whole(line)
                } else {
                    Line::TooLong(length)
                }));
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whole_torn_and_long_lines_apart() {
        let text: &[u8] = b"one\n\nsix-six\ntwo\nto";
        // A small buffer, so that lines are put together from several pieces.
        let lines = Lines::up_to(io::BufReader::with_capacity(2, text), 5);
        let found: Vec<_> = lines.map(Result::unwrap).collect();
        let whole = |text: &str| Line::Whole(text.into());
        assert_eq!(
            found,
            [
                whole("one"),
                whole(""),
                Line::TooLong(7),
                whole("two"),
                Line::Torn(2)
            ]
        );
    }

    #[test]
    fn a_line_without_end_is_never_in_memory() {
        let endless = io::Read::take(io::repeat(b'x'), 300 << 20);
        let mut lines = Lines::new(io::BufReader::new(endless));
        assert_eq!(lines.next().unwrap().unwrap(), Line::Torn(300 << 20));
        assert!(lines.next().is_none());
    }
}
