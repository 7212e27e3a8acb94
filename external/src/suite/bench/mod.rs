//! The real bench: what the campaign loop prepares, launches, measures and cleans up.

mod capacity;
mod code_cache;
mod fleet;
mod hooks;
mod load;
mod managed;
mod many;
mod network;
mod own;
mod room;
mod sample;
mod start;
mod traps;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use campaign::schedule::{self, Bench, Measurement};
use machine::clock::now_ns;
use machine::cores::{self, Cores};
use machine::page_cache::{self, Pages};
use machine::ports;
use machine::system_files::{Libraries, LikelyMappers, SystemFiles};
use results::values::{Build, Named as _, PageCache};
use results::{Attested, Cell, Evidence, Skip, SkipKind};
use serde_json::json;
use workloads::Workload;

use self::capacity::Found;
use self::network::Endpoint;
pub use self::network::NetworkBench;
use self::own::Tried;
use super::duel::OwnBuild;
use super::plan::{Observer, Planned, Without};
use super::settings::Settings;
use super::systems::Systems;
use crate::client::listening::Listening;
use crate::process;
use crate::process::reaper::{Guard, Reaper};
use crate::system::managed::{Engine, files_in, residency};
use crate::system::{
    Acquire, BuildRequest, Instancing, LaunchSpec, System, Untimed, listens, own_workload,
};

/// Samples of one run, in its private folder.
pub struct SystemBench<'a> {
    work: PathBuf,
    settings: &'a Settings,
    systems: &'a Systems,
    reaper: &'a Reaper,
    cells: HashMap<Cell, Planned>,
    cores: Cores,
    /// Why no start can be observed here, if so.
    observer: Result<(), String>,
    /// What was built, or why that failed.
    built: HashMap<BuildKey, Result<LaunchSpec, Skip>>,
    /// Engines of systems that have one of their own, or why there is none. Stopped before the
    /// folder is removed.
    engines: HashMap<(System, usize), Result<Box<dyn Engine>, Skip>>,
    /// Tells when a service listens, where that may be heard.
    listening: RefCell<Option<Listening>>,
    /// What systems' programs are linked with.
    libraries: Libraries,
    /// Who probably has them mapped.
    likely: LikelyMappers,
    /// Of persons' own workloads, what does not work, and was tried once.
    refused: HashMap<Tried, Skip>,
    /// The digests of what engines start, by cell.
    digests: HashMap<Cell, String>,
    /// What systems and the load generator were found to do at most.
    found: Found,
    /// What `prepare` left for `sample`.
    prepared: Option<Prepared>,
    /// Whether what is started is tried, and is no sample.
    is_trial: std::cell::Cell<bool>,
    /// Where the services of the sample that is prepared listen.
    endpoint: Endpoint,
    /// The ports of the last sample, to be free again.
    ports: Vec<u16>,
    /// What comes after the last sample.
    after: Option<Untimed>,
    _folder: Guard,
    /// The folder of a run that has not begun: it goes with a kill, as it does with an error.
    unbegun: Option<Guard>,
}

/// What is built once and started many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct BuildKey {
    system: System,
    workload: Workload,
    acquire: Option<Acquire>,
    instancing: Instancing,
    build: Option<Build>,
    left_out: &'static [&'static str],
}

impl From<&Planned> for BuildKey {
    fn from(planned: &Planned) -> Self {
        Self {
            system: planned.system,
            workload: planned.workload,
            acquire: planned.acquire,
            instancing: planned.instancing,
            build: planned.own.as_ref().map(|own| own.build),
            left_out: Without::differences(planned),
        }
    }
}

/// A sample that is about to be taken.
struct Prepared {
    planned: Planned,
    kind: PreparedKind,
    /// One for each instance of a service; none of a command.
    ports: Vec<u16>,
    attested: Attested,
    /// The system's own files, if they were put out of the page cache.
    evicted: Option<SystemFiles>,
}

/// What is started.
enum PreparedKind {
    /// A program that is launched.
    Process(Box<LaunchSpec>),
    /// Something that the system's engine starts.
    Managed,
}

impl<'a> SystemBench<'a> {
    /// A bench in `work`, which is removed if this process is killed.
    ///
    /// # Errors
    /// If the reaper cannot be reached.
    pub fn new(
        work: PathBuf,
        settings: &'a Settings,
        cells: &[Planned],
        systems: &'a Systems,
        reaper: &'a Reaper,
    ) -> io::Result<Self> {
        let folder = reaper.guard_folder(&work)?;
        Ok(Self {
            work,
            settings,
            systems,
            reaper,
            cells: cells
                .iter()
                .map(|planned| (planned.cell.clone(), planned.clone()))
                .collect(),
            cores: cores::pair(),
            observer: process::observable(),
            built: HashMap::new(),
            engines: HashMap::new(),
            listening: RefCell::new(Listening::open().ok()),
            libraries: Libraries::default(),
            likely: LikelyMappers::default(),
            refused: HashMap::new(),
            digests: HashMap::new(),
            found: Found::default(),
            prepared: None,
            is_trial: std::cell::Cell::new(false),
            endpoint: Endpoint::default(),
            ports: Vec::new(),
            after: None,
            _folder: folder,
            unbegun: None,
        })
    }

