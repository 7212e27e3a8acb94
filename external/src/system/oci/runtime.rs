//! An OCI runtime alone: `create` and `start` of a bundle, which is what containerd's shim has it
//! do.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::PathBuf;

use machine::cores::Kept;
use results::record::Scenario;
use results::{Evidence, Param, Params, Skip};
use serde_json::json;
use workloads::{Target, Workload};

use super::super::container::{HOST_NETWORK, MILESTONES_FILE, empty_milestones, without_a_bridge};
use super::super::managed::{
    Engine, EngineContext, Instance, ManagedSystem, Preparation, Programs, StartRequest,
};
use super::super::programs::unavailable;
use super::super::{
    Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, Unavailable, docker, find_program,
    found, is_root, run,
};
use super::Root;
use super::bundle::{CONFIGURATION, NETWORKS, Place, Templates};
use super::caller::{Caller, hides_unified};
use super::container::{Adopting, Container};
use super::layer::Layer;
use crate::process::cleanup;
use crate::process::reaper::Guard;

/// The programs that are such runtimes.
pub(in crate::system) const PROGRAMS: [&str; 2] = ["runc", "crun"];

/// The root file system in a bundle.
pub(super) const ROOT: &str = "rootfs";

/// The folder of the files that are mounted into containers, in that of the runtime's.
const FILES: &str = "files";

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
        // What it starts is what an engine would have it start.
        docker::find()?;
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

    fn check_own(&self, target: &Target) -> Result<(), Skip> {
        super::check_own(target)
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
            hides_unified: hides_unified(),
        };
        let templates = Templates::new(&work.join(FILES), |network| {
            docker::template(context.reaper, network)
        })?;
        Ok(Box::new(Bundles {
            caller,
            version: context.found.version.clone(),
            templates,
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

    fn variants(&self, service: bool, scenario: Scenario) -> Vec<Params> {
        match scenario {
            Scenario::ImageCold => Vec::new(),
            _ => without_a_bridge(service),
        }
    }

    fn usual_variants(&self, _: bool, scenario: Scenario) -> usize {
        if scenario.multiplies() {
            1
        } else {
            NETWORKS.len()
        }
    }

    fn reaches_any_address(&self) -> bool {
        true
    }
}

/// The bundles of a run, each with the program in it, and the one container that there is at a
/// time.
pub(super) struct Bundles {
    pub(super) caller: Caller,
    version: String,
    templates: Templates,
    work: PathBuf,
    pub(super) id: String,
    made: BTreeMap<&'static str, Root>,
    _guard: Guard,
}

impl Bundles {
    fn bundle(&self, workload: Workload) -> PathBuf {
        self.work.join(workload.name())
    }

    fn made(&self, workload: Workload) -> Result<&Root, String> {
        let made = self.made.get(workload.name());
        made.ok_or_else(|| "the bundle was not made".to_owned())
    }

    fn milestones_folder(&self) -> PathBuf {
        self.work.join("milestones")
    }

    pub(super) fn delete(&self) -> Result<(), String> {
        self.caller.within(None, |caller| caller.delete(&self.id))
    }
}

impl Engine for Bundles {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let bundle = self.bundle(request.workload);
        let name = request.workload.name();
        if !self.made.contains_key(name) {
            let made = Root::lay_out(&bundle.join(ROOT), request.workload, &self.work)?;
            self.made.insert(name, made);
        }
        let made = self.made(request.workload)?;
        if made.own.is_some() {
            Layer::new(&bundle).empty()?;
        }
        empty_milestones(self.milestones_folder())?;
        let mut attested = self.templates.attested(request)?;
        attested.extend(made.prepare(request)?);
        attested.extend([
            (Evidence::CgroupV2Hidden, json!(self.caller.hides_unified)),
            (Evidence::EngineVersion, json!(self.version)),
        ]);
        Ok(Preparation {
            sha256: made.sha256.clone(),
            attested,
            fixed_port: made.fixed_port(),
        })
    }

    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let bundle = self.bundle(request.workload);
        let made = self.made(request.workload)?;
        // What a container writes goes into a layer of its own, as an engine has it: an image's
        // service may leave something that the next one finds.
        let layer = made.own.as_ref().map(|_| Layer::new(&bundle));
        let fixed = made.fixed_port();
        let process = made.process(request, port);
        let place = Place {
            id: &self.id,
            root: layer.as_ref().map_or(ROOT, |_| Layer::MERGED),
            files: &self.work.join(FILES),
            milestones: &self.milestones_folder(),
            process: process.as_ref(),
        };
        let configuration = self.templates.configuration(request, place, port)?;
        let file = bundle.join(CONFIGURATION);
        std::fs::write(&file, configuration.to_string())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        // Its first process is a grandchild of ours, whose end only its parent is notified of: that
        // is to be us.
        let adopting = Adopting::begin()?;
        let launched = self.caller.within(layer.as_ref(), |caller| {
            // The runtime is launched by this thread, and runs where it does.
            let kept = request.core.map(Kept::on).transpose();
            let _kept = kept.map_err(|error| format!("cannot be kept on its core: {error}"))?;
            caller.create_and_start(&bundle, &self.id)
        })?;
        let milestones = request
            .own_milestones
            .then(|| self.milestones_folder().join(MILESTONES_FILE));
        let network = request.variant.get(Param::Network).unwrap_or(HOST_NETWORK);
        let container = Container {
            network: network.to_owned(),
            address: request.address,
            fixed,
            configuration,
            bundles: self,
            bundle,
            milestones,
            pid: launched.pid.unwrap_or(0),
            instants: launched.instants,
            ended: None,
            removed: false,
            _adopting: adopting,
        };
        match launched.started {
            Ok(()) if container.pid > 0 => Ok(Box::new(container)),
            Ok(()) => Err("the runtime did not say which process the container has".to_owned()),
            Err(reason) => Err(format!("cannot start the container: {reason}")),
        }
    }

    fn clean(&mut self) -> Result<(), String> {
        // Containers are named after us; what `crun` keeps between them begins with a dot.
        let is_kept = |entry: &DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
        let left = std::fs::read_dir(&self.caller.state).map_or(0, |entries| {
            entries.flatten().filter(|it| !is_kept(it)).count()
        });
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
