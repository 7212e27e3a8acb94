//! The page cache: putting files into it or out of it, by name, and proving that they are there or
//! not.
//!
//! The proof is mincore(2), which since Linux 5.2 answers "all of it" to whoever neither owns the
//! file nor may write it. Such a file is asked for by cachestat(2), which kernels from 6.5 on have
//! and newer ones refuse likewise. Where neither tells, what is resident is unknown, and said to be.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Seek as _};
use std::ops::AddAssign;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use nix::fcntl::{AT_FDCWD, AtFlags, PosixFadviseAdvice, posix_fadvise};
use nix::unistd::{AccessFlags, faccessat};

/// Whether a file's pages are in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residency {
    /// All of them.
    Hot,
    /// None of them.
    Evicted,
}

/// Pages of a file, and how many of them are in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// In the page cache; nothing where the kernel does not tell this user.
    pub resident: Option<usize>,
    /// In all.
    pub all: usize,
}

impl Pages {
    /// Of no file.
    pub const NONE: Self = Self {
        resident: Some(0),
        all: 0,
    };
}

impl AddAssign for Pages {
    /// Unknown pages of one file make the sum unknown.
    fn add_assign(&mut self, more: Self) {
        self.all += more.all;
        self.resident = self.resident.zip(more.resident).map(|(a, b)| a + b);
    }
}

/// Puts all pages of a file into a state, and verifies that they are in it. That a file was read is
/// taken for enough where the kernel does not tell what of it is resident; that it was put out is
/// not.
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
        if state == Residency::Evicted || pages.resident.is_none_or(|pages| pages == expected) {
            break;
        }
        pages = read_in(file).map_err(fail)?;
    }
    let Some(resident) = pages.resident else {
        return match state {
            Residency::Hot => Ok(pages),
            Residency::Evicted => Err(format!(
                "what of {what} is in the page cache is unknown: the kernel tells only who owns the \
                    file or may write it, so that nothing proves that it was put out; own the file, \
                    or be root"
            )),
        };
    };
    if resident != expected {
        return Err(format!(
            "{resident} of {} pages of {what} are in the page cache, {expected} should be; if it lies on \
                tmpfs or another file system without a page cache of its own, put the run on a \
                disk with --out",
            pages.all
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
    // Asked before: what is written back by the time that it is asked was not while pages were dropped.
    let may_be_dropped = is_clean(file) && !is_new(file);
    drop_pages(file)?;
    let pages = resident(file)?;
    // Dirty pages cannot be dropped before they are written back, which takes a disk some milliseconds
    // even where there are none.
    if pages.resident == Some(0) || may_be_dropped {
        return Ok(pages);
    }
    file.sync_all()?;
    drop_pages(file)?;
    resident(file)
}

fn cannot(what: &dyn Display, error: &io::Error) -> String {
    format!("cannot set the page cache of {what}: {error}")
}

/// The size of a page.
const PAGE: usize = 4096;

/// How often a file is read until all of it is in the page cache.
const READS: usize = 3;

fn read_in(mut file: &File) -> io::Result<Pages> {
    file.rewind()?;
    io::copy(&mut file, &mut io::sink())?;
    resident(file)
}

fn drop_pages(file: &File) -> io::Result<()> {
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).map_err(io::Error::from)
}

/// How many pages of the file are in the page cache, if the kernel tells this user.
///
/// # Errors
/// The system's error.
pub fn resident(file: &File) -> io::Result<Pages> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    if length == 0 {
        return Ok(Pages::NONE);
    }
    let all = length.div_ceil(PAGE);
    let resident = if is_told_to_us(file) {
        Some(mincore(file, length)?)
    } else {
        cachestat(file).map(|cached| cached.resident.min(all))
    };
    Ok(Pages { resident, all })
}

/// Whether this user owns the file, or may do what only its owner may, or may write it: the two
/// conditions of mincore(2). Opening it without a trace in its access time takes the first one.
fn is_told_to_us(file: &File) -> bool {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let mut as_owner = File::options();
    as_owner.read(true).custom_flags(libc::O_NOATIME);
    as_owner.open(&path).is_ok() || {
        let flags = AtFlags::AT_EACCESS;
        faccessat(AT_FDCWD, path.as_str(), AccessFlags::W_OK, flags).is_ok()
    }
}

/// Whether the kernel tells that no page of a file waits to be written back.
fn is_clean(file: &File) -> bool {
    cachestat(file).is_some_and(|cached| cached.unwritten == 0)
}

/// Whether a file was written or put here lately, whatever date an archive gave it: pages of it may be held that are written back, as by the journal until its next
/// commit, which the kernel does not tell of.
fn is_new(file: &File) -> bool {
    let changed = file.metadata().ok();
    let changed = changed.and_then(|it| u64::try_from(it.ctime()).ok());
    let changed = changed.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    // What was changed tomorrow is new too.
    let age = changed.and_then(|it| it.elapsed().ok());
    age.is_none_or(|age| age < Duration::from_mins(1))
}

