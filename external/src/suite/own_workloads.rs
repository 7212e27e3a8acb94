//! Persons' own workloads in a plan: beside or in place of those that are built in.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use campaign::terminal::say;
use campaign::{Error, Exit};
use results::manifest::{ArtifactFact, Origin};
use results::reason::without_numbers;
use results::{Skip, SkipKind};
use workloads::target::{ImageSource, OwnFile};
use workloads::{Target, Workload};

use super::bench::SystemBench;
use super::plan::Planned;
use super::settings::{Layers, Settings};
use super::systems::Systems;
use crate::system::{System, image_id};
use crate::target::{self, Described, TargetArguments};

/// Registers what a command line describes, and plans it in place of the profile's workloads, unless
/// the profile names some of it.
///
/// # Errors
/// Something of a description is wrong.
pub(super) fn add(arguments: &TargetArguments, layers: &mut Layers) -> Result<(), Error> {
    const ORIGIN: Origin = Origin::CommandLine;
    let described = arguments.described()?;
    if described.is_empty() {
        return Ok(());
    }
    let own = target::load(&described)?;
    say_scripts(&own);
    layers.set(ORIGIN, "targets", Some(described), |it| &mut it.targets);
    let names: Vec<_> = own.iter().map(|it| it.name().to_owned()).collect();
    let workloads = &layers.settings.values.workloads;
    if !workloads.iter().any(|name| names.contains(name)) {
        layers.set(ORIGIN, "workloads", Some(names), |it| {
            &mut it.values.workloads
        });
    }
    Ok(())
}

/// The same for a profile that nothing is laid above.
///
/// # Errors
/// Something of a description is wrong.
pub(super) fn ask_for(described: Vec<Described>, settings: &mut Settings) -> Result<(), Error> {
    if described.is_empty() {
        return Ok(());
    }
    let own = target::load(&described)?;
    say_scripts(&own);
    settings.targets = described;
    settings.values.workloads = own.iter().map(|it| it.name().to_owned()).collect();
    Ok(())
}

/// Descriptions out of a record.
///
/// # Errors
/// The record masks some of one.
pub(super) fn expanded(described: Vec<Described>) -> Result<Vec<Described>, Error> {
    described.into_iter().map(Described::expanded).collect()
}

/// Whether a workload is named in a list of the profile, which names only what is built in.
pub(super) fn is_named(names: &[String], workload: Workload) -> bool {
    workload.own().is_some() || names.iter().any(|name| name == workload.name())
}

/// Whether a system has what it takes of a workload.
pub(super) fn runs(system: System, workload: Workload) -> bool {
    let own = workload.own();
    own.is_none_or(|target| system.check_own(target).is_ok())
}

/// The systems of a plan that have anything to run: the others need not be looked for, nor built.
pub(super) fn needed(cells: &[Planned]) -> impl Iterator<Item = System> {
    let running = cells.iter().filter(|it| runs(it.system, it.workload));
    running.map(|planned| planned.system)
}

/// Why a system cannot be measured that was not found: for what it lacks of a workload, if so.
pub(super) fn why_not(planned: &Planned, otherwise: Skip) -> Skip {
    let own = planned.workload.own();
    let lacks = own.and_then(|target| planned.system.check_own(target).err());
    lacks.unwrap_or(otherwise)
}

/// One cell of each system that has nothing of an own workload to run: it says what would be needed,
/// and once is enough.
pub(super) fn once_where_it_cannot_run(cells: Vec<Planned>) -> Vec<Planned> {
    let mut kept: Vec<Planned> = Vec::new();
    for planned in cells {
        let is_known =
            |known: &Planned| (known.system, known.workload) == (planned.system, planned.workload);
        if runs(planned.system, planned.workload) || !kept.iter().any(is_known) {
            kept.push(planned);
        }
    }
    kept
}

/// What is measured a second time of own workloads besides what the profile names for that: each on the
/// first system that runs it. A system that is named may not be there, and is known to be missing only
/// once cells are planned; the first ones come with the program.
pub(super) fn controls(cells: &[Planned], named: &[String]) -> Vec<(System, Workload)> {
    let is_named = |system: System| named.iter().any(|name| name == system.name());
    let mut first: Vec<(System, Workload)> = Vec::new();
    // Of two builds the first is its own control.
    let is_of_suite = |it: &&Planned| it.workload.own().is_some() && it.own.is_none();
    for planned in cells.iter().filter(is_of_suite) {
        let (system, workload) = (planned.system, planned.workload);
        if !runs(system, workload) {
            continue;
        }
        if first.iter().all(|(_, known)| *known != workload) {
            first.push((system, workload));
        }
    }
    first.retain(|(system, _)| !is_named(*system));
    first
}

/// What the own workloads of a plan consist of: their descriptions, and what each is built as.
pub(super) fn artifacts(cells: &[Planned], systems: &Systems) -> Vec<ArtifactFact> {
    let mut facts: Vec<ArtifactFact> = Vec::new();
    for target in targets(cells) {
        let native = target.native.as_ref().map(|it| &it.program);
        let component = target.component.as_ref().map(|it| &it.file);
        let archive = target.image.as_ref().and_then(|it| match &it.source {
            ImageSource::Archive(file) => Some(file),
            ImageSource::Engine(_) => None,
        });
        let files = [
            native,
            component,
            target.module.as_ref().map(|it| &it.file),
            archive,
        ];
        for file in described_in(target).chain(files.into_iter().flatten()) {
            add_fact(&mut facts, target, fact_of(file));
        }
        if let Some(ImageSource::Engine(name)) = target.image.as_ref().map(|it| &it.source)
            && has_engine(cells, target, systems)
            && let Ok(sha256) = image_id(name)
        {
            let fact = ArtifactFact {
                workloads: Vec::new(),
                path: name.clone(),
                bytes: 0,
                sha256,
                build: None,
            };
            add_fact(&mut facts, target, fact);
        }
    }
    facts
}

