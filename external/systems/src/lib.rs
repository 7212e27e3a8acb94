//! What is known of each system under test, one file a product: how it is shown, what kind of thing
//! it is, and what it is compared with.
//!
//! Everything that orders, colours, labels or groups systems asks here. A system that nobody
//! described is one too: [`describe`] makes a description from its name.
//!
//! Which system stands for its kind, and which of a system's cells for the system, is settled here
//! too, beforehand and whatever is measured: [`standing`] and [`usual()`].

mod command_lines;
mod containerd;
mod docker;
mod family;
mod javascript;
mod look;
mod microvm;
mod native;
mod oci;
mod podman;
mod usual;
mod wasmcloud;
mod wasmedge;
mod wasmer;
mod wasmi;
mod wasmtime;

use std::sync::LazyLock;

use results::System;
use results::manifest::{self, SystemKind};
use serde::Serialize;

pub use family::{Family, in_families};
pub use usual::{by_use, representatives, standing, usual};

/// What a system is shown as, and what kind of thing it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name in records.
    pub name: System,
    /// What people call it.
    pub label: String,
    /// What runs the workload.
    pub kind: Kind,
    /// Where it stands among many.
    pub family: Family,
    /// The engine of WebAssembly in it, and how that is used.
    pub engine: Option<(&'static str, Embedding)>,
    /// How it looks in pictures.
    pub look: Look,
}

/// What runs a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The operating system.
    Native,
    /// An engine of WebAssembly, without a container around it.
    Wasm,
    /// A container.
    Container,
    /// A runtime of JavaScript.
    Isolate,
    /// A virtual machine for one program.
    MicroVm,
    /// Something that nobody described.
    Unknown,
}

/// How an engine of WebAssembly is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Embedding {
    /// As a library, in a program made for it.
    Library,
    /// As its own command line.
    CommandLine,
    /// Inside of something larger.
    Within,
}

/// How a system looks in pictures: a colour is never the only difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The name of its colour.
    pub colour: &'static str,
    /// Its marker.
    pub marker: Marker,
    /// Whether the marker is only an outline, and lines are dashed.
    pub hollow: bool,
}

/// A shape that stands at a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Up,
    /// ▼
    Down,
    /// ◆
    Diamond,
    /// ✚
    Plus,
    /// ✖
    Cross,
}

/// The system that others are compared with.
pub const BASELINE: &str = "native";

/// A layer of a container: the same program with one thing more around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// The system.
    pub system: &'static str,
    /// The network that its cells have, if there is a choice of them.
    pub network: Option<&'static str>,
    /// The system in whose presence it is no layer: another build of the same program.
    pub unless: Option<&'static str>,
    /// What it is called.
    pub step: &'static str,
    /// What the layer does.
    pub work: &'static str,
}

/// The layers between a bare program and a container with a network of its own, from the inside:
/// the same program in each, and in each the work of the one before it.
pub const CONTAINER_LAYERS: [Layer; 7] = [
    native::LAYERS[0],
    native::LAYERS[1],
    oci::LAYER,
    containerd::LAYER,
    docker::LAYERS[0],
    docker::LAYERS[1],
    docker::LAYERS[2],
];

/// What stands in the place of a layer: another way to do what that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instead {
    /// As a layer. Its step is that of the one that it stands in the place of.
    pub layer: Layer,
    /// The step of the outermost layer inside it.
    pub around: &'static str,
}

/// What stands in the place of the layers of a container.
pub const INSTEAD_OF_LAYERS: [Instead; 4] = [
    oci::INSTEAD[0],
    oci::INSTEAD[1],
    oci::INSTEAD[2],
    podman::INSTEAD,
];

