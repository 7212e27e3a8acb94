//! Cold starts of embedded engines.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use campaign::schedule::{Bench, Measurement, Planned};
use host_probe::report::Report;
use host_probe::request::PROBE;
use host_probe::settings::{Acquire, Configuration, Engine, Named as _, PageCache};
use machine::page_cache::{self, Pages, Residency};
use machine::system_files::{Libraries, LikelyMappers, SystemFiles};
use results::digest::sha256_file;
use results::{Cell, Evidence, Failure, FailureKind, Phase, Skip, SkipKind};

use super::compiled_code::{Compiled, CompiledCode, Key, Source, remove_folder};
use super::plan::Start;
use super::programs::{COPY_OF_THIS, Programs, is_this};
use super::target::Target;
use super::{Limits, check_answers, evidence, launch, spec};

/// What was found when every target was tried.
#[derive(Debug, Default)]
pub(crate) struct Unsupported {
    /// Why an engine cannot run a target, which is named by its position.
    pub(crate) engines: HashMap<(usize, Engine), Skip>,
    /// The configurations that were tried, and why one cannot run a target.
    pub(crate) tried: HashMap<Key, Option<Skip>>,
}

impl Unsupported {
    fn skip(&self, start: &Start) -> Option<&Skip> {
        let engine = (start.target, start.configuration.engine);
        let tried = || self.tried.get(&key(start))?.as_ref();
        self.engines.get(&engine).or_else(tried)
    }
}

/// What a run starts, and by which programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subjects<'a> {
    pub(crate) targets: &'a [Target],
    pub(crate) programs: &'a Programs,
    /// What was found when each engine tried each target.
    pub(crate) unsupported: &'a Unsupported,
}

/// Starts of one run, in its private folder.
pub(crate) struct Embedded<'a> {
    work: PathBuf,
    subjects: Subjects<'a>,
    starts: HashMap<Cell, Start>,
    limits: Limits,
    compiled_code: CompiledCode,
    /// What programs are linked with.
    libraries: Libraries,
    likely: LikelyMappers,
    /// What `prepare` left for `sample`.
    prepared: Option<Prepared>,
}

struct Prepared {
    start: Start,
    file: PathBuf,
    cache: Option<PathBuf>,
    pages: Pages,
    code_sha256: Option<String>,
    program: PathBuf,
    /// The program with its libraries, if they were put out of the page cache.
    evicted: Option<SystemFiles>,
}

