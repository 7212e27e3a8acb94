//! The real bench: what the campaign loop prepares, launches, checks and cleans.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::schedule::{Bench, Measurement, Planned};
use results::digest::{sha256_file, sha256_hex};
use results::{Cell, Phase};
use serde_json::Value;

use crate::evidence;
use crate::launch;
use crate::plan::Start;
use crate::programs::{Programs, THIS};
use crate::target::Target;
use campaign::{Error, Exit};
use host_probe::settings::{
    Acquire, Configuration, Engine, EngineSettings, PageCache, Parameter as _,
};
use host_probe::spec::{
    Cause, Destination, Failure, Kind, PREPARE, PROBE, Preparation, Report, Spec,
};
use machine::page_cache::{self, Pages, Residency};

/// What a guest may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
    pub(crate) memory_bytes: u64,
}

impl Limits {
    /// How long a parent waits for a child whose own time limit somehow does not end it: two
    /// requests, and compiling a large guest, which no limit of the guest's ends.
    fn patience(self) -> Duration {
        self.time * 2 + Duration::from_mins(10)
    }
}

/// One start of a target that is not part of any run.
///
/// # Errors
/// Why the target cannot be measured. Found here it is one message; found by a campaign it would be
/// hundreds of failed samples.
pub(crate) fn rehearse(
    program: &Path,
    engine: Engine,
    target: &Target,
    limits: Limits,
) -> Result<(), Failure> {
    let spec = spec(
        target,
        &Configuration::baseline(engine),
        limits,
        target.path.clone(),
        None,
    );
    let report =
        launch::run::<Report>(program, PROBE, &spec.to_arguments(), limits.patience()).reported?;
    answers(target, &report).map_err(|reason| Failure::new(Cause::Guest, reason))
}

/// The `process` phase of one start that is not part of any run.
pub(crate) fn process_ns(target: &Target, limits: Limits) -> Result<u64, Failure> {
    let spec = spec(
        target,
        &Configuration::BASELINE,
        limits,
        target.path.clone(),
        None,
    );
    let ended = launch::run::<Report>(
        Path::new(THIS),
        PROBE,
        &spec.to_arguments(),
        limits.patience(),
    );
    Ok(ended
        .reported?
        .recorded
        .first_statement_ns
        .saturating_sub(ended.launched_ns))
}

pub(crate) fn spec(
    target: &Target,
    wanted: &Configuration,
    limits: Limits,
    file: PathBuf,
    cache: Option<PathBuf>,
) -> Spec {
    Spec {
        file,
        kind: target.is.kind,
        acquire: wanted.acquire,
        cache,
        engine: wanted.engine,
        world: target.is.world,
        call: target.call.clone(),
        time_limit_ms: u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
        memory_limit_bytes: limits.memory_bytes,
    }
}

/// Checks both answers.
fn answers(target: &Target, report: &Report) -> Result<(), String> {
    target.check(1, &report.first)?;
    match &report.second {
        Some(second) if target.answers_twice => {
            let second = second
                .as_ref()
                .map_err(|failure| format!("second request: {failure}"))?;
            target
                .check(2, second)
                .map_err(|reason| format!("second request: {reason}"))
        }
        _ => Ok(()),
    }
}

/// Why a target, by its place, cannot be run by an engine.
pub(crate) type Unfit = HashMap<(usize, Engine), String>;

/// Starts of one run, in its private folder.
pub(crate) struct Embedded<'a> {
    work: PathBuf,
    targets: &'a [Target],
    programs: &'a Programs,
    /// What an engine cannot run, found when it was tried, and why.
    unfit: &'a Unfit,
    starts: HashMap<Cell, Start>,
    limits: Limits,
    /// Compiled code, or why there is none.
    compiled: HashMap<Code, Result<Compiled, String>>,
    /// Caches that already hold it.
    primed: HashMap<Code, Result<PathBuf, String>>,
    /// What `prepare` left for `sample`.
    ready: Option<Ready>,
}

/// What is made once and used by many starts: a target's code for one engine and its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Code {
    /// The target's place.
    target: usize,
    of: Engine,
    engine: EngineSettings,
}

