//! Disks that are full or cannot be written, under a suite that measures.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::killed::run;
use crate::left;
use crate::suite::{Campaign, Ended, Suite, alone, is_expected, is_root, wait_for};

/// Native starts, far more than there is patience for.
const MANY: [&str; 6] = [
    "--only",
    "system=native,workload=hello,scenario=warm-disk",
    "--samples",
    "20000",
    "--seed",
    "16",
];

/// A small disk that only the thread sees that has made it, and all that it starts.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        run(&format!(
            "mount -t tmpfs -o size=96m,mode=700 none {}",
            folder.path().display()
        ));
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all room that is left, to the last byte.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        for size in [1 << 20, 4096, 1] {
            let block = vec![0; size];
            loop {
                match file.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn remount(&self, how: &str) {
        run(&format!("mount -o remount,{how} {}", self.path().display()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(&format!("umount --lazy {}", self.path().display()));
    }
}

/// With a disk that nobody else sees.
fn apart(test: fn(&Disk)) {
    if !is_root() {
        return;
    }
    let apart = std::thread::spawn(move || {
        let _alone = alone();
        left::watch_orphans();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        run("mount --make-rprivate /");
        test(&Disk::new());
    });
    if let Err(panic) = apart.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Begins or goes on, and is in the middle of it.
fn in_the_middle(campaign: &Campaign) -> Suite {
    let before = campaign.samples().len();
    let mut suite = campaign.start();
    wait_for("it takes samples", || {
        assert!(!suite.has_ended(), "it has ended");
        campaign.samples().len() > before + 3
    });
    suite
}

/// Whether it has ended for want of a disk, and says so in the words of the system, with a way out.
fn is_refusal(ended: &Ended, words: &str) {
    assert_eq!(ended.code(), Some(5), "{ended:?}");
    assert!(ended.stderr.contains(words), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

/// What was recorded is what would have been without an accident, and it goes on.
fn goes_on(campaign: &Campaign, told: &str) {
    campaign.check_prefix(told);
    let samples = campaign.samples();
    let made_by_it = samples.iter().find(|sample| !is_expected(sample));
    assert_eq!(made_by_it, None, "{told}");
    let suite = in_the_middle(campaign);
    let owner = suite.owner();
    kill(
        Pid::from_raw(suite.child.id().cast_signed()),
        Signal::SIGINT,
    )
    .unwrap();
    let ended = suite.end();
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    campaign.check_prefix(told);
    left::nothing(campaign, &owner, told);
}

#[test]
fn a_disk_that_gets_full_ends_a_suite_and_with_room_it_goes_on() {
    apart(|disk| {
        let campaign = Campaign::within(disk.path(), &MANY);
        let suite = in_the_middle(&campaign);
        let owner = suite.owner();
        disk.fill();
        let ended = suite.end();
        is_refusal(&ended, "No space left on device");
        left::nothing(&campaign, &owner, "full");
        // It cannot go on while there is no room, and takes nothing away by trying.
        let before = campaign.samples();
        is_refusal(&campaign.start().end(), "No space left on device");
        assert_eq!(campaign.samples(), before);
        disk.empty();
        goes_on(&campaign, "room again");
    });
}

#[test]
fn a_disk_that_is_full_before_the_first_sample_leaves_no_run() {
    apart(|disk| {
        let campaign = Campaign::within(disk.path(), &MANY);
        disk.fill();
        let suite = campaign.start();
        let owner = suite.owner();
        is_refusal(&suite.end(), "No space left on device");
        left::nothing(&campaign, &owner, "full");
        disk.empty();
        goes_on(&campaign, "room again");
    });
}

#[test]
fn results_that_cannot_be_written_any_more_are_kept_as_they_are() {
    apart(|disk| {
        let campaign = Campaign::within(disk.path(), &MANY);
        disk.remount("ro");
        is_refusal(&campaign.start().end(), "Read-only file system");
        disk.remount("rw");
        let suite = in_the_middle(&campaign);
        let owner = suite.owner();
        suite.kill();
        left::nothing(&campaign, &owner, "killed");
        let before = campaign.samples();
        disk.remount("ro");
        is_refusal(&campaign.start().end(), "Read-only file system");
        disk.remount("rw");
        assert_eq!(campaign.samples(), before);
        goes_on(&campaign, "written again");
    });
}
