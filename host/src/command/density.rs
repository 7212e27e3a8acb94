//! `host density-embedded`: how many instances fit into one process, and what each takes.

use std::collections::BTreeMap;
use std::path::Path;

use campaign::manifest::Measured;
use campaign::run::Format;
use campaign::{Error, Exit, report_offer, run};
use host_probe::settings::{
    Acquire, Allocator, Configuration, Engine, MemoryInit, Named, Parameter, Value,
};
use results::levers::{LEVERS, Positions};
use results::manifest::{Manifest, Order, Origin, System};
use results::record::Scenario;
use results::{Cell, Param, Params};
use serde::{Deserialize, Serialize};
use summary::{Style, View};
use workloads::Workload;

use super::{Origins, artifact_facts, config, masked, read_config, resume_command};
use crate::bench::density::{self, DensityParams, LIMITS};
use crate::bench::plan;
use crate::bench::programs::{Program, THIS};
use crate::bench::rehearsal;
use crate::bench::target::Target;
use crate::bench::user::UserArtifact;
use crate::cli::{Density, OwnArguments};
use crate::error::{Advice, artifact_failed, unusable_artifact};

/// The numbers of instances where none are given.
const INSTANCES: [u32; 5] = [1, 100, 1_000, 5_000, 10_000];

/// What is measured, in full: kept in the manifest, so that resuming plans the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Options {
    instances: Vec<u32>,
    /// Its name; of an own artifact too.
    workload: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact: Option<UserArtifact>,
    /// In a record that masks some of the artifact's call: by what the whole of it is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_fingerprint: Option<String>,
    /// As `--select` has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    select: Vec<String>,
    samples: u32,
    seed: u64,
}

/// Runs the subcommand.
pub(super) fn run(arguments: &Density) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let results = arguments.out.clone().unwrap_or_else(run::default_results);
    let resume = run::resolve_resumed(&results, arguments.resume.as_deref())?;
    let (options, origins) = match &resume {
        Some(run) => {
            let recorded: Options = read_config(&results.join(run))?;
            (recorded.resumed(&arguments.own)?, Origins::new())
        }
        None => parse_options(arguments)?,
    };
    let target = match &options.artifact {
        Some(artifact) => own_target(artifact)?,
        None => find_target(&options.workload)?,
    };
    let cells = cells(&options, &target)?;
    rehearsal::rehearse(Path::new(THIS), &Configuration::BASELINE, &target, LIMITS).map_err(
        |failure| artifact_failed(&target.given, &target.path, &failure, Advice::MEASURED),
    )?;
    let program = Program::this()?;
    let manifest = manifest(&options.recorded()?, &origins, &cells, &target, &program);
    let (folder, manifest) = run::open(resume.as_deref(), &results, manifest)?;
    let (samples, ended) = run::measure(&folder, &manifest, |work, _| {
        Ok::<_, std::io::Error>(density::Density::new(work, &program, &target, &cells))
    })?;
    let findings = summary::findings(&manifest, &samples);
    let exit = run::finish(
        arguments.format,
        &folder,
        &manifest.systems,
        (&samples, ended),
        &|_, format, width, colour| {
            summary::format(&findings, format, View::Suite, Style { width, colour })
        },
        &resume_command("density-embedded", folder.run(), arguments.out.as_ref()),
    )?;
    if arguments.format == Format::Table {
        report_offer::offer(&folder, exit);
    }
    Ok(exit)
}

impl Options {
    /// As a manifest keeps them.
    fn recorded(&self) -> Result<Self, Error> {
        let recorded = self.artifact.as_ref().map(masked::record).transpose()?;
        let (artifact, fingerprint) = recorded.unzip();
        Ok(Self {
            artifact,
            call_fingerprint: fingerprint.flatten(),
            ..self.clone()
        })
    }

    /// Those of a run that is resumed, with what its manifest does not keep out of the arguments.
    fn resumed(self, arguments: &OwnArguments) -> Result<Self, Error> {
        let wanted = self.call_fingerprint.as_deref();
        let artifact = masked::complete(self.artifact.clone(), wanted, arguments)?;
        Ok(Self {
            artifact,
            call_fingerprint: None,
            ..self
        })
    }
}

