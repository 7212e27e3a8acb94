//! The layers below Docker, against the real things: a container is started, answers, is taken
//! apart into phases, and nothing is left of it, however it ends.
//!
//! A machine without `runc`, `crun` or containerd fails here: `./setup docker` installs and starts
//! them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use external::client::readiness;
use external::process::reaper::Reaper;
use external::system::managed::{Engine, EngineContext, Instance, StartRequest};
use external::system::{Found, System, listens};
use machine::clock::now_ns;
use machine::ports;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::values::PageCache;
use results::{Evidence, Param, Params, Phase};
use workloads::{Answer, Call, Workload};

/// What takes longer hangs. No test is about how long this is: a busy machine needs seconds for
/// what an idle one does at once.
const HANG_NS: u64 = 180_000_000_000;

/// One at a time in a process: containers are named after it.
static ONE: Mutex<()> = Mutex::new(());

/// A system with a folder of its own.
struct Run {
    system: System,
    folder: tempfile::TempDir,
    reaper: Reaper,
    found: Found,
    _one: MutexGuard<'static, ()>,
}

impl Run {
    fn of(name: &str) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        // A test of Docker's may have left the engine dead, and containerd with it.
        docker_engine::start().expect("`./setup docker` installs it");
        let system = System::from_name(name).unwrap();
        let found = system
            .find()
            .unwrap_or_else(|absent| panic!("{name}: {absent}"));
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let reaper = Reaper::start(Path::new(env!("CARGO_BIN_EXE_external"))).unwrap();
        Self {
            system,
            folder,
            reaper,
            found,
            _one: one,
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

fn request(workload: Workload, own_milestones: bool) -> StartRequest {
    StartRequest {
        workload,
        acquire: None,
        variant: Params::from([(Param::Network, "host")]),
        page_cache: PageCache::Evicted,
        own_milestones,
        core: None,
        deadline_ns: now_ns() + HANG_NS,
    }
}

/// What the names of the containers of a process begin with: no earlier one of the same number has
/// the same.
fn names_of(pid: u32) -> String {
    format!("coldphase-{pid}-{}", machine::usage::began(pid).unwrap())
}

/// What is there of the containers of these names: control groups, members of such, mounts.
fn left_of(id: &str) -> Vec<String> {
    let mut left = Vec::new();
    let roots = std::fs::read_dir("/sys/fs/cgroup")
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    for root in roots.chain([PathBuf::from("/sys/fs/cgroup")]) {
        let groups = std::fs::read_dir(root.join("coldphase"))
            .into_iter()
            .flatten()
            .flatten();
        left.extend(
            groups
                .map(|group| group.path().display().to_string())
                .filter(|path| path.contains(id)),
        );
    }
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let groups = std::fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
        let shim = std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        if groups.contains(id) || shim.split('\0').any(|word| word.starts_with(id)) {
            left.push(format!("process {}", process.file_name().display()));
        }
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    left.extend(
        mounts
            .lines()
            .filter(|mount| mount.contains(id))
            .map(str::to_owned),
    );
    left
}

/// The end of a shim is nothing that its daemon waits for, and an order that was broken off is
/// still cleaned up after.
fn nothing_is_left_of(id: &str) {
    wait_for("nothing is left", || {
        let left = left_of(id);
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    });
}

/// Waits for what must come, not for how long it takes; until then there is something to say of it.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let until_ns = now_ns() + HANG_NS;
    loop {
        match look() {
            Ok(found) => return found,
            Err(said) => assert!(now_ns() < until_ns, "not so: {what}; {said}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Follows a service to its first answer, and gives the clock then.
fn answered(
    instance: &mut dyn Instance,
    workload: Workload,
    port: u16,
    deadline_ns: u64,
) -> readiness::FirstAnswer {
    let Call::Http(request) = workload.call() else {
        panic!("{} is no service", workload.name())
    };
    let (target, policy) = (instance.target(port), instance.retry_policy(deadline_ns));
    let first = readiness::first_answer(&target, &request, &policy, &mut || {
        instance.ended().is_some()
    });
    let first = first.unwrap_or_else(|error| panic!("{error}: {}", instance.log_tail()));
    workload.expected(1).check(&first.answer).unwrap();
    first
}

fn is_partitioned(
    instance: &mut dyn Instance,
    first: Option<&readiness::FirstAnswer>,
    end_ns: u64,
    names: &[Phase],
) {
    let phases = instance.phases(first, end_ns).unwrap();
    assert_eq!(
        phases.iter().map(|phase| phase.name).collect::<Vec<_>>(),
        names
    );
    let sum: u64 = phases.iter().map(|phase| phase.ns).sum();
    assert_eq!(sum, end_ns - instance.launched_ns(), "{phases:?}");
}

fn starts_answers_and_goes(name: &str) {
    let run = Run::of(name);
    let mut engine = run.engine();
    let workloads = [
        Workload::HttpHello,
        Workload::HttpEcho,
        Workload::Hello,
        Workload::CpuHash,
    ];
    for (workload, own) in workloads
        .into_iter()
        .flat_map(|workload| [(workload, true), (workload, false)])
    {
        // A command reports no milestones.
        let request = request(workload, own && listens(workload));
        let prepared = engine.prepare(&request).unwrap();
        assert_eq!(
            prepared.attested[Evidence::PagesResident],
            0,
            "it is out of the page cache"
        );
        assert_eq!(prepared.sha256.len(), 64);
        let port = listens(workload).then(|| ports::free_port().unwrap());
        let mut instance = engine
            .start(&request, port)
            .unwrap_or_else(|reason| panic!("{name:?} {workload:?}: {reason}"));
        if let Some(port) = port {
            let first = answered(instance.as_mut(), workload, port, request.deadline_ns);
            instance.verify_port(port).unwrap();
            let usage = instance.usage();
            assert!(
                usage.resources.cpu_ns.is_some_and(|ns| ns > 100_000),
                "{usage:?}"
            );
            assert!(
                usage
                    .resources
                    .pss_bytes
                    .is_some_and(|bytes| bytes > 50_000),
                "{usage:?}"
            );
            assert_eq!(
                usage.parts.contains_key("containerd-shim"),
                name == "containerd"
            );
            if own {
                let names = [
                    Phase::Create,
                    Phase::Start,
                    Phase::Init,
                    Phase::Connect,
                    Phase::Respond,
                ];
                is_partitioned(instance.as_mut(), Some(&first), first.answered_ns, &names);
            }
            assert!(instance.ended().is_none());
        } else {
            let end = instance.wait_end(request.deadline_ns).unwrap();
            workload
                .expected(1)
                .check(&Answer {
                    code: end.code,
                    body: end.printed,
                })
                .unwrap();
            is_partitioned(
                instance.as_mut(),
                None,
                end.seen_ns,
                &[Phase::Create, Phase::Start, Phase::Run],
            );
        }
        assert!(instance.remove().unwrap() > 0);
        drop(instance);
        engine.clean().unwrap();
        nothing_is_left_of(&names_of(std::process::id()));
    }
}

/// Kills the process of a service that has answered, forgets another one, and drops an engine over
/// a third.
fn a_killed_one_is_seen_and_dropping_removes(name: &str) {
    let run = Run::of(name);
    let mut engine = run.engine();
    let request = request(Workload::HttpHello, false);
    engine.prepare(&request).unwrap();
    let port = ports::free_port().unwrap();
    let mut instance = engine.start(&request, Some(port)).unwrap();
    answered(
        instance.as_mut(),
        request.workload,
        port,
        request.deadline_ns,
    );
    let owners = ports::owner_of(port).unwrap();
    kill(
        Pid::from_raw(owners[0].pids[0].cast_signed()),
        Signal::SIGKILL,
    )
    .unwrap();
    let reason = wait_for("its end is seen", || {
        instance.ended().ok_or_else(String::new)
    });
    assert!(reason.starts_with("its process "), "{reason}");
    instance.remove().unwrap();
    drop(instance);
    nothing_is_left_of(&names_of(std::process::id()));

    // The next one is none the worse for it, and goes when it is dropped.
    engine.prepare(&request).unwrap();
    let port = ports::free_port().unwrap();
    let mut instance = engine.start(&request, Some(port)).unwrap();
    answered(
        instance.as_mut(),
        request.workload,
        port,
        request.deadline_ns,
    );
    drop(instance);
    engine.clean().unwrap();
    drop(engine);
    nothing_is_left_of(&names_of(std::process::id()));
}

/// A service whose port is taken ends by itself: the reason is in its log.
fn one_that_cannot_listen_says_so(name: &str) {
    let run = Run::of(name);
    let mut engine = run.engine();
    let request = request(Workload::HttpHello, false);
    engine.prepare(&request).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut instance = engine
        .start(&request, Some(taken.local_addr().unwrap().port()))
        .unwrap();
    let end = instance.wait_end(request.deadline_ns).unwrap();
    assert_eq!(end.code, 1);
    wait_for("its log has the reason", || {
        let tail = instance.log_tail();
        if tail.contains("cannot serve on 127.0.0.1:") {
            Ok(())
        } else {
            Err(tail)
        }
    });
    drop(instance);
    nothing_is_left_of(&names_of(std::process::id()));
}

/// A suite in the middle of its samples; a test that fails must not leave it measuring for hours.
struct Suite(Child);

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn a_killed_suite_leaves_nothing(name: &str) {
    let out = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let only = format!("system={name},workload=http-hello,scenario=warm-disk");
    let mut suite = Command::new(env!("CARGO_BIN_EXE_external"));
    suite.arg("suite").arg("--out").arg(out.path()).args([
        "--profile",
        "standard",
        "--only",
        &only,
        "--samples",
        "20000",
        "--seed",
        "1",
    ]);
    let suite = suite
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut suite = Suite(suite);
    // Killed while a container of it lives.
    let id = names_of(suite.0.id());
    wait_for("it starts a container", || {
        assert!(suite.0.try_wait().unwrap().is_none(), "it has ended");
        if left_of(&id).is_empty() {
            Err(String::new())
        } else {
            Ok(())
        }
    });
    suite.0.kill().unwrap();
    suite.0.wait().unwrap();
    let work = out
        .path()
        .join(&results::run_folder::runs(out.path())[0])
        .join("work");
    wait_for(
        "the private folder is removed, with the runtime's state",
        || {
            if work.exists() {
                Err(String::new())
            } else {
                Ok(())
            }
        },
    );
    nothing_is_left_of(&id);
}

macro_rules! of_each_layer {
    ($($layer:ident: $name:expr),*) => {$(
        mod $layer {
            use super::*;

            #[test]
            fn a_container_starts_answers_and_goes() {
                starts_answers_and_goes($name);
            }

            #[test]
            fn a_killed_one_is_seen_and_dropping_removes() {
                super::a_killed_one_is_seen_and_dropping_removes($name);
            }

            #[test]
            fn one_that_cannot_listen_says_so() {
                super::one_that_cannot_listen_says_so($name);
            }

            #[test]
            fn a_killed_suite_leaves_nothing() {
                super::a_killed_suite_leaves_nothing($name);
            }
        }
    )*};
}

of_each_layer!(runc: "runc", crun: "crun", containerd: "containerd");
