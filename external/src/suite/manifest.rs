//! The manifest of a run of the suite.

use std::path::Path;

use campaign::manifest::{Identity, Measured};
use campaign::{Error, Exit};
use results::digest::{sha256_file, sha256_hex};
use results::manifest::{ArtifactFact, Manifest};
use results::values::Named as _;
use workloads::{Dialect, Script};

use super::duel::OwnBuild;
use super::own_workloads;
use super::plan::{self, Planned};
use super::settings::{Origins, Settings};
use super::systems::Systems;
use crate::system::System;

/// The manifest of a run that begins now.
pub(super) fn build(
    settings: &Settings,
    origins: &Origins,
    cells: &[Planned],
    systems: &Systems,
) -> Result<Manifest, Error> {
    let program_sha256 = sha256_file(Path::new("/proc/self/exe")).map_err(|error| {
        Error::new(Exit::Internal, format!("cannot read this program: {error}"))
    })?;
    let mut facts = campaign::manifest::systems(cells, |planned: &Planned| {
        let found = systems
            .get(planned.system)
            .map_err(|skip| own_workloads::why_not(planned, skip).to_string())?;
        Ok(Identity {
            version: found.version.clone(),
            engine_version: found.engine_version.clone(),
            sha256: found.sha256.clone(),
        })
    });
    for system in &mut facts {
        let name = results::System::from(system.name.as_str());
        let adapter = System::from_name(name.original_name());
        system.description = adapter.and_then(|it| it.description());
    }
    Ok(Manifest::from(Measured {
        config: settings.to_config(origins),
        order: plan::order(cells, &settings.values),
        seed: settings.seed,
        samples_per_cell: settings.values.samples,
        cells: cells.iter().map(|planned| planned.cell.clone()).collect(),
        program_sha256,
        systems: facts,
        artifacts: artifacts(cells, systems)?,
    }))
}

/// What a person's own builds are, if they are measured; else, and where these run what is built here,
/// each built guest once, with the workloads that it serves.
fn artifacts(cells: &[Planned], systems: &Systems) -> Result<Vec<ArtifactFact>, Error> {
    let own = own_builds(cells);
    let are_hosts = || {
        let mut own = cells.iter().filter_map(|planned| planned.own.as_ref());
        own.any(OwnBuild::is_host)
    };
    if !own.is_empty() && !are_hosts() {
        return Ok([own, own_workloads::descriptions(cells)].concat());
    }
    let mut facts = [own, own_workloads::artifacts(cells, systems)].concat();
    let of_guests = cells.iter().filter(|planned| planned.acquire.is_some());
    let (scripts, of_guests): (Vec<_>, Vec<_>) =
        of_guests.partition(|planned| planned.system.script(planned.workload).is_some());
    for planned in scripts {
        let script = planned.system.script(planned.workload);
        for (_, path) in script.into_iter().flat_map(Script::modules) {
            let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
            add(&mut facts, planned, &path, &bytes);
        }
    }
    for (planned, dialect) in of_guests.into_iter().flat_map(|planned| {
        [
            (planned, Dialect::WasiHttp),
            (planned, Dialect::WasmEdgeSockets),
        ]
    }) {
        let Some(artifact) = planned.workload.artifact_for(dialect) else {
            continue;
        };
        add(&mut facts, planned, &artifact.path(), &artifact.read()?);
    }
    Ok(facts)
}

/// Adds a file that serves a cell's workload: each is listed once, with all that it serves.
fn add(facts: &mut Vec<ArtifactFact>, planned: &Planned, path: &Path, bytes: &[u8]) {
    let (path, workload) = (
        path.display().to_string(),
        planned.workload.name().to_owned(),
    );
    match facts.iter_mut().find(|fact| fact.path == path) {
        Some(fact) if fact.workloads.contains(&workload) => {}
        Some(fact) => fact.workloads.push(workload),
        None => facts.push(ArtifactFact {
            workloads: vec![workload],
            path,
            bytes: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            build: None,
        }),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let message = format!("cannot read {}: {error}", path.display());
    Error::new(Exit::Artifact, message).hint("it comes with the checkout: git restores it")
}

/// Each of a person's own builds once.
fn own_builds(cells: &[Planned]) -> Vec<ArtifactFact> {
    let mut facts: Vec<ArtifactFact> = Vec::new();
    for planned in cells {
        let Some(own) = &planned.own else { continue };
        let build = own.build.name();
        if facts
            .iter()
            .all(|fact| fact.build.as_deref() != Some(build))
        {
            facts.push(ArtifactFact {
                workloads: vec![planned.workload.name().to_owned()],
                path: own.artifact.path.display().to_string(),
                bytes: own.artifact.bytes,
                sha256: own.artifact.sha256.clone(),
                build: Some(build.to_owned()),
            });
        }
    }
    facts
}
