//! How requests come to a container, and what is charged for it.

use std::process::Command;

use external::client::readiness::first_answer;
use external::system::managed::{StartRequest, Usage};
use machine::ports;
use results::record::Outcome;
use results::{Evidence, Param, Sample, ledger, run_folder};
use workloads::{Call, Workload};

use crate::ground::HANG_NS;
use crate::support::{ground_of, ours, request, sample};

/// Processes that the engine has started for a port, by their command lines: another way than the
/// one that measures them.
fn proxies(port: u16) -> Vec<u32> {
    let output = Command::new("pgrep")
        .args(["-f", &format!("docker-proxy.*-host-port {port} ")])
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    listed.lines().map(|line| line.parse().unwrap()).collect()
}

/// CPU time of a process as `/proc` has it, in ticks of 10 ms.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    after_name[11].parse::<u64>().unwrap() + after_name[12].parse::<u64>().unwrap()
}

#[test]
fn what_passes_on_a_published_port_is_kept_on_the_systems_core_and_charged() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    let core = *machine::cores::allowed().last().unwrap();
    let pinned = StartRequest {
        core: Some(core),
        ..request(Workload::HttpHello, "bridge")
    };
    let prepared = engine.prepare(&pinned).unwrap();
    let port = ports::free_port().unwrap();
    let mut instance = engine.start(&pinned, Some(port)).unwrap();
    let Call::Http(hello) = Workload::HttpHello.call() else {
        panic!("it listens")
    };
    let (target, policy) = (
        instance.target(port),
        instance.retry_policy(pinned.deadline_ns),
    );
    first_answer(&target, &hello, &policy, &mut || false).unwrap();

    let proxies = proxies(port);
    assert!(!proxies.is_empty(), "the engine has a proxy for the port");
    let processes = instance.processes();
    assert!(
        proxies.iter().all(|pid| processes.contains(pid)),
        "{processes:?}"
    );
    let daemons = instance.engine_processes();
    assert!(daemons.len() > 1, "the engine, its containerd: {daemons:?}");
    let is_shim = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|it| it.starts_with("containerd-shim"))
    };
    assert!(processes.iter().any(is_shim), "{processes:?}");
    if prepared.attested[Evidence::EngineIsOurs] == true {
        let all = [&processes[..], &daemons].concat();
        assert_eq!(
            machine::cores::of_processes(&all),
            Some(vec![core]),
            "since its start"
        );
    }
    // As the bench does: of an engine that is not ours they are not there yet.
    machine::cores::keep(&processes, &[core]).unwrap();
    assert_eq!(machine::cores::of_processes(&processes), Some(vec![core]));
    for pid in &proxies {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|it| it.starts_with("Cpus_allowed_list"));
        assert_eq!(
            line.unwrap().split_whitespace().last(),
            Some(&*core.to_string())
        );
    }

    let before: u64 = proxies.iter().map(|pid| ticks(*pid)).sum();
    let charged = |usage: &Usage| usage.parts["docker-proxy"].cpu_ns.unwrap();
    let first = charged(&instance.usage());
    let load = external::client::load::Load {
        address: target.address,
        host: target.host.clone(),
        also: Vec::new(),
        request: hello,
        expected: Workload::HttpHello.expected_of_any(),
        sequence: Vec::new(),
        pace: external::client::load::Pace::Closed,
        connections: 10,
        keep_alive: true,
        warm_up: 5,
        until_steady: None,
        amount: external::client::load::Amount::Requests(4_000),
        timeout: std::time::Duration::from_nanos(HANG_NS),
        core: None,
    };
    let loaded = external::client::load::run(&load).unwrap();
    assert_eq!(loaded.requests.ok, 4_000);
    let usage = instance.usage();
    let after: u64 = proxies.iter().map(|pid| ticks(*pid)).sum();
    let passing = charged(&usage) - first;
    // Ticks are of 10 ms, at both ends.
    let by_hand = (after - before) * 10_000_000;
    assert!(
        passing > 0 && passing.abs_diff(by_hand) <= 20_000_000,
        "{passing} {by_hand}"
    );
    let (whole, proxy) = (usage.resources, usage.parts["docker-proxy"]);
    assert!(
        whole.cpu_ns.unwrap() > proxy.cpu_ns.unwrap(),
        "it is a part of the system"
    );
    assert!(whole.pss_bytes.unwrap() > proxy.pss_bytes.unwrap() && proxy.pss_bytes.unwrap() > 0);
    instance.remove().unwrap();
    drop(instance);
    engine.clean().unwrap();
    drop(engine);
    assert_eq!(ours(), "");
    let dockerd = machine::usage::peer(&ground.found.program).unwrap();
    let everywhere = machine::cores::allowed();
    assert_eq!(
        machine::cores::of_processes(&[dockerd]),
        Some(everywhere),
        "it is let go"
    );
}

/// A suite of one load on a published port, with these words: its samples.
fn loads(words: &[&str]) -> Vec<Sample> {
    let out = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command.args([
        "suite",
        "--samples",
        "1",
        "--requests",
        "400",
        "--seed",
        "1",
        "--only",
    ]);
    command.arg("system=docker,workload=http-hello,scenario=throughput");
    let output = command
        .args(words)
        .arg("--out")
        .arg(out.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let run = &run_folder::runs(out.path())[0];
    let samples = ledger::read(&out.path().join(run).join("samples.jsonl"))
        .unwrap()
        .samples;
    let of_docker = samples.into_iter().filter(|it| !it.cell.system.is_twin());
    of_docker.collect()
}

#[test]
fn load_on_a_published_port_comes_by_translation_of_addresses_unless_it_is_told_otherwise() {
    let _up = ground_of("docker");
    let samples = loads(&[]);
    let on = |network: &str| {
        let found = samples
            .iter()
            .find(|it| it.cell.params.is(Param::Network, network));
        let found = found.unwrap_or_else(|| panic!("no cell on {network}: {samples:?}"));
        assert_eq!(found.outcome, Outcome::Ok, "{:?}", found.reason);
        found
    };
    let bridge = on("bridge");
    assert!(
        bridge.cell.params.is(Param::Path, "veth"),
        "{}",
        bridge.cell
    );
    assert_eq!(bridge.attested[Evidence::ClientPath], "dnat");
    assert_eq!(bridge.attested[Evidence::PassingCpuNs], 0);
    // Each request is a packet at least.
    let packets = bridge.attested.number(Evidence::ContainerPackets);
    assert!(packets.is_some_and(|packets| packets >= 400), "{packets:?}");
    assert!(bridge.attested.contains_key(Evidence::ClientNamespace));
    let host = on("host");
    assert!(!host.cell.params.contains_key(Param::Path), "{}", host.cell);
    assert!(!host.attested.contains_key(Evidence::ClientPath));

    let told = loads(&["--path", "loopback"]);
    let passed = told
        .iter()
        .find(|it| it.cell.params.is(Param::Network, "bridge"));
    let passed = passed.expect("a cell on the bridge");
    assert_eq!(passed.outcome, Outcome::Ok, "{:?}", passed.reason);
    assert_eq!(passed.attested[Evidence::ClientPath], "docker-proxy");
    let spent = passed.attested.number(Evidence::PassingCpuNs);
    assert!(spent.is_some_and(|ns| ns > 0), "{spent:?}");
}

#[test]
fn a_container_in_the_machines_network_has_nothing_that_passes_on() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    let start = sample(engine.as_mut(), &request(Workload::HttpHello, "host"));
    assert!(!start.usage.parts.contains_key("docker-proxy"));
}
