//! What a process prints: read as it comes, so that it never waits for a reader, and kept within
//! bounds.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, PipeReader, Write as _};
use std::path::PathBuf;

use host_probe::limits;
use machine::clock::now_ns;

use super::reading::{Keep, Reading};

/// How long the last words of a process that has ended may take to arrive. Its end closes the pipe,
/// but for descendants that hold it too.
const LAST_WORDS_NS: u64 = 500_000_000;

/// How much is kept, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// From the beginning.
    pub(super) head: usize,
    /// From the end.
    pub(super) tail: usize,
}

impl Bounds {
    /// Of a log: how it began and how it ended.
    pub(super) const LOG: Self = Self {
        head: 256 * 1024,
        tail: 256 * 1024,
    };
    /// Of an answer that is compared with an expected one: more than any workload prints.
    pub(super) const ANSWER: Self = Self {
        head: limits::OUTPUT_BYTES,
        tail: 0,
    };
}

/// The most bytes that are kept of what is an answer.
pub(crate) const LONGEST_ANSWER: usize = Bounds::ANSWER.head;

/// What a command printed to its standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The bytes, from the first on.
    pub bytes: Vec<u8>,
    /// How many more there were, which are not kept.
    pub dropped: u64,
}

#[derive(Debug)]
struct Kept {
    bounds: Bounds,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    log: Option<PathBuf>,
}

impl Kept {
    const fn new(bounds: Bounds, log: Option<PathBuf>) -> Self {
        Self {
            bounds,
            head: Vec::new(),
            tail: VecDeque::new(),
            dropped: 0,
            log,
        }
    }

    /// What of a log is not in its file before its end: the tail, after a line that says what is missing.
    fn ending(&self) -> Vec<u8> {
        let (front, back) = self.tail.as_slices();
        let gap = if self.dropped == 0 {
            String::new()
        } else {
            format!("\n… {} bytes left out …\n", self.dropped)
        };
        [gap.as_bytes(), front, back].concat()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&[&self.head[..], &self.ending()].concat()).into_owned()
    }

    /// A log is for people. One that cannot be written, on a full disk, is no reason to stop
    /// reading, which would stop the process. It is open only while it is written to: who has ten
    /// thousand of them has no descriptor for each.
    fn write(&self, bytes: &[u8]) {
        if let Some(path) = self.log.as_ref().filter(|_| !bytes.is_empty()) {
            let file = OpenOptions::new().append(true).open(path);
            let _ = file.and_then(|mut file| file.write_all(bytes));
        }
    }
}

impl Keep for Kept {
    fn take(&mut self, bytes: &[u8], _now_ns: u64) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.bounds.head - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let surplus = self.tail.len().saturating_sub(self.bounds.tail);
        self.tail.drain(..surplus);
        self.dropped += surplus as u64;
        self.write(head);
    }

    fn end(&mut self) {
        self.write(&self.ending());
    }
}

/// What is read of a pipe to its end.
#[derive(Debug)]
pub(super) struct Output(Reading<Kept>);

impl Output {
    /// Reads `pipe`, keeps what `bounds` allow, and adds it to the file `log`, which is there, if
    /// there is to be one.
    pub(super) fn read(pipe: PipeReader, bounds: Bounds, log: Option<PathBuf>) -> io::Result<Self> {
        Reading::start(pipe, Kept::new(bounds, log)).map(Self)
    }

    /// What is kept, as text.
    pub(super) fn text(&self) -> String {
        self.0.look(Kept::text)
    }

    /// Waits until a whole line holds `needle`, and gives the line; nothing if that has not
    /// happened by `until_ns` or the output has ended.
    pub(super) fn line_with(&self, needle: &str, until_ns: u64) -> Option<String> {
        self.0.wait(until_ns, |kept, over| {
            let text = kept.text();
            let whole = if over {
                &text[..]
            } else {
                text.rsplit_once('\n').map_or("", |(whole, _)| whole)
            };
            let line = whole.lines().find(|line| line.contains(needle));
            line.map(str::to_owned)
        })
    }

    /// Waits for the last words of a process that has ended, and gives what is kept.
    pub(super) fn finish(&self) -> Captured {
        self.0.finish(now_ns() + LAST_WORDS_NS);
        self.0.look(|kept| Captured {
            bytes: kept.head.clone(),
            dropped: kept.dropped + kept.tail.len() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    const SMALL: Bounds = Bounds { head: 4, tail: 4 };

    #[test]
    fn keeps_how_it_began_and_how_it_ended() {
        let mut kept = Kept::new(SMALL, None);
        kept.take(b"ab", 0);
        kept.take(b"cdef", 0);
        assert_eq!(
            (&kept.head[..], kept.text()),
            (&b"abcd"[..], "abcdef".into())
        );
        kept.take(b"ghijklmn", 0);
        assert_eq!(kept.text(), "abcd\n… 6 bytes left out …\nklmn");
        assert_eq!(kept.dropped, 6);
    }

    #[test]
    fn a_flood_neither_blocks_nor_fills_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (reader, mut writer) = io::pipe().unwrap();
        drop(File::create(&path).unwrap());
        let output = Output::read(reader, Bounds::LOG, Some(path.clone())).unwrap();
        writer.write_all(b"first\n").unwrap();
        for _ in 0..1_000 {
            writer.write_all(&[b'x'; 16 * 1024]).unwrap();
        }
        writer.write_all(b"\nlast\n").unwrap();
        drop(writer);
        output.finish();
        let log = std::fs::read_to_string(&path).unwrap();
        assert!(log.len() < 600 * 1024, "{}", log.len());
        assert!(log.starts_with("first\n") && log.ends_with("\nlast\n"));
        assert!(log.contains("bytes left out"));
        assert_eq!(output.text(), log);
    }

    #[test]
    fn a_line_is_waited_for_until_it_is_whole() {
        let (reader, mut writer) = io::pipe().unwrap();
        let output = Output::read(reader, Bounds::LOG, None).unwrap();
        writer.write_all(b"booting\nready on por").unwrap();
        assert_eq!(output.line_with("ready", now_ns() + 20_000_000), None);
        writer.write_all(b"t 7\nserving").unwrap();
        assert_eq!(
            output.line_with("ready", now_ns() + 5_000_000_000).unwrap(),
            "ready on port 7"
        );
        drop(writer);
        assert_eq!(
            output
                .line_with("serving", now_ns() + 5_000_000_000)
                .unwrap(),
            "serving"
        );
        assert_eq!(
            output.line_with("nothing", now_ns() + 60_000_000_000),
            None,
            "no use waiting for a closed pipe"
        );
    }

    #[test]
    fn a_descendant_that_holds_the_pipe_holds_nobody_up() {
        let (reader, mut writer) = io::pipe().unwrap();
        let output = Output::read(reader, Bounds::ANSWER, None).unwrap();
        writer.write_all(b"hello").unwrap();
        assert_eq!(
            output.finish(),
            Captured {
                bytes: b"hello".into(),
                dropped: 0
            }
        );
        drop(writer);
    }
}
