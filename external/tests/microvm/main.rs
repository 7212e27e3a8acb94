//! Virtual machines, for real: each monitor that is here boots the image, which answers, is taken apart into
//! phases, and leaves nothing, however it ends.
//!
//! A machine without KVM or without a monitor tests less, and says so: `./setup microvm` installs QEMU and unpacks
//! the kernel of Linux guests.

#[path = "../support/ground.rs"]
mod ground;
mod left;
mod second_way;

use std::io::Write as _;
use std::process::{Command, Stdio};

use external::client::readiness::first_answer;
use external::system::managed::{Engine, StartRequest};
use external::system::microvm::kvm;
use external::system::{System, listens};
use machine::ports;
use results::values::{Named as _, Virtualisation};
use results::{Evidence, Param, Phase};
use workloads::{Answer, Call, Workload};

use ground::Ground;

fn not_tested(why: &str) {
    let message = format!("not tested here: {why}\n");
    let _ = std::io::stderr().write_all(message.as_bytes());
}

/// The systems that can be measured here.
fn systems() -> Vec<&'static str> {
    let mut here = Vec::new();
    for name in ["bare-vm", "qemu-vm", "qemu-linux"] {
        match System::from_name(name).unwrap().find() {
            Ok(_) => here.push(name),
            Err(missing) => not_tested(&missing.to_string()),
        }
    }
    here
}

/// Every machine that a system has here for a workload.
fn requests(name: &str, workload: Workload) -> Vec<StartRequest> {
    let system = System::from_name(name).unwrap();
    let scenario = results::record::Scenario::WarmDisk;
    let variants = system
        .managed()
        .unwrap()
        .variants(listens(workload), scenario);
    variants
        .into_iter()
        .filter(|variant| !is_skipped(name, variant))
        .map(|variant| ground::request(workload, variant))
        .collect()
}

/// Whether a machine is one that nobody waits for: a Linux kernel that KVM interprets.
fn is_skipped(name: &str, variant: &results::Params) -> bool {
    name == "qemu-linux" && variant.is(Param::Virtualisation, "interpreted-ring0")
}

/// The workloads that a system's machines are started with: a boot of Linux takes seconds where it is emulated.
fn services(name: &str) -> &'static [Workload] {
    match name {
        "qemu-linux" => &[Workload::HttpHello],
        _ => &[Workload::HttpHello, Workload::HttpEcho, Workload::HttpState],
    }
}

/// Network devices of ours.
fn devices() -> Vec<String> {
    let all = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut ours: Vec<_> = names
        .filter(|name| name.starts_with("coldphase-t"))
        .collect();
    ours.sort();
    ours
}

/// One whole start; the phases that it was divided into.
fn sample(engine: &mut dyn Engine, request: &StartRequest) -> Vec<Phase> {
    let prepared = engine.prepare(request).unwrap();
    assert_eq!(prepared.sha256.len(), 64);
    let port = listens(request.workload).then(|| ports::free_port().unwrap());
    let mut machine = engine
        .start(request, port)
        .unwrap_or_else(|reason| panic!("{:?}: {reason}", request.variant));
    let (first, over_ns) = if let (Call::Http(http), Some(port)) = (request.workload.call(), port) {
        let (target, policy) = (
            machine.target(port),
            machine.retry_policy(request.deadline_ns),
        );
        let first = first_answer(&target, &http, &policy, &mut || machine.ended().is_some());
        let first = first.unwrap_or_else(|error| panic!("{error}; {}", machine.log_tail()));
        request.workload.expected(1).check(&first.answer).unwrap();
        assert_eq!(
            first.attempts, 1,
            "it is asked when it listens, and not before"
        );
        machine.verify_port(port).unwrap();
        let answered_ns = first.answered_ns;
        (Some(first), answered_ns)
    } else {
        let end = machine.wait_end(request.deadline_ns).unwrap();
        let answer = Answer::new(end.code, end.printed);
        request.workload.expected(1).check(&answer).unwrap();
        (None, end.seen_ns)
    };
    let phases = machine.phases(first.as_ref(), over_ns).unwrap();
    let sum: u64 = phases.iter().map(|phase| phase.ns).sum();
    assert_eq!(sum, over_ns - machine.launched_ns(), "{phases:?}");
    let attested = machine.attested();
    assert!(attested[Evidence::GuestMilestonesNs]["entered"].is_u64());
    let processes = machine.processes();
    machine.remove().unwrap();
    drop(machine);
    engine.clean().unwrap();
    for pid in processes {
        assert!(
            machine::usage::began(pid).is_none(),
            "process {pid} is left"
        );
    }
    phases.into_iter().map(|phase| phase.name).collect()
}

