//! An OCI runtime alone: `create` and `start` of a bundle, which is what containerd's shim has it
//! do.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use machine::clock::now_ns;
use machine::cores::Kept;
use results::record::Scenario;
use results::{Attested, Evidence, Params, Skip};
use serde_json::json;
use workloads::Workload;

use super::super::container::{Instants, MILESTONES_FILE, empty_milestones, host_network, tail};
use super::super::managed::{
    Engine, EngineContext, Instance, ManagedSystem, Preparation, Programs, StartRequest,
};
use super::super::programs::unavailable;
use super::super::{
    Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, Unavailable, find_program, found,
    is_root, run,
};
use super::caller::{Caller, hides_unified};
use super::container::{Adopting, Container};
use crate::process::cleanup;
use crate::process::reaper::Guard;

/// The programs that are such runtimes.
pub(in crate::system) const PROGRAMS: [&str; 2] = ["runc", "crun"];

/// `runc` or `crun`.
pub(in crate::system) struct Runtime {
    pub(in crate::system) program: &'static str,
}

impl Adapter for Runtime {
    fn name(&self) -> &'static str {
        self.program
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup docker` installs it";
        let unavailable = unavailable(remedy);
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
        let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
        let version = printed
            .split_whitespace()
            .nth(2)
            .unwrap_or(&printed)
            .to_owned();
        found(program, version, remedy)
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &[]
    }

    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate::start(100.0)
    }

    fn prepare(&self, _: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Err("a container is created before it is started".to_owned())
    }

    fn managed(&self) -> Option<&dyn ManagedSystem> {
        Some(self)
    }

    fn reports_milestones(&self) -> bool {
        true
    }
}

impl ManagedSystem for Runtime {
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String> {
        let (work, owner) = context.own(self.program);
        let id = format!("coldphase-{owner}");
        let state = work.join("state");
        std::fs::create_dir_all(&state)
            .map_err(|error| format!("cannot make {}: {error}", state.display()))?;
        let program = context.found.program.clone();
        let words = [
            OsStr::new(self.program),
            program.as_os_str(),
            state.as_os_str(),
            OsStr::new(&id),
        ];
        let guard = cleanup::guard(context.reaper, &words)?;
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

    fn programs(&self, found: &Found) -> Programs {
        Programs {
            started: vec![found.program.clone()],
            live_on: Vec::new(),
        }
    }

    fn variants(&self, _: bool, scenario: Scenario) -> Vec<Params> {
        match scenario {
            Scenario::ImageCold => Vec::new(),
            _ => host_network(),
        }
    }
}

/// The bundles of a run, each with the program in it, and the one container that there is at a
/// time.
pub(super) struct Bundles {
    pub(super) caller: Caller,
    work: PathBuf,
    pub(super) id: String,
    made: BTreeMap<&'static str, (PathBuf, String)>,
    _guard: Guard,
}

impl Bundles {
    fn bundle(&self, workload: Workload) -> PathBuf {
        self.work.join(workload.name())
    }

    fn milestones_folder(&self) -> PathBuf {
        self.work.join("milestones")
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

    pub(super) fn delete(&self) -> Result<(), String> {
        self.caller.delete(&self.id)
    }
}

impl Engine for Bundles {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let bundle = self.bundle(request.workload);
        let name = request.workload.name();
        if !self.made.contains_key(name) {
            let program = super::lay_out(&bundle.join("rootfs"), request.workload)?;
            let sha256 =
                results::digest::sha256_file(&program).map_err(|error| error.to_string())?;
            self.made.insert(name, (program, sha256));
        }
        let (program, sha256) = self
            .made
            .get(name)
            .cloned()
            .ok_or_else(|| "the bundle was not made".to_owned())?;
        empty_milestones(self.milestones_folder())?;
        let attested = Attested::from([
            (
                Evidence::PagesResident,
                json!(request.place_pages(&program)?),
            ),
            (Evidence::CgroupV2Hidden, json!(self.caller.hides_unified)),
        ]);
        Ok(Preparation { sha256, attested })
    }

    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let bundle = self.bundle(request.workload);
        let configuration =
            super::configuration(request, &self.id, "rootfs", &self.milestones_folder(), port);
        let file = bundle.join("config.json");
        std::fs::write(&file, configuration.to_string())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        // Its first process is a grandchild of ours, whose end only its parent is notified of: that
        // is to be us.
        let adopting = Adopting::begin()?;
        // The runtime is launched by this thread, and runs where it does.
        let kept = request.core.map(Kept::on).transpose();
        let _kept = kept.map_err(|error| format!("cannot be kept on its core: {error}"))?;
        let launched_ns = now_ns();
        self.create(&bundle)?;
        let created_ns = now_ns();
        let milestones = request
            .own_milestones
            .then(|| self.milestones_folder().join(MILESTONES_FILE));
        let pid = std::fs::read_to_string(bundle.join("pid"))
            .ok()
            .and_then(|pid| pid.trim().parse().ok());
        let mut container = Container {
            bundles: self,
            bundle,
            milestones,
            pid: pid.unwrap_or(0),
            instants: Instants {
                launched_ns,
                created_ns,
                started_ns: created_ns,
            },
            ended: None,
            removed: false,
            _adopting: adopting,
        };
        let started = container
            .bundles
            .caller
            .run(&["start", &container.bundles.id]);
        container.instants.started_ns = now_ns();
        match started {
            Ok(()) if container.pid > 0 => Ok(Box::new(container)),
            Ok(()) => Err("the runtime did not say which process the container has".to_owned()),
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