#[derive(Debug, Clone)]
struct Compiled {
    path: PathBuf,
    sha256: String,
}

struct Ready {
    start: Start,
    file: PathBuf,
    cache: Option<PathBuf>,
    pages: Pages,
    code_sha256: Option<String>,
}

impl<'a> Embedded<'a> {
    /// A bench in `work`. Copies the artifacts there: the run owns the pages that it evicts, and a
    /// file that changes under a running campaign changes nothing in it.
    ///
    /// # Errors
    /// If the copies cannot be made.
    pub(crate) fn new(
        work: PathBuf,
        targets: &'a [Target],
        programs: &'a Programs,
        unfit: &'a Unfit,
        starts: Vec<Start>,
        limits: Limits,
    ) -> io::Result<Self> {
        let starts = starts
            .into_iter()
            .map(|start| (start.cell.clone(), start))
            .collect();
        let (compiled, primed) = (HashMap::new(), HashMap::new());
        let bench = Self {
            work,
            targets,
            programs,
            unfit,
            starts,
            limits,
            compiled,
            primed,
            ready: None,
        };
        for (index, target) in targets.iter().enumerate() {
            let copy = bench.wasm(index);
            std::fs::copy(&target.path, &copy)?;
            if sha256_file(&copy)? != target.sha256 {
                return Err(io::Error::other(format!(
                    "{} changed while it was copied",
                    target.path.display()
                )));
            }
        }
        Ok(bench)
    }

    fn wasm(&self, target: usize) -> PathBuf {
        self.work.join(format!("{target}.wasm"))
    }

    fn prepare_child(&self, code: Code, into: Destination) -> Result<(), String> {
        let program = self.programs.of(code.of)?;
        let target = &self.targets[code.target];
        let kind: Kind = target.is.kind;
        let preparation = Preparation {
            file: self.wasm(code.target),
            kind,
            engine: code.engine,
            into,
        };
        let input = serde_json::to_string(&preparation)
            .expect("a preparation is plain data: it always serialises");
        let ended = launch::run::<()>(
            &program.path,
            PREPARE,
            &[input.into()],
            self.limits.patience(),
        );
        ended
            .reported
            .map_err(|failure| format!("this configuration cannot run {}: {failure}", target.name))
    }

    /// Compiled code: made once, and checked against its digest each time.
    fn compiled(&mut self, code: Code) -> Result<Compiled, String> {
        if !self.compiled.contains_key(&code) {
            let made = self.compile(code);
            self.compiled.insert(code, made);
        }
        let compiled = self.compiled[&code].clone()?;
        let remedy = "remove it and resume: it is then made anew";
        let found = sha256_file(&compiled.path).map_err(|error| {
            format!("cannot read {}: {error}; {remedy}", compiled.path.display())
        })?;
        if found != compiled.sha256 {
            // Machine code that is not what the compiler wrote could do anything: it is never
            // loaded.
            return Err(format!(
                "the precompiled file {} is damaged: its digest is {found}, recorded is {}; \
                    {remedy}",
                compiled.path.display(),
                compiled.sha256
            ));
        }
        Ok(compiled)
    }

    /// Compiles, or takes over what the interrupted run that this one continues had compiled.
    fn compile(&self, code: Code) -> Result<Compiled, String> {
        let path = self.work.join(match code.of {
            Engine::Wasmtime => format!("{}-{}.cwasm", code.target, name_of(code.engine)),
            // By that ending the SDK tells a shared library from Wasm.
            Engine::WasmEdge => format!("{}.so", code.target),
        });
        let digest = path.with_added_extension("sha256");
        let fail =
            |error: io::Error| format!("cannot keep compiled code in {}: {error}", path.display());
        if path.exists()
            && let Ok(sha256) = std::fs::read_to_string(&digest)
        {
            return Ok(Compiled { path, sha256 });
        }
        let draft = path.with_extension("draft");
        self.prepare_child(code, Destination::File(draft.clone()))?;
        let sha256 = sha256_hex(&std::fs::read(&draft).map_err(fail)?);
        // The digest before the file: a run that is killed in between has no file, and makes both
        // again.
        std::fs::write(&digest, &sha256).map_err(fail)?;
        std::fs::rename(&draft, &path).map_err(fail)?;
        Ok(Compiled { path, sha256 })
    }