fn parse_options(arguments: &Density) -> Result<(Options, Origins), Error> {
    let given = |given: bool, otherwise: Origin| {
        if given {
            Origin::CommandLine
        } else {
            otherwise
        }
    };
    let origins = Origins::from([
        (
            "instances",
            given(!arguments.instances.is_empty(), Origin::Default),
        ),
        (
            "workload",
            given(arguments.workload.is_some(), Origin::Default),
        ),
        (
            "select",
            given(!arguments.select.is_empty(), Origin::Default),
        ),
        (
            "artifact",
            given(arguments.own.artifact.is_some(), Origin::Default),
        ),
        (
            "samples",
            given(arguments.samples.is_some(), Origin::Default),
        ),
        ("seed", given(arguments.seed.is_some(), Origin::Drawn)),
    ]);
    let mut instances = arguments.instances.clone();
    if instances.is_empty() {
        instances = INSTANCES.to_vec();
    }
    instances.sort_unstable();
    instances.dedup();
    let artifact = UserArtifact::asked(&arguments.own)?;
    let own = artifact
        .as_ref()
        .map(|it| UserArtifact::workload_name(&it.file));
    let options = Options {
        instances,
        workload: own
            .or_else(|| arguments.workload.clone())
            .unwrap_or_else(|| Workload::HttpHello.name().to_owned()),
        artifact,
        call_fingerprint: None,
        select: arguments.select.iter().map(ToString::to_string).collect(),
        samples: arguments.samples.unwrap_or(5),
        seed: arguments.seed.unwrap_or_else(run::draw_seed),
    };
    Ok((options, origins))
}

/// A service of a person's own, which many instances of answer.
fn own_target(artifact: &UserArtifact) -> Result<Target, Error> {
    let target = Target::from_user(artifact)?;
    if target.inspected.serves {
        return Ok(target);
    }
    Err(unusable_artifact(
        &target.given,
        "it runs to completion",
        "instances that are kept answer requests: give a component that exports \
            wasi:http/incoming-handler",
    ))
}

fn find_target(name: &str) -> Result<Target, Error> {
    let serves = |workload: &Workload| matches!(workload.call(), workloads::Call::Http(_));
    let workload = Workload::from_name(name).filter(serves).ok_or_else(|| {
        let services: Vec<_> = Workload::ALL
            .iter()
            .filter(|workload| serves(workload))
            .map(|workload| workload.name())
            .collect();
        Error::new(
            Exit::Usage,
            format!("`{name}` is no workload that answers requests"),
        )
        .hint(format!("there are {}", services.join(", ")))
    })?;
    Target::from_workload(workload)?
        .into_iter()
        .find(|target| target.engines.contains(&Engine::Wasmtime))
        .ok_or_else(|| Error::new(Exit::Internal, format!("{name} is in no form for Wasmtime")))
}

/// Every number of instances, with each allocator, each way to fill memories, touched and
/// untouched, as far as they are selected; and some twice.
fn cells(options: &Options, target: &Target) -> Result<Vec<(Cell, DensityParams)>, Error> {
    let system = Engine::Wasmtime.system();
    let mut cells = Vec::new();
    for params in all_params(options, target)? {
        let cell = Cell {
            system: system.clone(),
            workload: options.workload.as_str().into(),
            scenario: Scenario::Density,
            params: cell_params(params),
        };
        // The control: the usual configuration, under another name.
        let mut unmoved = params.settings;
        unmoved.levers = Positions::DEFAULT;
        if params.touched && unmoved == Configuration::BASELINE.settings {
            let twin = Cell {
                system: system.twin(),
                ..cell.clone()
            };
            cells.extend([(cell, params), (twin, params)]);
        } else {
            cells.push((cell, params));
        }
    }
    Ok(cells)
}

fn all_params(options: &Options, target: &Target) -> Result<Vec<DensityParams>, Error> {
    let mut configurations = configurations(&options.select)?;
    configurations.retain(|one| plan::suits(target, one));
    if configurations.is_empty() {
        let message = "nothing is left to measure: what was selected has no effect on this guest";
        return Err(Error::new(Exit::Usage, message));
    }
    let mut all = Vec::new();
    for &instances in &options.instances {
        for configuration in &configurations {
            all.extend([false, true].map(|touched| DensityParams {
                instances,
                touched,
                settings: configuration.settings,
            }));
        }
    }
    Ok(all)
}

