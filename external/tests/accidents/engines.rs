//! What a managed system consists of, killed at random moments while a run measures it: each sample
//! has an outcome with a typed reason, what died is brought back, and the run ends by itself.

use std::time::Duration;

use campaign::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use results::SkipKind;
use results::record::Outcome;

use crate::support::{Suite, number, random, until};

const CELLS: &str = "system=native,system=wasmcloud,system=docker,workload=http-hello,\
    scenario=warm-disk,observer=none";
const SAMPLES: u32 = 10;

/// The systems that one of these is a part of.
const KILLED: [&str; 2] = ["wasmcloud", "docker"];

/// What they consist of here: wasmCloud of its host, the server that its orders come over, and the
/// registry that its components come from; Docker of coldphase's own engine.
const PARTS: [&str; 4] = ["wash", "nats-server", "docker-registry", "dockerd"];

/// The processes that are one of these, by their programs' names: below another, and the engine, which
/// is this test's while it has its turn.
fn parts(pid: u32) -> Vec<(u32, String)> {
    let below = machine::processes::descendants(pid).into_iter();
    let below = below.map(|(pid, _)| pid);
    let program = |pid: u32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some((pid, name.trim().to_owned()))
    };
    let known = |(_, name): &(u32, String)| PARTS.contains(&name.as_str());
    below
        .chain(docker_engine::running().unwrap())
        .filter_map(program)
        .filter(known)
        .collect()
}

#[test]
fn what_dies_under_a_run_is_a_reason_and_is_brought_back() {
    let mut random = random();
    let deaths = number("COLDPHASE_DEATHS", PARTS.len() as u64);
    let mut order = PARTS;
    order.shuffle(&mut random);
    let mut suite = Suite::new(CELLS, SAMPLES);
    let mut child = suite.launch();
    let pid = child.id();
    until("the first sample", || {
        (!suite.lines().is_empty()).then_some(())
    });
    let mut died = Vec::new();
    for next in order.iter().cycle().take(usize::try_from(deaths).unwrap()) {
        std::thread::sleep(Duration::from_secs_f64(random.random()));
        // One that has just died may not be back yet, nor begun at the beginning.
        let found = until("the next that is to die, or the end", || {
            let mut alive = parts(pid).into_iter();
            let found = alive.find(|(_, name)| name == next);
            let is_over = child.try_wait().unwrap().is_some();
            (is_over || found.is_some()).then_some(found.filter(|_| !is_over))
        });
        let Some((part, name)) = found else { break };
        if kill(Pid::from_raw(part.cast_signed()), Signal::SIGKILL).is_ok() {
            died.push(name);
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
        let may_fail = KILLED.iter().any(|it| sample.cell.system == *it);
        assert!(!failed || may_fail, "{sample:?}");
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
