//! Memory and the page cache.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use external::doctor::PageCache;
use external::doctor::Severity::{Bad, Good, Note, Warning};

use crate::fake::{Fake, MEMINFO, remedy};

#[test]
fn transparent_huge_pages_are_a_warning() {
    const ENABLED: &str = "sys/kernel/mm/transparent_hugepage/enabled";
    Fake::good().finds("huge pages", Good, "madvise");
    Fake::good()
        .file(ENABLED, "always madvise [never]\n")
        .finds("huge pages", Good, "never");
    Fake::good()
        .without(ENABLED)
        .finds("huge pages", Good, "has none");
    let always = Fake::good()
        .file(ENABLED, "[always] madvise never\n")
        .finds("huge pages", Warning, "always");
    assert_eq!(
        remedy(&always),
        format!("echo madvise | sudo tee /{ENABLED}")
    );
}

#[test]
fn swap_matters_by_whether_it_is_used() {
    let swap = |free: u64| {
        let meminfo = MEMINFO
            .replace("SwapTotal: 0", "SwapTotal: 2097152")
            .replace("SwapFree: 0", &format!("SwapFree: {free}"));
        Fake::good().file("proc/meminfo", &meminfo)
    };
    Fake::good().finds("swap", Good, "none");
    swap(2_097_152).finds("swap", Note, "2.0 GiB, none of it in use");
    swap(1_572_864).finds("swap", Warning, "512 MiB of 2.0 GiB in use");
}

#[test]
fn little_free_memory_is_found() {
    let available = |mib: u64| {
        Fake::good().file(
            "proc/meminfo",
            &MEMINFO.replace("12582912", &(mib * 1024).to_string()),
        )
    };
    Fake::good().finds("free memory", Good, "12.0 GiB");
    available(1500).finds("free memory", Warning, "1.5 GiB");
    available(300).finds("free memory", Bad, "300 MiB");
}

#[test]
fn the_page_cache_is_really_tried() {
    let trial =
        |folder: &Path| Fake::good().trial(|trials| trials.page_cache = PageCache::try_in(folder));
    let disk = tempfile::tempdir_in(results::checkout::root()).unwrap();
    trial(disk.path()).finds("page cache", Good, "mincore");
    trial(&disk.path().join("made/by/a/run")).finds("page cache", Good, "mincore");
    assert_eq!(
        std::fs::read_dir(disk.path()).unwrap().count(),
        0,
        "it leaves nothing behind"
    );
    // A folder's time changes with its entries. Some file systems have no files without a name.
    let folder = std::fs::File::open(disk.path()).unwrap();
    let nameless = std::fs::OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .open(disk.path());
    folder.set_modified(std::time::UNIX_EPOCH).unwrap();
    trial(disk.path()).finds("page cache", Good, "mincore");
    let unchanged = folder.metadata().unwrap().modified().unwrap() == std::time::UNIX_EPOCH;
    assert!(
        unchanged || nameless.is_err(),
        "whoever lists a folder of runs meanwhile sees runs"
    );
    let others = Fake::good().trial(|trials| trials.page_cache = PageCache::OwnFilesOnly);
    let others = others.finds(
        "page cache",
        Note,
        "of others' files the kernel does not tell",
    );
    assert!(remedy(&others).contains("root"));
    let memory = trial(Path::new("/dev/shm")).finds("page cache", Warning, "64 of 64 pages");
    assert!(remedy(&memory).contains("--out FOLDER"));
    let nowhere = trial(Path::new("/proc/results")).finds(
        "page cache",
        Bad,
        "cannot write into /proc/results",
    );
    assert!(remedy(&nowhere).contains("--out FOLDER"));
}