impl<'a> Embedded<'a> {
    /// A bench in `work`. Copies the artifacts there: the run owns the pages that it evicts, and a
    /// file that changes under a running campaign changes nothing in it.
    ///
    /// # Errors
    /// If the copies cannot be made.
    pub(crate) fn new(
        work: PathBuf,
        subjects: Subjects<'a>,
        starts: Vec<Start>,
        limits: Limits,
    ) -> io::Result<Self> {
        let starts = starts
            .into_iter()
            .map(|start| (start.cell.clone(), start))
            .collect();
        let compiled_code = CompiledCode::new(work.clone(), limits.child_time());
        let bench = Self {
            work,
            subjects,
            starts,
            limits,
            compiled_code,
            libraries: Libraries::default(),
            likely: LikelyMappers::default(),
            prepared: None,
        };
        for (index, target) in subjects.targets.iter().enumerate() {
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

    /// The run's own copy of a target's Wasm.
    fn wasm(&self, target: usize) -> PathBuf {
        self.work.join(format!("{target}.wasm"))
    }

    /// The empty cache of a start that must not find its code there.
    fn empty_cache(&self, planned: &Planned) -> PathBuf {
        self.work.join(format!("miss-{}", planned.order))
    }

    fn prepare_start(&mut self, planned: &Planned) -> Result<Prepared, Skip> {
        let start = self.starts.get(&planned.cell).cloned().ok_or_else(|| {
            Skip::new(
                SkipKind::NotPrepared,
                "the plan of this run has no such cell",
            )
        })?;
        let configuration = start.configuration;
        if let Some(skip) = self.subjects.unsupported.skip(&start) {
            return Err(skip.clone());
        }
        if let (Acquire::Interpret, Some(reason)) = (
            configuration.acquire,
            self.subjects.targets[start.target].too_much_for_interpreters,
        ) {
            let remedy = match configuration.engine {
                Engine::WasmEdge => "`--select acquire=aot` measures it compiled",
                _ => {
                    "`--artifact workloads/artifacts/cpu-hash.wasm --arg 1000` measures fewer rounds"
                }
            };
            return Err(Skip::new(SkipKind::NotApplicable, reason).remedy(remedy));
        }
        let code = self.compile_ahead(&start)?;
        let cache = self.prepare_cache(&start, planned)?;
        let file = code
            .as_ref()
            .map_or_else(|| self.wasm(start.target), |code| code.path.clone());
        let mut files = vec![file.clone()];
        if let (Acquire::CacheHit, Some(folder)) = (configuration.acquire, &cache) {
            files.extend(
                files_below(folder)
                    .map_err(|error| format!("cannot list {}: {error}", folder.display()))?,
            );
        }
        let pages = set_page_cache(&files, configuration.page_cache)?;
        let (program, evicted) = self.prepare_program(&configuration)?;
        Ok(Prepared {
            pages,
            program,
            evicted,
            start,
            file,
            cache,
            code_sha256: code.map(|code| code.sha256),
        })
    }

    /// The program that performs the start. Where nothing of it may be in memory it is a copy: this
    /// process, which is the same program, keeps its own pages there.
    fn prepare_program(
        &mut self,
        configuration: &Configuration,
    ) -> Result<(PathBuf, Option<SystemFiles>), Skip> {
        let program = self.subjects.programs.get(configuration.engine);
        let program = program.map_err(Clone::clone)?.path.clone();
        if configuration.page_cache != PageCache::EvictedAll {
            return Ok((program, None));
        }
        let name = if is_this(&program) {
            COPY_OF_THIS
        } else {
            configuration.engine.name()
        };
        let copy = self.work.join(name);
        if !copy.exists() {
            std::fs::copy(&program, &copy)
                .map_err(|error| format!("cannot copy {}: {error}", program.display()))?;
        }
        let files = SystemFiles::find(&mut self.libraries, std::slice::from_ref(&copy), &[]);
        files.evict(&mut self.likely)?;
        Ok((copy, Some(files)))
    }

    /// The precompiled code that the start loads, if it loads any.
    ///
    /// Compiled also where nothing precompiled is loaded, if the engine is configured unusually:
    /// what a compiler or an allocator cannot do is found here once, and is a skipped cell with its
    /// reason.
    fn compile_ahead(&mut self, start: &Start) -> Result<Option<Compiled>, Skip> {
        let (key, wasm) = (key(start), self.wasm(start.target));
        let loads = start.configuration.loads_precompiled();
        let source = self.subjects.source(start, &wasm)?;
        let is_usual = key.settings == Configuration::BASELINE.settings;
        if !loads && (is_usual || key.engine.only_interprets()) {
            return Ok(None);
        }
        let code = self.compiled_code.file(key, source)?;
        Ok(loads.then_some(code))
    }

    /// The engine's cache, or the folder that it compiles into.
    fn prepare_cache(&mut self, start: &Start, planned: &Planned) -> Result<Option<PathBuf>, Skip> {
        let folder = self.empty_cache(planned);
        match (start.configuration.engine, start.configuration.acquire) {
            (Engine::Wasmtime | Engine::Wasmer, Acquire::CacheHit) => {
                let wasm = self.wasm(start.target);
                let source = self.subjects.source(start, &wasm)?;
                return self.compiled_code.cache(key(start), source).map(Some);
            }
            (Engine::Wasmtime | Engine::Wasmer, Acquire::CacheMiss) => remove_folder(&folder)?,
            (Engine::WasmEdge, Acquire::Compile) => {
                remove_folder(&folder)?;
                std::fs::create_dir(&folder)
                    .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
            }
            _ => return Ok(None),
        }
        Ok(Some(folder))
    }
}

impl<'a> Subjects<'a> {
    fn source<'s>(&self, start: &Start, wasm: &'s Path) -> Result<Source<'s>, Skip>
    where
        'a: 's,
    {
        let program = self.programs.get(start.configuration.engine);
        Ok(Source {
            program: program.map_err(Clone::clone)?,
            target: &self.targets[start.target],
            wasm,
        })
    }
}

impl Bench for Embedded<'_> {
    fn prepare(&mut self, planned: &Planned) -> Result<(), Skip> {
        self.prepared = Some(self.prepare_start(planned)?);
        Ok(())
    }

