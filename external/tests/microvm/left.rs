//! What is left of a suite with virtual machines that is killed in the middle of its samples: nothing. Of one that
//! is interrupted, the folder that it can go on with, and nothing else.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use external::system::managed::files_in;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{devices, systems};

/// A suite in the middle of its samples; a test that fails must not leave it measuring for hours.
struct Suite(Child);

impl Suite {
    /// Measures a system's services, for ever.
    fn of(name: &str, out: &Path) -> Self {
        let only = format!("system={name},workload=http-hello,scenario=warm-disk");
        let mut suite = Command::new(env!("CARGO_BIN_EXE_external"));
        suite.args(["suite", "--only", &only]);
        suite.args(["--samples", "20000", "--seed", "1", "--out"]);
        let suite = suite.arg(out).stdin(Stdio::null());
        let suite = suite.stdout(Stdio::null()).stderr(Stdio::null());
        Self(suite.spawn().unwrap())
    }

    /// A monitor of it that has a guest.
    fn monitor(&self) -> u32 {
        wait_for("a machine of it", || {
            let all = machine::processes::descendants(self.0.id());
            all.into_iter().map(|(pid, _)| pid).find(is_monitor)
        })
    }

    fn end(&mut self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a process has been told to boot what we boot.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "it is asked of what an iterator passes"
)]
fn is_monitor(pid: &u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).into_owned();
    line.contains("unikernel.elf") || line.contains("vmlinuz")
}

/// What is written for a machine alone.
fn files_for_machines(out: &Path) -> Vec<std::path::PathBuf> {
    let mut files = files_in(out);
    let for_machines = ["unikernel.elf", "vmlinuz", "monitor.log"];
    files.retain(|file| {
        file.extension().is_some_and(|it| it == "cpio")
            || for_machines.iter().any(|name| file.ends_with(name))
    });
    files
}

/// Has a suite measure a system, ends it in the middle, and looks.
fn leaves_nothing(name: &str, signal: Signal) {
    let before = devices();
    let out = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut suite = Suite::of(name, out.path());
    let monitor = suite.monitor();
    let all = machine::processes::descendants(suite.0.id());
    assert!(
        !files_for_machines(out.path()).is_empty(),
        "{name} has a folder to work in"
    );
    suite.end(signal);
    wait_for("the monitor's end", || {
        (!is_monitor(&monitor)).then_some(())
    });
    wait_for("the end of its devices", || {
        (devices() == before).then_some(())
    });
    // One that was interrupted can go on: what it has prepared in its run's folder stays for that.
    if signal == Signal::SIGKILL {
        wait_for("the end of its files", || {
            files_for_machines(out.path()).is_empty().then_some(())
        });
    }
    wait_for("the end of all that it started", || {
        let lives = |(pid, began): &(u32, u64)| {
            machine::processes::Stat::of(*pid).is_some_and(|it| it.began == *began && it.lives)
        };
        (!all.iter().any(lives)).then_some(())
    });
}

#[test]
fn a_killed_suite_leaves_no_machine_no_device_and_no_file() {
    for name in systems() {
        leaves_nothing(name, Signal::SIGKILL);
    }
}

#[test]
fn an_interrupted_suite_leaves_no_machine_and_no_device() {
    for name in systems() {
        leaves_nothing(name, Signal::SIGINT);
    }
}

/// Waits for something, as long as nothing hangs.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until_ns = machine::clock::now_ns() + 120_000_000_000;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(machine::clock::now_ns() < until_ns, "{what} did not come");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
