//! `host density`: how many instances fit into one process, and what each takes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::identity::checkout;
use campaign::schedule::{Bench, Measurement, Planned};
use campaign::{Error, Exit, run};
use host::engine::wasmtime::VERSION;
use host_probe::settings::{
    Acquire, Allocator, Configuration, Engine, EngineSettings, MemoryInit, Parameter as _,
};
use host_probe::spec::{CROWD, Crowd, CrowdReport, Destination, PREPARE, Preparation};
use machine::clock;
use results::digest::{sha256_file, sha256_hex};
use results::manifest::{ArtifactFact, Manifest, Origin, Setting, System};
use results::record::{Requests, Scenario};
use results::{Cell, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use serde_json::json;
use summary::{Style, View};
use workloads::Workload;

use crate::bench::{self, Limits};
use crate::cli::Density;
use crate::launch;
use crate::programs::THIS;
use crate::target::Target;

/// The numbers of instances where none are named.
const INSTANCES: [u32; 5] = [1, 100, 1_000, 5_000, 10_000];

/// How long a guest may take to answer, and how large its memory may become.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(30),
    memory_bytes: 1 << 30,
};

/// How long a process with all its instances may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// What is measured, in full: kept in the manifest, so that resuming plans the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Options {
    instances: Vec<u32>,
    workload: String,
    samples: u32,
    seed: u64,
}

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    instances: u32,
    touched: bool,
    engine: EngineSettings,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Density) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let results = arguments.out.clone().unwrap_or_else(run::default_results);
    let resume = arguments
        .resume
        .as_deref()
        .map(|run| run_folder::resolve(&results, run))
        .transpose()?;
    let (options, origins) = options(
        arguments,
        resume.as_ref().map(|run| results.join(run)).as_deref(),
    )?;
    let target = target(&options.workload)?;
    let cells = cells(&options);
    bench::rehearse(Path::new(THIS), Engine::Wasmtime, &target, LIMITS)
        .map_err(|failure| bench::start_failed(&target.name, &failure))?;
    let (folder, manifest) = run::open(
        resume.as_deref(),
        &results,
        manifest(&options, &origins, &cells, &target)?,
    )?;
    let (samples, ended) = run::measure(&folder, &manifest, |work| {
        Ok(Crowds::new(work, &target, &cells))
    })?;
    let out = arguments
        .out
        .as_ref()
        .map_or_else(String::new, |out| format!(" --out {}", out.display()));
    let resume = format!(
        "cargo run -p host -- density --resume {}{out}",
        folder.run()
    );
    let findings = summary::findings(&manifest, &samples);
    run::finish(
        arguments.format,
        &folder,
        &manifest.systems,
        (&samples, ended),
        &|_, format, width, colour| {
            summary::format(&findings, format, View::Suite, Style { width, colour })
        },
        &resume,
    )
}

fn options(
    arguments: &Density,
    resume: Option<&Path>,
) -> Result<(Options, BTreeMap<&'static str, Origin>), Error> {
    if let Some(folder) = resume {
        let config = run_folder::read_manifest(folder)?.config;
        let config: serde_json::Map<_, _> = config
            .into_iter()
            .map(|(key, setting)| (key, setting.value))
            .collect();
        let options = serde_json::from_value(config.into()).map_err(|error| {
            Error::new(
                Exit::Resume,
                format!("the run's configuration cannot be understood: {error}"),
            )
            .hint("it is resumed by the command and the version of coldphase that began it")
        })?;
        return Ok((options, BTreeMap::new()));
    }
    let said = |said: bool| {
        if said {
            Origin::CommandLine
        } else {
            Origin::Default
        }
    };
    let origins = BTreeMap::from([
        ("instances", said(!arguments.instances.is_empty())),
        ("workload", said(arguments.workload.is_some())),
        ("samples", said(arguments.samples.is_some())),
        (
            "seed",
            if arguments.seed.is_some() {
                Origin::CommandLine
            } else {
                Origin::Drawn
            },
        ),
    ]);
    let mut instances = arguments.instances.clone();
    if instances.is_empty() {
        instances = INSTANCES.to_vec();
    }
    instances.sort_unstable();
    instances.dedup();
    let options = Options {
        instances,
        workload: arguments
            .workload
            .clone()
            .unwrap_or_else(|| Workload::HttpHello.name().to_owned()),
        samples: arguments.samples.unwrap_or(5),
        seed: arguments.seed.unwrap_or_else(run::draw_seed),
    };
    Ok((options, origins))
}

