//! What a launcher passes on to the suite: masks and dispositions of signals.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use campaign::Exit;
use machine::clock::now_ns;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::record::Outcome;
use results::{FailureKind, Sample, ledger, run_folder};

use super::{Ground, of_native, suite_command};
use crate::waiting::HANG_NS;

/// What launchers that run on the JVM, .NET or Julia block, and some service managers ignore.
const LAUNCHER: [&str; 2] = ["--block-signal", "--ignore-signal=ALRM,CHLD,TERM"];

const ONLY: [&str; 2] = ["--only", "system=native,scenario=warm-disk"];

/// A suite of one's own workload under such a launcher, whose place it takes. A test that fails must
/// not leave it waiting for ever.
struct Launched<'a> {
    child: Child,
    ground: &'a Ground,
}

impl<'a> Launched<'a> {
    fn suite(ground: &'a Ground, described: &str, more: &[&str]) -> Self {
        let few = ground.few();
        let few = few.each_ref().map(String::as_str);
        let arguments = [&few, &["--target", described][..], &ONLY, more].concat();
        let suite = suite_command(&ground.runs(), &arguments);
        let log = File::create(ground.at("log")).unwrap();
        let child = Command::new("env")
            .args(LAUNCHER)
            .arg(suite.get_program())
            .args(suite.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self {
            child: child.unwrap(),
            ground,
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.ground.at("log")).unwrap()
    }

    /// Waits for what must come, not for how long it takes.
    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let until_ns = now_ns() + HANG_NS;
        loop {
            if let Some(seen) = look(self) {
                return seen;
            }
            assert!(now_ns() < until_ns, "{what} does not come: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait(&mut self) -> ExitStatus {
        self.wait_for("its end", |it| it.child.try_wait().unwrap())
    }

    fn samples(&self) -> Vec<Sample> {
        let runs = self.ground.runs();
        let run = run_folder::runs(&runs).pop();
        let file = run.map(|run| runs.join(run).join("samples.jsonl"));
        let file = file.filter(|file| file.exists());
        file.map_or_else(Vec::new, |file| ledger::read(&file).unwrap().samples)
    }
}

impl Drop for Launched<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The signals of a line of `/proc/PID/status`, as the kernel numbers them.
fn signals_of(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
}

#[test]
fn inherited_masks_and_dispositions_disable_no_limit_and_reach_no_service() {
    let ground = Ground::new();
    // It answers where it is tried, so that there are samples, and never again.
    let described = ground.describe(&format!(
        r#"
        [workload.silent]
        native = ["sh", "-c", """
            cat /proc/self/status > '{0}'
            mkdir '{1}' 2>/dev/null && exec MOCK answers "$0"
            exec MOCK never-listens "$0"
        """, "{{address}}"]
        "#,
        ground.at("status").display(),
        ground.at("tried").display(),
    ));
    let mut suite = Launched::suite(&ground, &described, &["--samples", "1"]);
    let status = suite.wait();
    let said = suite.said();
    let ended = [Exit::Samples, Exit::Nothing].map(|exit| Some(exit.code().into()));
    assert!(ended.contains(&status.code()), "{status}: {said}");
    let (_, samples) = ground.recorded();
    let mut native = of_native(&samples).filter(|it| !it.cell.system.is_twin());
    let first = native.next().expect("there are samples of it");
    for sample in native.chain([first]) {
        assert_eq!(sample.outcome, Outcome::Failed, "{sample:?}");
        assert_eq!(sample.failure_kind(), Some(FailureKind::TimeLimit));
        let reason = sample.reason.as_deref().unwrap();
        assert!(reason.contains("nothing listened"), "{reason}");
    }
    // What is measured has the mask that it has under a shell.
    let status = std::fs::read_to_string(ground.at("status")).unwrap();
    assert_eq!(signals_of(&status, "SigBlk:"), 0, "{status}");
    let ignored = signals_of(&status, "SigIgn:");
    for signal in [Signal::SIGALRM, Signal::SIGCHLD, Signal::SIGTERM] {
        assert_eq!(ignored >> (signal as i32 - 1) & 1, 0, "{signal}: {status}");
    }
}

#[test]
fn a_suite_that_inherits_a_mask_ends_when_it_is_told_to() {
    let ground = Ground::new();
    let described =
        ground.describe("[workload.x]\nnative = [\"MOCK\", \"answers\", \"{address}\"]");
    let mut suite = Launched::suite(&ground, &described, &["--samples", "20000"]);
    suite.wait_for("a sample", |it| (!it.samples().is_empty()).then_some(()));
    let pid = Pid::from_raw(suite.child.id().cast_signed());
    kill(pid, Signal::SIGTERM).unwrap();
    let status = suite.wait();
    let interrupted = Some(Exit::Interrupted.code().into());
    assert_eq!(status.code(), interrupted, "{}", suite.said());
    let samples = suite.samples();
    assert!(samples.iter().all(|it| it.outcome == Outcome::Ok));
}