    /// A cache that holds compiled code.
    fn primed(&mut self, code: Code) -> Result<PathBuf, String> {
        if !self.primed.contains_key(&code) {
            let folder = self
                .work
                .join(format!("{}-{}.cache", code.target, name_of(code.engine)));
            let made = remove(&folder)
                .and_then(|()| self.prepare_child(code, Destination::Cache(folder.clone())))
                .map(|()| folder);
            self.primed.insert(code, made);
        }
        self.primed[&code].clone()
    }

    fn make_ready(&mut self, planned: &Planned) -> Result<Ready, String> {
        let start = self
            .starts
            .get(&planned.cell)
            .cloned()
            .ok_or("the harness has no such cell")?;
        let (target, wanted) = (start.target, start.configuration);
        self.programs.of(wanted.of)?;
        if let Some(reason) = self.unfit.get(&(target, wanted.of)) {
            return Err(reason.clone());
        }
        let mut engine = wanted.engine;
        // Threads leave no trace in compiled code.
        engine.compile_threads = Configuration::BASELINE.engine.compile_threads;
        let code = Code {
            target,
            of: wanted.of,
            engine,
        };
        let compiled = if wanted.loads_precompiled() || engine != Configuration::BASELINE.engine {
            // Also where nothing precompiled is loaded: what a compiler or an allocator cannot do
            // is found here once, and is a skipped cell with its reason.
            Some(self.compiled(code)?)
        } else {
            None
        };
        let cache = match (wanted.of, wanted.acquire) {
            (Engine::Wasmtime, Acquire::CacheHit) => Some(self.primed(code)?),
            (Engine::Wasmtime, Acquire::CacheMiss) => {
                let folder = self.miss(planned);
                remove(&folder)?;
                Some(folder)
            }
            (Engine::WasmEdge, Acquire::Compile) => {
                let folder = self.miss(planned);
                remove(&folder)?;
                std::fs::create_dir(&folder)
                    .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
                Some(folder)
            }
            _ => None,
        };
        let compiled = compiled.filter(|_| wanted.loads_precompiled());
        let file = compiled
            .as_ref()
            .map_or_else(|| self.wasm(target), |compiled| compiled.path.clone());
        let mut files = vec![file.clone()];
        if let (Acquire::CacheHit, Some(folder)) = (wanted.acquire, &cache) {
            files.extend(
                files_below(folder)
                    .map_err(|error| format!("cannot list {}: {error}", folder.display()))?,
            );
        }
        let mut pages = Pages::default();
        for file in &files {
            let of_file = pages::put(file, residency(wanted.page_cache))?;
            pages.resident += of_file.resident;
            pages.all += of_file.all;
        }
        Ok(Ready {
            start,
            file,
            cache,
            pages,
            code_sha256: compiled.map(|compiled| compiled.sha256),
        })
    }

    fn miss(&self, planned: &Planned) -> PathBuf {
        self.work.join(format!("miss-{}", planned.order))
    }
}

impl Bench for Embedded<'_> {
    fn prepare(&mut self, planned: &Planned) -> Result<(), String> {
        self.ready = Some(self.make_ready(planned)?);
        Ok(())
    }

    fn sample(&mut self, _: &Planned) -> Measurement {
        let Some(ready) = self.ready.take() else {
            return Measurement::failed("it was never prepared");
        };
        let target = &self.targets[ready.start.target];
        let wanted = &ready.start.configuration;
        let spec = spec(
            target,
            wanted,
            self.limits,
            ready.file.clone(),
            ready.cache.clone(),
        );
        let program = match self.programs.of(wanted.of) {
            Ok(program) => &program.path,
            Err(reason) => return Measurement::failed(reason),
        };
        let ended =
            launch::run::<Report>(program, PROBE, &spec.to_arguments(), self.limits.patience());
        let (launched_ns, ended_ns) = (ended.launched_ns, ended.seen_ns);
        match ended.reported {
            Ok(report) => judge(target, &ready, &report, launched_ns, ended_ns),
            Err(failure) => Measurement::failed(failure.reason),
        }
    }

    fn clean(&mut self, planned: &Planned) -> Result<(), String> {
        remove(&self.miss(planned))
    }

    fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
        Some(self.targets[self.starts.get(cell)?.target].sha256.clone())
    }
}

