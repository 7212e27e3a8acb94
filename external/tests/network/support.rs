//! Namespaces for tests, and the program in them.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use external::network::firewall::nft::Nft;
use external::network::link::{Link, LinkError, LinkedNamespace, Wire};
use external::process::NetworkNamespace;
use machine::clock::now_ns;
use machine::usage;
use results::{Sample, ledger, run_folder};

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
        // One of a process that was killed, and had the same number, may still be there.
        let this = std::process::id();
        let ground = Self(format!(
            "coldphase-test-{this}-{}-{used}",
            usage::began(this).unwrap()
        ));
        for words in [
            vec!["netns", "add", ground.0.as_str()],
            vec!["-n", ground.0.as_str(), "link", "set", "lo", "up"],
        ] {
            assert!(Command::new("ip").args(words).status().unwrap().success());
        }
        Some(ground)
    }

    /// Itself, to open sockets in.
    pub(crate) fn namespace(&self) -> NetworkNamespace {
        NetworkNamespace::open(&self.0).unwrap()
    }

    /// Joins it to another one by a pair of devices of this name, each end with its addresses.
    pub(crate) fn connect(&self, device: &str, ours: &[&str], other: &Self, theirs: &[&str]) {
        self.ip(&format!(
            "link add {device} type veth peer name {device} netns {}",
            other.0
        ));
        for (ground, addresses) in [(self, ours), (other, theirs)] {
            for address in addresses {
                // Nobody else has it, and looking for somebody who has takes a second.
                let nodad = if address.contains(':') { " nodad" } else { "" };
                ground.ip(&format!("address add {address} dev {device}{nodad}"));
            }
            ground.ip(&format!("link set {device} up"));
        }
    }

    /// Has `ip` do something in it.
    pub(crate) fn ip(&self, words: &str) {
        let mut command = Command::new("ip");
        command.args(["-n", &self.0]).args(words.split_whitespace());
        assert!(command.status().unwrap().success(), "ip {words}");
    }

    /// Has it forward what is for others.
    pub(crate) fn forward(&self) {
        for file in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            let file = format!("/proc/sys/net/{file}");
            let written = self.namespace().within(|| std::fs::write(file, "1"));
            written.unwrap().unwrap();
        }
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

/// Whether TUN devices can be made here. Says so if not.
pub(crate) fn is_tun_possible() -> bool {
    let link = Link {
        wire: Wire::Tun,
        ..Link::PLAIN
    };
    match LinkedNamespace::make(link, None) {
        Err(LinkError::NoTun { why, .. }) => {
            not_run(&why.to_string());
            false
        }
        made => made.map(|_| true).unwrap(),
    }
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

/// What takes longer hangs. No test is about how long this is: a busy machine needs seconds for
/// what an idle one does at once.
pub(crate) const HANG: Duration = Duration::from_mins(3);

/// When [`HANG`] from now is over.
pub(crate) fn hang_ns() -> u64 {
    now_ns() + 180_000_000_000
}

/// Waits for what must come, not for how long it takes.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until_ns = hang_ns();
    while !holds() {
        assert!(now_ns() < until_ns, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder for runs.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The one run in a folder.
pub(crate) fn run_in(out: &Path) -> Option<PathBuf> {
    run_folder::runs(out).first().map(|run| out.join(run))
}

/// Who has put up the firewall's table in the machine's own network, which has one for all: a suite
/// by its process, a person.
pub(crate) fn owner_of_the_table() -> Option<String> {
    match Nft::find().unwrap().table() {
        Ok(table) => table.map(|table| table.owner),
        Err(trouble) => Some(trouble.to_string()),
    }
}

/// Whether it belongs to somebody, and not to a suite that was killed.
pub(crate) fn is_somebodys(owner: &str) -> bool {
    let process = owner
        .split_once('-')
        .and_then(|(pid, began)| Some((pid.parse().ok()?, began.parse().ok()?)));
    process.is_none_or(|(pid, began): (u32, u64)| usage::began(pid) == Some(began))
}

/// What it has recorded until now.
pub(crate) fn samples(out: &Path) -> Vec<Sample> {
    let file = run_in(out)
        .map(|run| run.join("samples.jsonl"))
        .filter(|file| file.exists());
    file.map_or_else(Vec::new, |file| ledger::read(&file).unwrap().samples)
}