    /// The same, which keeps a guard until its first sample is prepared: then the run has begun.
    #[must_use]
    pub fn until_begun(self, guard: Option<Guard>) -> Self {
        Self {
            unbegun: guard,
            ..self
        }
    }

    /// A cell of the plan.
    fn planned(&self, cell: &Cell) -> Result<Planned, String> {
        self.cells
            .get(cell)
            .cloned()
            .ok_or_else(|| "the plan has no such cell".to_owned())
    }

    /// The core that a cell's system runs on; nothing where it has all.
    fn core_of(&self, planned: &Planned) -> Option<usize> {
        self.cores.system.filter(|_| has_one_core(planned))
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(self.settings.values.time_limit_s)
    }

    fn deadline_ns(&self) -> u64 {
        now_ns() + self.settings.values.time_limit_s * 1_000_000_000
    }

    /// What a cell's starts find built. It is built the first time, and tried once.
    fn built(&mut self, planned: &Planned) -> Result<LaunchSpec, Skip> {
        let key = BuildKey::from(planned);
        if let Some(built) = self.built.get(&key) {
            return built.clone();
        }
        let built = self.build(key, planned.own.as_ref());
        self.built.insert(key, built.clone());
        built
    }

    fn build(&self, key: BuildKey, own: Option<&OwnBuild>) -> Result<LaunchSpec, Skip> {
        let mut found = Cow::Borrowed(self.systems.get(key.system)?);
        let acquire = key.acquire.map_or("machine-code", Acquire::name);
        let build = key
            .build
            .map_or_else(String::new, |build| format!("-{}", build.name()));
        let instancing = key.instancing.name();
        let mut folder = format!(
            "{}-{}-{acquire}-{instancing}{build}",
            key.system.name(),
            key.workload.name()
        );
        for name in key.left_out {
            folder.push('-');
            folder.push_str(name);
        }
        let folder = self.work.join(folder);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let own = match own {
            Some(host) if host.is_host() => {
                found = Cow::Owned(host.copied_host(key.system, &found, &folder)?);
                None
            }
            own => own.map(|own| &*own.artifact),
        };
        let build = BuildRequest {
            workload: key.workload,
            acquire: key.acquire,
            instancing: key.instancing,
            own,
            left_out: key.left_out,
            folder: &folder,
        };
        let spec = own_workload::prepare(key.system, &found, &build)?;
        if let Some(cache) = &spec.cache {
            std::fs::create_dir_all(cache)
                .map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
        }
        // Found here, what does not work is one reason; found by the campaign it would be as many
        // as samples. A cache is filled by the same start.
        let port = match Self::fixed_port(key.system, key.workload, 1)? {
            Some(port) => Some(port),
            None => Self::port_for(key.workload)?,
        };
        let launch = self.launch(&spec, key.workload, port);
        hooks::run("before", spec.before.as_ref())?;
        let started = self.as_trial(|it| it.start(&launch, &spec, key.workload, port));
        hooks::run("after", spec.after.as_ref())?;
        let started = started?;
        started
            .verdict
            .map_err(|failure| own::name_limit(key.workload, self.time_limit(), failure))
            .map_err(|failure| format!("it was tried once, and {failure}"))?;
        if let (Some(_), Some(port)) = (key.workload.own(), port) {
            own::check_nothing_left(port, started.launched_ns)?;
        }
        Ok(spec)
    }

    /// Puts a system's own programs, and what they are linked with, out of the page cache, if the
    /// cell's starts find them so: those that are `started`, and those that `live_on`.
    fn evict_system(
        &mut self,
        planned: &Planned,
        started: &[PathBuf],
        live_on: &[PathBuf],
    ) -> Result<Option<SystemFiles>, String> {
        if planned.page_cache != PageCache::EvictedAll {
            return Ok(None);
        }
        let files = SystemFiles::find(&mut self.libraries, started, live_on);
        files.evict(&mut self.likely)?;
        Ok(Some(files))
    }

    fn port_for(workload: Workload) -> Result<Option<u16>, String> {
        listens(workload).then(free_port).transpose()
    }

    /// Different ports, one for each instance of a service. The first is the one that a firewall
    /// was made for already, if so.
    fn ports_for(&mut self, planned: &Planned) -> Result<Vec<u16>, Skip> {
        let fixed = Self::fixed_port(planned.system, planned.workload, planned.instances)?;
        if let Some(port) = fixed {
            return Ok(vec![port]);
        }
        let first = self.endpoint.port.take();
        let first = first.filter(|_| listens(planned.workload));
        let mut found: Vec<_> = first.into_iter().collect();
        while found.len() < planned.instances {
            let Some(port) = Self::port_for(planned.workload)? else {
                break;
            };
            if !found.contains(&port) {
                found.push(port);
            }
        }
        Ok(found)
    }

