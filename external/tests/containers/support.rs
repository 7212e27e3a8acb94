//! What tests of the layers below Docker have in common.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use external::client::readiness;
use external::system::System;
use external::system::managed::{Engine, Instance, StartRequest};
use machine::clock::now_ns;
use results::values::PageCache;
use results::{Param, Params, Phase};
use workloads::{Call, Workload};

use crate::ground::{self, Ground, HANG_NS};
use crate::turns;

/// One at a time in a process: containers are named after it.
static ONE: Mutex<()> = Mutex::new(());

/// Whether a system is on this machine, of those that `./setup` installs only where they are named.
pub(crate) fn is_there(name: &str) -> bool {
    // It is given what an engine gives its runtime.
    turns::engine();
    let named = ["youki", "gvisor", "podman"];
    let found = System::from_name(name).unwrap().find();
    match found {
        Err(absent) if named.contains(&name) => {
            let _ = writeln!(std::io::stdout(), "not run: {absent}");
            false
        }
        _ => true,
    }
}

/// A system with a folder of its own.
pub(crate) struct Run {
    pub(crate) ground: Ground,
    _one: MutexGuard<'static, ()>,
}

impl Run {
    pub(crate) fn of(name: &str) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        // Its containerd, and what an engine says of a container.
        turns::engine();
        Self {
            ground: Ground::of(name),
            _one: one,
        }
    }

    pub(crate) fn engine(&self) -> Box<dyn Engine> {
        self.ground.engine()
    }
}

pub(crate) fn request(workload: Workload, network: &str, own_milestones: bool) -> StartRequest {
    StartRequest {
        page_cache: PageCache::Evicted,
        own_milestones,
        ..ground::request(workload, Params::from([(Param::Network, network)]))
    }
}

/// What the names of the containers of a process begin with: no earlier one of the same number has
/// the same.
pub(crate) fn names_of(pid: u32) -> String {
    format!("coldphase-{pid}-{}", machine::usage::began(pid).unwrap())
}

/// What is there of the containers of these names: control groups, members of such, mounts.
pub(crate) fn left_of(id: &str) -> Vec<String> {
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
pub(crate) fn nothing_is_left_of(id: &str) {
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
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
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
pub(crate) fn answered(
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

pub(crate) fn is_partitioned(
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
