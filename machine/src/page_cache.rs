//! The page cache: putting files into it or out of it, by name, and proving that they are there or
//! not.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Seek as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// Whether a file's pages are in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residency {
    /// All of them.
    Hot,
    /// None of them.
    Evicted,
}

/// Pages of a file, and how many of them are in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pages {
    /// In the page cache.
    pub resident: usize,
    /// In all.
    pub all: usize,
}

/// Puts all pages of a file into a state, and verifies that they are in it.
///
/// # Errors
/// Why not, with the remedy.
pub fn put(path: &Path, state: Residency) -> Result<Pages, String> {
    let file = File::open(path).map_err(|error| cannot(&path.display(), &error))?;
    put_open(&file, &path.display(), state)
}

/// The same with a file that is open to be read, and may have no name: `what` is what it is called
/// where it fails.
///
/// # Errors
/// Why not, with the remedy.
pub fn put_open(file: &File, what: &dyn Display, state: Residency) -> Result<Pages, String> {
    let fail = |error: io::Error| cannot(what, &error);
    let mut pages = match state {
        Residency::Hot => read_in(file).map_err(fail)?,
        Residency::Evicted => evict_open(file).map_err(fail)?,
    };
    let expected = if state == Residency::Hot {
        pages.all
    } else {
        0
    };
    // The kernel may take a page of a file that was just written back while the file is read.
    for _ in 1..READS {
        if state == Residency::Evicted || pages.resident == expected {
            break;
        }
        pages = read_in(file).map_err(fail)?;
    }
    if pages.resident != expected {
        return Err(format!(
            "{} of {} pages of {what} are in the page cache, {expected} should be; if it lies on \
                tmpfs or another file system without a page cache of its own, put the run on a \
                disk with --out",
            pages.resident, pages.all
        ));
    }
    Ok(pages)
}

/// Evicts what can be evicted, and returns what is left: pages that a process has mapped stay,
/// whoever asks.
///
/// # Errors
/// The system's error.
pub fn evict(path: &Path) -> io::Result<Pages> {
    evict_open(&File::open(path)?)
}

fn evict_open(file: &File) -> io::Result<Pages> {
    drop_pages(file)?;
    resident(file)
}

fn cannot(what: &dyn Display, error: &io::Error) -> String {
    format!("cannot set the page cache of {what}: {error}")
}

/// How often a file is read until all of it is in the page cache.
const READS: usize = 3;

fn read_in(mut file: &File) -> io::Result<Pages> {
    file.rewind()?;
    io::copy(&mut file, &mut io::sink())?;
    resident(file)
}

fn drop_pages(file: &File) -> io::Result<()> {
    // Dirty pages cannot be dropped.
    file.sync_all()?;
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).map_err(io::Error::from)
}

/// Which pages of the file are in the page cache. mincore(2), over a mapping that touches none of
/// them.
///
/// # Errors
/// The system's error.
#[expect(unsafe_code, reason = "mincore has no safe interface")]
pub fn resident(file: &File) -> io::Result<Pages> {
    const PAGE: usize = 4096;
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    if length == 0 {
        return Ok(Pages::default());
    }
    let mut states = vec![0_u8; length.div_ceil(PAGE)];
    // SAFETY: a fresh private mapping of `length` bytes that nobody reads, passed to mincore with a
    // vector of one byte a page as mincore(2) wants it, and unmapped again.
    let residency = unsafe {
        let (none, shared) = (std::ptr::null_mut(), libc::MAP_SHARED);
        let mapping = libc::mmap(none, length, libc::PROT_READ, shared, file.as_raw_fd(), 0);
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let result = libc::mincore(mapping, length, states.as_mut_ptr());
        let error = io::Error::last_os_error();
        libc::munmap(mapping, length);
        if result == 0 { Ok(()) } else { Err(error) }
    };
    residency.map(|()| Pages {
        resident: states.iter().filter(|&&state| state & 1 == 1).count(),
        all: states.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_on_disk_can_be_evicted_and_read_back_in() {
        // The checkout is on a disk; the default folder for temporary files may be in memory.
        let folder = tempfile::tempdir_in(results::checkout::root()).unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 3 * 4096 + 1]).unwrap();
        assert_eq!(
            put(&path, Residency::Evicted),
            Ok(Pages {
                resident: 0,
                all: 4
            })
        );
        assert_eq!(
            put(&path, Residency::Hot),
            Ok(Pages {
                resident: 4,
                all: 4
            })
        );
    }

    #[test]
    fn what_a_process_has_mapped_stays() {
        // This very program runs.
        let pages = evict(&std::env::current_exe().unwrap()).unwrap();
        assert!(
            pages.resident > 0 && pages.resident <= pages.all,
            "{pages:?}"
        );
    }

    #[test]
    fn a_file_in_memory_cannot_be_evicted_and_that_is_said() {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        let reason = put(&path, Residency::Evicted).unwrap_err();
        assert!(
            reason.contains("1 of 1 pages") && reason.contains("--out"),
            "{reason}"
        );
    }
}
