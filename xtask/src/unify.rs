//! The packages `workspace-hack` and `workspace-hack-build`: each command gets exactly the features
//! that it lacks.
//!
//! Cargo resolves features for the packages of one command. Two commands that need different
//! features of one crate compile it, and all that depends on it, twice. `workspace-hack` depends
//! on such crates with the union of the features, and each package that people run depends on
//! `workspace-hack`.
//!
//! Unlike in a package that `cargo hakari` keeps, each dependency is optional and belongs to the
//! commands that compile the crate in any case: nothing is compiled for a command that it did not
//! compile before, so that reports stay out of a measurement's build and the engine out of a
//! report's.
//!
//! There are two packages because cargo refuses one that depends on a crate by two names, and with
//! one name a feature could not choose whether the crate is meant for the program or for what runs
//! while building.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::path::Path;

use crate::commands::ROOTS;
use crate::resolution::{Crate, Features, LockFile, Resolution, Root, Side, resolve};

/// How many of the first commands compile no crate that the first of them has compiled, for
/// whatever side.
const FIRST: usize = 3;

/// What only reports need: the command that measures first does without.
const ONLY_REPORTS: &[&str] = &["dejavu", "minijinja", "parquet", "plotters", "resvg"];

/// The generated files, in the workspace.
const MANIFESTS: [(Side, &str); 2] = [
    (Side::Program, "workspace-hack/Cargo.toml"),
    (Side::Build, "workspace-hack/build/Cargo.toml"),
];

/// What puts them right.
const REMEDY: &str =
    "`cargo run -p xtask --no-default-features -- unify` writes workspace-hack anew";

/// Rounds after which the features are not expected to settle: a feature brings a dependency,
/// which has features of its own.
const ROUNDS: usize = 10;

/// For each group, the crates that its commands lack features of.
type Additions = BTreeMap<&'static str, BTreeMap<Crate, Features>>;

/// Writes the manifests of `workspace-hack`.
///
/// # Errors
/// What cargo says, or that the features do not settle.
pub(crate) fn write(workspace: &Path) -> Result<String, String> {
    let mut additions = Additions::new();
    for _ in 0..ROUNDS {
        for (side, manifest) in MANIFESTS {
            std::fs::write(workspace.join(manifest), render(&additions, side))
                .map_err(|error| format!("cannot write {manifest}: {error}"))?;
        }
        let missing = find_missing(&resolve_all(workspace, LockFile::Update)?);
        if missing.is_empty() {
            return Ok(format!("workspace-hack: {}", summarize(&additions)));
        }
        for (group, crates) in missing {
            additions.entry(group).or_default().extend(crates);
        }
    }
    Err(format!(
        "the features of workspace-hack do not settle in {ROUNDS} rounds"
    ))
}

/// Checks that nothing is missing in the manifest of `workspace-hack`, and that the first command
/// compiles nothing that only reports need.
///
/// # Errors
/// What is wrong, and what mends it.
pub(crate) fn check(workspace: &Path) -> Result<String, String> {
    let resolutions = resolve_all(workspace, LockFile::Keep)?;
    let union = unite(&resolutions);
    let lacks = find_lacks(&resolutions, &union);
    let mut faults: Vec<_> = lacks.iter().map(Lack::to_string).collect();
    if !faults.is_empty() {
        faults.push(REMEDY.to_owned());
    }
    let (first, resolution) = &resolutions[0];
    let reports = resolution
        .keys()
        .filter(|krate| ONLY_REPORTS.contains(&krate.name.as_str()));
    faults.extend(reports.map(|krate| {
        format!(
            "`{}` compiles {krate}, which only reports need",
            first.command
        )
    }));
    if faults.is_empty() {
        let crates: BTreeSet<_> = resolutions.iter().flat_map(|(_, it)| it.keys()).collect();
        Ok(format!(
            "one build: {} commands compile {} third-party crates, each with one set of features; \
             `{}` compiles {} of them",
            resolutions.len(),
            crates.len(),
            first.command,
            resolution.len(),
        ))
    } else {
        Err(faults.join("\n"))
    }
}

fn resolve_all(workspace: &Path, lock_file: LockFile) -> Result<Vec<(Root, Resolution)>, String> {
    let shared = |root: &Root, resolution: Resolution| {
        let crates = resolution.into_iter();
        (
            *root,
            crates
                .filter(|(krate, _)| root.shared.contains(&krate.side))
                .collect(),
        )
    };
    ROOTS
        .iter()
        .map(|root| Ok(shared(root, resolve(workspace, root, lock_file)?)))
        .collect()
}

/// All features of each crate, over all commands.
fn unite(resolutions: &[(Root, Resolution)]) -> Resolution {
    let mut union = Resolution::new();
    for (krate, features) in resolutions.iter().flat_map(|(_, resolution)| resolution) {
        let all = union.entry(krate.clone()).or_default();
        all.extend(features.iter().cloned());
    }
    union
}

