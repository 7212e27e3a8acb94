//! What is seen while a start goes on that nothing shows once it is over: evidence of levers that
//! are other ways to call the engine, and stand in no code.

use std::fs::File;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use host_probe::mapped;
use results::Param;

/// The least stack for signals that the engine makes for a thread. The one that Rust's standard
/// library makes is of some pages. Wasmtime, `sys/unix/signals.rs`: `MIN_STACK_SIZE`.
const ENGINES_SIGNAL_STACK: usize = 64 * 4096;

/// What was seen of one start.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The engine's stack for signals was there before anything was instantiated.
    pub(super) signal_stack: bool,
    /// The image that memories are mapped from was asked for, and the engine made it.
    pub(super) image_made: bool,
    /// The descriptor that the engine was given for a file of compiled code.
    pub(super) code_descriptor: Option<RawFd>,
}

impl Seen {
    /// Looks at the signal stack of this thread.
    pub(super) fn look_at_signal_stack(&mut self) {
        self.signal_stack = signal_stack_bytes().is_some_and(|is| is >= ENGINES_SIGNAL_STACK);
    }

    /// Remembers the descriptor of a file that the engine is given.
    pub(super) fn give(&mut self, file: &File) {
        self.code_descriptor = Some(file.as_raw_fd());
    }

    /// Whether the engine still has the file open that it was given: under the descriptor that it was
    /// given, and none that it has opened itself.
    fn keeps_code_file(&self, path: &Path) -> bool {
        let Some(descriptor) = self.code_descriptor else {
            return false;
        };
        let identity = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        let kept = identity(Path::new(&format!("/proc/self/fd/{descriptor}")));
        kept.is_some() && kept == identity(path)
    }

    /// The levers whose moved position this shows. `code` is the file of compiled code, `stack` the
    /// stack that the guest ran on.
    pub(super) fn levers(&self, code: &Path, stack: Stack) -> Vec<(&'static Param, String)> {
        let all = [
            (&Param::ThreadInit, "eager", self.signal_stack),
            (&Param::CodeFile, "open", self.keeps_code_file(code)),
            (&Param::Calls, "direct", stack == Stack::Callers),
        ];
        let shown = all.into_iter().filter(|(_, _, is_shown)| *is_shown);
        shown
            .map(|(param, value, _)| (param, value.to_owned()))
            .collect()
    }
}

/// The stack that a guest's calls of host functions came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stack {
    /// That of whoever called the guest.
    Callers,
    /// One of its own.
    Own,
    /// It called none that looks.
    Unknown,
}

impl Stack {
    /// The stack that an address is on, seen from the stack of the caller of this. 0 is no address.
    ///
    /// By the kernel's mappings: that of a process's first thread, on which a start runs, is one of its
    /// own. Stacks of other threads may lie in one mapping, since their guards are none of it any more.
    pub(super) fn of(address: usize) -> Self {
        let here = here();
        let maps = mapped::lines().unwrap_or_default();
        let range = |line: &str| {
            let (from, to) = line.split(' ').next()?.split_once('-')?;
            let number = |text| usize::from_str_radix(text, 16).ok();
            Some(number(from)?..number(to)?)
        };
        let mine = maps
            .lines()
            .filter_map(range)
            .find(|range| range.contains(&here));
        match mine {
            Some(mine) if address > 0 && mine.contains(&address) => Self::Callers,
            Some(_) if address > 0 => Self::Own,
            _ => Self::Unknown,
        }
    }
}

/// An address on the stack that this is called on.
#[inline(never)]
pub(super) fn here() -> usize {
    let local = 0_u8;
    std::hint::black_box(&raw const local).addr()
}

/// The size of this thread's stack for signals, if it has one.
#[expect(
    unsafe_code,
    reason = "neither the standard library nor nix has this call"
)]
fn signal_stack_bytes() -> Option<usize> {
    // SAFETY: plain numbers and a pointer, of which all zero is a value.
    let mut found: libc::stack_t = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is set, and what is there is written to our own variable.
    let done = unsafe { libc::sigaltstack(std::ptr::null(), &raw mut found) };
    (done == 0 && found.ss_flags & libc::SS_DISABLE == 0).then_some(found.ss_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_told_from_another() {
        static ELSEWHERE: u8 = 1;
        assert_eq!(Stack::of(here()), Stack::Callers);
        assert_eq!(Stack::of((&raw const ELSEWHERE).addr()), Stack::Own);
        assert_eq!(Stack::of(0), Stack::Unknown);
    }

    #[test]
    fn a_file_is_kept_as_long_as_it_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code");
        std::fs::write(&path, "code").unwrap();
        let file = File::open(&path).unwrap();
        let mut seen = Seen::default();
        assert!(!seen.keeps_code_file(&path));
        seen.give(&file);
        assert!(seen.keeps_code_file(&path));
        assert!(!seen.keeps_code_file(folder.path()));
        drop(file);
        assert!(!seen.keeps_code_file(&path));
    }

    #[test]
    fn the_engines_stack_for_signals_is_told_from_the_standard_librarys() {
        std::thread::spawn(|| {
            let mut seen = Seen::default();
            seen.look_at_signal_stack();
            assert!(!seen.signal_stack);
            wasmtime::Engine::tls_eager_initialize();
            seen.look_at_signal_stack();
            assert!(seen.signal_stack);
        })
        .join()
        .unwrap();
    }
}
