//! Which third-party crates a command compiles, and with which features.
//!
//! Read from `cargo tree`, which resolves features exactly as a build does and builds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The target that features are compared for: the same on every machine, so that the generated
/// file does not depend on who generated it. Named even where it is the machine's own: only then
/// does `cargo tree` keep what runs while building apart from what goes into the program.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Stands between the fields of a line.
const FIELD: char = '|';

/// For what a crate is compiled. Cargo resolves features for each side on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// It becomes part of the program.
    Program,
    /// It runs while building: build scripts, procedural macros, and what these use.
    Build,
}

/// A third-party crate on one side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) side: Side,
}

impl Crate {
    /// The same crate on the other side.
    pub(crate) fn other_side(&self) -> Self {
        let side = match self.side {
            Side::Program => Side::Build,
            Side::Build => Side::Program,
        };
        Self {
            side,
            ..self.clone()
        }
    }
}

impl fmt::Display for Crate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)?;
        match self.side {
            Side::Program => Ok(()),
            Side::Build => f.write_str(" (while building)"),
        }
    }
}

/// Names of features.
pub(crate) type Features = BTreeSet<String>;

/// What a command compiles.
pub(crate) type Resolution = BTreeMap<Crate, Features>;

/// A command that compiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Root {
    /// The command, for people.
    pub(crate) command: &'static str,
    /// Arguments that choose the packages and their features.
    pub(crate) arguments: &'static [&'static str],
    /// Whether it compiles tests or benchmarks too.
    pub(crate) tests: bool,
    /// The feature of `workspace-hack` that the command's package takes; without one, the command
    /// compiles whatever the others do.
    pub(crate) group: Option<&'static str>,
    /// The sides that share their features with the other commands.
    pub(crate) shared: &'static [Side],
}

/// What cargo may do to `Cargo.lock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockFile {
    /// Write what manifests have changed.
    Update,
    /// Nothing: if it is not up to date, that is an error.
    Keep,
}

/// The third-party crates that `root` compiles.
///
/// # Errors
/// What cargo says.
pub(crate) fn resolve(
    workspace: &Path,
    root: &Root,
    lock_file: LockFile,
) -> Result<Resolution, String> {
    let edges = if root.tests {
        "normal,build,dev"
    } else {
        "normal,build"
    };
    let format = format!("{FIELD}{{p}}{FIELD}{{f}}");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
        .arg("tree")
        .args(root.arguments)
        .args(["--edges", edges, "--target", TARGET, "--format", &format])
        .args((lock_file == LockFile::Keep).then_some("--locked"))
        .current_dir(workspace)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if output.status.success() {
        Ok(parse(&String::from_utf8_lossy(&output.stdout)))
    } else {
        let text = String::from_utf8_lossy(&output.stderr);
        Err(format!("`cargo tree` failed: {}", text.trim()))
    }
}

/// A package in the tree that is being read.
struct Node {
    side: Side,
    /// The side of the packages below it that follow.
    below: Side,
}

/// Reads the lines of `cargo tree`: four columns a level, then a package with its features, or a
/// heading for what the package at this level depends on from here on.
fn parse(tree: &str) -> Resolution {
    let mut resolution = Resolution::new();
    // From the top package to the one of the last line.
    let mut path: Vec<Node> = Vec::new();
    for line in tree.lines() {
        let Some(start) = line.find(['[', FIELD]) else {
            continue;
        };
        let level = line[..start].chars().count() / 4;
        let text = &line[start..];
        if text.starts_with('[') {
            path.truncate(level + 1);
            if let Some(node) = path.last_mut().filter(|node| node.side == Side::Program) {
                let builds = text == "[build-dependencies]";
                node.below = if builds { Side::Build } else { Side::Program };
            }
            continue;
        }
        path.truncate(level);
        let mut fields = text.trim_end_matches(" (*)").split(FIELD).skip(1);
        let package = fields.next().unwrap_or_default();
        let features = fields.next().unwrap_or_default();
        let above = path.last().map_or(Side::Program, |node| node.below);
        let side = if package.ends_with("(proc-macro)") {
            Side::Build
        } else {
            above
        };
        path.push(Node { side, below: side });
        // A package of ours stands with its folder.
        let mut words = package.split(' ');
        if let (Some(name), Some(version), false) =
            (words.next(), words.next(), package.contains(" (/"))
        {
            let version = version.trim_start_matches('v').to_owned();
            let name = name.to_owned();
            let features = features.split(',').filter(|name| !name.is_empty());
            resolution
                .entry(Crate {
                    name,
                    version,
                    side,
                })
                .or_default()
                .extend(features.map(str::to_owned));
        }
    }
    resolution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_while_building_is_kept_apart_from_what_goes_into_the_program() {
        let tree = "\
|ours v0.1.0 (/folder/ours)|default
├── |serde v1.0.1|derive,std
│   ├── |serde_derive v1.0.1 (proc-macro)|default
│   │   └── |syn v3.0.0|full
│   └── |serde_core v1.0.1|
│       [build-dependencies]
│       └── |cc v1.1.0+meta|parallel
└── |syn v3.0.0|derive (*)
[build-dependencies]
└── |other v0.1.0 (/folder/other)|
    └── |serde_core v1.0.1|std (*)
[dev-dependencies]
└── |insta v1.2.3|
";
        let read: Vec<_> = parse(tree)
            .into_iter()
            .map(|(krate, features)| {
                let features: Vec<_> = features.into_iter().collect();
                format!("{krate}: {}", features.join(" "))
            })
            .collect();
        assert_eq!(
            read,
            [
                "cc 1.1.0+meta (while building): parallel",
                "insta 1.2.3: ",
                "serde 1.0.1: derive std",
                "serde_core 1.0.1: ",
                "serde_core 1.0.1 (while building): std",
                "serde_derive 1.0.1 (while building): default",
                "syn 3.0.0: derive",
                "syn 3.0.0 (while building): full",
            ]
        );
    }
}