struct Known {
    name: &'static str,
    label: &'static str,
    kind: Kind,
    family: Family,
    engine: Option<(&'static str, Embedding)>,
    /// Its parameters of which there is a choice, each with its values, the usual one first.
    usual: &'static [usual::Usual],
    look: Look,
}

const fn look(colour: &'static str, marker: Marker, hollow: bool) -> Look {
    Look {
        colour,
        marker,
        hollow,
    }
}

/// All of them, one file a product. Tables have them by family, and within one in this order.
static KNOWN: [&[Known]; 13] = [
    &native::KNOWN,
    &wasmtime::KNOWN,
    &wasmedge::KNOWN,
    &wasmer::KNOWN,
    &wasmi::KNOWN,
    &command_lines::KNOWN,
    &javascript::KNOWN,
    &wasmcloud::KNOWN,
    &oci::KNOWN,
    &containerd::KNOWN,
    &docker::KNOWN,
    &podman::KNOWN,
    &microvm::KNOWN,
];

/// All of them, in the order of tables.
fn known() -> impl Iterator<Item = &'static Known> {
    static ORDERED: LazyLock<Vec<&Known>> = LazyLock::new(|| {
        let mut all: Vec<_> = KNOWN.into_iter().flatten().collect();
        all.sort_by_key(|known| known.family);
        all
    });
    ORDERED.iter().copied()
}

impl From<&Known> for Description {
    fn from(known: &Known) -> Self {
        Self {
            name: known.name.into(),
            label: known.label.to_owned(),
            kind: known.kind,
            family: known.family,
            engine: known.engine,
            look: known.look,
        }
    }
}

/// What is known of a system, by its first name or its second. Of one that nobody described, its
/// name and a look that none of those has which are described.
pub fn describe(system: &System) -> Description {
    describe_as(system, None)
}

/// The same where a person may have described it: a run's manifest has that.
pub fn describe_as(system: &System, own: Option<&manifest::Description>) -> Description {
    let name = system.original_name();
    let kind = own.map_or(Kind::Unknown, |own| own.kind.into());
    let undescribed = || Description {
        name: name.into(),
        label: own.map_or(name, |own| &own.label).to_owned(),
        kind,
        family: kind.into(),
        engine: None,
        look: look::of_name(name),
    };
    known()
        .find(|known| known.name == name)
        .map_or_else(undescribed, Description::from)
}

impl From<SystemKind> for Kind {
    fn from(kind: SystemKind) -> Self {
        match kind {
            SystemKind::Native => Self::Native,
            SystemKind::Wasm => Self::Wasm,
            SystemKind::Container => Self::Container,
            SystemKind::Isolate => Self::Isolate,
            SystemKind::Unknown => Self::Unknown,
        }
    }
}

/// Every system that is described, in the order of tables.
pub fn all() -> impl Iterator<Item = Description> {
    known().map(Description::from)
}

/// The place of a system in tables; those that nobody described come last.
pub fn rank(system: &System) -> usize {
    let name = system.original_name();
    known()
        .position(|known| known.name == name)
        .unwrap_or(usize::MAX)
}

/// The engines that are there both as a library and as a command line: engine, library, command
/// line.
pub fn engine_pairs() -> Vec<(&'static str, System, System)> {
    let find = |engine: &str, embedding| {
        known()
            .find(|known| known.engine == Some((engine, embedding)))
            .map(|known| System::from(known.name))
    };
    let engines = known().filter_map(|known| match known.engine {
        Some((engine, Embedding::Library)) => Some(engine),
        _ => None,
    });
    engines
        .filter_map(|engine| {
            let library = find(engine, Embedding::Library)?;
            Some((engine, library, find(engine, Embedding::CommandLine)?))
        })
        .collect()
}

/// An engine that several systems have, and in which versions: those of each version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineVersions {
    /// The engine.
    pub engine: &'static str,
    /// Each version with the systems that have it, in the order of systems.
    pub versions: Vec<(String, Vec<String>)>,
}

impl EngineVersions {
    /// The versions with the systems that have them, and what follows from that.
    pub fn sentence(&self) -> String {
        let versions = self.versions.iter();
        let versions: Vec<_> = versions
            .map(|(version, systems)| format!("{version} in {}", systems.join(" and ")))
            .collect();
        format!(
            "{} is {}: what is compared between these differs by versions too",
            self.engine,
            versions.join(", ")
        )
    }
}

