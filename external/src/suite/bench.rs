//! The real bench: what the campaign loop prepares, launches, asks, watches and puts away.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use program::pages::{self, Residency};
use results::campaign::{self, Bench, Measurement};
use results::clock::now_ns;
use results::{Cell, PhaseTime};
use serde_json::{Value, json};
use workloads::{Answer, Call, Request, Workload};

use super::plan::{Observer, Planned};
use super::settings::Settings;
use super::systems::Systems;
use crate::cores::{self, Cores};
use crate::load::{self, Amount, Load, Loaded, Pace};
use crate::observe::janitor::{Guard, Janitor};
use crate::observe::{self, Launch, Running, Stdout, ports, ready};
use crate::system::own::Told;
use crate::system::{Acquire, Job, Name, Ready, WORK, listens};

/// How long a system that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_millis(500);

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
    /// What `prepare` left for `sample`.
    next: Option<Next>,
    /// The port of the last sample, to be free again.
    port: Option<u16>,
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
    ready: Ready,
    port: Option<u16>,
    attested: BTreeMap<String, Value>,
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
            cells: cells.iter().map(|planned| (planned.cell.clone(), planned.clone())).collect(),
            cores: cores::pair(),
            observer: observe::available(),
            jobs: HashMap::new(),
            next: None,
            port: None,
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
        let key = Key { system: planned.system, workload: planned.workload, acquire: planned.acquire };
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
        let folder = self.work.join(format!("{}-{}-{acquire}", key.system.name(), key.workload.name()));
        std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let job = Job { workload: key.workload, acquire: key.acquire, folder: &folder };
        let ready = self.systems.adapter(key.system).prepare(found, &job)?;
        if let Some(cache) = &ready.cache {
            std::fs::create_dir_all(cache).map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
        }
        // Found here, what does not work is one reason; found by the campaign it would be as many as samples. A cache is
        // filled by the same start.
        let port = Self::port_for(key.workload)?;
        let launch = self.launch(&ready, key.workload, port);
        let started = self.start(&launch, &ready, key.workload, port)?;
        started.verdict.map_err(|reason| format!("it was tried once, and {reason}"))?;
        Ok(ready)
    }

    fn port_for(workload: Workload) -> Result<Option<u16>, String> {
        let port = || ports::free_port().map_err(|error| format!("no port is free: {error}"));
        listens(workload).then(port).transpose()
    }

    fn launch(&self, ready: &Ready, workload: Workload, port: Option<u16>) -> Launch {
        let mut launch = Launch::new(&ready.program, &self.work, self.work.join("log"));
        launch.arguments = ready.arguments(port);
        // Runtimes look for their configuration below it, and must find none but what they are told.
        launch.environment = vec![("HOME".into(), self.work.clone().into())];
        launch.environment.extend(ready.environment.iter().map(|(name, value)| (name.into(), value.into())));
        launch.stdout = if listens(workload) { Stdout::Log } else { Stdout::Captured };
        launch.watch.clone_from(&ready.artifact);
        launch.port = port;
        launch
    }

    /// One start, from its launch to its first complete answer and its end.
    fn start(&self, launch: &Launch, ready: &Ready, workload: Workload, port: Option<u16>) -> Result<Started, String> {
        let mut running = launch.launch().map_err(|error| error.to_string())?;
        let guard = self.janitor.guard_group(running.pid()).map_err(|error| error.to_string())?;
        let mut started = match (workload.call(), port) {
            (Call::Http(request), Some(port)) => self.first_answer(&mut running, ready, workload, &request, port),
            _ => self.to_the_end(&mut running, workload),
        };
        if started.verdict.is_ok() && launch.arguments.iter().any(|argument| argument == "--milestones") {
            self.wait_until_told();
        }
        running.stop(GRACE);
        drop(guard);
        if let Err(reason) = &mut started.verdict {
            reason.push_str(&said(&mut running));
        }
        Ok(started)
    }

    /// A service: asked until it answers.
    fn first_answer(
        &self,
        running: &mut Running,
        ready: &Ready,
        workload: Workload,
        request: &Request,
        port: u16,
    ) -> Started {
        let patience = ready::Patience::until(self.deadline_ns());
        let target = ready::Target::loopback(port);
        let first = ready::first_answer(&target, request, &patience, &mut || running.ended().is_some());
        let first = match first {
            Ok(first) => first,
            Err(error) => {
                let end = running.ended().map_or_else(String::new, |end| format!("; it {end}"));
                return Started::failed(format!("{error}{end}{}", elsewhere(running, port)));
            }
        };
        let resources = running.usage();
        let mut attested = BTreeMap::from([
            ("connect_period_ns".to_owned(), json!(patience.period_ns)),
            ("connect_attempts".to_owned(), json!(first.attempts)),
            ("connect_resolution_ns".to_owned(), json!(first.resolution_ns)),
        ]);
        if let Some(file) = &ready.mapped {
            attested.insert("code_mapped".to_owned(), json!(is_mapped(running.pid(), file)));
        }
        // After the clock was stopped: looking takes longer than some starts.
        let verdict = ports::belongs_to(port, running.pid()).and_then(|()| workload.expected(1).check(&first.answer));
        Started { verdict, answered_ns: first.answered_ns, resources, attested, ..Started::of(running) }
    }

    /// A command, or a service's program that only begins and ends: waited for.
    fn to_the_end(&self, running: &mut Running, workload: Workload) -> Started {
        let Some(end) = running.wait_end(self.deadline_ns()) else {
            return Started::failed("it did not end within its time limit");
        };
        let printed = running.stdout();
        let verdict = match end.code {
            _ if printed.dropped > 0 => Err(format!("it printed {} bytes too many", printed.dropped)),
            Some(0) if listens(workload) => Ok(()),
            Some(code) => workload.expected(1).check(&Answer { code: code.into(), body: printed.bytes }),
            None => Err(format!("it {end}")),
        };
        Started { verdict, answered_ns: end.seen_ns, resources: end.resources, ..Started::of(running) }
    }

    /// A start as a sample.
    fn sample_start(&self, next: Next) -> Measurement {
        let Next { planned, ready, port, mut attested } = next;
        let cached = ready.cache.as_deref().map(entries);
        let mut launch = self.launch(&ready, planned.workload, port);
        launch.observed = planned.observer == Observer::Seccomp;
        let mut started = match self.start(&launch, &ready, planned.workload, port) {
            Ok(started) => started,
            Err(reason) => return Measurement { attested, ..Measurement::failed(reason) },
        };
        attested.append(&mut started.attested);
        let mut verdict = std::mem::replace(&mut started.verdict, Ok(()));
        if let (Some(before), Some(cache)) = (cached, &ready.cache) {
            let found = if entries(cache) > before { "miss" } else { "hit" };
            attested.insert("cache".to_owned(), json!(found));
            let wanted = if planned.acquire == Some(Acquire::CacheHit) { "hit" } else { "miss" };
            verdict = verdict.and(if found == wanted { Ok(()) } else { Err(unlike("cache", wanted, found)) });
        }
        if ready.mapped.is_some() && listens(planned.workload) && attested.get("code_mapped") != Some(&json!(true)) {
            verdict = verdict.and(Err("not what its cell says: compiled code was not mapped".to_owned()));
        }
        let phases = if verdict.is_ok() { self.phases(&planned, &started) } else { Ok(Vec::new()) };
        let verdict = verdict.and(phases.as_ref().map(|_| ()).map_err(Clone::clone));
        Measurement {
            total_ns: verdict.is_ok().then(|| started.answered_ns.saturating_sub(started.launched_ns)),
            verdict,
            phases: phases.unwrap_or_default(),
            resources: started.resources,
            requests: None,
            attested,
        }
    }

    /// The phases of a start that is taken apart; none of one that is not.
    fn phases(&self, planned: &Planned, started: &Started) -> Result<Vec<PhaseTime>, String> {
        match (planned.observer, &started.milestones) {
            (Observer::None, _) => Ok(Vec::new()),
            (Observer::Seccomp, Some(seen)) if listens(planned.workload) => {
                seen.phases(started.answered_ns, planned.acquire.is_none())
            }
            (Observer::Seccomp, Some(seen)) => seen.phases_of_run(started.answered_ns, planned.acquire.is_none()),
            (Observer::Seccomp, None) => Err("the observer saw nothing".to_owned()),
            (Observer::Own, _) => {
                let acquire = planned.acquire.ok_or("machine code tells no milestones")?;
                let text = std::fs::read_to_string(self.told())
                    .map_err(|error| format!("its own milestones cannot be read: {error}"))?;
                Told::read(&text)?.phases(acquire, started.launched_ns, started.answered_ns)
            }
        }
    }

    /// Waits for what a service tells after its first answer. The start is over then: this decides nothing that is timed.
    fn wait_until_told(&self) {
        let until_ns = now_ns() + 1_000_000_000;
        while !self.told().exists() && now_ns() < until_ns {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Where a service tells its own milestones.
    fn told(&self) -> PathBuf {
        self.work.join("milestones.json")
    }

    /// What a cell launches: what was prepared for its kind, with what it leaves out, and what it is to tell.
    fn varied(&self, planned: &Planned, ready: &Ready) -> Result<Ready, String> {
        let mut ready = ready.clone();
        if planned.without == Some(WORK) {
            return Ok(ready.bare(self.systems.adapter(planned.system)));
        }
        if let Some(without) = planned.without {
            let extras = self.systems.adapter(planned.system).extras();
            let extra = extras.iter().find(|extra| extra.name == without);
            ready = ready.without(extra.ok_or_else(|| format!("it has no `{without}` that could be left out"))?);
        }
        if planned.observer == Observer::Own {
            if !self.systems.adapter(planned.system).tells_milestones() {
                return Err("it does not tell its own milestones".to_owned());
            }
            let _ = std::fs::remove_file(self.told());
            ready = ready.telling(&self.told());
        }
        Ok(ready)
    }

    /// Requests at something that runs, as a sample.
    fn sample_load(&self, next: Next) -> Measurement {
        let Next { planned, ready, port, mut attested } = next;
        let failed = |reason: String| Measurement { attested: BTreeMap::new(), ..Measurement::failed(reason) };
        let (Call::Http(request), Some(port)) = (planned.workload.call(), port) else {
            return failed("a command has nothing that could be asked again".to_owned());
        };
        let mut launch = self.launch(&ready, planned.workload, Some(port));
        launch.core = self.cores.system;
        let mut running = match launch.launch() {
            Ok(running) => running,
            Err(error) => return failed(error.to_string()),
        };
        let guard = match self.janitor.guard_group(running.pid()) {
            Ok(guard) => guard,
            Err(error) => return failed(error.to_string()),
        };
        let started = self.first_answer(&mut running, &ready, planned.workload, &request, port);
        let loaded = started.verdict.and_then(|()| self.put_under_load(&planned, request, port));
        let resources = running.usage();
        let crashed = running.ended().map(|end| format!("it {end} under load"));
        running.stop(GRACE);
        drop(guard);
        let said = said(&mut running);
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(reason) => return failed(format!("{reason}{said}")),
        };
        attested.extend(started.attested);
        attested.extend([
            ("system_core".to_owned(), json!(self.cores.system)),
            ("generator_core".to_owned(), json!(loaded.core)),
            ("generator_cpu_ns".to_owned(), json!(loaded.cpu_ns)),
            ("warm_up".to_owned(), json!(self.settings.values.warm_up)),
        ]);
        let verdict = crashed.map_or_else(|| judged(&loaded), Err).map_err(|reason| format!("{reason}{said}"));
        Measurement {
            verdict,
            total_ns: None,
            phases: Vec::new(),
            resources,
            requests: Some(loaded.requests),
            attested,
        }
    }

    fn put_under_load(&self, planned: &Planned, request: Request, port: u16) -> Result<Loaded, String> {
        let values = &self.settings.values;
        let target = ready::Target::loopback(port);
        let load = Load {
            address: target.address,
            host: target.host,
            request,
            expected: planned.workload.expected_of_any(),
            pace: Pace::Closed,
            connections: planned.connections,
            keep_alive: true,
            warm_up: values.warm_up,
            amount: Amount::Requests(values.requests),
            patience: self.limit(),
            core: self.cores.generator,
        };
        load::run(&load).map_err(|error| error.to_string())
    }
}