#[test]
fn each_monitor_here_boots_its_guest_which_answers_and_goes() {
    let before = devices();
    for name in systems() {
        let ground = Ground::of(name);
        let mut engine = ground.engine();
        let linux = name == "qemu-linux";
        let own = if linux {
            &[Phase::Boot, Phase::Init, Phase::Load][..]
        } else {
            &[Phase::Boot, Phase::Init]
        };
        let expected = [
            &[Phase::Spawn, Phase::Vmm],
            own,
            &[Phase::Connect, Phase::Respond],
        ]
        .concat();
        for workload in services(name) {
            for request in requests(name, *workload) {
                let phases = sample(engine.as_mut(), &request);
                assert_eq!(phases, expected, "{name} {workload:?}");
            }
        }
        let own = if linux {
            &[Phase::Boot, Phase::Init][..]
        } else {
            &[Phase::Boot]
        };
        let expected = [&[Phase::Spawn, Phase::Vmm], own, &[Phase::Run]].concat();
        for request in requests(name, Workload::Hello) {
            let phases = sample(engine.as_mut(), &request);
            assert_eq!(phases, expected, "{name}");
        }
        drop(engine);
        assert_eq!(devices(), before, "{name} leaves a network device");
    }
}

#[test]
fn a_linux_kernel_that_kvm_interprets_is_skipped_with_the_reason() {
    if !systems().contains(&"qemu-linux") {
        return;
    }
    let scenario = results::record::Scenario::WarmDisk;
    let system = System::from_name("qemu-linux").unwrap();
    let variants = system.managed().unwrap().variants(true, scenario);
    assert!(
        !is_skipped("qemu-linux", &variants[0]),
        "the usual one can be measured"
    );
    let Some(skipped) = variants.into_iter().find(|it| is_skipped("qemu-linux", it)) else {
        return not_tested("no kernel is interpreted here");
    };
    let ground = Ground::of("qemu-linux");
    let request = ground::request(Workload::HttpHello, skipped);
    let skip = ground.engine().prepare(&request).unwrap_err();
    assert!(
        skip.to_string().contains("does not come through its boot"),
        "{skip}"
    );
}

#[test]
fn what_a_guest_without_hardware_cannot_compute_is_skipped_with_the_reason() {
    for name in systems() {
        let ground = Ground::of(name);
        let mut engine = ground.engine();
        for request in requests(name, Workload::CpuHash) {
            if request.variant.is(Param::Virtualisation, "hardware") {
                sample(engine.as_mut(), &request);
                continue;
            }
            let skip = engine.prepare(&request).unwrap_err();
            assert!(
                skip.to_string().contains("longer than a sample may take"),
                "{skip}"
            );
        }
    }
}

#[test]
fn the_kind_of_virtualisation_is_that_of_the_program_of_its_own() {
    let found = match kvm() {
        Ok(found) => found,
        Err(reason) => return not_tested(reason),
    };
    let Ok(bare) = System::from_name("bare-vm").unwrap().find() else {
        return not_tested("there is no bare monitor");
    };
    let output = Command::new(bare.program)
        .arg("kind")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["kind"], found.kind().name());
    // The second way: where there is hardware, the processor says so, and a guest's kernel is not slower
    // than its programs.
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    if found.kind() == Virtualisation::Hardware {
        assert!(has("vmx") || has("svm"), "hardware without its flag");
    }
}
