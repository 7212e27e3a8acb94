//! Memory: huge pages, swap, how much is free, and whether files can be put out of the page cache.

use std::io::Write as _;
use std::path::Path;

use machine::page_cache::{self, Residency};
use results::machine::Machine;

use super::finding::Finding;
use super::finding::Severity::{Bad, Good, Note, Warning};
use super::root::Root;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A size as people read it.
pub(super) fn size(bytes: u64) -> String {
    if bytes < GIB {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{:.1} GiB", bytes as f64 / GIB as f64)
    }
}

/// Whether the kernel backs memory with pages of 2 MiB that no program requested.
pub(super) fn huge_pages(machine: &Machine) -> Finding {
    let found = machine
        .transparent_huge_pages
        .as_deref()
        .unwrap_or("the kernel has none");
    if found != "always" {
        return Finding::new(
            "huge pages",
            Good,
            found,
            "An instance's memory grows by what it touches, in pages of 4 KiB.",
        );
    }
    Finding::new(
        "huge pages",
        Warning,
        found,
        "The first touch of a pool's or a heap's memory may take 2 MiB: memory for each instance \
            looks larger, faults are fewer and longer, and both depend on how fragmented memory \
            is at the time.",
    )
    .remedy("echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled")
}

/// Whether memory can be moved to a disk.
pub(super) fn swap(root: Root) -> Finding {
    let total = root.memory_bytes("SwapTotal").unwrap_or(0);
    if total == 0 {
        return Finding::new("swap", Good, "none", "What is in memory stays there.");
    }
    let used = total.saturating_sub(root.memory_bytes("SwapFree").unwrap_or(total));
    let remedy = "sudo swapoff -a";
    if used == 0 {
        let effect = "Under density samples memory may go to a disk instead of running out: \
            figures per instance would then be too small.";
        return Finding::new(
            "swap",
            Note,
            format!("{}, none of it in use", size(total)),
            effect,
        )
        .remedy(remedy);
    }
    Finding::new(
        "swap",
        Warning,
        format!("{} of {} in use", size(used), size(total)),
        "What was moved out comes back by major faults, possibly within a start; memory figures \
            leave out what is there.",
    )
    .remedy(remedy)
}

/// Whether there is room for what is measured.
pub(super) fn free(root: Root) -> Finding {
    let Some(available) = root.memory_bytes("MemAvailable") else {
        return Finding::new(
            "free memory",
            Note,
            "the kernel does not say",
            "Whether density samples have room is not known.",
        );
    };
    let found = size(available);
    let (severity, effect) = match available {
        bytes if bytes < 512 * MIB => (
            Bad,
            "The kernel takes pages back while something is measured: what should be in the page \
                cache is not, and a compiler or a container engine may be killed.",
        ),
        bytes if bytes < 2 * GIB => (
            Warning,
            "Enough for single starts; density samples end early, and compiling may push files \
                out of the cache.",
        ),
        _ => {
            return Finding::new(
                "free memory",
                Good,
                found,
                "Room for files in the page cache and for many instances.",
            );
        }
    };
    Finding::new("free memory", severity, found, effect).remedy("stop what holds memory")
}

/// What came of trying to put a file out of the page cache and back in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageCache {
    /// It went out and came back, and mincore(2) saw both.
    Controlled,
    /// The same, and of files that this user neither owns nor may write the kernel tells nothing.
    OwnFilesOnly,
    /// It stayed in, or did not come back: why.
    Stuck(String),
    /// No file could be written: why.
    Unwritable(String),
}

impl PageCache {
    /// Tries it with a file in `folder`, or in the nearest folder above it that is there: a run
    /// would make the rest. The file has no name there: whoever lists the folder meanwhile sees
    /// runs, and nothing is left however this ends.
    pub fn try_in(folder: &Path) -> Self {
        const LENGTH: usize = 64 * 4096;
        let written = std::path::absolute(folder).and_then(|folder| {
            let there = folder
                .ancestors()
                .find(|folder| folder.is_dir())
                .unwrap_or(&folder);
            let mut file = tempfile::tempfile_in(there)?;
            file.write_all(&vec![7; LENGTH])?;
            Ok((file, format!("a new file in {}", there.display())))
        });
        let (file, what) = match written {
            Ok(written) => written,
            Err(error) => {
                return Self::Unwritable(format!(
                    "cannot write into {}: {error}",
                    folder.display()
                ));
            }
        };
        // Twice: pages that were just written take another way out than pages that were read.
        let trial = [Residency::Evicted, Residency::Hot, Residency::Evicted]
            .into_iter()
            .try_for_each(|state| page_cache::put_open(&file, &what, state).map(drop));
        match trial {
            Err(why) => Self::Stuck(why),
            Ok(()) if tells_of_others() => Self::Controlled,
            Ok(()) => Self::OwnFilesOnly,
        }
    }
}

/// Whether the kernel tells what is resident of a file that users neither own nor may write, such as
/// every system's shell.
fn tells_of_others() -> bool {
    let file = std::fs::File::open("/bin/sh");
    file.and_then(|file| page_cache::resident(&file))
        .is_ok_and(|pages| pages.resident.is_some())
}

/// Whether a cold start can have cold files.
pub(super) fn page_cache(trial: &PageCache) -> Finding {
    match trial {
        PageCache::Controlled => Finding::new(
            "page cache",
            Good,
            "files go out and come back, seen by mincore",
            "Cold starts read cold files, and each sample proves it. The cache of a host below \
                stays invisible.",
        ),
        PageCache::OwnFilesOnly => Finding::new(
            "page cache",
            Note,
            "files of this user go out and come back, seen by mincore; of others' files the kernel \
                does not tell",
            "Cold starts read cold files, and each sample proves it. With `page_cache=evicted-all` \
                the programs and libraries of systems are evicted too, and whether they went is \
                unknown: only the page faults of the start show it.",
        )
        .remedy("be root, or the owner of the systems' files, for that proof"),
        PageCache::Stuck(why) => Finding::new(
            "page cache",
            Warning,
            why,
            "Files cannot be made cold there: every sample with `page_cache=evicted` fails rather \
                than being hot in secret.",
        )
        .remedy("--out FOLDER on a disk: not tmpfs, not a network file system"),
        PageCache::Unwritable(why) => Finding::new(
            "page cache",
            Bad,
            why,
            "Runs cannot be kept there, so nothing is measured.",
        )
        .remedy("--out FOLDER that can be written"),
    }
}