/// What a start showed.
struct Started {
    verdict: Result<(), String>,
    launched_ns: u64,
    answered_ns: u64,
    milestones: Option<observe::Milestones>,
    resources: results::record::Resources,
    attested: BTreeMap<String, Value>,
}

impl Started {
    /// Of a process that has answered; the rest is filled in.
    fn of(running: &mut Running) -> Self {
        Self { launched_ns: running.launched_ns(), milestones: running.milestones(), ..Self::failed(String::new()) }
    }

    fn failed(reason: impl Into<String>) -> Self {
        Self {
            verdict: Err(reason.into()),
            launched_ns: 0,
            answered_ns: 0,
            milestones: None,
            resources: results::record::Resources::default(),
            attested: BTreeMap::new(),
        }
    }
}

impl Bench for Outside<'_> {
    fn prepare(&mut self, planned: &campaign::Planned) -> Result<(), String> {
        let planned = self.cells.get(&planned.cell).cloned().ok_or("the plan has no such cell")?;
        if planned.observer == Observer::Seccomp {
            self.observer.clone().map_err(|reason| {
                format!("no start can be taken apart here: {reason}; its total is measured all the same, and --no-observer leaves this out")
            })?;
        }
        let ready = self.job(&planned)?;
        let ready = self.varied(&planned, &ready)?;
        if let (Some(cache), Some(Acquire::CacheMiss)) = (&ready.cache, planned.acquire) {
            emptied(cache)?;
        }
        let residency = if planned.evicted { Residency::Evicted } else { Residency::Hot };
        let mut attested = BTreeMap::new();
        let mut resident = 0;
        for file in &ready.files {
            resident += pages::put(file, residency)?.resident;
        }
        attested.insert("pages_resident".to_owned(), json!(resident));
        let port = if planned.without == Some(WORK) { None } else { Self::port_for(planned.workload)? };
        self.next = Some(Next { planned, ready, port, attested });
        Ok(())
    }

    fn sample(&mut self, _: &campaign::Planned) -> Measurement {
        let Some(next) = self.next.take() else { return Measurement::failed("nothing was prepared") };
        self.port = next.port;
        if next.planned.cell.scenario.starts() { self.sample_start(next) } else { self.sample_load(next) }
    }

    fn clean(&mut self, _: &campaign::Planned) -> Result<(), String> {
        let Some(port) = self.port.take() else { return Ok(()) };
        let owners = ports::owner_of(port).map_err(|error| format!("cannot look at the sockets: {error}"))?;
        match owners.first() {
            Some(owner) => {
                Err(format!("port {port} is still listened on after the sample, by processes {:?}", owner.pids))
            }
            None => Ok(()),
        }
    }

    fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
        let planned = self.cells.get(cell)?;
        let key = Key { system: planned.system, workload: planned.workload, acquire: planned.acquire };
        self.jobs.get(&key)?.as_ref().ok().map(|ready| ready.sha256.clone())
    }
}

