//! A person's own program under test: what it is built as, how it is asked, and what it must answer.
//!
//! There is one for as long as the process lives, so that a [`crate::Workload`] that stands for it
//! can be copied as any other.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use results::names::{self, BadName};

use crate::{Call, Expectation, Request, Workload};

/// A person's own program under test. Two are the same if their names are.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in records: that of no built-in workload.
    pub name: String,
    /// What is asked of it.
    pub call: Call,
    /// What it must answer, each time.
    pub expected: Expectation,
    /// What a load asks of it on each connection, in order, of which `call` is the first; nothing
    /// where it is always the same.
    pub sequence: Vec<Step>,
    /// What a service is asked until it answers 200, before it is asked what is measured; nothing
    /// where that is the same.
    pub ready: Option<Request>,
    /// It as a program of this machine.
    pub native: Option<NativeCommand>,
    /// It as a component.
    pub component: Option<Component>,
    /// It as a core module.
    pub module: Option<Module>,
    /// It as the image of a container.
    pub image: Option<Image>,
    /// Its environment, which has nothing else. Values may hold placeholders.
    pub environment: Vec<(String, String)>,
    /// Folders of this machine that a guest or a container sees.
    pub folders: Vec<Folder>,
    /// The port that it listens on, whatever it is told; nothing where it listens where it is told to.
    pub port: Option<u16>,
    /// What a guest that is a service is told, after its name; the address where nothing is said. May
    /// hold placeholders.
    pub arguments: Option<Vec<String>>,
    /// The folder that its relative paths are relative to, and that its native command runs in.
    pub folder: PathBuf,
    /// The file that describes it; nothing of what a command line describes.
    pub file: Option<OwnFile>,
    /// The files that hold what its requests send.
    pub bodies: Vec<OwnFile>,
    /// What of all that is a credential, and is kept in no record.
    pub secrets: Vec<String>,
}

/// One request of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name in records and reports.
    pub name: String,
    /// The request.
    pub request: Request,
    /// What it must be answered.
    pub expected: Expectation,
}

/// A file of a person's own, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: String,
}

/// A program with its arguments, which may hold placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeCommand {
    /// The program.
    pub program: OwnFile,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its file.
    pub file: OwnFile,
    /// Whether it exports a handler of `wasi:http`, and so is called for each request.
    pub handles_http: bool,
    /// Whether it imports the sockets of `wasi:sockets`, and so may listen by itself.
    pub opens_sockets: bool,
    /// Whether it imports more of WASI than the world `wasi:http/proxy` has, such as the environment and
    /// files of a command: the standard libraries of languages do.
    pub uses_command: bool,
}

/// A core module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its file.
    pub file: OwnFile,
    /// What it may listen on, by its imports.
    pub sockets: Sockets,
}

/// What a core module may listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sockets {
    /// Nothing: it imports no such functions.
    None,
    /// A socket that it is handed, which listens already: WASI preview 1 has nothing else.
    Handed,
    /// Sockets that it opens, by the functions that WasmEdge adds.
    Opened,
}

/// The image of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub source: ImageSource,
    /// What takes the place of its command, if anything does. May hold placeholders.
    pub arguments: Option<Vec<String>>,
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// In the engine, under this name.
    Engine(String),
    /// In a file that `docker save` has written.
    Archive(OwnFile),
}

/// A folder that a guest or a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// What it is called there.
    pub guest: String,
    /// Where it is.
    pub host: PathBuf,
    /// Whether it may be written.
    pub writable: bool,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Target {}

impl PartialOrd for Target {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Target {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Why a name cannot be that of a person's own workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is no name of a record.
    #[error("`{name}` is no name: {reason}")]
    Bad {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: BadName,
    },
    /// It could not be selected with `--only`.
    #[error("`{0}` is no name: `--only` parts names at commas")]
    Comma(String),
    /// It is that of a built-in workload.
    #[error("there is a built-in workload `{0}`")]
    BuiltIn(String),
    /// It was given to another one before.
    #[error("two workloads are called `{0}`")]
    Twice(String),
}

/// Checks that a name can be that of a person's own workload.
///
/// # Errors
/// It is no name of a record, or another's.
pub fn check_name(name: &str) -> Result<(), NameError> {
    names::check(name).map_err(|reason| NameError::Bad {
        name: name.to_owned(),
        reason,
    })?;
    if name.contains(',') {
        return Err(NameError::Comma(name.to_owned()));
    }
    if Workload::ALL.iter().any(|known| known.name() == name) {
        return Err(NameError::BuiltIn(name.to_owned()));
    }
    Ok(())
}

/// All that were registered.
static REGISTERED: Mutex<Vec<&'static Target>> = Mutex::new(Vec::new());

impl Workload {
    /// The workload that stands for a target, which is kept for as long as the process lives.
    ///
    /// # Errors
    /// Its name is none, or another's.
    pub fn register(target: Target) -> Result<Self, NameError> {
        check_name(&target.name)?;
        let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
        if registered.contains(&&target) {
            return Err(NameError::Twice(target.name));
        }
        let target: &'static Target = Box::leak(Box::new(target));
        registered.push(target);
        Ok(Self::Own(target))
    }

    /// Every workload that was registered.
    pub fn registered() -> Vec<Self> {
        let registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
        registered.iter().copied().map(Self::Own).collect()
    }
}
