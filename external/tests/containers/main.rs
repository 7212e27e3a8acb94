//! The layers below Docker, against the real things: a container is started, answers, is taken
//! apart into phases, and nothing is left of it, however it ends.
//!
//! A machine without `runc`, `crun` or containerd fails here: `./setup docker` installs and starts
//! them. Tests of gVisor, youki and Podman, which are installed only where they are named, say that
//! they did not run.

#[path = "../support/ground.rs"]
mod ground;
mod own_image;
mod same;
mod sandbox;
mod support;
#[path = "../support/turns.rs"]
mod turns;

use std::process::{Child, Command, Stdio};

use external::system::listens;
use machine::ports;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::{Evidence, Phase};
use workloads::{Answer, Workload};

use support::{
    Run, answered, is_partitioned, is_there, left_of, names_of, nothing_is_left_of, request,
    wait_for,
};

fn starts_answers_and_goes(name: &str) {
    let run = Run::of(name);
    let mut engine = run.engine();
    let workloads = [
        Workload::HttpHello,
        Workload::HttpEcho,
        Workload::Hello,
        Workload::CpuHash,
    ];
    let reports = run.ground.system.reports_milestones();
    for (workload, own) in workloads
        .into_iter()
        .flat_map(|workload| [(workload, true), (workload, false)])
        .filter(|(_, own)| reports || !own)
    {
        // A command reports no milestones.
        let network = if !own && !listens(workload) {
            "none"
        } else {
            "host"
        };
        let request = request(workload, network, own && listens(workload));
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
            let verified = instance.verify().unwrap();
            assert_eq!(
                verified[Evidence::Seccomp],
                2,
                "the engine's filter of system calls"
            );
            assert_eq!(
                verified[Evidence::NoNewPrivileges],
                name == "gvisor",
                "as the engine has it"
            );
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
            assert_eq!(usage.parts.contains_key("conmon"), name == "podman");
            if own {
                let names = [
                    Phase::Create,
                    Phase::Start,
                    Phase::Init,
                    Phase::Connect,
                    Phase::Respond,
                ];
                // One order of Podman's does the first two.
                let names = &names[usize::from(name == "podman")..];
                is_partitioned(instance.as_mut(), Some(&first), first.answered_ns, names);
            }
            assert!(instance.ended().is_none());
        } else {
            let end = instance.wait_end(request.deadline_ns).unwrap();
            workload
                .expected(1)
                .check(&Answer::new(end.code, end.printed))
                .unwrap();
            let names = [Phase::Create, Phase::Start, Phase::Run];
            // That of Podman's ends with the command.
            let names = &names[if name == "podman" { 2 } else { 0 }..];
            is_partitioned(instance.as_mut(), None, end.seen_ns, names);
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
    let request = request(Workload::HttpHello, "host", false);
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
    // Of a sandbox several hold it.
    for pid in &owners[0].pids {
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    }
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
    let request = request(Workload::HttpHello, "host", false);
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
    let folders = std::fs::read_dir("/run").unwrap().flatten();
    let owner = id.trim_start_matches("coldphase-");
    let left = folders.filter(|it| it.file_name().to_string_lossy().contains(owner));
    assert_eq!(left.count(), 0, "the state in memory");
}

macro_rules! of_each_layer {
    ($($layer:ident: $name:expr),*) => {$(
        mod $layer {
            use super::*;

            #[test]
            fn a_container_starts_answers_and_goes() {
                of($name, starts_answers_and_goes);
            }

            #[test]
            fn a_killed_one_is_seen_and_dropping_removes() {
                of($name, super::a_killed_one_is_seen_and_dropping_removes);
            }

            #[test]
            fn one_that_cannot_listen_says_so() {
                of($name, super::one_that_cannot_listen_says_so);
            }

            #[test]
            fn a_killed_suite_leaves_nothing() {
                of($name, super::a_killed_suite_leaves_nothing);
            }
        }
    )*};
}

of_each_layer!(
    runc: "runc", crun: "crun", containerd: "containerd", youki: "youki", gvisor: "gvisor",
    podman: "podman"
);

/// Tests a system, if it is one that must be there or is.
fn of(name: &str, test: fn(&str)) {
    if is_there(name) {
        test(name);
    }
}
