//! What is in the page cache, as a user sees it who neither owns the files nor may write them.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;

use external::system::System;

use super::*;

const NOBODY: u32 = 65_534;

/// Programs of root's that anybody may start, and a folder of nobody's for runs.
struct Strange {
    folder: tempfile::TempDir,
    out: PathBuf,
}

impl Strange {
    /// One, or nothing where nobody can be made: then it says so.
    fn new() -> Option<Self> {
        // Not below a home, which others may not enter, and on a disk.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        // Without the native program there is no native system, and only `cargo run` builds it.
        let native = System::from_name("native").unwrap().find().unwrap();
        for program in [
            Path::new(env!("CARGO_BIN_EXE_external")),
            Path::new(env!("CARGO_BIN_EXE_mock-server")),
            &native.program,
        ] {
            let copy = folder.path().join(program.file_name().unwrap());
            fs::copy(program, copy).unwrap();
        }
        let out = folder.path().join("runs");
        fs::create_dir(&out).unwrap();
        if chown(&out, Some(NOBODY), Some(NOBODY)).is_err() {
            let _ = writeln!(std::io::stdout(), "not run: it takes root to be nobody");
            return None;
        }
        Some(Self { folder, out })
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What nobody records of the native system, with nothing in memory.
    fn cold_starts(&self, only: &str, words: &[String]) -> Vec<Sample> {
        let mut command = Command::new(self.program("external"));
        command
            .args(["suite", "--page-cache", "evicted-all", "--samples", "1"])
            .args(["--only", &format!("system=native{only}")])
            .args(words)
            .arg("--out")
            .arg(&self.out)
            // Cargo would build programs for nobody, who may not.
            .env_remove("CARGO")
            .env("HOME", &self.out)
            .current_dir(&self.out)
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(Stdio::null());
        let ran = Ran::of(&mut command);
        let run = run_folder::runs(&self.out).pop();
        let run = run.unwrap_or_else(|| panic!("{}\n{}", ran.stdout, ran.stderr));
        let ledger = self.out.join(run).join("samples.jsonl");
        let mut samples = ledger::read(&ledger).unwrap().samples;
        samples.retain(|it| it.cell.scenario == Scenario::DiskCold);
        assert!(!samples.is_empty(), "{}\n{}", ran.stdout, ran.stderr);
        samples
    }
}

#[test]
fn a_start_whose_program_may_not_be_known_to_be_on_the_disk_is_none_and_says_so() {
    let Some(strange) = Strange::new() else {
        return;
    };
    let native = format!(
        "{} answers {{address}}",
        strange.program("mock-server").display()
    );
    for sample in strange.cold_starts("", &["--native".into(), native]) {
        if sample.outcome == Outcome::Ok {
            assert_not_all(&sample, Evidence::PagesResident);
            continue;
        }
        let reason = sample.reason.as_deref().unwrap();
        assert!(reason.contains("is unknown"), "{reason}");
    }
}

#[test]
fn what_is_resident_of_the_systems_files_is_unknown_and_not_all_of_it() {
    let Some(strange) = Strange::new() else {
        return;
    };
    // The run's own copy of the program is nobody's; the libraries are root's.
    let only = ",workload=http-hello,scenario=disk-cold,observer=none";
    for sample in strange.cold_starts(only, &[]) {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        assert_not_all(&sample, Evidence::SystemPagesResident);
        let attested = &sample.attested;
        let is_unknown = attested[Evidence::SystemPagesResident].is_null();
        let unknown = attested.contains_key(Evidence::SystemFilesUnknown);
        assert_eq!(is_unknown, unknown, "{attested:?}");
    }
}

/// Newer kernels tell nobody what is resident of the files of others. What older ones tell is what
/// is there, and that is not all of what was put out.
fn assert_not_all(sample: &Sample, resident: Evidence) {
    let attested = &sample.attested;
    let pages = attested.number(Evidence::SystemPages).unwrap();
    let resident = attested.number(resident);
    assert!(resident.is_none_or(|it| it < pages), "{attested:?}");
}
