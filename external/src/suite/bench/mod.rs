//! The real bench: what the campaign loop prepares, launches, asks, watches and puts away.

mod hosted;
mod load;
mod many;
mod network;
mod process;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use campaign::schedule::{self, BY_NATURE, Bench, Measurement};
use machine::clock::now_ns;
use machine::page_cache::{self, Residency};
use results::Cell;
use serde_json::{Value, json};
use workloads::Workload;

pub use self::network::Networked;
use self::network::Site;
use super::cache::{self, Libraries};
use super::plan::{Observer, Planned};
use super::settings::Settings;
use super::systems::Systems;
use crate::observe;
use crate::observe::janitor::{Guard, Janitor};
use crate::system::hosted::Engine;
use crate::system::{Acquire, Job, Name, Ready, WORK, listens};
use machine::cores::{self, Cores};
use machine::ports;

/// Samples of one run, in its private folder.
pub struct Outside<'a> {
    work: PathBuf,
    settings: &'a Settings,
    systems: &'a Systems,
    janitor: &'a Janitor,
    cells: HashMap<Cell, Planned>,
    cores: Cores,
    /// Why no start can be taken apart here, if so.
    observer: Result<(), String>,
    /// What was prepared, or why that failed, by what it is for.
    jobs: HashMap<Key, Result<Ready, String>>,
    /// Engines of systems that have one of their own, or why there is none. Put away before the
    /// folder is.
    engines: HashMap<(Name, usize), Result<Box<dyn Engine>, String>>,
    /// What systems' programs are linked with.
    libraries: Libraries,
    /// The digests of what engines start, by cell.
    digests: HashMap<Cell, String>,
    /// What `prepare` left for `sample`.
    next: Option<Next>,
    /// Where the services of the sample that is prepared are.
    site: Site,
    /// The ports of the last sample, to be free again.
    ports: Vec<u16>,
    _folder: Guard,
}

/// What a preparation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    system: Name,
    workload: Workload,
    acquire: Option<Acquire>,
}

/// A sample that is about to be taken.
struct Next {
    planned: Planned,
    what: What,
    /// One for each instance of a service; none of a command.
    ports: Vec<u16>,
    attested: BTreeMap<String, Value>,
}

/// What is started.
enum What {
    /// A program that is launched.
    Launched(Box<Ready>),
    /// Something that the system's engine is ordered to start.
    Ordered,
}

impl<'a> Outside<'a> {
    /// A bench in `work`, which is removed if this process is killed.
    ///
    /// # Errors
    /// If the janitor cannot be told.
    pub fn new(
        work: PathBuf,
        settings: &'a Settings,
        cells: &[Planned],
        systems: &'a Systems,
        janitor: &'a Janitor,
    ) -> io::Result<Self> {
        let folder = janitor.guard_folder(&work)?;
        Ok(Self {
            work,
            settings,
            systems,
            janitor,
            cells: cells
                .iter()
                .map(|planned| (planned.cell.clone(), planned.clone()))
                .collect(),
            cores: cores::pair(),
            observer: observe::available(),
            jobs: HashMap::new(),
            engines: HashMap::new(),
            libraries: Libraries::default(),
            digests: HashMap::new(),
            next: None,
            site: Site::default(),
            ports: Vec::new(),
            _folder: folder,
        })
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.settings.values.time_limit_s)
    }

    fn deadline_ns(&self) -> u64 {
        now_ns() + self.settings.values.time_limit_s * 1_000_000_000
    }

    /// What a cell's starts find prepared. The first time it is made, and tried once.
    fn job(&mut self, planned: &Planned) -> Result<Ready, String> {
        let key = Key {
            system: planned.system,
            workload: planned.workload,
            acquire: planned.acquire,
        };
        if let Some(made) = self.jobs.get(&key) {
            return made.clone();
        }
        let made = self.make(key);
        self.jobs.insert(key, made.clone());
        made
    }

    fn make(&self, key: Key) -> Result<Ready, String> {
        let found = self.systems.of(key.system)?;
        let acquire = key.acquire.map_or("machine-code", Acquire::name);
        let folder = self.work.join(format!(
            "{}-{}-{acquire}",
            key.system.name(),
            key.workload.name()
        ));
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let job = Job {
            workload: key.workload,
            acquire: key.acquire,
            folder: &folder,
        };
        let ready = self.systems.adapter(key.system).prepare(found, &job)?;
        if let Some(cache) = &ready.cache {
            std::fs::create_dir_all(cache)
                .map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
        }
        // Found here, what does not work is one reason; found by the campaign it would be as many
        // as samples. A cache is filled by the same start.
        let port = Self::port_for(key.workload)?;
        let launch = self.launch(&ready, key.workload, port);
        let started = self.start(&launch, &ready, key.workload, port)?;
        started
            .verdict
            .map_err(|reason| format!("it was tried once, and {reason}"))?;
        Ok(ready)
    }

    /// Puts programs and what they are linked with out of the page cache.
    fn evict_all(&mut self, programs: &[PathBuf]) -> Result<BTreeMap<String, Value>, String> {
        let mut files: Vec<_> = programs
            .iter()
            .flat_map(|program| self.libraries.of(program))
            .collect();
        files.sort();
        files.dedup();
        cache::evict(&files)
    }

    fn port_for(workload: Workload) -> Result<Option<u16>, String> {
        let port = || ports::free_port().map_err(|error| format!("no port is free: {error}"));
        listens(workload).then(port).transpose()
    }

    /// Different ports, one for each instance of a service. The first is the one that something was
    /// told already, if so.
    fn ports_for(&mut self, planned: &Planned) -> Result<Vec<u16>, String> {
        let told = self.site.port.take().filter(|_| listens(planned.workload));
        let mut found: Vec<_> = told.into_iter().collect();
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
}

