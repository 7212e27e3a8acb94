//! The programs of this project that embed an engine: of such there may be several builds.

use std::path::PathBuf;

use workloads::Workload;

use super::{ADDRESS, Found, Paths, call_arguments, found, listens, run, words};

/// A program of this project that runs guests.
#[derive(Debug, Clone, Copy)]
pub struct HostProgram {
    /// Its name, as cargo makes it.
    pub name: &'static str,
    /// The arguments with which it says which engine it embeds.
    pub(super) version: &'static [&'static str],
    /// What it begins that with.
    pub(super) says: &'static str,
}

impl HostProgram {
    /// A build of it, which is asked what it is.
    ///
    /// # Errors
    /// It does not run, or is another program.
    pub fn identify(&self, program: PathBuf) -> Result<Found, String> {
        let printed = run(&program, &words(self.version))?;
        let shown = program.display();
        if !printed.starts_with(self.says) {
            return Err(format!(
                "{shown} is no build of `{}`: `{shown} {}` prints `{}`",
                self.name,
                self.version.join(" "),
                printed.lines().next().unwrap_or_default()
            ));
        }
        let version = printed.rsplit(' ').next().unwrap_or(&printed).to_owned();
        found(program, version, "").map_err(|absent| absent.reason)
    }
}

/// The arguments with which these programs compile a guest ahead.
pub(super) fn compiling(paths: &Paths) -> Vec<String> {
    words(&[
        "compile",
        "--artifact",
        &paths.guest,
        "--output",
        &paths.code,
    ])
}

/// Their arguments that tell a service where to listen, or give a command its own.
pub(super) fn calling(workload: Workload) -> Vec<String> {
    if listens(workload) {
        return words(&["--addr", ADDRESS]);
    }
    let mut arguments = words(&["--"]);
    arguments.extend(call_arguments(workload));
    arguments
}