/// Pages of a file in the page cache.
struct Cached {
    /// All of them.
    resident: usize,
    /// Those that are to be written back, or just are.
    unwritten: u64,
}

/// By cachestat(2); nothing where there is none, or it does not tell this user either.
#[expect(unsafe_code, reason = "cachestat has no safe interface")]
fn cachestat(file: &File) -> Option<Cached> {
    /// Its number on all architectures but alpha.
    const CACHESTAT: libc::c_long = 451;
    // Offset and length, of which 0 is all.
    let range = [0_u64; 2];
    // Pages in the cache, dirty ones, in writeback, evicted, recently evicted.
    let mut counts = [0_u64; 5];
    // SAFETY: both structures are of 64-bit numbers as above, and live until the call returns.
    let result = unsafe {
        libc::syscall(
            CACHESTAT,
            file.as_raw_fd(),
            range.as_ptr(),
            counts.as_mut_ptr(),
            0,
        )
    };
    (result == 0).then(|| Cached {
        resident: usize::try_from(counts[0]).unwrap_or(usize::MAX),
        unwritten: counts[1].saturating_add(counts[2]),
    })
}

/// By mincore(2), over a mapping that touches no page.
#[expect(unsafe_code, reason = "mincore has no safe interface")]
fn mincore(file: &File, length: usize) -> io::Result<usize> {
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
    residency.map(|()| states.iter().filter(|&&state| state & 1 == 1).count())
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
                resident: Some(0),
                all: 4
            })
        );
        assert_eq!(
            put(&path, Residency::Hot),
            Ok(Pages {
                resident: Some(4),
                all: 4
            })
        );
    }

    #[test]
    fn what_a_process_has_mapped_stays() {
        // This very program runs.
        let pages = evict(&std::env::current_exe().unwrap()).unwrap();
        let resident = pages.resident.unwrap();
        assert!(resident > 0 && resident <= pages.all, "{pages:?}");
    }

    /// On a thread that is nobody, if this process may make one: other threads stay what they are.
    #[expect(unsafe_code, reason = "the safe call changes the user of all threads")]
    fn as_nobody<T: Send>(what: impl FnOnce() -> T + Send) -> Option<T> {
        const NOBODY: libc::uid_t = 65_534;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // SAFETY: numbers only. The effective user alone is another one afterwards.
                let set = unsafe { libc::syscall(libc::SYS_setresuid, -1, NOBODY, -1) };
                (set == 0).then(what)
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn what_is_resident_of_somebody_elses_file_is_unknown_and_not_all_of_it() {
        let folder = tempfile::tempdir_in(results::checkout::root()).unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 8 * 4096]).unwrap();
        put(&path, Residency::Evicted).unwrap();
        let file = File::open(&path).unwrap();
        let known = Pages {
            resident: Some(0),
            all: 8,
        };
        assert_eq!(resident(&file).unwrap(), known);
        let Some((seen, refused)) = as_nobody(|| {
            (
                resident(&file).unwrap(),
                put_open(&file, &"it", Residency::Evicted),
            )
        }) else {
            return;
        };
        // By mincore(2) it would be all 8 pages. Kernels whose cachestat(2) tells everybody know.
        assert!(
            seen == Pages {
                resident: None,
                all: 8
            } || seen == known,
            "{seen:?}"
        );
        match seen.resident {
            None => assert!(refused.unwrap_err().contains("is unknown"), "{seen:?}"),
            Some(_) => assert_eq!(refused, Ok(known)),
        }
    }

    #[test]
    fn both_calls_count_alike() {
        let folder = tempfile::tempdir_in(results::checkout::root()).unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 5 * 4096]).unwrap();
        let file = File::open(&path).unwrap();
        for (state, expected) in [(Residency::Evicted, 0), (Residency::Hot, 5)] {
            put(&path, state).unwrap();
            assert_eq!(mincore(&file, 5 * 4096).unwrap(), expected);
            // Not every kernel has the other.
            assert!(cachestat(&file).is_none_or(|it| it.resident == expected));
        }
    }

    #[test]
    fn what_was_just_written_is_written_back_first() {
        let folder = tempfile::tempdir_in(results::checkout::root()).unwrap();
        let path = folder.path().join("file");
        for byte in 0..20 {
            std::fs::write(&path, vec![byte; 40 * 4096]).unwrap();
            assert_eq!(evict(&path).unwrap().resident, Some(0));
            assert_eq!(std::fs::read(&path).unwrap(), vec![byte; 40 * 4096]);
        }
    }

    #[test]
    fn a_sum_with_something_unknown_is_unknown() {
        let mut sum = Pages::NONE;
        sum += Pages {
            resident: Some(2),
            all: 3,
        };
        assert_eq!(
            sum,
            Pages {
                resident: Some(2),
                all: 3
            }
        );
        sum += Pages {
            resident: None,
            all: 4,
        };
        assert_eq!(
            sum,
            Pages {
                resident: None,
                all: 7
            }
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
