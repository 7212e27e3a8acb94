//! Processes full of instances.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::schedule::{Bench, Measurement, Planned};
use host_probe::limits;
use host_probe::report::InstanceSetReport;
use host_probe::request::{INSTANCES, InstanceSet};
use host_probe::settings::{Acquire, Configuration, Engine, EngineSettings};
use results::record::Requests;
use results::{Attested, Cell, Evidence, Failure, FailureKind, Skip, SkipKind};

use super::compiled_code::{CompiledCode, Key, Source};
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
            prepared: None,
        }
    }
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
        self.prepared = Some((params, code.path));
        Ok(())
    }

    fn sample(&mut self, _: &Planned) -> Measurement {
        let Some((params, file)) = self.prepared.take() else {
            return Measurement::failed("it was never prepared");
        };
        let configuration = Configuration {
            acquire: Acquire::DeserializeFile,
            settings: params.settings,
            ..Configuration::BASELINE
        };
        let set = InstanceSet {
            spec: spec(self.target, &configuration, LIMITS, file, None),
            instances: params.instances,
            touched: params.touched,
        };
        let finished = launch::run::<InstanceSetReport>(
            Path::new(THIS),
            INSTANCES,
            &set.to_arguments(),
            PROCESS_TIME_LIMIT,
        );
        match finished.report {
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
        }),
        attested: Attested::from([
            (Evidence::Instances, Some(instances)),
            (Evidence::PssBytes, full.pss_bytes),
            (Evidence::PrivateBytes, full.private_bytes),
            (Evidence::PageTablesBytes, full.page_tables_bytes),
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
