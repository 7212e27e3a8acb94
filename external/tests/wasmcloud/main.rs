//! wasmCloud as it is: a real host, NATS and registry. What they need is installed by `./setup
//! wasmcloud`; without it these tests fail and say so.

mod attacks;
#[path = "../support/ground.rs"]
mod ground;

use std::ops::Deref;
use std::time::Duration;

use external::client::readiness::{FirstAnswer, first_answer};
use external::system::managed::{Engine, Instance, StartRequest, Usage};
use external::system::wasmcloud::variants;
use machine::clock::now_ns;
use machine::ports;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::record::Scenario;
use results::values::PageCache;
use results::{Attested, Evidence, Param, Phase, PhaseTime};
use workloads::{Call, Workload};

use crate::ground::{Ground, HANG_NS};

/// What wasmCloud is made with.
struct Infrastructure(Ground);

impl Deref for Infrastructure {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.0
    }
}

impl Infrastructure {
    fn new() -> Self {
        Self(Ground::of("wasmcloud"))
    }

    /// Processes whose home lies in the folder, with their names.
    fn processes(&self) -> Vec<(i32, String)> {
        let home = format!("HOME={}", self.folder.path().display());
        let of = |entry: std::fs::DirEntry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let ours = String::from_utf8_lossy(&environment)
                .split('\0')
                .any(|variable| variable.starts_with(&home));
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            ours.then(|| (pid, name.trim().to_owned()))
        };
        let mut found: Vec<_> = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(of)
            .collect();
        found.sort_by(|one, other| one.1.cmp(&other.1));
        found
    }

    fn names(&self) -> Vec<String> {
        self.processes().into_iter().map(|(_, name)| name).collect()
    }

    /// Kills a process, and waits until it is dead: that takes it some milliseconds.
    fn kill(&self, name: &str) {
        let (pid, _) = self
            .processes()
            .into_iter()
            .find(|(_, found)| found == name)
            .unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        let until_ns = now_ns() + HANG_NS;
        // Dead for its parent is only one whose threads are, too.
        let dead = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
            threads <= 1
                && stat
                    .rsplit_once(')')
                    .is_none_or(|(_, state)| state.starts_with(" Z"))
        };
        while !dead() {
            assert!(now_ns() < until_ns, "{name} does not die");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

const NOBODY: [&str; 0] = [];

fn request(workload: Workload, pairs: &[(&str, &str)]) -> StartRequest {
    ground::request(workload, pairs.iter().copied().collect())
}

fn ask(instance: &mut dyn Instance, workload: Workload, port: u16) -> FirstAnswer {
    let Call::Http(request) = workload.call() else {
        panic!("{} is no service", workload.name())
    };
    let (target, policy) = (
        instance.target(port),
        instance.retry_policy(now_ns() + HANG_NS),
    );
    first_answer(&target, &request, &policy, &mut || {
        instance.ended().is_some()
    })
    .unwrap()
}

/// What a start showed.
struct Start {
    phases: Vec<PhaseTime>,
    usage: Usage,
    attested: Attested,
}

/// One whole sample, checked as the suite checks it.
fn sample(engine: &mut dyn Engine, request: &StartRequest) -> Start {
    let prepared = engine.prepare(request).unwrap();
    assert_eq!(
        prepared.sha256,
        results::digest::sha256_hex(&request.workload.artifact().unwrap().read().unwrap())
    );
    let port = ports::free_port().unwrap();
    let mut instance = engine.start(request, Some(port)).unwrap();
    let first = ask(&mut *instance, request.workload, port);
    assert_eq!(request.workload.expected(1).check(&first.answer), Ok(()));
    let usage = instance.usage();
    instance.verify_port(port).unwrap();
    let phases = instance.phases(Some(&first), first.answered_ns).unwrap();
    let total_ns = first.answered_ns - instance.launched_ns();
    assert_eq!(
        phases.iter().map(|phase| phase.ns).sum::<u64>(),
        total_ns,
        "the phases partition the start"
    );
    let attested = instance.attested();
    assert!(instance.remove().unwrap() > 0);
    drop(instance);
    engine.clean().unwrap();
    assert_eq!(ports::owner_of(port).unwrap(), []);
    Start {
        phases,
        usage,
        attested,
    }
}

fn names(phases: &[PhaseTime]) -> Vec<Phase> {
    phases.iter().map(|phase| phase.name).collect()
}

const WITH_HOST: [Phase; 5] = [
    Phase::Spawn,
    Phase::HostReady,
    Phase::Schedule,
    Phase::Connect,
    Phase::Respond,
];

#[test]
fn every_service_starts_answers_and_is_gone() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    for workload in [
        Workload::HttpHello,
        Workload::HttpEcho,
        Workload::HttpCpu,
        Workload::HttpState,
    ] {
        for variant in variants(Scenario::WarmDisk) {
            let start = sample(
                &mut *engine,
                &StartRequest {
                    variant: variant.clone(),
                    ..request(workload, &[])
                },
            );
            let new = variant.is(Param::Host, "new");
            assert_eq!(
                names(&start.phases),
                if new { &WITH_HOST[..] } else { &WITH_HOST[2..] }
            );
            assert_eq!(
                start.attested[Evidence::Image],
                variant.get(Param::Image).unwrap()
            );
            assert_eq!(
                start.attested[Evidence::HostGivenBefore] == 0,
                new,
                "{:?}",
                start.attested
            );
            assert_eq!(
                start.usage.parts.keys().collect::<Vec<_>>(),
                ["host", "nats", "registry"]
            );
            let (all, host) = (start.usage.resources, start.usage.parts["host"]);
            assert!(
                all.cpu_ns >= host.cpu_ns && host.cpu_ns > Some(1_000_000),
                "{:?}",
                start.usage
            );
            assert!(
                all.pss_bytes > host.pss_bytes && host.pss_bytes > Some(1_000_000),
                "{:?}",
                start.usage
            );
        }
    }
    drop(engine);
    assert_eq!(ground.names(), NOBODY, "nothing is left of it");
}