/// From a probe's report to a measurement.
fn judge(
    target: &Target,
    ready: &Ready,
    report: &Report,
    launched_ns: u64,
    ended_ns: u64,
) -> Measurement {
    let wanted = &ready.start.configuration;
    let mut attested = report.attested.clone();
    let mut put = |key: &str, value: Value| _ = attested.insert(key.to_owned(), value);
    put("pages_resident", ready.pages.resident.into());
    put("pages", ready.pages.all.into());
    if let Some(sha256) = &ready.code_sha256 {
        put("code_sha256", sha256.clone().into());
    }
    // The parent's own bounds of the start, by its own clock readings: a total outside them cannot
    // be.
    put("lifetime_ns", ended_ns.saturating_sub(launched_ns).into());
    let mut verdict =
        answers(target, report).and_then(|()| evidence::check(wanted, &report.attested));
    let started = match report.recorded.since(launched_ns) {
        Ok(started) => started,
        Err(error) => {
            return Measurement {
                attested,
                ..Measurement::failed(error.to_string())
            };
        }
    };
    if launched_ns + started.total_ns > ended_ns {
        verdict = verdict.and(Err(
            "the answer came after the end of its process".to_owned()
        ));
    }
    let mut phases = started.phases;
    if let Some(reason) = unanswered_again(target, report) {
        phases.retain(|phase| phase.name != Phase::SecondRequest);
        attested.insert("second_request".to_owned(), reason.into());
    }
    Measurement {
        verdict,
        total_ns: Some(started.total_ns),
        phases,
        resources: report.resources,
        requests: None,
        attested,
    }
}

/// Why a guest that need not answer twice on one instance did not.
fn unanswered_again(target: &Target, report: &Report) -> Option<String> {
    match report.second.as_ref()? {
        Ok(answered) => target.check(2, answered).err(),
        Err(failure) => Some(failure.to_string()),
    }
}

fn name_of(engine: EngineSettings) -> String {
    let EngineSettings {
        allocator,
        memory_init,
        compiler,
        interrupt,
        compile_threads: _,
    } = engine;
    [
        compiler.name(),
        allocator.name(),
        memory_init.name(),
        interrupt.name(),
    ]
    .join("-")
}

/// Removes a folder with all that is in it; one that is not there is removed already.
fn remove(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

const fn residency(asked: PageCache) -> Residency {
    match asked {
        PageCache::Hot => Residency::Hot,
        PageCache::Evicted => Residency::Evicted,
    }
}

/// A start that failed before any run: of the thing that the user calls `what`.
pub(crate) fn start_failed(what: &str, failure: &Failure) -> Error {
    let (exit, hint) = match failure.cause {
        Cause::Artifact => (
            Exit::Artifact,
            "is it built for WASI 0.1 (core module) or WASI 0.2 (component)?",
        ),
        Cause::Guest => (
            Exit::Samples,
            "nothing was recorded; run the guest alone, or say what it should answer with --expect",
        ),
        Cause::TimeLimit => (
            Exit::Samples,
            "nothing was recorded; --time-limit SECONDS allows more",
        ),
        Cause::MemoryLimit => (
            Exit::Samples,
            "nothing was recorded; --memory-limit MIB allows more",
        ),
        Cause::Machine => (
            Exit::Nothing,
            "the machine lacks what the engine needs; see ulimit -v and free memory",
        ),
        Cause::Harness => (
            Exit::Internal,
            "this is a fault of the harness: please report it with the command line",
        ),
    };
    Error::new(exit, format!("{what}: {failure}")).hint(hint)
}
