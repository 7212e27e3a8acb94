//! What a managed system consists of, killed at random moments while a run measures it: each sample
//! has an outcome with a typed reason, what died is brought back, and the run ends by itself.

use std::time::Duration;

use campaign::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use results::SkipKind;
use results::record::Outcome;

use crate::support::{Suite, number, random, until};

const CELLS: &str =
    "system=native,system=wasmcloud,workload=http-hello,scenario=warm-disk,observer=none";
const SAMPLES: u32 = 15;

/// What wasmCloud consists of here: its host, the server that its orders come over, and the registry
/// that its components come from.
const PARTS: [&str; 3] = ["wash", "nats-server", "docker-registry"];

/// The processes below another that are one of these, by their programs' names.
fn parts(pid: u32) -> Vec<(u32, String)> {
    let below = machine::processes::descendants(pid).into_iter();
    let program = |pid: u32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some((pid, name.trim().to_owned()))
    };
    let known = |(_, name): &(u32, String)| PARTS.contains(&name.as_str());
    below
        .filter_map(|(pid, _)| program(pid))
        .filter(known)
        .collect()
}

#[test]
fn what_dies_under_a_run_is_a_reason_and_is_brought_back() {
    let mut random = random();
    let deaths = number("COLDPHASE_DEATHS", 3);
    let mut suite = Suite::new(CELLS, SAMPLES);
    let mut child = suite.launch();
    let pid = child.id();
    until("the first sample", || {
        (!suite.lines().is_empty()).then_some(())
    });
    let mut died = Vec::new();
    for _ in 0..deaths {
        std::thread::sleep(Duration::from_secs_f64(random.random()));
        let alive = parts(pid);
        // The run may have ended.
        let Some((part, name)) = alive.choose(&mut random) else {
            break;
        };
        if kill(Pid::from_raw(part.cast_signed()), Signal::SIGKILL).is_ok() {
            died.push(name.clone());
        }
    }
    let status = child.wait().unwrap();
    eprintln!("killed: {died:?}");
    assert!(!died.is_empty(), "the run ended before anything died");
    let ended = status.code().expect("it ended by itself");
    let said = suite.said();
    assert!(
        [Exit::Ok, Exit::Samples]
            .map(|it| i32::from(it.code()))
            .contains(&ended),
        "{ended}: {said}"
    );
    let samples = suite.assert_complete();
    for sample in &samples {
        let failed = sample.outcome != Outcome::Ok;
        // What dies while a sample is prepared leaves nothing to measure, once.
        let is_unprepared = sample.skip_kind() == Some(SkipKind::NotPrepared);
        let is_told = sample.failure_kind().is_some() || is_unprepared;
        assert_eq!(failed, is_told, "{sample:?}");
        // Nothing of the machine's own programs died.
        assert!(!failed || sample.cell.system == "wasmcloud", "{sample:?}");
    }
    let failed = samples
        .iter()
        .filter(|it| it.outcome != Outcome::Ok)
        .count();
    assert!(
        failed <= 2 * died.len(),
        "{failed} failed after {died:?}: {said}"
    );
    suite.assert_nothing_left();
}