/// What is asked alone, of a plan that runs other builds than its descriptions name.
pub(super) fn descriptions(cells: &[Planned]) -> Vec<ArtifactFact> {
    let mut facts = Vec::new();
    for target in targets(cells) {
        for file in described_in(target) {
            add_fact(&mut facts, target, fact_of(file));
        }
    }
    facts
}

/// The files that say what is asked: the description, and what its requests send.
fn described_in(target: &Target) -> impl Iterator<Item = &OwnFile> {
    target.file.iter().chain(&target.bodies)
}

/// Says which programs are scripts: what reads one is a part of each start, which those who name a program
/// by a shell's word for it may not know (`pyenv` puts such scripts into `PATH`).
fn say_scripts(own: &[Workload]) {
    for target in own.iter().filter_map(|it| it.own()) {
        let Some(native) = &target.native else {
            continue;
        };
        if let Some(reader) = interpreter(&native.program.path) {
            let program = native.program.path.display();
            say(&format!(
                "{}: {program} is a script, and each start has `{reader}` in it, which reads it; name the \
                    program that it starts if that is what you mean",
                target.name
            ));
        }
    }
}

/// What reads a script, as its first line says; nothing of what is none.
fn interpreter(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(256)
        .read_to_end(&mut head)
        .ok()?;
    let line = head
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    Some(String::from_utf8_lossy(line).trim().to_owned())
}

/// The own workloads of a plan, each once.
fn targets(cells: &[Planned]) -> Vec<&'static Target> {
    let mut targets: Vec<&Target> = Vec::new();
    for target in cells.iter().filter_map(|planned| planned.workload.own()) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// Tries every own workload on every system once, before anything is recorded: what does not work is
/// said, and skipped.
///
/// # Errors
/// Nothing of them works, or an interrupt set `stop` meanwhile.
pub(super) fn try_all(
    bench: &mut SystemBench<'_>,
    cells: &[Planned],
    stop: &AtomicBool,
) -> Result<(), Error> {
    let (refused, worked) = bench.try_own(cells, stop);
    if stop.load(Ordering::Relaxed) {
        let message = "interrupted while own workloads were tried once, before a sample was taken";
        return Err(Error::new(Exit::Interrupted, message));
    }
    let unable = |skip: &Skip| skip.kind == SkipKind::NotApplicable;
    let (mut said, mut known) = (Vec::new(), HashSet::new());
    for refused in &refused {
        let sentence = refusal(refused);
        let (planned, skip) = refused;
        let reason = without_numbers(&skip.to_string());
        // Once for each way in which it goes wrong, not for each mode and number of attempts.
        if known.insert((planned.workload, planned.system, reason)) {
            said.push(sentence);
        }
    }
    if worked || refused.is_empty() {
        said.iter().for_each(|sentence| say(sentence));
        return Ok(());
    }
    // What was tried says more than what there was nothing to be tried of.
    let tried = refused.iter().find(|(_, skip)| !unable(skip));
    let first = match tried.or(refused.first()) {
        Some(refused) => refusal(refused),
        None => String::new(),
    };
    for sentence in said.iter().filter(|sentence| **sentence != first) {
        say(sentence);
    }
    let hint = "nothing was recorded; `external doctor` says which systems are there";
    Err(Error::new(Exit::Artifact, first).hint(hint))
}

/// What is said of a start that did not work.
fn refusal((planned, skip): &(Planned, Skip)) -> String {
    format!(
        "{} on {}: cannot be measured: {skip}",
        planned.workload.name(),
        planned.system.name()
    )
}

/// Whether an engine that is there is to start the target's image.
fn has_engine(cells: &[Planned], target: &Target, systems: &Systems) -> bool {
    let of = cells
        .iter()
        .filter(|it| it.workload.own() == Some(target) && it.system.managed().is_some());
    let mut running = of.filter(|it| runs(it.system, it.workload));
    running.any(|it| systems.get(it.system).is_ok())
}

fn fact_of(file: &OwnFile) -> ArtifactFact {
    ArtifactFact {
        workloads: Vec::new(),
        path: file.path.display().to_string(),
        bytes: file.bytes,
        sha256: file.sha256.clone(),
        build: None,
    }
}

/// Adds a file, or another workload to one that is there.
fn add_fact(facts: &mut Vec<ArtifactFact>, target: &Target, fact: ArtifactFact) {
    let name = target.name.clone();
    match facts.iter_mut().find(|known| known.path == fact.path) {
        Some(known) if known.workloads.contains(&name) => {}
        Some(known) => known.workloads.push(name),
        None => facts.push(ArtifactFact {
            workloads: vec![name],
            ..fact
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_known_by_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        for (bytes, reader) in [
            (
                &b"#!/usr/bin/env bash\nexec y\n"[..],
                Some("/usr/bin/env bash"),
            ),
            (b"#! /bin/sh", Some("/bin/sh")),
            (b"\x7fELF", None),
            (b"", None),
        ] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(interpreter(&file).as_deref(), reader, "{bytes:?}");
        }
        assert_eq!(interpreter(Path::new("/no/such/file")), None);
    }
}
