//! Docker as it is: containers of a real engine. `./setup docker` installs and starts one; without
//! it these tests fail and say so. They break an engine of our own only.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use external::client::readiness::first_answer;
use external::process::reaper::Reaper;
use external::system::managed::{Engine, EngineContext, StartRequest, Usage};
use external::system::{Found, System};
use machine::clock::now_ns;
use machine::ports;
use results::values::PageCache;
use results::{Attested, Evidence, Param, Params, Phase, PhaseTime};
use workloads::{Answer, Call, Workload};

/// What takes longer hangs. No test is about how long this is: a busy machine needs seconds for
/// what an idle one does at once.
const HANG_NS: u64 = 180_000_000_000;

/// The program that asks the engine in its own words, without this project's code: a second way of
/// knowing.
fn docker(arguments: &[&str]) -> String {
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

fn system(name: &str) -> System {
    System::from_name(name).unwrap()
}

fn found(name: &str) -> Found {
    // A test before this one may have left it dead.
    docker_engine::start().expect("`./setup docker` installs it");
    system(name)
        .find()
        .unwrap_or_else(|missing| panic!("{name}: {missing}"))
}

/// What an engine is made with, and what must outlive it.
struct Ground {
    system: System,
    folder: tempfile::TempDir,
    reaper: Reaper,
    found: Found,
}

impl Ground {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let reaper = Reaper::start(Path::new(env!("CARGO_BIN_EXE_external"))).unwrap();
        Self {
            system: system(name),
            folder,
            reaper,
            found: found(name),
        }
    }

    fn engine(&self) -> Box<dyn Engine> {
        let context = EngineContext {
            work: self.folder.path(),
            reaper: &self.reaper,
            found: &self.found,
            nth: 0,
        };
        self.system.managed().unwrap().engine(context).unwrap()
    }
}

fn request(workload: Workload, network: &str) -> StartRequest {
    StartRequest {
        workload,
        acquire: None,
        variant: Params::from([(Param::Network, network)]),
        page_cache: PageCache::Hot,
        own_milestones: false,
        core: None,
        deadline_ns: now_ns() + HANG_NS,
    }
}

struct Start {
    phases: Vec<PhaseTime>,
    usage: Usage,
    attested: Attested,
}

impl Start {
    fn names(&self) -> Vec<Phase> {
        self.phases.iter().map(|phase| phase.name).collect()
    }
}

/// One whole sample, checked as the suite checks it.
fn sample(engine: &mut dyn Engine, start: &StartRequest) -> Start {
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
                .check(&Answer {
                    code: end.code,
                    body: end.printed,
                })
                .unwrap();
            (None, end.seen_ns)
        };
    let usage = instance.usage();
    let phases = instance.phases(first.as_ref(), answered_ns).unwrap();
    let sum: u64 = phases.iter().map(|phase| phase.ns).sum();
    assert_eq!(sum, answered_ns - instance.launched_ns(), "{phases:?}");
    let mut attested = prepared.attested;
    attested.extend(instance.attested());
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
fn names_of(pid: u32) -> String {
    format!("coldphase-{pid}-{}", machine::usage::began(pid).unwrap())
}