/// The engines that these systems have in more than one version. Of each system: its name, its
/// version, and that of the engine in it where it is something larger.
pub fn differing_engines<'a>(
    systems: impl IntoIterator<Item = (&'a str, &'a str, Option<&'a str>)>,
) -> Vec<EngineVersions> {
    let mut found: Vec<EngineVersions> = Vec::new();
    for (name, version, engine_version) in systems {
        let Some(known) = known().find(|known| known.name == name) else {
            continue;
        };
        let (engine, version) = match known.engine {
            Some((engine, Embedding::Library | Embedding::CommandLine)) => (engine, Some(version)),
            Some((engine, Embedding::Within)) => (engine, engine_version),
            None => continue,
        };
        let Some(version) = version.filter(|version| !version.is_empty()) else {
            continue;
        };
        let at = found.iter().position(|one| one.engine == engine);
        let at = at.unwrap_or_else(|| {
            found.push(EngineVersions {
                engine,
                versions: Vec::new(),
            });
            found.len() - 1
        });
        let versions = &mut found[at].versions;
        match versions.iter_mut().find(|(known, _)| known == version) {
            Some((_, systems)) => systems.push(name.to_owned()),
            None => versions.push((version.to_owned(), vec![name.to_owned()])),
        }
    }
    found.retain(|one| one.versions.len() > 1);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_is_found_by_both_of_its_names() {
        for description in all() {
            assert_eq!(describe(&description.name), description);
            assert_eq!(describe(&description.name.twin()), description);
        }
    }

    #[test]
    fn tables_have_systems_by_family() {
        let families: Vec<_> = all().map(|description| description.family).collect();
        assert!(families.is_sorted());
        let ranks: Vec<_> = all().map(|description| rank(&description.name)).collect();
        assert!(ranks.is_sorted());
    }

    #[test]
    fn no_two_look_alike() {
        let looks: Vec<_> = all().map(|description| description.look).collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "{look:?}");
        }
    }

    #[test]
    fn what_nobody_described_has_a_description() {
        let unknown = System::from("qemu");
        assert_eq!(describe(&unknown).label, "qemu");
        assert_eq!(describe(&unknown).kind, Kind::Unknown);
        assert_eq!(describe(&unknown).family, Family::Other);
        assert_eq!(rank(&unknown), usize::MAX);
    }

    #[test]
    fn a_persons_description_counts_where_the_program_has_none() {
        let own = manifest::Description {
            label: "My engine".to_owned(),
            kind: SystemKind::Wasm,
            sha256: String::new(),
        };
        let described = describe_as(&"mine-aa".into(), Some(&own));
        assert_eq!(
            (&*described.label, described.kind, described.family),
            ("My engine", Kind::Wasm, Family::CommandLine)
        );
        assert_eq!(described.look, describe(&"mine".into()).look);
        assert_eq!(describe_as(&"native".into(), Some(&own)).label, "native");
    }

    #[test]
    fn engines_come_in_pairs() {
        let names: Vec<_> = engine_pairs()
            .into_iter()
            .map(|(engine, ..)| engine)
            .collect();
        assert_eq!(names, ["wasmtime", "wasmedge", "wasmi"]);
    }

    #[test]
    fn an_engine_in_several_versions_is_named_with_who_has_which() {
        let found = differing_engines([
            ("wasmtime-embedded", "48.0.8", None),
            ("wasmtime-cli", "48.0.8", None),
            ("wasmedge-cli", "0.17.1", None),
            ("docker", "28.5", None),
            ("docker-wasmtime", "28.5", None),
            ("wasmcloud", "2.10.3", Some("48.0.3")),
        ]);
        let sentences: Vec<_> = found.iter().map(EngineVersions::sentence).collect();
        assert_eq!(
            sentences,
            [
                "wasmtime is 48.0.8 in wasmtime-embedded and wasmtime-cli, 48.0.3 in wasmcloud: what is \
                compared between these differs by versions too"
            ]
        );
        let same = differing_engines([
            ("wasmtime-embedded", "48.0.8", None),
            ("wasmcloud", "2.10.3", Some("48.0.8")),
        ]);
        assert_eq!(same, []);
    }
}