/// Instances of precompiled code with each allocator and each way to fill memories, with the selected values
/// set in each, each once.
fn configurations(selected: &[String]) -> Result<Vec<Configuration>, Error> {
    let usage = |reason: String| Error::new(Exit::Usage, reason);
    let mut by_key: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for text in selected {
        let value = Value::parse(text).map_err(usage)?;
        if !varies(value) {
            let names = [Allocator::PARAM.name(), MemoryInit::PARAM.name()];
            return Err(usage(format!(
                "`{value}` has no effect on instances of precompiled code that are kept"
            ))
            .hint(format!(
                "{} and the levers that such code is compiled or run with have one",
                names.join(", ")
            )));
        }
        by_key.entry(value.key()).or_default().push(value);
    }
    let with = |allocator: &Allocator, memory_init: &MemoryInit| {
        let mut configuration = LOADED;
        configuration.settings.allocator = *allocator;
        configuration.settings.memory_init = *memory_init;
        configuration
    };
    let mut all: Vec<_> = Allocator::ALL
        .iter()
        .flat_map(|allocator| {
            MemoryInit::ALL
                .iter()
                .map(move |init| with(allocator, init))
        })
        .collect();
    for values in by_key.values() {
        let set = |one: &Configuration| -> Vec<_> {
            values.iter().filter_map(|value| one.with(*value)).collect()
        };
        all = all.iter().flat_map(set).collect();
    }
    let mut once = Vec::new();
    for configuration in all.into_iter().map(Configuration::normal) {
        if !once.contains(&configuration) {
            once.push(configuration);
        }
    }
    Ok(once)
}

/// How code comes into a process of instances.
const LOADED: Configuration = Configuration {
    acquire: Acquire::DeserializeFile,
    ..Configuration::BASELINE
};

/// Whether instances that are kept may differ by a value.
fn varies(value: Value) -> bool {
    match value {
        Value::Allocator(_) | Value::MemoryInit(_) => true,
        Value::Lever(lever, _) => LOADED.has_effect(&LEVERS[lever]),
        _ => false,
    }
}

fn cell_params(params: DensityParams) -> Params {
    let touched = if params.touched { "yes" } else { "no" };
    let mut all = Params::from([
        (
            Acquire::PARAM.clone(),
            Acquire::DeserializeFile.name().to_owned(),
        ),
        (
            Allocator::PARAM.clone(),
            params.settings.allocator.name().to_owned(),
        ),
        (
            MemoryInit::PARAM.clone(),
            params.settings.memory_init.name().to_owned(),
        ),
        (Param::Touched, touched.to_owned()),
        (Param::Instances, params.instances.to_string()),
    ]);
    let levers = params.settings.levers;
    all.extend(
        levers
            .moved()
            .map(|(lever, value)| (lever.param.clone(), value)),
    );
    all
}

fn manifest(
    options: &Options,
    origins: &Origins,
    cells: &[(Cell, DensityParams)],
    target: &Target,
    program: &Program,
) -> Manifest {
    let system = |name: results::System| System {
        name: name.to_string(),
        version: program.version.clone(),
        engine_version: None,
        sha256: Some(program.sha256.clone()),
        unavailable: None,
        description: None,
    };
    let engine = Engine::Wasmtime.system();
    Manifest::from(Measured {
        config: config(options, origins),
        order: Order::by_comparison(),
        seed: options.seed,
        samples_per_cell: options.samples,
        cells: cells.iter().map(|(cell, _)| cell.clone()).collect(),
        program_sha256: program.sha256.clone(),
        systems: vec![system(engine.clone()), system(engine.twin())],
        artifacts: artifact_facts(std::slice::from_ref(target)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(values: &[&str]) -> Result<Vec<Configuration>, Error> {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        configurations(&values)
    }

    #[test]
    fn what_is_selected_is_in_every_cell_and_nothing_is_measured_twice() {
        let all = Allocator::ALL.len() * MemoryInit::ALL.len();
        assert_eq!(selected(&[]).unwrap().len(), all);
        let pooled = selected(&["allocator=pooling", "memory_init=cow"]).unwrap();
        let [pooled] = pooled.as_slice() else {
            panic!("{pooled:?}");
        };
        assert_eq!(pooled.settings.allocator, Allocator::Pooling);
        let params = |configuration: &Configuration| {
            cell_params(DensityParams {
                instances: 3,
                touched: true,
                settings: configuration.settings,
            })
        };
        assert!(!params(pooled).contains_key(Param::MemoryReservation));
        let moved = selected(&["memory_reservation=64MiB"]).unwrap();
        let is_moved = |one: &Configuration| params(one).is(Param::MemoryReservation, "64MiB");
        assert!(moved.len() == all && moved.iter().all(is_moved));
        let both = ["memory_reservation=64MiB", "memory_reservation=4GiB"];
        assert_eq!(selected(&both).unwrap().len(), 2 * all);
    }

    #[test]
    fn what_has_no_effect_is_refused() {
        for value in ["acquire=compile", "incremental_compilation=yes"] {
            let refused = selected(&[value]).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("`{value}` has no effect")),
                "{refused}"
            );
        }
    }
}