    /// Checks that the cell can be measured at all; the evidence for it.
    fn check_applicable(&self, planned: &Planned) -> Result<Attested, Skip> {
        if planned.observer == Observer::Seccomp
            && let Err(reason) = &self.observer
        {
            let reason = format!("starts cannot be observed here: {reason}");
            return Err(Skip::new(SkipKind::NotPermitted, reason)
                .remedy("--no-observer leaves this out; totals are measured all the same"));
        }
        if planned.system.too_much(planned.acquire, planned.workload) {
            let reason = planned.workload.too_much_for_interpreters();
            let reason = reason.unwrap_or("a sample of it would take longer than it may");
            return Err(Skip::new(SkipKind::NotApplicable, reason)
                .remedy("`http-cpu` computes a thousand rounds, on interpreters too"));
        }
        if let Some(target) = planned.workload.own() {
            planned.system.check_own(target)?;
        }
        if let Some(skip) = self.refused.get(&Tried::from(planned)) {
            return Err(skip.clone());
        }
        room::check(planned)?;
        let mut attested = Attested::new();
        if planned.workload == Workload::HttpState && !planned.cell.scenario.starts() {
            let means = planned.system.keeps_state().map_err(|reason| {
                let reason = format!("it cannot keep state: {reason}");
                Skip::new(SkipKind::NotApplicable, reason)
            })?;
            attested.insert(Evidence::State, json!(means));
        }
        Ok(attested)
    }

    /// Prepares a sample of a program that is launched. What is to come before it comes first, so
    /// that nothing that it does is in the page cache; where the sample is not taken, what is to come
    /// after it comes at once.
    fn prepare_process(&mut self, planned: Planned, attested: Attested) -> Result<(), Skip> {
        let built = self.built(&planned)?;
        let spec = self.specialise(&planned, &built)?;
        hooks::run("before", spec.before.as_ref())?;
        let after = spec.after.clone();
        let prepared = self.prepare_launch(planned, attested, spec);
        if prepared.is_err() {
            hooks::run("after", after.as_ref())?;
        }
        prepared
    }

    fn prepare_launch(
        &mut self,
        planned: Planned,
        mut attested: Attested,
        spec: LaunchSpec,
    ) -> Result<(), Skip> {
        if let (Some(cache), Some(Acquire::CacheMiss)) = (&spec.cache, planned.acquire) {
            code_cache::empty_cache(cache)?;
        }
        let code = spec.code_sha256.iter();
        attested.extend(code.map(|sha256| (Evidence::CodeSha256, sha256.clone())));
        let mut pages = Pages::NONE;
        let cached = spec.cache.iter().flat_map(|cache| files_in(cache));
        for file in spec.files.iter().cloned().chain(cached) {
            pages += page_cache::put(&file, residency(planned.page_cache))?;
        }
        attested.insert(Evidence::PagesResident, json!(pages.resident));
        let evicted = self.evict_system(&planned, std::slice::from_ref(&spec.program), &[])?;
        let ports = if planned.without == Without::Work {
            Vec::new()
        } else {
            self.ports_for(&planned)?
        };
        self.prepared = Some(Prepared {
            planned,
            kind: PreparedKind::Process(Box::new(spec)),
            ports,
            attested,
            evicted,
        });
        Ok(())
    }
}

/// A port that nobody has.
fn free_port() -> Result<u16, String> {
    ports::free_port().map_err(|error| format!("no port is free: {error}"))
}

/// Whether a sample is of a system alone on a core: starts have all cores unless the cell says
/// otherwise, and so have several instances.
fn has_one_core(planned: &Planned) -> bool {
    let scenario = planned.cell.scenario;
    planned.pinned || (!scenario.starts() && !scenario.multiplies())
}

/// The end of a log, as a part of a reason.
fn log_excerpt(tail: &str) -> String {
    match tail.trim() {
        "" => "; its log is empty".to_owned(),
        tail => format!("; the end of its log: {tail:?}"),
    }
}

impl Bench for SystemBench<'_> {
    fn prepare(&mut self, planned: &schedule::Planned) -> Result<(), Skip> {
        self.unbegun = None;
        let cell = &planned.cell;
        let prepared = self.prepare_cell(cell);
        prepared.map_err(|skip| self.masked_skip(cell, skip))
    }

    fn sample(&mut self, planned: &schedule::Planned) -> Measurement {
        let measured = self.measure_prepared();
        self.masked(&planned.cell, measured)
    }

    fn clean(&mut self, planned: &schedule::Planned) -> Result<(), String> {
        self.clean_up(&planned.cell)
    }

    fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
        if let Some(digest) = self.digests.get(cell) {
            return Some(digest.clone());
        }
        let planned = self.cells.get(cell)?;
        if let Some(own) = &planned.own {
            // Known before it is copied, which fails if it is another by then.
            return Some(own.artifact.sha256.clone());
        }
        let built = self.built.get(&BuildKey::from(planned))?;
        built.as_ref().ok().map(|spec| spec.sha256.clone())
    }
}
