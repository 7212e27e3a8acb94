//! A person's own workloads: a description in TOML, or the same in flags.
//!
//! What is described becomes [`workloads::Target`]s, which everything else measures as it measures the
//! workloads that are built in.

mod call;
mod files;
mod parse;
mod short;

use std::path::Path;

use campaign::{Error, Exit, errno};
use results::mask;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use workloads::{Target, Workload};

pub use short::TargetArguments;

use self::parse::Place;
use crate::document::{self, Source, UnreadableDocument};
use crate::system::{Contents, OwnArtifact, System};

/// A description as a run's record keeps it: by its file, or whole where a command line has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Described {
    /// In a file. What it said is in the record by its digest, among the artifacts.
    File {
        /// Its absolute path.
        file: String,
    },
    /// In the flags of a command line.
    Flags {
        /// What they say, as a file would.
        text: String,
        /// The folder that its relative paths are relative to.
        folder: String,
    },
}

impl Described {
    /// That in a file, by its absolute path.
    ///
    /// # Errors
    /// The path is no text.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Error> {
        let file = short::absolute(path)?;
        Ok(Self::File { file })
    }

    /// As a record keeps it: without what may be a credential.
    fn recorded(self) -> Self {
        match self {
            Self::Flags { text, folder } => Self::Flags {
                text: masked(&text),
                folder,
            },
            file @ Self::File { .. } => file,
        }
    }

    /// The same, with this user's home in its place.
    ///
    /// # Errors
    /// The record masks some of it.
    pub(crate) fn expanded(self) -> Result<Self, Error> {
        match self {
            Self::Flags { text, .. } if mask::is_masked(&text) => Err(Error::new(
                Exit::Resume,
                "the record of this run masks what may be a credential, and does not have it",
            )
            .hint("start a new run, with the workload in a file: --target FILE.toml")),
            Self::Flags { text, folder } => Ok(Self::Flags {
                text: mask::expand(&text),
                folder: mask::expand(&folder),
            }),
            Self::File { file } => Ok(Self::File {
                file: mask::expand(&file),
            }),
        }
    }
}

/// A description without what may be a credential, by the names that its values have.
fn masked(text: &str) -> String {
    match text.parse::<Table>() {
        Ok(mut table) => {
            table
                .iter_mut()
                .for_each(|(key, value)| mask_value(key, value));
            table.to_string()
        }
        Err(_) => mask::credentials(text),
    }
}

fn mask_value(key: &str, value: &mut Value) {
    match value {
        Value::String(text) => {
            let named = format!("{key}: ");
            let masked = mask::credentials(&format!("{named}{text}"));
            let masked = masked.strip_prefix(&named).unwrap_or(&masked);
            masked.clone_into(text);
        }
        Value::Array(values) => {
            // An option whose name tells takes what follows it along.
            let texts: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            if texts.len() == values.len() {
                let masked = mask::arguments(&texts).into_iter();
                *values = masked.map(Value::from).collect();
            }
            values.iter_mut().for_each(|value| mask_value(key, value));
        }
        Value::Table(table) => table
            .iter_mut()
            .for_each(|(key, value)| mask_value(key, value)),
        _ => {}
    }
}

/// Descriptions as a record keeps them.
pub(crate) fn recorded(all: &[Described]) -> Vec<Described> {
    all.iter().cloned().map(Described::recorded).collect()
}

/// Reads descriptions and registers their workloads, in order.
///
/// # Errors
/// Something of one is wrong, or two workloads have one name.
pub(crate) fn load(all: &[Described]) -> Result<Vec<Workload>, Error> {
    let mut loaded = Vec::new();
    for described in all {
        let targets = match described {
            Described::File { file } => of_file(Path::new(file))?,
            Described::Flags { text, folder } => {
                let source = Source {
                    name: short::NAME,
                    text,
                };
                let place = Place {
                    folder: Path::new(folder),
                    file: None,
                };
                parse::targets(source, place)?
            }
        };
        let whose = match described {
            Described::File { file } => file.as_str(),
            Described::Flags { .. } => short::NAME,
        };
        for target in targets {
            let registered = Workload::register(target);
            loaded.push(registered.map_err(|error| {
                Error::new(Exit::Usage, format!("{whose}: {error}"))
                    .hint("each workload has a name of its own: `[workload.NAME]`, or --name NAME")
            })?);
        }
    }
    Ok(loaded)
}

/// Checks that a build can take the place of what a description names, on a system that runs that: it is
/// reached in the same way.
///
/// # Errors
/// The system has nothing of the description to run, or the build is called otherwise.
pub(crate) fn check_build(
    target: &Target,
    system: System,
    build: &OwnArtifact,
) -> Result<(), Error> {
    system.check_own(target).map_err(|skip| {
        let remedy = skip.remedy.unwrap_or_default();
        Error::new(Exit::Artifact, skip.reason).hint(remedy)
    })?;
    let wrong = |(message, hint): (String, &str)| Error::new(Exit::Artifact, message).hint(hint);
    let path = &build.path;
    let is_alike = match (build.contents, &target.component, &target.module) {
        (Contents::Component, Some(named), _) => {
            let found = files::component(path).map_err(wrong)?;
            (found.handles_http, found.opens_sockets) == (named.handles_http, named.opens_sockets)
        }
        (Contents::Module, _, Some(named)) => {
            files::module(path).map_err(wrong)?.sockets == named.sockets
        }
        // What it should be is said by whoever gives it to the system.
        _ => true,
    };
    if is_alike {
        return Ok(());
    }
    let message = format!(
        "{} does not get its requests as the guest of {} does: one handles `wasi:http`, or opens sockets, and \
            the other does not",
        path.display(),
        target.name
    );
    Err(Error::new(Exit::Artifact, message).hint(
        "a description that names it as its guest can be measured with `external suite --target`",
    ))
}

fn of_file(path: &Path) -> Result<Vec<Target>, Error> {
    let text = document::read(path).map_err(|error| {
        let hint = match &error {
            UnreadableDocument::Io { source, .. } => errno::hint(source),
            _ => None,
        };
        let usual = "--target takes a TOML file, and the paths of artifacts stand in it";
        Error::new(Exit::Usage, error.to_string()).hint(hint.unwrap_or(usual))
    })?;
    let unreadable = |message: String| Error::new(Exit::Usage, message);
    let file = files::own_file(path).map_err(unreadable)?;
    let folder = file.path.parent().unwrap_or(Path::new("/")).to_owned();
    let source = Source {
        name: &path.display().to_string(),
        text: &text,
    };
    let place = Place {
        folder: &folder,
        file: Some(&file),
    };
    parse::targets(source, place)
}

#[cfg(test)]
mod tests;
