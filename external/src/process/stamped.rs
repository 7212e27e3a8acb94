//! What a virtual machine's serial port says: milestones, each dated when it comes, and text.

use std::io::{self, PipeReader};

use super::reading::{Keep, Reading};

/// The first byte that is a milestone and no text.
const FIRST_MILESTONE: u8 = 0x80;

/// How many milestones, and how much text, are kept: a guest that prints for ever fills nothing.
const MILESTONES: usize = 64;
const TEXT: usize = 256 * 1024;

#[derive(Debug, Clone, Copy)]
struct Milestone {
    byte: u8,
    came_ns: u64,
    /// How much text was before it.
    text: usize,
}

#[derive(Debug, Default)]
struct Kept {
    milestones: Vec<Milestone>,
    text: Vec<u8>,
    /// How much of the text had come by when, a read each.
    came: Vec<(usize, u64)>,
}

impl Kept {
    fn first(&self, milestone: u8) -> Option<&Milestone> {
        self.milestones.iter().find(|it| it.byte == milestone)
    }

    fn instant(&self, milestone: u8) -> Option<u64> {
        self.first(milestone).map(|it| it.came_ns)
    }

    fn said(&self, words: &str) -> Option<u64> {
        let words = words.as_bytes();
        let mut places = self.text.windows(words.len().max(1));
        let end = places.position(|it| it == words)? + words.len();
        let came = self.came.iter().find(|(length, _)| *length >= end);
        came.map(|(_, ns)| *ns)
    }
}

impl Keep for Kept {
    fn take(&mut self, bytes: &[u8], now_ns: u64) {
        let before = self.text.len();
        for &byte in bytes {
            if byte < FIRST_MILESTONE {
                if self.text.len() < TEXT {
                    self.text.push(byte);
                }
            } else if self.milestones.len() < MILESTONES {
                self.milestones.push(Milestone {
                    byte,
                    came_ns: now_ns,
                    text: self.text.len(),
                });
            }
        }
        if self.text.len() > before {
            self.came.push((self.text.len(), now_ns));
        }
    }
}

/// What is read of a serial port to its end.
#[derive(Debug)]
pub(super) struct Stamped(Reading<Kept>);

impl Stamped {
    /// Reads `pipe`.
    pub(super) fn read(pipe: PipeReader) -> io::Result<Self> {
        Reading::start(pipe, Kept::default()).map(Self)
    }

    /// Waits for a milestone: when it came; nothing if it has not by `until_ns`, or nothing more comes.
    pub(super) fn wait(&self, milestone: u8, until_ns: u64) -> Option<u64> {
        self.0.wait(until_ns, |kept, _| kept.instant(milestone))
    }

    /// Waits until the port is closed, as far as `until_ns`.
    pub(super) fn wait_over(&self, until_ns: u64) {
        self.0.wait_over(until_ns);
    }

    /// When a milestone came, if it has.
    pub(super) fn instant(&self, milestone: u8) -> Option<u64> {
        self.0.look(|kept| kept.instant(milestone))
    }

    /// When words of the text had come, if they have.
    pub(super) fn said(&self, words: &str) -> Option<u64> {
        self.0.look(|kept| kept.said(words))
    }

    /// The text that came after a milestone; nothing if it has not come.
    pub(super) fn text_after(&self, milestone: u8) -> Option<Vec<u8>> {
        self.0.look(|kept| {
            let first = kept.first(milestone)?;
            Some(kept.text[first.text..].to_vec())
        })
    }

    /// The text until now.
    pub(super) fn text(&self) -> Vec<u8> {
        self.0.look(|kept| kept.text.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use machine::clock::now_ns;

    use super::*;

    const HANG_NS: u64 = 60_000_000_000;

    #[test]
    fn milestones_are_dated_and_text_is_kept_apart() {
        let (reader, mut writer) = io::pipe().unwrap();
        let stamped = Stamped::read(reader).unwrap();
        let before_ns = now_ns();
        writer.write_all(b"Hello \x81fro").unwrap();
        let entered_ns = stamped.wait(0x81, now_ns() + HANG_NS).unwrap();
        assert!((before_ns..=now_ns()).contains(&entered_ns));
        assert_eq!(stamped.instant(0x84), None);
        writer.write_all(b"m here\x84\x84").unwrap();
        let first_ns = stamped.wait(0x84, now_ns() + HANG_NS).unwrap();
        assert_eq!(stamped.instant(0x84), Some(first_ns));
        let said_ns = stamped.said("from").unwrap();
        assert!(
            (entered_ns..=first_ns).contains(&said_ns),
            "words are there when their last letter is"
        );
        assert!(stamped.said("Hello").unwrap() <= entered_ns);
        assert_eq!(stamped.said("from there"), None);
        assert_eq!(stamped.text_after(0x81).unwrap(), b"from here");
        assert_eq!(stamped.text_after(0x85), None);
        drop(writer);
        stamped.wait_over(now_ns() + HANG_NS);
        assert_eq!(stamped.text(), b"Hello from here");
        assert_eq!(
            stamped.wait(0x85, now_ns() + HANG_NS),
            None,
            "no use waiting"
        );
    }
}
