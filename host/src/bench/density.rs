//! Processes full of instances.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::schedule::{Bench, Measurement, Planned};
use host_probe::limits;
use host_probe::report::{Cause, Failure as StartFailure, InstanceSetReport};
use host_probe::request::{INSTANCES, InstanceSet};
use host_probe::settings::{Acquire, Configuration, Engine, EngineSettings};
use results::record::Requests;
use results::{Attested, Cell, Evidence, Failure, FailureKind, Param, Skip, SkipKind};

use super::compiled_code::{CompiledCode, Key, Source};
use super::growth::{Allowed, Growth};
use super::programs::{Program, THIS};
use super::target::Target;
use super::{Limits, check_answer, launch, spec};

/// How long a guest may take to answer, and how large its memory may become.
pub(crate) const LIMITS: Limits = Limits {
    time: limits::TIME,
    memory_bytes: limits::MEMORY_BYTES,
};

/// How long a process with all its instances may take.
const PROCESS_TIME_LIMIT: Duration = Duration::from_mins(10);

/// The instances of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DensityParams {
    pub(crate) instances: u32,
    /// Whether each has answered a request before memory is measured.
    pub(crate) touched: bool,
    pub(crate) settings: EngineSettings,
}

/// Sets of instances of one run, in its private folder.
pub(crate) struct Density<'a> {
    program: &'a Program,
    target: &'a Target,
    cells: HashMap<Cell, DensityParams>,
    compiled_code: CompiledCode,
    /// Whether one instance can be measured so.
    tried: HashMap<(EngineSettings, bool), Result<(), Skip>>,
    /// How what a process has grows with its instances, or why that is not known.
    growth: HashMap<(EngineSettings, bool), Result<Growth, Skip>>,
    /// What `prepare` left for `sample`.
    prepared: Option<(DensityParams, PathBuf)>,
}

impl<'a> Density<'a> {
    /// A bench in `work`.
    pub(crate) fn new(
        work: PathBuf,
        program: &'a Program,
        target: &'a Target,
        cells: &[(Cell, DensityParams)],
    ) -> Self {
        Self {
            program,
            target,
            cells: cells.iter().cloned().collect(),
            compiled_code: CompiledCode::new(work, PROCESS_TIME_LIMIT),
            tried: HashMap::new(),
            growth: HashMap::new(),
            prepared: None,
        }
    }

    /// A set of instances, as a child starts it.
    fn set(&self, params: DensityParams, file: PathBuf) -> InstanceSet {
        let configuration = Configuration {
            acquire: Acquire::DeserializeFile,
            settings: params.settings,
            ..Configuration::BASELINE
        };
        InstanceSet {
            spec: spec(self.target, &configuration, LIMITS, file, None),
            instances: params.instances,
            touched: params.touched,
        }
    }

    /// Whether one instance can be measured so, found out once: what can never work is no failure of
    /// each sample.
    fn try_one(&mut self, params: DensityParams, file: &Path) -> Result<(), Skip> {
        let key = (params.settings, params.touched);
        if let Some(tried) = self.tried.get(&key) {
            return tried.clone();
        }
        let one = DensityParams {
            instances: 1,
            ..params
        };
        let tried = launch_set(&self.set(one, file.to_owned()))
            .map_err(|failure| cannot(&failure, params))
            .and_then(|report| {
                check_all(self.target, one, &report).map_err(|failure| not_twice(&failure, params))
            });
        self.tried.insert(key, tried.clone());
        tried
    }

    /// Whether the machine lets one process hold so many instances.
    fn check_limits(&mut self, params: DensityParams, file: &Path) -> Result<(), Skip> {
        let allowed = Allowed::now();
        if allowed.is_surely_enough(params.instances) {
            return Ok(());
        }
        let key = (params.settings, params.touched);
        if !self.growth.contains_key(&key) {
            let growth = Growth::measure(|instances| {
                let set = self.set(
                    DensityParams {
                        instances,
                        ..params
                    },
                    file.to_owned(),
                );
                launch_set(&set)
            });
            self.growth.insert(key, growth);
        }
        let reserves = !params.settings.levers.is_moved(&Param::MemoryReservation);
        self.growth[&key]
            .clone()?
            .check(params.instances, allowed, reserves)
    }
}

