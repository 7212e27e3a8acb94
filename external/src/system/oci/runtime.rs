//! An OCI runtime alone: `create` and `start` of a bundle, which is what containerd's shim has it
//! do.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use machine::page_cache::{self, Residency};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use results::record::Scenario;
use results::{Phase, PhaseTime};
use serde_json::json;
use workloads::Workload;

use super::super::hosted::{
    Account, Ended, Engine, Hosted, Instance, Order, Place, Prepared, Usage, Variant, partition,
};
use super::super::{Acquire, Found, Job, Ready, System, Unavailable, find_program, found, run};
use super::caller::{Caller, hides_unified};
use crate::observe::janitor::Guard;
use crate::observe::ready::FirstAnswer;
use machine::{ports, usage};

/// How long what a container tells of itself may take to be there after its answer.
const TELLING_NS: u64 = 1_000_000_000;

/// Bytes of its log that a failure shows.
const TAIL: usize = 2_000;

/// `runc` or `crun`.
pub(in crate::system) struct Runtime {
    pub(in crate::system) program: &'static str,
}

impl System for Runtime {
    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup docker` installs it";
        let unavailable = |reason: String| Unavailable {
            reason,
            remedy: remedy.to_owned(),
        };
        if !is_root() {
            let reason = format!(
                "`{}` without root makes other containers than with it",
                self.program
            );
            return Err(Unavailable {
                reason,
                remedy: "run it as root".to_owned(),
            });
        }
        let program = find_program(self.program, &[])
            .ok_or_else(|| unavailable(format!("there is no program `{}`", self.program)))?;
        let said = run(&program, &["--version".to_owned()]).map_err(unavailable)?;
        let version = said.split_whitespace().nth(2).unwrap_or(&said).to_owned();
        found(program, version, remedy)
    }

    fn acquires(&self) -> &'static [Acquire] {
        &[]
    }

    fn prepare(&self, _: &Found, _: &Job<'_>) -> Result<Ready, String> {
        Err("a container is created before it is started".to_owned())
    }

    fn hosted(&self) -> Option<&dyn Hosted> {
        Some(self)
    }

    fn tells_milestones(&self) -> bool {
        true
    }
}

impl Hosted for Runtime {
    fn engine(&self, place: Place<'_>) -> Result<Box<dyn Engine>, String> {
        let (work, owner) = place.own(self.program);
        let id = format!("coldphase-{owner}");
        let state = work.join("state");
        std::fs::create_dir_all(&state)
            .map_err(|error| format!("cannot make {}: {error}", state.display()))?;
        let program = place.found.program.clone();
        let words = [
            OsStr::new(self.program),
            program.as_os_str(),
            state.as_os_str(),
            OsStr::new(&id),
        ];
        let guard = super::super::guard(place.janitor, &words)?;
        let caller = Caller {
            program,
            state,
            hides_unified: hides_unified(self.program),
        };
        Ok(Box::new(Bundles {
            caller,
            work,
            id,
            made: BTreeMap::new(),
            _guard: guard,
        }))
    }

    fn programs(&self, found: &Found) -> Vec<PathBuf> {
        vec![found.program.clone()]
    }

    fn variants(&self, _: bool, _: Scenario) -> Vec<Variant> {
        vec![Variant::from([("network".to_owned(), "host".to_owned())])]
    }
}

/// The bundles of a run, each with the program in it, and the one container that there is at a
/// time.
struct Bundles {
    caller: Caller,
    work: PathBuf,
    id: String,
    made: BTreeMap<&'static str, (PathBuf, String)>,
    _guard: Guard,
}

impl Bundles {
    fn bundle(&self, workload: Workload) -> PathBuf {
        self.work.join(workload.name())
    }

    fn account(&self) -> PathBuf {
        self.work.join("account")
    }

    /// `create`, whose standard streams the container inherits, so that they must not be pipes that
    /// this waits on.
    fn create(&self, bundle: &Path) -> Result<(), String> {
        let wrong = |error: &dyn std::fmt::Display| format!("cannot create the container: {error}");
        let (printed, log) = (bundle.join("stdout"), bundle.join("stderr"));
        let output = |file: &Path| File::create(file).map_err(|error| wrong(&error));
        let status = self
            .caller
            .command()
            .args(["create", "--bundle"])
            .arg(bundle)
            .arg("--pid-file")
            .arg(bundle.join("pid"))
            .arg(&self.id)
            .stdout(output(&printed)?)
            .stderr(output(&log)?)
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(wrong(&tail(&log))),
            Err(error) => Err(wrong(&error)),
        }
    }

    fn delete(&self) -> Result<(), String> {
        self.caller.delete(&self.id)
    }
}

impl Engine for Bundles {
    fn prepare(&mut self, order: &Order) -> Result<Prepared, String> {
        let bundle = self.bundle(order.workload);
        let name = order.workload.name();
        if !self.made.contains_key(name) {
            let program = super::lay_out(&bundle.join("rootfs"), order.workload)?;
            let sha256 =
                results::digest::sha256_file(&program).map_err(|error| error.to_string())?;
            self.made.insert(name, (program, sha256));
        }
        let (program, sha256) = self
            .made
            .get(name)
            .cloned()
            .ok_or("the bundle was not made")?;
        let _ = std::fs::remove_dir_all(self.account());
        std::fs::create_dir_all(self.account())
            .map_err(|error| format!("cannot make a folder: {error}"))?;
        let wanted = if order.evicted {
            Residency::Evicted
        } else {
            Residency::Hot
        };
        let resident = pages::put(&program, wanted)?.resident;
        let attested = BTreeMap::from([
            ("pages_resident".to_owned(), json!(resident)),
            (
                "cgroup_v2_hidden".to_owned(),
                json!(self.caller.hides_unified),
            ),
        ]);
        Ok(Prepared { sha256, attested })
    }

    fn start(
        &mut self,
        order: &Order,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let bundle = self.bundle(order.workload);
        let configuration = super::configuration(order, &self.id, "rootfs", &self.account(), port);
        let file = bundle.join("config.json");
        std::fs::write(&file, configuration.to_string())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        // Its first process is a grandchild of ours, whose end only its parent is told: that is to
        // be us.
        let adopting = Adopting::begin()?;
        let launched_ns = now_ns();
        self.create(&bundle)?;
        let created_ns = now_ns();
        let account = order.told.then(|| self.account().join(super::MILESTONES));
        let pid = std::fs::read_to_string(bundle.join("pid"))
            .ok()
            .and_then(|pid| pid.trim().parse().ok());
        let mut container = Container {
            bundles: self,
            bundle,
            account,
            pid: pid.unwrap_or(0),
            launched_ns,
            created_ns,
            started_ns: created_ns,
            ended: None,
            removed: false,
            _adopting: adopting,
        };
        let started = container
            .bundles
            .caller
            .order(&["start", &container.bundles.id]);
        container.started_ns = now_ns();
        match started {
            Ok(()) if container.pid > 0 => Ok(Box::new(container)),
            Ok(()) => {
                Err("the runtime did not tell the number of the container's process".to_owned())
            }
            Err(reason) => Err(format!("cannot start the container: {reason}")),
        }
    }

    fn clean(&mut self) -> Result<(), String> {
        let left =
            std::fs::read_dir(&self.caller.state).map_or(0, |entries| entries.flatten().count());
        if left == 0 {
            Ok(())
        } else {
            Err(format!(
                "the runtime still has state in {}",
                self.caller.state.display()
            ))
        }
    }
}

impl Drop for Bundles {
    fn drop(&mut self) {
        let _ = self.delete();
        super::remove_groups();
    }
}

/// While it lives, orphans of this process's children become its children.
struct Adopting;

impl Adopting {
    fn begin() -> Result<Self, String> {
        nix::sys::prctl::set_child_subreaper(true).map_err(|error| {
            format!("cannot become the parent of a container's process: {error}")
        })?;
        Ok(Self)
    }
}

impl Drop for Adopting {
    fn drop(&mut self) {
        let _ = nix::sys::prctl::set_child_subreaper(false);
    }
}

/// The container. Dropping it deletes it.
struct Container<'a> {
    bundles: &'a Bundles,
    bundle: PathBuf,
    account: Option<PathBuf>,
    pid: u32,
    launched_ns: u64,
    created_ns: u64,
    started_ns: u64,
    ended: Option<WaitStatus>,
    removed: bool,
    _adopting: Adopting,
}

impl Container<'_> {
    /// How its first process ended, if it has.
    fn look(&mut self) -> Option<WaitStatus> {
        if self.ended.is_none() && self.pid > 0 {
            let status = waitpid(
                Pid::from_raw(self.pid.cast_signed()),
                Some(WaitPidFlag::WNOHANG),
            );
            self.ended = match status {
                Ok(WaitStatus::StillAlive) | Err(_) => None,
                Ok(status) => Some(status),
            };
        }
        self.ended
    }
}

impl Instance for Container<'_> {
    fn launched_ns(&self) -> u64 {
        self.launched_ns
    }

    fn processes(&mut self) -> Vec<u32> {
        usage::members(self.pid)
    }

    fn ended(&mut self) -> Option<String> {
        self.look().map(|status| match status {
            WaitStatus::Exited(_, code) => format!("its process exited with code {code}"),
            WaitStatus::Signaled(_, signal, _) => format!("its process died of {signal}"),
            other => format!("its process ended: {other:?}"),
        })
    }

    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, String> {
        loop {
            // A descriptor of the process tells its end at once; looking each 50 µs would take a
            // third of a core.
            let ended = self.look();
            let seen_ns = now_ns();
            match ended {
                Some(WaitStatus::Exited(_, code)) => {
                    let printed = std::fs::read(self.bundle.join("stdout"));
                    let printed = printed
                        .map_err(|error| format!("what it printed cannot be read: {error}"))?;
                    return Ok(Ended {
                        code: code.into(),
                        printed,
                        seen_ns,
                    });
                }
                Some(other) => return Err(format!("its process ended: {other:?}")),
                None if seen_ns >= deadline_ns => {
                    return Err("it did not end within its time limit".to_owned());
                }
                None => {
                    crate::observe::wait_for_end(self.pid, deadline_ns.min(seen_ns + 50_000_000));
                }
            }
        }
    }

    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        if let Some(file) = &self.account {
            let account = Account::read(file, now_ns() + TELLING_NS)?;
            return account.phases(self.launched_ns, self.created_ns, answered_ns);
        }
        let mut ends = vec![
            (Phase::Create, self.created_ns),
            (Phase::Start, self.started_ns),
        ];
        ends.extend(match first {
            Some(first) => vec![
                (Phase::Connect, first.connected_ns),
                (Phase::Respond, answered_ns),
            ],
            None => vec![(Phase::Run, answered_ns)],
        });
        partition(self.launched_ns, &ends)
    }

    fn usage(&mut self) -> Usage {
        Usage {
            resources: usage::of_group(self.pid),
            parts: BTreeMap::new(),
        }
    }

    fn answers_on(&mut self, port: u16) -> Result<(), String> {
        ports::held_by(port, self.pid)
    }

    fn attested(&mut self) -> BTreeMap<String, serde_json::Value> {
        BTreeMap::from([(
            "start_answered_ns".to_owned(),
            json!(self.started_ns - self.created_ns),
        )])
    }

    fn log_tail(&mut self) -> String {
        tail(&self.bundle.join("stderr"))
    }

    fn remove(&mut self) -> Result<u64, String> {
        let before_ns = now_ns();
        let deleted = self.bundles.delete();
        let took_ns = now_ns() - before_ns;
        // Reaped, so that no zombie of it is left.
        let until_ns = now_ns() + 1_000_000_000;
        while self.look().is_none() && self.pid > 0 && now_ns() < until_ns {
            std::thread::sleep(Duration::from_micros(200));
        }
        self.removed = deleted.is_ok();
        deleted
            .map(|()| took_ns)
            .map_err(|reason| format!("the runtime cannot delete its container: {reason}"))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.remove();
        }
    }
}

/// Whether this process has the rights of root, as the kernel shows it to others.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|this| this.uid() == 0)
}

/// The end of a file that something wrote its complaints to.
fn tail(file: &Path) -> String {
    let said = std::fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&said[said.len().saturating_sub(TAIL)..])
        .trim()
        .to_owned()
}