/// What a command should compile otherwise.
struct Lack<'a> {
    root: &'a Root,
    krate: &'a Crate,
    /// The features that it is compiled with; nothing if it is not compiled.
    features: Option<&'a Features>,
    all: &'a Features,
}

impl fmt::Display for Lack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            root, krate, all, ..
        } = self;
        match self.features {
            Some(features) => {
                let lacks: Vec<_> = all.difference(features).map(String::as_str).collect();
                write!(
                    f,
                    "`{}` compiles {krate} without the features that others turn on: {}",
                    root.command,
                    lacks.join(", ")
                )
            }
            None => write!(
                f,
                "`{}` compiles this crate for the other side only: {krate}",
                root.command
            ),
        }
    }
}

/// Where commands would compile a crate again.
fn find_lacks<'a>(resolutions: &'a [(Root, Resolution)], union: &'a Resolution) -> Vec<Lack<'a>> {
    let mut lacks = Vec::new();
    for (root, resolution) in resolutions {
        lacks.extend(resolution.iter().filter_map(|(krate, features)| {
            let all = &union[krate];
            let features = Some(features);
            (features != Some(all)).then_some(Lack {
                root,
                krate,
                features,
                all,
            })
        }));
    }
    // What the first command compiles for one side, the next ones do not compile for the other.
    let (root, first) = &resolutions[0];
    let later: BTreeSet<_> = resolutions[1..FIRST]
        .iter()
        .flat_map(|(_, resolution)| resolution.keys())
        .collect();
    lacks.extend(later.into_iter().filter_map(|krate| {
        let is_compiled = !first.contains_key(krate) && first.contains_key(&krate.other_side());
        is_compiled.then_some(Lack {
            root,
            krate,
            features: None,
            all: &union[krate],
        })
    }));
    lacks
}

fn find_missing(resolutions: &[(Root, Resolution)]) -> Additions {
    let union = unite(resolutions);
    let mut missing = Additions::new();
    for lack in find_lacks(resolutions, &union) {
        if let Some(group) = lack.root.group {
            let crates = missing.entry(group).or_default();
            crates.insert(lack.krate.clone(), lack.all.clone());
        }
    }
    missing
}

fn summarize(additions: &Additions) -> String {
    let groups: Vec<_> = additions
        .iter()
        .map(|(group, crates)| format!("{group} {}", crates.len()))
        .collect();
    format!("crates with added features: {}", groups.join(", "))
}

/// The manifest of one side.
fn render(additions: &Additions, side: Side) -> String {
    let is_here = |krate: &Crate| krate.side == side;
    let mut text = match side {
        Side::Program => HEADER.replace("{name}", "workspace-hack"),
        Side::Build => HEADER.replace("{name}", "workspace-hack-build"),
    };
    let groups: BTreeSet<_> = ROOTS.iter().filter_map(|root| root.group).collect();
    for group in groups {
        let crates = additions.get(group).into_iter().flatten();
        let mut list: Vec<_> = crates
            .filter(|(krate, _)| is_here(krate))
            .map(|(krate, _)| format!("    \"dep:{}\",\n", key(krate)))
            .collect();
        if side == Side::Program {
            list.push(format!("    \"workspace-hack-build/{group}\",\n"));
        }
        let start = if list.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{group} = [{start}{}]", list.concat());
    }
    text.push_str("\n[dependencies]\n");
    // The features of an addition are the same for all groups, once they have settled.
    let crates: BTreeMap<_, _> = additions.values().flatten().collect();
    for (krate, features) in crates.into_iter().filter(|(krate, _)| is_here(krate)) {
        let _ = writeln!(text, "{}", render_dependency(krate, features));
    }
    if side == Side::Program {
        text.push_str("\n[build-dependencies]\nworkspace-hack-build = { path = \"build\" }\n");
    }
    text
}

fn render_dependency(krate: &Crate, features: &Features) -> String {
    let names: Vec<_> = features.iter().map(|name| format!("\"{name}\"")).collect();
    // What stands behind a plus sign is no part of a requirement.
    let version = krate.version.split('+').next().unwrap_or_default();
    format!(
        "{} = {{ package = \"{}\", version = \"{version}\", optional = true, \
         default-features = false, features = [{}] }}",
        key(krate),
        krate.name,
        names.join(", ")
    )
}

/// The name of a dependency in the manifest, where several versions of a crate may be.
fn key(krate: &Crate) -> String {
    let mut parts = krate.version.split('.');
    let major = parts.next().unwrap_or_default();
    match (major, parts.next()) {
        ("0", Some(minor)) => format!("{}-0_{minor}", krate.name),
        _ => format!("{}-{major}", krate.name),
    }
}

const HEADER: &str = "\
# Generated by `cargo run -p xtask --no-default-features -- unify`; `check-build` of the same checks it.
# Each package that people run depends on this one with the feature of its own name: so all
# commands compile a crate that they share with the same features, and therefore once. See
# xtask/src/unify.rs.
[package]
name = \"{name}\"
description = \"Equal features of third-party crates for all commands\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lib]
test = false
doctest = false
bench = false

[lints]
workspace = true

[features]
";

#[cfg(test)]
mod tests;
