//! An OCI runtime alone: `create` and `start` of a bundle, which is what containerd's shim has it
//! do. A sandbox is one too: it takes the same two calls, and is a kernel of its own behind them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::PathBuf;

use machine::clock::now_ns;
use machine::cores::Kept;
use results::record::Scenario;
use results::values::{Parameter as _, Platform};
use results::{Evidence, Param, Params, Skip, SkipKind};
use serde_json::json;
use workloads::{Answer, Target, Workload};

use super::super::container::{HOST_NETWORK, MILESTONES_FILE, empty_milestones};
use super::super::managed::{
    Engine, EngineContext, Instance, ManagedSystem, Preparation, Programs, StartRequest,
};
use super::super::programs::unavailable;
use super::super::{
    Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, Unavailable, docker, found,
    is_root, run,
};
use super::Root;
use super::bundle::{CONFIGURATION, Place, Templates};
use super::caller::{Caller, hides_unified};
use super::container::Container;
use super::layer::Layer;
use super::orphans::Awaited;
use super::product::Product;
use crate::process::reaper::Guard;
use crate::process::{Adopting, cleanup};

/// The root file system in a bundle.
pub(super) const ROOT: &str = "rootfs";

/// The folder of the files that are mounted into containers, in that of the runtime's.
const FILES: &str = "files";

/// An OCI runtime as a system.
pub(in crate::system) struct Runtime(pub(in crate::system) Product);

impl Adapter for Runtime {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = self.0.remedy;
        let unavailable = unavailable(remedy);
        if !is_root() {
            let reason = format!(
                "`{}` without root makes other containers than with it",
                self.0.name
            );
            return Err(Unavailable {
                reason,
                remedy: "run it as root".to_owned(),
            });
        }
        // What it starts is what an engine would have it start.
        docker::find()?;
        let program = self.0.find().map_err(&unavailable)?;
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
        Estimate::start(self.0.start_ms)
    }

    fn prepare(&self, _: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Err("a container is created before it is started".to_owned())
    }

    fn managed(&self) -> Option<&dyn ManagedSystem> {
        Some(self)
    }

    /// In a sandbox the clock is its kernel's, and begins with it.
    fn reports_milestones(&self) -> bool {
        !self.0.is_sandbox()
    }

    fn check_own(&self, target: &Target) -> Result<(), Skip> {
        super::check_own(target)
    }
}