fn target(name: &str) -> Result<Target, Error> {
    let workload = Workload::from_name(name);
    let serves = workload.filter(|workload| matches!(workload.call(), workloads::Call::Http(_)));
    let workload = serves.ok_or_else(|| {
        Error::new(
            Exit::Usage,
            format!("`{name}` cannot be asked again, as each instance is"),
        )
        .hint("there are http-hello, http-cpu, http-echo, http-state")
    })?;
    let all = Target::all_of(workload)?;
    let ours = all
        .into_iter()
        .find(|target| target.engines.contains(&Engine::Wasmtime));
    ours.ok_or_else(|| Error::new(Exit::Internal, format!("{name} is in no form for Wasmtime")))
}

/// Every number of instances, with each allocator, each way to fill memories, touched and
/// untouched; and some twice.
fn cells(options: &Options) -> Vec<(Cell, Kept)> {
    let mut cells = Vec::new();
    for &instances in &options.instances {
        for &allocator in Allocator::ALL {
            for &memory_init in MemoryInit::ALL {
                for touched in [false, true] {
                    let engine = EngineSettings {
                        allocator,
                        memory_init,
                        ..Configuration::BASELINE.engine
                    };
                    let kept = Kept {
                        instances,
                        touched,
                        engine,
                    };
                    cells.push((cell("wasmtime-embedded", &options.workload, kept), kept));
                    // The control: the usual configuration, under another name.
                    if touched && engine == Configuration::BASELINE.engine {
                        cells.push((cell("wasmtime-embedded-aa", &options.workload, kept), kept));
                    }
                }
            }
        }
    }
    cells
}

fn cell(system: &str, workload: &str, kept: Kept) -> Cell {
    let params = [
        ("acquire", Acquire::DeserializeFile.name().to_owned()),
        ("allocator", kept.engine.allocator.name().to_owned()),
        ("memory_init", kept.engine.memory_init.name().to_owned()),
        (
            "touched",
            if kept.touched { "yes" } else { "no" }.to_owned(),
        ),
        ("instances", kept.instances.to_string()),
    ];
    Cell {
        system: system.into(),
        workload: workload.into(),
        scenario: Scenario::Density,
        params: params
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    }
}

fn manifest(
    options: &Options,
    origins: &BTreeMap<&'static str, Origin>,
    cells: &[(Cell, Kept)],
    target: &Target,
) -> Result<Manifest, Error> {
    let (commit, dirty) = checkout(run::workspace());
    let config =
        serde_json::to_value(options).expect("options are plain data: they always serialise");
    let config = config
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let origin = origins
                .get(key.as_str())
                .copied()
                .unwrap_or(Origin::Default);
            (
                key.clone(),
                Setting {
                    value: value.clone(),
                    origin,
                },
            )
        });
    let sha256 = sha256_file(Path::new(THIS)).map_err(|error| {
        Error::new(Exit::Internal, format!("cannot read this program: {error}"))
    })?;
    let system = |name: &str| System {
        name: name.to_owned(),
        version: VERSION.to_owned(),
        sha256: Some(sha256.clone()),
        unavailable: None,
    };
    Ok(Manifest {
        schema: SCHEMA_VERSION,
        run: campaign::identity::new_run_name(options.seed),
        created_at: clock::wall_clock(),
        command_line: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        config: config.collect(),
        seed: options.seed,
        samples_per_cell: options.samples,
        cells: cells.iter().map(|(cell, _)| cell.clone()).collect(),
        commit,
        dirty,
        build: run::build(sha256.clone()),
        machine: machine::facts::read(Path::new("/")),
        systems: ["wasmtime-embedded", "wasmtime-embedded-aa"]
            .map(system)
            .to_vec(),
        artifacts: vec![ArtifactFact {
            workloads: vec![target.name.clone()],
            path: target.path.display().to_string(),
            bytes: target.bytes,
            sha256: target.sha256.clone(),
        }],
    })
}

/// Processes full of instances.
struct Crowds<'a> {
    work: PathBuf,
    target: &'a Target,
    cells: HashMap<Cell, Kept>,
    /// Compiled code with its digest, or why there is none.
    compiled: HashMap<EngineSettings, Result<(PathBuf, String), String>>,
    next: Option<(Kept, PathBuf)>,
}

impl<'a> Crowds<'a> {
    fn new(work: PathBuf, target: &'a Target, cells: &[(Cell, Kept)]) -> Self {
        let cells = cells.iter().cloned().collect();
        Self {
            work,
            target,
            cells,
            compiled: HashMap::new(),
            next: None,
        }
    }