#[test]
fn nothing_is_there_before_a_start_with_a_new_infrastructure() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    let [usual, _, all_new, deployed, _] =
        <[_; 5]>::try_from(variants(Scenario::ImageCold)).unwrap();
    let evicted = |variant| StartRequest {
        variant,
        page_cache: PageCache::Evicted,
        ..request(Workload::HttpHello, &[])
    };
    let start = sample(&mut *engine, &evicted(usual));
    assert_eq!(
        (names(&start.phases), &start.attested[Evidence::Image]),
        (WITH_HOST.into(), &"pulled".into())
    );
    assert_eq!(ground.names(), ["docker-registry", "nats-server"]);
    let start = sample(&mut *engine, &evicted(deployed.clone()));
    assert_eq!(
        (names(&start.phases), &start.attested[Evidence::Image]),
        (WITH_HOST[2..].into(), &"pulled".into())
    );
    let kept = StartRequest {
        variant: deployed,
        ..request(Workload::HttpHello, &[])
    };
    let kept = StartRequest {
        variant: kept
            .variant
            .into_iter()
            .filter(|(key, _)| *key != Param::Code)
            .collect(),
        ..kept
    };
    // A busy machine may hold up one that has nothing to compile, but not ten of them.
    let schedule = start.phases[0].ns;
    let mut quick = || schedule > 2 * sample(&mut *engine, &kept).phases[0].ns;
    assert!(
        (0..10).any(|_| quick()),
        "compiling is most of it: {schedule} ns, and half of that with the code kept"
    );
    let all_new = evicted(all_new);
    assert_eq!(
        engine.prepare(&all_new).unwrap().attested[Evidence::PagesResident],
        0
    );
    assert_eq!(ground.names(), NOBODY);
    let start = sample(&mut *engine, &all_new);
    assert_eq!(
        names(&start.phases),
        WITH_HOST,
        "it is a part of the launch"
    );
    let at = |name: &str| start.attested[name].as_u64().unwrap();
    assert!(at("nats_ready_at_ns") < at("registry_ready_at_ns"));
    assert!(
        at("registry_ready_at_ns") < at("host_launched_at_ns")
            && at("host_launched_at_ns") < start.phases[0].ns
    );
    assert_eq!(ground.names(), NOBODY, "what is new is gone again");
}