impl ManagedSystem for Runtime {
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String> {
        let (work, owner) = context.own(self.0.name);
        let id = format!("coldphase-{owner}");
        let state = work.join("state");
        std::fs::create_dir_all(&state)
            .map_err(|error| format!("cannot make {}: {error}", state.display()))?;
        let program = context.found.program.clone();
        let words = [
            OsStr::new(super::CLEANUP),
            program.as_os_str(),
            state.as_os_str(),
            OsStr::new(&id),
        ];
        let guard = cleanup::guard(context.reaper, &words)?;
        let caller = Caller {
            program,
            state,
            flags: Vec::new(),
            hides_unified: hides_unified(),
        };
        let templates = Templates::new(&work.join(FILES), |network| {
            docker::template(context.reaper, network)
        })?;
        Ok(Box::new(Bundles {
            product: self.0,
            caller,
            version: context.found.version.clone(),
            templates,
            work,
            id,
            made: BTreeMap::new(),
            tried: BTreeMap::new(),
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
            _ => self.0.variants(service),
        }
    }

    fn usual_variants(&self, service: bool, scenario: Scenario) -> usize {
        if scenario.multiplies() {
            1
        } else {
            let variants = self.0.variants(service);
            variants.iter().filter(|it| self.0.is_usual(it)).count()
        }
    }

    fn reaches_any_address(&self) -> bool {
        true
    }
}

/// The bundles of a run, each with the program in it, and the one container that there is at a
/// time.
pub(super) struct Bundles {
    pub(super) product: Product,
    pub(super) caller: Caller,
    version: String,
    templates: Templates,
    work: PathBuf,
    pub(super) id: String,
    made: BTreeMap<&'static str, Root>,
    /// Whether platforms answer here, each tried once.
    tried: BTreeMap<String, Result<(), Skip>>,
    _guard: Guard,
}

/// What the kernel of a sandbox says at its end, if that is a fault of its own: a file in the bundle.
pub(super) const PANIC: &str = "panic";

/// How long a trial of a platform may take: one that does not answer may wait for ever.
const TRIAL_NS: u64 = 20_000_000_000;

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

    /// Lays out a workload's bundle, once.
    fn lay_out(&mut self, workload: Workload) -> Result<(), String> {
        let name = workload.name();
        if !self.made.contains_key(name) {
            let root = self.bundle(workload).join(ROOT);
            let made = Root::lay_out(&root, workload, &self.work)?;
            self.made.insert(name, made);
        }
        Ok(())
    }

    /// The layer that what a container writes goes into, as an engine has it: an image's service may
    /// leave something that the next one finds. A sandbox has one of its own over every root.
    fn layer(&self, workload: Workload, made: &Root) -> Option<Layer> {
        let needs_one = made.own.is_some() && !self.product.is_sandbox();
        needs_one.then(|| Layer::new(&self.bundle(workload)))
    }

    /// Whether the platform of a start answers on this machine: found out with a command, once a run.
    fn check_platform(&mut self, request: &StartRequest) -> Result<(), Skip> {
        let Some(platform) = request.variant.get(Platform::PARAM).map(str::to_owned) else {
            return Ok(());
        };
        if !self.tried.contains_key(&platform) {
            let trial = StartRequest {
                workload: Workload::Hello,
                own_milestones: false,
                core: None,
                deadline_ns: now_ns() + TRIAL_NS,
                ..request.clone()
            };
            let is_usual = self.product.is_usual(&request.variant);
            let tried = self.try_command(&trial).map_err(|reason| {
                let kind = if is_usual {
                    SkipKind::NotPrepared
                } else {
                    SkipKind::NotApplicable
                };
                let name = self.product.name;
                Skip::new(
                    kind,
                    format!(
                        "{name} cannot run a command on its platform {platform} here: {reason}"
                    ),
                )
            });
            self.tried.insert(platform.clone(), tried);
        }
        self.tried.get(&platform).cloned().unwrap_or(Ok(()))
    }

    fn try_command(&mut self, trial: &StartRequest) -> Result<(), String> {
        self.lay_out(trial.workload)?;
        let mut container = self.start(trial, None)?;
        let ended = container.wait_end(trial.deadline_ns);
        let log = container.log_tail();
        container.remove()?;
        let ended = ended.map_err(|failure| failure.reason)?;
        let answer = Answer::new(ended.code, ended.printed);
        let checked = trial.workload.expected(1).check(&answer);
        checked.map_err(|error| match first_line(&log) {
            Some(line) => format!("{error}; its log begins with {line:?}"),
            None => error,
        })
    }
}

/// The first line of a log that says something.
pub(super) fn first_line(log: &str) -> Option<&str> {
    log.lines().map(str::trim).find(|line| !line.is_empty())
}

impl Engine for Bundles {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        self.check_platform(request)?;
        self.lay_out(request.workload)?;
        let made = self.made(request.workload)?;
        if let Some(layer) = self.layer(request.workload, made) {
            layer.empty()?;
        }
        empty_milestones(self.milestones_folder())?;
        let mut attested = self.templates.attested(request)?;
        attested.extend(self.product.attested());
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
        self.caller.flags = self.product.flags(request);
        if self.product.is_sandbox() {
            let panicked = bundle.join(PANIC);
            // It is written to at its end, and an earlier start's is no word of this one.
            let _ = std::fs::remove_file(&panicked);
            self.caller
                .flags
                .push(format!("--panic-log={}", panicked.display()));
        }
        let made = self.made(request.workload)?;
        let layer = self.layer(request.workload, made);
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
            caller.create_and_start(&bundle, &self.id, request.deadline_ns)
        });
        // Of one that was given up something may be there.
        let launched = launched.inspect_err(|_| drop(self.delete()))?;
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
            called_ns: launched.called_ns,
            _awaited: Awaited::new(launched.pid.unwrap_or(0)),
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
