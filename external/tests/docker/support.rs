//! What tests of the engine have in common: where it is, one whole sample, and another way to know what it has.

use std::process::{Command, Stdio};

use external::client::readiness::first_answer;
use external::system::managed::{Engine, StartRequest, Usage};
use external::system::{Found, System};
use machine::ports;
use results::{Attested, Param, Params, Phase, PhaseTime};
use workloads::{Answer, Call, Workload};

use crate::ground::{self, Ground};
use crate::turns;

/// The program that asks the engine in its own words, without this project's code: a second way of
/// knowing.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let socket = format!("unix://{}", found("docker").program.display());
    let output = Command::new("docker")
        .args(["--host", &socket])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn system(name: &str) -> System {
    System::from_name(name).unwrap()
}

pub(crate) fn found(name: &str) -> Found {
    turns::engine();
    system(name)
        .find()
        .unwrap_or_else(|missing| panic!("{name}: {missing}"))
}

/// What an engine is made with: one that runs.
pub(crate) fn ground_of(name: &str) -> Ground {
    turns::engine();
    Ground::of(name)
}

/// Kills the engine, as a machine without memory would.
pub(crate) fn kill_the_engine() {
    let pid = std::fs::read_to_string(found("docker").program.with_file_name("pid")).unwrap();
    let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
    assert!(killed.unwrap().success());
}

pub(crate) fn request(workload: Workload, network: &str) -> StartRequest {
    ground::request(workload, Params::from([(Param::Network, network)]))
}

pub(crate) struct Start {
    pub(crate) phases: Vec<PhaseTime>,
    pub(crate) usage: Usage,
    pub(crate) attested: Attested,
}

impl Start {
    pub(crate) fn names(&self) -> Vec<Phase> {
        self.phases.iter().map(|phase| phase.name).collect()
    }
}

/// One whole sample, checked as the suite checks it.
pub(crate) fn sample(engine: &mut dyn Engine, start: &StartRequest) -> Start {
    let prepared = engine.prepare(start).unwrap();
    let service = matches!(start.workload.call(), Call::Http(_));
    let port = service.then(|| ports::free_port().unwrap());
    let mut instance = engine.start(start, port).unwrap();
    let (first, answered_ns) =
        if let (Call::Http(request), Some(port)) = (start.workload.call(), port) {
            let (target, policy) = (
                instance.target(port),
                instance.retry_policy(start.deadline_ns),
            );
            let first = first_answer(&target, &request, &policy, &mut || {
                instance.ended().is_some()
            })
            .unwrap();
            start.workload.expected(1).check(&first.answer).unwrap();
            instance.verify_port(port).unwrap();
            let answered_ns = first.answered_ns;
            (Some(first), answered_ns)
        } else {
            let end = instance.wait_end(start.deadline_ns).unwrap();
            start
                .workload
                .expected(1)
                .check(&Answer::new(end.code, end.printed))
                .unwrap();
            (None, end.seen_ns)
        };
    // Of a command nothing is there any more.
    let verified = if first.is_some() {
        instance.verify().unwrap()
    } else {
        results::Attested::default()
    };
    let usage = instance.usage();
    let phases = instance.phases(first.as_ref(), answered_ns).unwrap();
    let sum: u64 = phases.iter().map(|phase| phase.ns).sum();
    assert_eq!(sum, answered_ns - instance.launched_ns(), "{phases:?}");
    let mut attested = prepared.attested;
    attested.extend(instance.attested());
    attested.extend(verified);
    assert!(instance.remove().unwrap() > 0);
    drop(instance);
    engine.clean().unwrap();
    Start {
        phases,
        usage,
        attested,
    }
}

/// What the names of a process's containers begin with: no earlier one of the same number has the
/// same.
pub(crate) fn names_of(pid: u32) -> String {
    format!("coldphase-{pid}-{}", machine::usage::began(pid).unwrap())
}

/// The containers of these names, as the engine's own client lists them. By their names: any
/// container of an image of ours has its label. Others, such as those of a run that was killed, are
/// none of a test's business.
pub(crate) fn containers(names: &str) -> String {
    docker(&[
        "ps",
        "--all",
        "--quiet",
        "--no-trunc",
        "--filter",
        &format!("name=^{names}"),
    ])
}

/// Those that this test has made.
pub(crate) fn ours() -> String {
    containers(&names_of(std::process::id()))
}

/// Images without a name.
pub(crate) fn nameless() -> String {
    docker(&[
        "images",
        "--quiet",
        "--no-trunc",
        "--filter",
        "dangling=true",
    ])
}