/// Why no instance can be measured so.
fn cannot(failure: &StartFailure, params: DensityParams) -> Skip {
    match failure.cause {
        Cause::Guest => not_twice(failure, params),
        Cause::Artifact | Cause::MemoryLimit | Cause::OutputLimit => Skip::new(
            SkipKind::NotApplicable,
            format!("this configuration cannot run it: {failure}"),
        ),
        Cause::Machine => {
            Skip::new(SkipKind::MachineLimit, failure.to_string()).remedy(machine::limits::hint())
        }
        Cause::TimeLimit | Cause::Harness => Skip::new(SkipKind::NotPrepared, failure.to_string()),
    }
}

/// An instance that does not answer as it should. The guest has answered once before all this: it is
/// the second answer that it does not give.
fn not_twice(failure: &impl std::fmt::Display, params: DensityParams) -> Skip {
    let why = if params.touched {
        "an instance that has answered is asked again, which this guest does not bear"
    } else {
        "this configuration cannot run it"
    };
    Skip::new(SkipKind::NotApplicable, format!("{why}: {failure}"))
}

fn launch_set(set: &InstanceSet) -> Result<InstanceSetReport, StartFailure> {
    let finished = launch::run::<InstanceSetReport>(
        Path::new(THIS),
        INSTANCES,
        &set.to_message(),
        PROCESS_TIME_LIMIT,
    );
    finished.report
}

impl Bench for Density<'_> {
    fn prepare(&mut self, planned: &Planned) -> Result<(), Skip> {
        let params = *self.cells.get(&planned.cell).ok_or_else(|| {
            Skip::new(
                SkipKind::NotPrepared,
                "the plan of this run has no such cell",
            )
        })?;
        let key = Key {
            target: 0,
            engine: Engine::Wasmtime,
            settings: params.settings,
        };
        let source = Source {
            program: self.program,
            target: self.target,
            wasm: &self.target.path,
        };
        let code = self.compiled_code.file(key, source)?;
        self.try_one(params, &code.path)?;
        self.check_limits(params, &code.path)?;
        self.prepared = Some((params, code.path));
        Ok(())
    }

    fn sample(&mut self, _: &Planned) -> Measurement {
        let Some((params, file)) = self.prepared.take() else {
            return Measurement::failed("it was never prepared");
        };
        match launch_set(&self.set(params, file)) {
            Ok(report) => evaluate(self.target, params, &report),
            Err(failure) => Measurement::failed(failure),
        }
    }

    fn clean(&mut self, _: &Planned) -> Result<(), String> {
        Ok(())
    }

    fn artifact_sha256(&self, _: &Cell) -> Option<String> {
        Some(self.target.sha256.clone())
    }
}

/// Whether every instance has answered as expected, and what they took.
fn evaluate(target: &Target, params: DensityParams, report: &InstanceSetReport) -> Measurement {
    let instances = u64::from(params.instances);
    let full = report.full;
    Measurement {
        verdict: check_all(target, params, report),
        total_ns: Some(report.started_ns),
        phases: Vec::new(),
        resources: results::record::Resources {
            pss_bytes: full.pss_bytes,
            ..report.resources
        },
        requests: Some(Requests {
            sent: instances,
            ok: instances,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns: report.answers_ns,
            latency_hdr: None,
            series: None,
            by_request: None,
        }),
        attested: Attested::from([
            (Evidence::Instances, Some(instances)),
            (Evidence::PssBytes, full.pss_bytes),
            (Evidence::PrivateBytes, full.private_bytes),
            (Evidence::PageTablesBytes, full.page_tables_bytes),
            // The engine is in the process of the instances.
            (Evidence::EnginePssBytes, Some(0)),
            (Evidence::BasePssBytes, report.base.pss_bytes),
            (Evidence::BasePrivateBytes, report.base.private_bytes),
            (Evidence::StartLastNs, Some(report.last_start_ns)),
            (Evidence::Mappings, Some(report.mappings)),
        ]),
        daemons: Vec::new(),
    }
}

fn check_all(
    target: &Target,
    params: DensityParams,
    report: &InstanceSetReport,
) -> Result<(), Failure> {
    let nth = if params.touched { 2 } else { 1 };
    let mut answered = 0;
    for (answer, instances) in &report.answers {
        check_answer(target, nth, answer)?;
        answered += instances;
    }
    if answered == u64::from(params.instances) {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::WrongAnswer,
        format!("{answered} of {} instances answered", params.instances),
    ))
}
