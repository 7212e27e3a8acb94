//! Namespaces for tests, and the program in them.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use external::network::firewall::nft::Nft;
use machine::clock::now_ns;
use results::{Sample, ledger};

/// A network namespace with its loopback up. Dropping it removes it.
pub(crate) struct Ground(String);

impl Ground {
    /// One, or nothing where there can be none: then it says so.
    pub(crate) fn new() -> Option<Self> {
        static USED: AtomicU32 = AtomicU32::new(0);
        if !is_possible() {
            return None;
        }
        let used = USED.fetch_add(1, Ordering::Relaxed);
        let ground = Self(format!("coldphase-test-{}-{used}", std::process::id()));
        for words in [
            vec!["netns", "add", ground.0.as_str()],
            vec!["-n", ground.0.as_str(), "link", "set", "lo", "up"],
        ] {
            assert!(Command::new("ip").args(words).status().unwrap().success());
        }
        Some(ground)
    }

    /// A program in it, whose output is kept.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// `external firewall …` in it: its code, and what it said.
    pub(crate) fn firewall(&self, words: &str) -> (i32, String) {
        let mut command = self.command(env!("CARGO_BIN_EXE_external"));
        told(
            &command
                .arg("firewall")
                .args(words.split_whitespace())
                .output()
                .unwrap(),
        )
    }

    /// Its whole ruleset.
    pub(crate) fn rules(&self) -> String {
        let output = self
            .command("nft")
            .args(["list", "ruleset"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Has nft do something in it.
    pub(crate) fn nft(&self, words: &str) {
        let output = self
            .command("nft")
            .args(words.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words}: {}", told(&output).1);
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.0])
            .status();
    }
}

/// Whether namespaces and rules can be made here. Says so if not.
pub(crate) fn is_possible() -> bool {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    let possible = is_root && Nft::find().is_ok() && Command::new("ip").arg("-V").output().is_ok();
    if !possible {
        not_run("network namespaces and nft need root, and `./setup firewall`");
    }
    possible
}

/// Says that a test, or the rest of it, did not run, and why.
pub(crate) fn not_run(why: &str) {
    let _ = writeln!(std::io::stdout(), "not run: {why}");
}

/// The code that a program ended with, and all that it said.
pub(crate) fn told(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Waits for what must come, not for how long it takes.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until_ns = now_ns() + 120_000_000_000;
    while !holds() {
        assert!(now_ns() < until_ns, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A folder for runs.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The one run in a folder.
pub(crate) fn run_in(out: &Path) -> Option<PathBuf> {
    std::fs::read_dir(out)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .next()
}

/// What it has recorded until now.
pub(crate) fn samples(out: &Path) -> Vec<Sample> {
    let file = run_in(out)
        .map(|run| run.join("samples.jsonl"))
        .filter(|file| file.exists());
    file.map_or_else(Vec::new, |file| ledger::read(&file).unwrap().samples)
}