    fn sample(&mut self, _: &Planned) -> Measurement {
        let Some(prepared) = self.prepared.take() else {
            return Measurement::failed("it was never prepared");
        };
        let target = &self.subjects.targets[prepared.start.target];
        let configuration = &prepared.start.configuration;
        let spec = spec(
            target,
            configuration,
            self.limits,
            prepared.file.clone(),
            prepared.cache.clone(),
        );
        let (program, message) = (&prepared.program, spec.to_message());
        // Right before the launch: the wait for quiet lies between putting them out and this.
        let evicted = match prepared
            .evicted
            .as_ref()
            .map(|files| files.prove(&mut self.likely))
            .transpose()
        {
            Ok(evicted) => evicted.unwrap_or_default(),
            Err(failure) => return Measurement::failed(failure),
        };
        let finished = launch::run::<Report>(program, PROBE, &message, self.limits.child_time());
        let lifetime = (finished.launched_ns, finished.ended_ns);
        let mut measurement = match finished.report {
            Ok(report) => evaluate(target, &prepared, &report, lifetime),
            Err(failure) => Measurement::failed(failure),
        };
        measurement.attested.extend(evicted);
        measurement
    }

    fn clean(&mut self, planned: &Planned) -> Result<(), String> {
        remove_folder(&self.empty_cache(planned))
    }

    fn artifact_sha256(&self, cell: &Cell) -> Option<String> {
        let start = self.starts.get(cell)?;
        Some(self.subjects.targets[start.target].sha256.clone())
    }
}

/// The compiled code that a start loads, or would load.
pub(crate) fn key(start: &Start) -> Key {
    let mut settings = start.configuration.settings;
    // Threads leave no trace in compiled code, and neither do some levers.
    settings.compile_threads = Configuration::BASELINE.settings.compile_threads;
    settings.levers = settings.levers.only(|lever| lever.in_code);
    Key {
        target: start.target,
        engine: start.configuration.engine,
        settings,
    }
}

/// From a probe's report to a measurement.
fn evaluate(
    target: &Target,
    prepared: &Prepared,
    report: &Report,
    (launched_ns, ended_ns): (u64, u64),
) -> Measurement {
    let mut attested = report.attested.clone();
    attested.insert(Evidence::PagesResident, prepared.pages.resident);
    attested.insert(Evidence::Pages, prepared.pages.all);
    if let Some(sha256) = &prepared.code_sha256 {
        attested.insert(Evidence::CodeSha256, sha256.clone());
    }
    // The parent's own bounds of the start, by its own clock readings: a total outside them cannot
    // be.
    attested.insert(Evidence::LifetimeNs, ended_ns.saturating_sub(launched_ns));
    let mut verdict = check_answers(target, report)
        .and_then(|()| evidence::check(&prepared.start.configuration, &report.attested));
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
        verdict = verdict.and(Err(Failure::new(
            FailureKind::NotAsPlanned,
            "the answer came after the end of its process",
        )));
    }
    let mut phases = started.phases;
    if let Some(reason) = second_request_failure(target, report) {
        phases.retain(|phase| phase.name != Phase::SecondRequest);
        attested.insert(Evidence::SecondRequest, reason);
    }
    Measurement {
        verdict,
        total_ns: Some(started.total_ns),
        phases,
        resources: report.resources,
        requests: None,
        attested,
        daemons: Vec::new(),
    }
}

/// Why a guest that need not answer twice on one instance did not.
fn second_request_failure(target: &Target, report: &Report) -> Option<String> {
    match report.second.as_ref()? {
        Ok(answered) => target.check(2, answered).err(),
        Err(failure) => Some(failure.to_string()),
    }
}

/// Puts files into the page cache or out of it, and counts their pages.
fn set_page_cache(files: &[PathBuf], state: PageCache) -> Result<Pages, String> {
    let residency = match state {
        PageCache::Hot => Residency::Hot,
        PageCache::Evicted | PageCache::EvictedAll => Residency::Evicted,
    };
    let mut all = Pages::NONE;
    for file in files {
        all += page_cache::put(file, residency)?;
    }
    Ok(all)
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
