//! What a process prints: read as it comes, so that it never waits for a reader, and kept within
//! bounds.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use machine::clock::now_ns;

use crate::fds::{Stop, wait};

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
        head: 16 * 1024 * 1024,
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

#[derive(Debug, Default)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    over: bool,
}

impl Kept {
    /// Takes a piece in; what of it belongs to the head.
    fn take<'a>(&mut self, bounds: Bounds, piece: &'a [u8]) -> &'a [u8] {
        let (head, rest) = piece.split_at(piece.len().min(bounds.head - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let surplus = self.tail.len().saturating_sub(bounds.tail);
        self.tail.drain(..surplus);
        self.dropped += surplus as u64;
        head
    }

    /// What of a log is not in its file yet: the tail, after a line that says what is missing.
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
}

#[derive(Debug, Default)]
struct Shared {
    kept: Mutex<Kept>,
    changed: Condvar,
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A thread that panicked while it held bytes leaves bytes.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that reads a pipe to its end.
#[derive(Debug)]
pub(super) struct Output {
    shared: Arc<Shared>,
    reading: Option<(Stop, JoinHandle<()>)>,
}

impl Output {
    /// Reads `pipe`, keeps what `bounds` allow, and writes it to `file` if there is one.
    pub(super) fn read(pipe: PipeReader, bounds: Bounds, file: Option<File>) -> io::Result<Self> {
        let (stop, stopped) = Stop::new()?;
        let shared = Arc::new(Shared::default());
        let reader = Reader {
            pipe,
            stopped,
            shared: Arc::clone(&shared),
            bounds,
            file,
        };
        let thread = thread::Builder::new()
            .name("output".into())
            .spawn(move || reader.run())?;
        Ok(Self {
            shared,
            reading: Some((stop, thread)),
        })
    }

    /// What is kept, as text.
    pub(super) fn text(&self) -> String {
        self.shared.kept().text()
    }

    /// Waits until a whole line holds `needle`, and gives the line; nothing if that has not
    /// happened by `until_ns` or the output has ended.
    pub(super) fn line_with(&self, needle: &str, until_ns: u64) -> Option<String> {
        let mut kept = self.shared.kept();
        loop {
            let text = kept.text();
            let whole = if kept.over {
                &text[..]
            } else {
                text.rsplit_once('\n').map_or("", |(whole, _)| whole)
            };
            if let Some(line) = whole.lines().find(|line| line.contains(needle)) {
                return Some(line.to_owned());
            }
            let left = until_ns.saturating_sub(now_ns());
            if kept.over || left == 0 {
                return None;
            }
            let waited = self
                .shared
                .changed
                .wait_timeout(kept, Duration::from_nanos(left));
            kept = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the last words of a process that has ended, and gives what is kept.
    pub(super) fn finish(&mut self) -> Captured {
        if let Some((stop, thread)) = self.reading.take() {
            self.wait_over(now_ns() + LAST_WORDS_NS);
            stop.now();
            // A reader that panicked has kept what it had read.
            let _ = thread.join();
        }
        let kept = self.shared.kept();
        Captured {
            bytes: kept.head.clone(),
            dropped: kept.dropped + kept.tail.len() as u64,
        }
    }

    fn wait_over(&self, until_ns: u64) {
        let mut kept = self.shared.kept();
        while !kept.over {
            let left = until_ns.saturating_sub(now_ns());
            if left == 0 {
                return;
            }
            let waited = self
                .shared
                .changed
                .wait_timeout(kept, Duration::from_nanos(left));
            kept = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.reading.take() {
            stop.now();
            let _ = thread.join();
        }
    }
}

struct Reader {
    pipe: PipeReader,
    stopped: OwnedFd,
    shared: Arc<Shared>,
    bounds: Bounds,
    file: Option<File>,
}

impl Reader {
    fn run(mut self) {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(ready) = wait(&[self.pipe.as_fd(), self.stopped.as_fd()], None) {
            // First what was printed, then the order to stop: what is in the pipe already is read.
            if ready[0].is_empty() {
                break;
            }
            match self.pipe.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(read) => self.keep(&piece[..read]),
            }
            // A descendant that goes on printing for ever must not keep the thread.
            if !ready[1].is_empty() {
                break;
            }
        }
        let ending = {
            let mut kept = self.shared.kept();
            kept.over = true;
            kept.ending()
        };
        self.write(&ending);
        self.shared.changed.notify_all();
    }

    fn keep(&mut self, piece: &[u8]) {
        let head = self.shared.kept().take(self.bounds, piece);
        self.write(head);
        self.shared.changed.notify_all();
    }

    /// A log is for people. One that cannot be written, on a full disk, is no reason to stop
    /// reading, which would stop the process.
    fn write(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file {
            let _ = file.write_all(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bounds = Bounds { head: 4, tail: 4 };

    #[test]
    fn keeps_how_it_began_and_how_it_ended() {
        let mut kept = Kept::default();
        assert_eq!(kept.take(SMALL, b"ab"), b"ab");
        assert_eq!(kept.take(SMALL, b"cdef"), b"cd");
        assert_eq!(kept.text(), "abcdef");
        assert_eq!(kept.take(SMALL, b"ghijklmn"), b"");
        assert_eq!(kept.text(), "abcd\n… 6 bytes left out …\nklmn");
        assert_eq!(kept.dropped, 6);
    }

    #[test]
    fn a_flood_neither_blocks_nor_fills_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (reader, mut writer) = io::pipe().unwrap();
        let mut output =
            Output::read(reader, Bounds::LOG, Some(File::create(&path).unwrap())).unwrap();
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
        let mut output = Output::read(reader, Bounds::ANSWER, None).unwrap();
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