    fn compile(&self, engine: EngineSettings) -> Result<(PathBuf, String), String> {
        let name = format!(
            "{}-{}.cwasm",
            engine.allocator.name(),
            engine.memory_init.name()
        );
        let file = self.work.join(name);
        let preparation = Preparation {
            file: self.target.path.clone(),
            kind: self.target.is.kind,
            engine,
            into: Destination::File(file.clone()),
        };
        let input = serde_json::to_string(&preparation)
            .expect("a preparation is plain data: it always serialises");
        let ended = launch::run::<()>(Path::new(THIS), PREPARE, &[input.into()], PATIENCE);
        ended.reported.map_err(|failure| {
            format!(
                "this configuration cannot run {}: {failure}",
                self.target.name
            )
        })?;
        let code = std::fs::read(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        Ok((file, sha256_hex(&code)))
    }
}

impl Bench for Crowds<'_> {
    fn prepare(&mut self, planned: &Planned) -> Result<(), String> {
        let kept = *self
            .cells
            .get(&planned.cell)
            .ok_or("the plan has no such cell")?;
        if !self.compiled.contains_key(&kept.engine) {
            let made = self.compile(kept.engine);
            self.compiled.insert(kept.engine, made);
        }
        let (file, sha256) = self.compiled[&kept.engine].clone()?;
        let found = sha256_file(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        if found != sha256 {
            // Machine code that is not what the compiler wrote could do anything: it is never
            // loaded.
            return Err(format!(
                "the precompiled file {} is damaged: remove the run and begin anew",
                file.display()
            ));
        }
        self.next = Some((kept, file));
        Ok(())
    }

    fn sample(&mut self, _: &Planned) -> Measurement {
        let Some((kept, file)) = self.next.take() else {
            return Measurement::failed("it was never prepared");
        };
        let wanted = Configuration {
            acquire: Acquire::DeserializeFile,
            engine: kept.engine,
            ..Configuration::BASELINE
        };
        let spec = bench::spec(self.target, &wanted, LIMITS, file, None);
        let crowd = Crowd {
            spec,
            instances: kept.instances,
            touched: kept.touched,
        };
        let ended =
            launch::run::<CrowdReport>(Path::new(THIS), CROWD, &crowd.to_arguments(), PATIENCE);
        match ended.reported {
            Ok(report) => judge(self.target, kept, &report),
            Err(failure) => Measurement::failed(failure.reason),
        }
    }

    fn clean(&mut self, _: &Planned) -> Result<(), String> {
        Ok(())
    }

    fn artifact_sha256(&self, _: &Cell) -> Option<String> {
        Some(self.target.sha256.clone())
    }
}

/// Whether every instance has answered rightly, and what they took.
fn judge(target: &Target, kept: Kept, report: &CrowdReport) -> Measurement {
    let nth = if kept.touched { 2 } else { 1 };
    let right = |(answer, n): &(_, u64)| target.check(nth, answer).map(|()| *n);
    let answered: Result<Vec<_>, _> = report.answers.iter().map(right).collect();
    let n = u64::from(kept.instances);
    let verdict = answered.and_then(|answered| match answered.iter().sum::<u64>() {
        all if all == n => Ok(()),
        some => Err(format!("{some} of {n} instances answered")),
    });
    let full = report.full;
    Measurement {
        verdict,
        total_ns: Some(report.started_ns),
        phases: Vec::new(),
        resources: results::record::Resources {
            pss_bytes: full.pss_bytes,
            ..report.resources
        },
        requests: Some(Requests {
            sent: n,
            ok: n,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns: report.answers_ns,
            latency_hdr: None,
        }),
        attested: BTreeMap::from([
            ("instances".to_owned(), json!(kept.instances)),
            ("pss_bytes".to_owned(), json!(full.pss_bytes)),
            ("private_bytes".to_owned(), json!(full.private_bytes)),
            (
                "page_tables_bytes".to_owned(),
                json!(full.page_tables_bytes),
            ),
            ("base_pss_bytes".to_owned(), json!(report.base.pss_bytes)),
            (
                "base_private_bytes".to_owned(),
                json!(report.base.private_bytes),
            ),
            ("start_last_ns".to_owned(), json!(report.last_start_ns)),
            ("mappings".to_owned(), json!(report.mappings)),
        ]),
    }
}
