//! What is launched for a start.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use host_probe::pool::PoolSettings;

use super::placeholders::{Values, fill};
use super::{Adapter, Untimed};

/// What stands for IP and port in the arguments of a service.
pub(super) const ADDRESS: &str = "{address}";

/// The option with which a program writes its own milestones into a file.
pub(super) const MILESTONES: &str = "--milestones";

/// What a start finds prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchSpec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. `{address}` in one of them stands for IP and port, `{ip}` and `{port}` for each.
    pub arguments: Vec<String>,
    /// What the program opens when it begins to load; nothing for machine code.
    pub artifact: Option<PathBuf>,
    /// The digest of what was built: of the module, or of the native program.
    pub sha256: String,
    /// The digest of what was compiled of it beforehand, where that is evidence.
    pub code_sha256: Option<String>,
    /// Its environment, beyond a home without configuration.
    pub environment: Vec<(String, String)>,
    /// Files that are the workload's, whose pages are in or out of the page cache as the cell says.
    pub files: Vec<PathBuf>,
    /// The folder of the runtime's cache of compiled code.
    pub cache: Option<PathBuf>,
    /// Compiled code that the kernel maps into the process, if that is evidence of the code
    /// acquisition mode.
    pub mapped: Option<Mapped>,
    /// The pool that the instances of a service come from, as the program is told.
    pub pool: Option<PoolSettings>,
    /// The file that it writes its own milestones into, if it is told to.
    pub milestones: Option<PathBuf>,
    /// What is run before a sample, untimed.
    pub before: Option<Untimed>,
    /// What is run after it, however it went.
    pub after: Option<Untimed>,
    /// The folder that it runs in; nothing for the run's own.
    pub folder: Option<PathBuf>,
}

/// Compiled code that is mapped into a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// Out of a file.
    File(PathBuf),
    /// Out of none: it was made in memory.
    Anonymous,
}

impl LaunchSpec {
    /// A program without arguments that is its own artifact.
    pub fn new(program: PathBuf, sha256: String) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            artifact: None,
            sha256,
            code_sha256: None,
            environment: Vec::new(),
            files: Vec::new(),
            cache: None,
            mapped: None,
            pool: None,
            milestones: None,
            before: None,
            after: None,
            folder: None,
        }
    }

    /// A program that loads an artifact, which is its one file.
    pub fn of_artifact(program: PathBuf, artifact: PathBuf, sha256: String) -> Self {
        Self {
            files: vec![artifact.clone()],
            artifact: Some(artifact),
            ..Self::new(program, sha256)
        }
    }

    /// The arguments of a start that listens on `address`, or of a command.
    pub fn arguments(&self, address: Option<SocketAddr>) -> Vec<OsString> {
        let values = Values {
            address,
            ..Values::default()
        };
        let filled = self.arguments.iter().map(|it| fill(it, &values).into());
        filled.collect()
    }

    /// The program, doing nothing but to begin and to end.
    #[must_use]
    pub fn bare(&self, adapter: &dyn Adapter) -> Self {
        let arguments = adapter
            .bare()
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        Self {
            arguments,
            environment: self.environment.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            ..Self::new(self.program.clone(), self.sha256.clone())
        }
    }

    /// The same start, writing its own milestones into a file.
    #[must_use]
    pub fn reporting_milestones(&self, file: &Path) -> Self {
        let mut spec = self.clone();
        spec.arguments
            .extend([MILESTONES.to_owned(), file.display().to_string()]);
        spec.milestones = Some(file.to_owned());
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_takes_its_place() {
        let spec = LaunchSpec {
            arguments: vec![
                "--addr".into(),
                ADDRESS.into(),
                "-p{port}".into(),
                "{ip}".into(),
            ],
            ..LaunchSpec::new("server".into(), String::new())
        };
        assert_eq!(
            spec.arguments(Some(([127, 0, 0, 1], 80).into())),
            ["--addr", "127.0.0.1:80", "-p80", "127.0.0.1"]
        );
    }
}