impl Bench for Outside<'_> {
    fn prepare(&mut self, planned: &campaign::Planned) -> Result<(), String> {
        let planned = self
            .cells
            .get(&planned.cell)
            .cloned()
            .ok_or("the plan has no such cell")?;
        if planned.observer == Observer::Seccomp {
            self.observer.clone().map_err(|reason| {
                format!(
                    "no start can be taken apart here: {reason}; its total is measured all the \
                        same, and --no-observer leaves this out"
                )
            })?;
        }
        let adapter = self.systems.adapter(planned.system);
        let mut attested = BTreeMap::new();
        if planned.workload == Workload::HttpState && !planned.cell.scenario.starts() {
            let means = adapter
                .keeps_state()
                .map_err(|reason| format!("{BY_NATURE}state: {reason}"))?;
            attested.insert("state".to_owned(), json!(means));
        }
        if adapter.hosted().is_some() {
            return self.prepare_hosted(planned, attested);
        }
        let ready = self.job(&planned)?;
        let ready = self.varied(&planned, &ready)?;
        if let (Some(cache), Some(Acquire::CacheMiss)) = (&ready.cache, planned.acquire) {
            process::emptied(cache)?;
        }
        let residency = if planned.evicted {
            Residency::Evicted
        } else {
            Residency::Hot
        };
        let mut resident = 0;
        for file in &ready.files {
            resident += pages::put(file, residency)?.resident;
        }
        attested.insert("pages_resident".to_owned(), json!(resident));
        if planned.evicted_all {
            attested.extend(self.evict_all(std::slice::from_ref(&ready.program))?);
        }
        let ports = if planned.without == Some(WORK) {
            Vec::new()
        } else {
            self.ports_for(&planned)?
        };
        self.next = Some(Next {
            planned,
            what: What::Launched(Box::new(ready)),
            ports,
            attested,
        });
        Ok(())
    }

    fn sample(&mut self, _: &campaign::Planned) -> Measurement {
        let Some(next) = self.next.take() else {
            return Measurement::failed("nothing was prepared");
        };
        self.ports.clone_from(&next.ports);
        match &next.what {
            _ if next.planned.cell.scenario.multiplies() => self.sample_many(next),
            What::Ordered => self.sample_hosted(next),
            What::Launched(_) if next.planned.cell.scenario.starts() => self.sample_start(next),
            What::Launched(_) => self.sample_load(next),
        }
    }

    fn clean(&mut self, planned: &campaign::Planned) -> Result<(), String> {
        let system = self.cells.get(&planned.cell).map(|planned| planned.system);
        for ((name, _), engine) in &mut self.engines {
            if let (true, Ok(engine)) = (Some(*name) == system, engine) {
                engine.clean()?;
            }
        }
        for port in std::mem::take(&mut self.ports) {
            let owners = self
                .site
                .owners(port)
                .map_err(|error| format!("cannot look at the sockets: {error}"))?;
            if let Some(owner) = owners.first() {
                return Err(format!(
                    "port {port} is still listened on after the sample, by processes {:?}",
                    owner.pids
                ));
            }
        }
        Ok(())
    }

    fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
        if let Some(digest) = self.digests.get(cell) {
            return Some(digest.clone());
        }
        let planned = self.cells.get(cell)?;
        let key = Key {
            system: planned.system,
            workload: planned.workload,
            acquire: planned.acquire,
        };
        self.jobs
            .get(&key)?
            .as_ref()
            .ok()
            .map(|ready| ready.sha256.clone())
    }
}