fn unlike(what: &str, wanted: &str, found: &str) -> String {
    format!("not what its cell says: {what} should be a {wanted} and was a {found}")
}

/// Whether every request was answered, and rightly.
fn judged(loaded: &Loaded) -> Result<(), String> {
    let requests = &loaded.requests;
    if requests.failed == 0 && requests.dropped == 0 && loaded.warm_up_failed == 0 {
        return Ok(());
    }
    let reasons: Vec<_> =
        loaded.failures.iter().map(|failure| format!("{} × {}", failure.count, failure.reason)).collect();
    Err(format!(
        "{} of {} requests failed, {} were dropped, {} of the warm-up failed: {}",
        requests.failed,
        requests.sent,
        requests.dropped,
        loaded.warm_up_failed,
        reasons.join("; ")
    ))
}

/// The end of a system's log, as a part of a reason.
fn said(running: &mut Running) -> String {
    let tail = running.log_tail();
    if tail.trim().is_empty() {
        "; its log is empty".to_owned()
    } else {
        format!("; the end of its log: {:?}", tail.trim())
    }
}

/// Ports other than the one that it was told, as a part of a reason.
fn elsewhere(running: &Running, port: u16) -> String {
    let others: Vec<_> =
        ports::of_group(running.pid()).unwrap_or_default().into_iter().filter(|found| *found != port).collect();
    if others.is_empty() { String::new() } else { format!("; it listens on {others:?} and not on {port}") }
}

/// Compiled code in a cache: what grows by a miss. Statistics of entries are written by hits too.
fn entries(cache: &Path) -> usize {
    let Ok(read) = std::fs::read_dir(cache) else { return 0 };
    let of = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let is_code = path.extension().is_none() && !entry.file_name().as_encoded_bytes().starts_with(b".");
        if path.is_dir() { entries(&path) } else { usize::from(is_code) }
    };
    read.flatten().map(of).sum()
}

fn emptied(cache: &Path) -> Result<(), String> {
    std::fs::remove_dir_all(cache)
        .and_then(|()| std::fs::create_dir_all(cache))
        .map_err(|error| format!("cannot empty {}: {error}", cache.display()))
}

/// Whether a file is mapped into a process as code.
fn is_mapped(pid: u32, file: &Path) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let name = file.display().to_string();
    maps.lines().any(|line| line.ends_with(&name) && line.split(' ').nth(1).is_some_and(|rights| rights.contains('x')))
}
