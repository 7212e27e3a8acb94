//! The manifest of a run of the suite.

use std::path::Path;

use campaign::identity::checkout;
use campaign::{Error, Exit, run};
use machine::clock;
use results::SCHEMA_VERSION;
use results::digest::{sha256_file, sha256_hex};
use results::manifest::{ArtifactFact, Manifest, System};
use workloads::Dialect;

use super::plan::Planned;
use super::settings::{Origins, Settings};
use super::systems::Systems;

/// The manifest of a run that begins now.
pub(super) fn build(
    settings: &Settings,
    origins: &Origins,
    cells: &[Planned],
    systems: &Systems,
) -> Result<Manifest, Error> {
    let (commit, dirty) = checkout(run::workspace());
    let sha256 = sha256_file(Path::new("/proc/self/exe")).map_err(|error| {
        Error::new(Exit::Internal, format!("cannot read this program: {error}"))
    })?;
    Ok(Manifest {
        schema: SCHEMA_VERSION,
        run: campaign::identity::new_run_name(settings.seed),
        created_at: clock::wall_clock(),
        command_line: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        config: settings.to_config(origins),
        seed: settings.seed,
        samples_per_cell: settings.values.samples,
        cells: cells.iter().map(|planned| planned.cell.clone()).collect(),
        commit,
        dirty,
        build: run::build(sha256),
        machine: machine::facts::read(Path::new("/")),
        systems: facts(cells, systems),
        artifacts: artifacts(cells)?,
    })
}

/// Each system that has cells, under each of its names.
fn facts(cells: &[Planned], systems: &Systems) -> Vec<System> {
    let mut facts: Vec<System> = Vec::new();
    for planned in cells {
        if facts
            .iter()
            .any(|fact| fact.name == planned.cell.system.as_str())
        {
            continue;
        }
        let found = systems.get(planned.system);
        facts.push(System {
            name: planned.cell.system.to_string(),
            version: found
                .as_ref()
                .map_or_else(|_| "none".to_owned(), |found| found.version.clone()),
            sha256: found.as_ref().ok().map(|found| found.sha256.clone()),
            unavailable: found.err().map(|skip| skip.to_string()),
        });
    }
    facts
}

/// Each built guest once, with the workloads that it serves.
fn artifacts(cells: &[Planned]) -> Result<Vec<ArtifactFact>, Error> {
    let mut facts: Vec<ArtifactFact> = Vec::new();
    let of_guests = cells.iter().filter(|planned| planned.acquire.is_some());
    for (planned, dialect) in of_guests.flat_map(|planned| {
        [
            (planned, Dialect::WasiHttp),
            (planned, Dialect::WasmEdgeSockets),
        ]
    }) {
        let artifact = planned.workload.artifact_for(dialect);
        let (path, workload) = (
            artifact.path().display().to_string(),
            planned.workload.name().to_owned(),
        );
        match facts.iter_mut().find(|fact| fact.path == path) {
            Some(fact) if fact.workloads.contains(&workload) => {}
            Some(fact) => fact.workloads.push(workload),
            None => {
                let bytes = artifact.read()?;
                let sha256 = sha256_hex(&bytes);
                facts.push(ArtifactFact {
                    workloads: vec![workload],
                    path,
                    bytes: bytes.len() as u64,
                    sha256,
                });
            }
        }
    }
    Ok(facts)
}