/// The containers of these names, as the engine's own client lists them. By their names: any
/// container of an image of ours has its label. Others, such as those of a run that was killed, are
/// none of a test's business.
fn containers(names: &str) -> String {
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
fn ours() -> String {
    containers(&names_of(std::process::id()))
}

/// Images without a name.
fn nameless() -> String {
    docker(&[
        "images",
        "--quiet",
        "--no-trunc",
        "--filter",
        "dangling=true",
    ])
}

#[test]
fn starts_are_divided_into_phases_in_both_networks_and_nothing_is_left() {
    let ground = Ground::of("docker");
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
    for workload in [Workload::Hello, Workload::CpuHash] {
        let command = sample(engine.as_mut(), &request(workload, "none"));
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
    let ground = Ground::of("docker");
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
    let ground = Ground::of("docker");
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
fn an_engine_that_dies_is_a_reason_and_is_brought_back() {
    let ground = Ground::of("docker");
    let mut engine = ground.engine();
    let hello = request(Workload::HttpHello, "bridge");
    engine.prepare(&hello).unwrap();
    let pid = std::fs::read_to_string(found("docker").program.with_file_name("pid")).unwrap();
    assert!(
        Command::new("kill")
            .args(["-KILL", pid.trim()])
            .status()
            .unwrap()
            .success()
    );
    let Err(reason) = engine.start(&hello, Some(ports::free_port().unwrap())) else {
        panic!("a dead engine started one")
    };
    assert!(
        reason.contains("the engine cannot create the container"),
        "{reason}"
    );
    engine.clean().unwrap();
    let start = sample(engine.as_mut(), &hello);
    assert_eq!(
        start.phases.len(),
        4,
        "the next preparation has brought it back"
    );

    // With a container that runs: it cannot be removed then, and must not stay for ever.
    engine.prepare(&hello).unwrap();
    let mut instance = engine
        .start(&hello, Some(ports::free_port().unwrap()))
        .unwrap();
    let container = ours();
    let pid = std::fs::read_to_string(found("docker").program.with_file_name("pid")).unwrap();
    assert!(
        Command::new("kill")
            .args(["-KILL", pid.trim()])
            .status()
            .unwrap()
            .success()
    );
    let reason = instance.remove().unwrap_err();
    assert!(
        reason.contains("the engine cannot remove the container"),
        "{reason}"
    );
    drop(instance);
    engine.clean().unwrap();
    sample(engine.as_mut(), &hello);
    drop(engine);
    assert_eq!(ours(), "");
    assert_eq!(container.len(), 64, "{container}");
    let shims = Command::new("pgrep")
        .args(["-f", &format!("containerd-shim.*{container}")])
        .output()
        .unwrap();
    assert!(
        shims.stdout.is_empty(),
        "its shim is left: {}",
        String::from_utf8_lossy(&shims.stdout)
    );
}

#[test]
fn what_is_in_the_way_is_named_and_what_is_others_is_left() {
    let ground = Ground::of("docker");
    let mut engine = ground.engine();
    let hello = request(Workload::HttpHello, "bridge");
    let prepared = engine.prepare(&hello).unwrap();
    let image = prepared.attested[Evidence::Image]
        .as_str()
        .unwrap()
        .to_owned();
    let foreign = docker(&["create", "--label", "somebody=else", &image, "/native-http"]);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let Err(reason) = engine.start(&hello, Some(taken.local_addr().unwrap().port())) else {
        panic!("the port is taken")
    };
    assert!(
        reason.contains("cannot start the container") && reason.contains("has the port"),
        "{reason}"
    );
    engine.clean().unwrap();

    let short = StartRequest {
        deadline_ns: now_ns(),
        ..hello.clone()
    };
    let mut instance = engine
        .start(&short, Some(ports::free_port().unwrap()))
        .unwrap();
    assert!(
        instance
            .wait_end(now_ns())
            .unwrap_err()
            .reason
            .contains("did not end within its time limit")
    );
    drop(instance);
    engine.clean().unwrap();
    drop(engine);
    assert_eq!(ours(), "");
    assert_eq!(docker(&["rm", &foreign]), foreign, "it was still there");
}

#[test]
fn an_image_that_is_gone_is_not_pulled() {
    let ground = Ground::of("docker");
    let mut engine = ground.engine();
    let hello = request(Workload::CpuHash, "none");
    let prepared = engine.prepare(&hello).unwrap();
    docker(&[
        "rmi",
        "--force",
        prepared.attested[Evidence::Image].as_str().unwrap(),
    ]);
    let Err(reason) = engine.start(&hello, None) else {
        panic!("there is no image")
    };
    assert!(reason.contains("No such image"), "{reason}");
    // A run after this one builds it again.
    drop(engine);
    sample(ground.engine().as_mut(), &hello);
}

#[test]
fn a_container_that_ends_at_once_is_a_reason() {
    let ground = Ground::of("docker");
    let mut engine = ground.engine();
    // In the machine's own network a server on a port that is taken ends by itself.
    let hello = request(Workload::HttpHello, "host");
    engine.prepare(&hello).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut instance = engine.start(&hello, Some(port)).unwrap();
    let until_ns = now_ns() + HANG_NS;
    let end = loop {
        assert!(now_ns() < until_ns, "its end is not seen");
        if let Some(end) = instance.ended() {
            break end;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert!(end.contains("ended with code 1"), "{end}");
    assert!(
        instance.log_tail().contains("cannot serve on"),
        "{}",
        instance.log_tail()
    );
}

/// An engine that says this of itself, at a socket.
fn pretender(folder: &Path, answer: &'static str) -> PathBuf {
    let path = folder.join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: \
                close\r\ncontent-length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{answer}", answer.len());
        }
    });
    path
}

#[test]
fn engines_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let told = |host: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
        command.args([
            "suite",
            "--require",
            "docker",
            "--only",
            "system=docker,workload=hello",
            "--samples",
            "1",
        ]);
        let output = command
            .args(["--out"])
            .arg(folder.path())
            .env("DOCKER_HOST", host)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(8), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let old = pretender(folder.path(), r#"{"Version":"1.13.1","ApiVersion":"1.26"}"#);
    let said = told(&format!("unix://{}", old.display()));
    assert!(
        said.contains("speaks version 1.26 of its API, and 1.40 is the oldest understood"),
        "{said}"
    );
    let said = told("tcp://10.0.0.1:2375");
    assert!(
        said.contains("only an engine of this machine shares its clock"),
        "{said}"
    );
    let said = told("unix:///nowhere/docker.sock");
    assert!(said.contains("`./setup docker`"), "{said}");
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
    let ground = Ground::of("docker-wasmtime");
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
    let ground = Ground::of("docker");
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
    assert!(
        daemons.len() > 1,
        "the engine, its containerd, the shim: {daemons:?}"
    );
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
        pace: external::client::load::Pace::Closed,
        connections: 10,
        keep_alive: true,
        warm_up: 5,
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

#[test]
fn a_container_in_the_machines_network_has_nothing_that_passes_on() {
    let ground = Ground::of("docker");
    let mut engine = ground.engine();
    let start = sample(engine.as_mut(), &request(Workload::HttpHello, "host"));
    assert!(!start.usage.parts.contains_key("docker-proxy"));
}
