//! No room for results: the run ends and says so, what was measured is there, and it goes on once there
//! is room.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use campaign::Exit;

use crate::support::{Suite, until};

const CELLS: &str =
    "system=native,workload=http-hello,workload=hello,scenario=warm-disk,observer=none";
const SAMPLES: u32 = 30;

/// A small disk in memory over a folder, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn over(folder: &Path) -> Self {
        mount(&["-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs"], folder);
        Self(folder.to_owned())
    }

    fn forbid_writing(&self) {
        mount(&["-o", "remount,ro"], &self.0);
    }

    /// Fills it to the last byte.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        let mut piece = vec![0_u8; 1 << 16];
        while !piece.is_empty() {
            match file.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    let half = piece.len() / 2;
                    piece.truncate(half);
                }
                Err(error) => panic!("{error}"),
            }
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.unwrap().success() || std::thread::panicking());
    }
}

/// As root.
fn mount(words: &[&str], folder: &Path) {
    let mounted = Command::new("mount").args(words).arg(folder).status();
    assert!(mounted.unwrap().success(), "mounting needs root");
}

const NO_RESULTS: i32 = Exit::Results.code() as i32;

#[test]
fn a_disk_that_is_full_ends_the_run_and_it_goes_on_with_room() {
    let mut suite = Suite::new(CELLS, SAMPLES);
    let disk = SmallDisk::over(&suite.results());
    let mut child = suite.launch();
    until("the first sample", || {
        (!suite.lines().is_empty()).then_some(())
    });
    let filler = disk.fill();
    let status = child.wait().unwrap();
    let before = suite.lines();
    let said = suite.said();
    assert_eq!(status.code(), Some(NO_RESULTS), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(
        before.len() < (2 * SAMPLES) as usize,
        "it ended before the disk was full"
    );

    fs::remove_file(filler).unwrap();
    suite.finish_all_ok();
    assert_eq!(
        suite.lines()[..before.len()],
        before,
        "what was measured is kept"
    );
    drop(disk);
    suite.assert_nothing_left();
}

#[test]
fn results_that_cannot_be_written_are_refused_before_anything_is_begun() {
    let mut suite = Suite::new(CELLS, SAMPLES);
    let folder = suite.results();
    let disk = SmallDisk::over(&folder);
    disk.forbid_writing();
    let mut child = suite.launch();
    let status = child.wait().unwrap();
    let said = suite.said();
    assert_eq!(status.code(), Some(NO_RESULTS), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "a run was begun");
    drop(disk);
    suite.assert_nothing_left();
}
