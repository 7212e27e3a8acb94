//! What is said of guests that fail: on standard error, at most so often, and never so that anybody
//! waits for whoever reads that.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::sync::Mutex;

use machine::clock::now_ns;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use results::text;

/// Reports in a second. What is more is counted, and told with the next that is not.
const MOST: u32 = 10;
const WINDOW_NS: u64 = 1_000_000_000;

/// The longest report: what is wrong, and so much of the guest's own words as a reason quotes. A pipe
/// that can be written to has room for as much at once, of whatever characters: pipe(7).
const MOST_CHARS: usize = 1_000;

/// The reports of a server.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began_ns: u64,
    written: u32,
    suppressed: u64,
}

impl Window {
    /// The line to be written at this time, if any is.
    fn line(
        &mut self,
        now_ns: u64,
        reason: &str,
        writable: impl FnOnce() -> bool,
    ) -> Option<String> {
        if now_ns.saturating_sub(self.began_ns) >= WINDOW_NS {
            self.began_ns = now_ns;
            self.written = 0;
        }
        if self.written >= MOST || !writable() {
            self.suppressed += 1;
            return None;
        }
        self.written += 1;
        let before = self
            .rest()
            .map_or_else(String::new, |rest| format!(" ({rest})"));
        Some(format!("host serve: {}{before}\n", printable(reason)))
    }

    /// What was not told since it was last told.
    fn rest(&mut self) -> Option<String> {
        match std::mem::take(&mut self.suppressed) {
            0 => None,
            suppressed => Some(format!("{suppressed} more failures were not reported")),
        }
    }
}

impl Reports {
    /// Tells why a guest failed, or counts it.
    pub(super) fn tell(&self, reason: &str) {
        // Nothing here panics with the lock held.
        if let Ok(mut window) = self.0.lock()
            && let Some(line) = window.line(now_ns(), reason, can_be_written)
        {
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    /// Tells at the end how many were never told.
    pub(super) fn end(&self) {
        if let Ok(mut window) = self.0.lock()
            && can_be_written()
            && let Some(rest) = window.rest()
        {
            let _ = writeln!(std::io::stderr(), "host serve: {rest}");
        }
    }
}

/// Whether standard error takes a line at once. Whoever started the server may have stopped
/// reading it.
fn can_be_written() -> bool {
    let stderr = std::io::stderr();
    let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Without what a terminal would take for a command, and not too long: a guest may have had a hand
/// in it.
fn printable(reason: &str) -> String {
    text::line(reason).chars().take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_reporting_recovers() {
        let mut window = Window::default();
        let mut tell = |now_ns, writable| window.line(now_ns, "why", || writable);
        let first: Vec<_> = (0..100).filter_map(|_| tell(WINDOW_NS, true)).collect();
        assert_eq!(first, vec!["host serve: why\n"; MOST as usize]);
        assert_eq!(tell(2 * WINDOW_NS - 1, true), None);
        let after = "host serve: why (91 more failures were not reported)\n";
        assert_eq!(tell(2 * WINDOW_NS, true).unwrap(), after);
        assert_eq!(tell(2 * WINDOW_NS, true).unwrap(), "host serve: why\n");
        assert_eq!(tell(2 * WINDOW_NS, false), None, "nobody reads");
        assert!(tell(2 * WINDOW_NS, true).unwrap().contains("(1 more"));
        assert_eq!(window.rest(), None);
    }

    #[test]
    fn a_terminal_is_not_commanded() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb c");
        assert_eq!(printable(&"x".repeat(10_000)).len(), MOST_CHARS);
    }
}