/// The pool of wasmCloud keeps instances of components that speak WASI 0.3. If this fails, ours are
/// kept too by now: then `pool` belongs into the variants under load.
#[test]
fn a_pool_keeps_no_instance_of_a_component_of_wasi_0_2() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    for pool in ["off", "on"] {
        let request = request(Workload::HttpState, &[("pool", pool)]);
        engine.prepare(&request).unwrap();
        let port = ports::free_port().unwrap();
        let mut instance = engine.start(&request, Some(port)).unwrap();
        for _ in 0..3 {
            let answer = ask(&mut *instance, request.workload, port).answer;
            assert_eq!(String::from_utf8_lossy(&answer.body), "1", "pool {pool}");
        }
    }
}

#[test]
fn what_dies_in_a_start_is_its_reason_and_is_brought_back() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    let request = request(Workload::HttpHello, &[("host", "new"), ("image", "pulled")]);
    sample(&mut *engine, &request);
    for victim in ["wash", "nats-server", "docker-registry"] {
        let reason = std::thread::scope(|scope| {
            engine.prepare(&request).unwrap();
            let killer = scope.spawn(|| {
                let until_ns = now_ns() + HANG_NS;
                while !ground.names().contains(&"wash".to_owned()) && now_ns() < until_ns {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ground.kill(victim);
            });
            let started = engine.start(&request, Some(ports::free_port().unwrap()));
            killer.join().unwrap();
            started
                .err()
                .unwrap_or_else(|| panic!("it started without {victim}"))
        });
        let name = ["host", "nats", "registry"]
            .into_iter()
            .find(|name| victim.contains(name))
            .unwrap_or("host");
        assert!(
            reason.contains(&format!("{name} died of SIGKILL")),
            "{victim}: {reason}"
        );
        assert!(
            !ground.names().contains(&"wash".to_owned()),
            "nothing is left of the start"
        );
        engine.clean().unwrap();
        sample(&mut *engine, &request);
    }
}

#[test]
fn what_dies_between_two_samples_is_brought_back() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    let running = request(
        Workload::HttpHello,
        &[("host", "running"), ("image", "cached")],
    );
    sample(&mut *engine, &running);
    for victim in ["wash", "nats-server", "docker-registry"] {
        ground.kill(victim);
        let prepared = engine.prepare(&running).unwrap();
        assert!(
            prepared.attested[Evidence::BroughtBack]
                .as_str()
                .unwrap()
                .contains("died of SIGKILL"),
            "{prepared:?}"
        );
        sample(&mut *engine, &running);
    }
}

#[test]
fn a_dropped_instance_leaves_only_what_lives_on() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    for (host, expected) in [
        ("new", &["docker-registry", "nats-server"][..]),
        ("running", &["docker-registry", "nats-server", "wash"]),
    ] {
        let request = request(Workload::HttpHello, &[("host", host)]);
        engine.prepare(&request).unwrap();
        drop(
            engine
                .start(&request, Some(ports::free_port().unwrap()))
                .unwrap(),
        );
        assert_eq!(ground.names(), expected);
        engine.clean().unwrap();
    }
}

#[test]
fn impossible_start_requests_are_refused_with_a_reason() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    let command = request(Workload::Hello, &[]);
    assert!(
        engine
            .prepare(&command)
            .unwrap_err()
            .reason
            .contains("hello is a command")
    );
    let unknown = request(Workload::HttpHello, &[("flavour", "mild")]);
    assert!(
        engine
            .prepare(&unknown)
            .unwrap_err()
            .reason
            .contains("no parameter `flavour`")
    );
    assert_eq!(ground.names(), NOBODY, "nothing was started for it");
}
