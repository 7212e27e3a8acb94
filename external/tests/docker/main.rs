//! Docker as it is: containers of a real engine. `./setup docker` installs and starts one; without
//! it these tests fail and say so. They break an engine of our own only.

mod failures;
#[path = "../support/ground.rs"]
mod ground;
mod reach;
mod support;
#[path = "../support/turns.rs"]
mod turns;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use external::system::managed::StartRequest;
use machine::clock::now_ns;
use results::values::PageCache;
use results::{Evidence, Param, Phase};
use workloads::Workload;

use crate::ground::HANG_NS;
use crate::support::{
    containers, docker, ground_of, nameless, names_of, ours, request, sample, system,
};

#[test]
fn starts_are_divided_into_phases_in_both_networks_and_nothing_is_left() {
    let ground = ground_of("docker");
    let before = nameless();
    let mut images = BTreeSet::new();
    let mut engine = ground.engine();
    for (workload, network) in [
        (Workload::HttpHello, "bridge"),
        (Workload::HttpEcho, "host"),
        (Workload::HttpState, "bridge"),
        (Workload::HttpCpu, "host"),
    ] {
        let plain = sample(engine.as_mut(), &request(workload, network));
        assert_eq!(
            plain.names(),
            [Phase::Create, Phase::Start, Phase::Connect, Phase::Respond]
        );
        let reported = sample(
            engine.as_mut(),
            &StartRequest {
                own_milestones: true,
                ..request(workload, network)
            },
        );
        assert_eq!(
            reported.names(),
            [
                Phase::Create,
                Phase::Start,
                Phase::Init,
                Phase::Connect,
                Phase::Respond
            ]
        );
        let cost = reported.usage.resources;
        assert!(
            cost.cpu_ns.is_some_and(|ns| ns > 0)
                && cost.pss_bytes.is_some_and(|bytes| bytes > 100_000),
            "{cost:?}"
        );
        let attested = &reported.attested;
        assert_eq!(
            attested[Evidence::Seccomp],
            2,
            "the engine's filter of system calls"
        );
        let own = attested[Evidence::NetworkNamespace].as_str().unwrap();
        let machines = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(own == machines.to_str().unwrap(), network == "host");
        // The newest part of its version is the runtime's.
        let version = attested[Evidence::EngineVersion].as_str().unwrap();
        let server = docker(&["version", "--format", "{{.Server.Version}}"]);
        assert!(version.starts_with(&server), "{version}");
        assert!(
            version.contains("containerd ") && version.contains("runc "),
            "{version}"
        );
        for part in ["dockerd", "containerd", "containerd-shim"] {
            assert!(
                reported.usage.parts[part].pss_bytes.is_some(),
                "{part}: {:?}",
                reported.usage.parts
            );
        }
        images.insert(
            reported.attested[Evidence::Image]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        assert_eq!(
            reported.attested[Evidence::PagesResident]
                .as_u64()
                .map(|pages| pages > 0),
            Some(true),
            "{:?}",
            reported.attested
        );
    }
    for (workload, network) in [
        (Workload::Hello, "none"),
        (Workload::CpuHash, "host"),
        (Workload::Hello, "bridge"),
    ] {
        let command = sample(engine.as_mut(), &request(workload, network));
        assert_eq!(command.names(), [Phase::Create, Phase::Start, Phase::Run]);
    }
    drop(engine);
    assert_eq!(ours(), "");
    for image in images {
        let found = docker(&["images", "--quiet", "--filter", "label=coldphase", &image]);
        assert!(!found.is_empty(), "{image} stays, with our label");
    }
    assert_eq!(nameless(), before, "and none has lost its name");
}

#[test]
fn the_engines_own_events_lie_within_the_phases() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    let start = sample(
        engine.as_mut(),
        &StartRequest {
            own_milestones: true,
            ..request(Workload::HttpHello, "bridge")
        },
    );
    let at = |event: &str| {
        start.attested[Evidence::Events][event]
            .as_u64()
            .unwrap_or_else(|| panic!("{:?}", start.attested))
    };
    let until = |name: Phase| -> u64 {
        let upto = start
            .phases
            .iter()
            .position(|phase| phase.name == name)
            .unwrap();
        start.phases[..=upto].iter().map(|phase| phase.ns).sum()
    };
    // Firewall clocks are read in two processes, and are set now and then.
    let slack = 5_000_000;
    assert!(
        at("create_ns") <= until(Phase::Create) + slack,
        "{:?} {:?}",
        start.attested,
        start.phases
    );
    assert!(at("create_ns") <= at("connect_ns") && at("connect_ns") <= at("start_ns"));
    assert!(at("start_ns") + slack >= until(Phase::Create));
}

#[test]
fn a_start_in_a_new_engine_is_its_first_and_reads_its_files_from_the_disk() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    let mut cold = StartRequest {
        page_cache: PageCache::Evicted,
        ..request(Workload::HttpHello, "host")
    };
    cold.variant.insert(Param::Engine, "new");
    let before = docker(&["info", "--format", "{{.SystemTime}}"]);
    let start = sample(engine.as_mut(), &cold);
    assert_eq!(
        start.attested[Evidence::FirstContainerOfTheEngine],
        true,
        "{before}"
    );
    assert_eq!(start.attested[Evidence::PagesResident], 0);
    let warm = sample(engine.as_mut(), &request(Workload::HttpHello, "host"));
    assert_eq!(warm.attested[Evidence::FirstContainerOfTheEngine], false);
}

#[test]
fn a_killed_suite_leaves_no_container() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command.args([
        "suite",
        "--only",
        "system=docker,workload=http-hello,scenario=warm-disk",
        "--samples",
        "500",
    ]);
    command
        .arg("--out")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut suite = command.spawn().unwrap();
    let (names, until_ns) = (names_of(suite.id()), now_ns() + HANG_NS);
    while containers(&names).is_empty() {
        assert!(
            now_ns() < until_ns && suite.try_wait().unwrap().is_none(),
            "no container was started"
        );
    }
    suite.kill().unwrap();
    suite.wait().unwrap();
    while !containers(&names).is_empty() {
        assert!(now_ns() < until_ns, "containers are left");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_runtime_in_an_image_answers_too() {
    let ground = ground_of("docker-wasmtime");
    let mut engine = ground.engine();
    for &acquire in system("docker-wasmtime").acquire_modes() {
        let start = sample(
            engine.as_mut(),
            &StartRequest {
                acquire: Some(acquire),
                ..request(Workload::HttpEcho, "bridge")
            },
        );
        assert_eq!(
            start.names(),
            [Phase::Create, Phase::Start, Phase::Connect, Phase::Respond]
        );
    }
    let command = StartRequest {
        acquire: Some(system("docker-wasmtime").acquire_modes()[0]),
        ..request(Workload::Hello, "none")
    };
    assert_eq!(
        sample(engine.as_mut(), &command).names(),
        [Phase::Create, Phase::Start, Phase::Run]
    );
}
