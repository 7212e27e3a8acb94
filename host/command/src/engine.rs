//! What an engine does in a start.

use std::fmt::Display;
use std::path::Path;

use host_probe::report::{Cause, Failure};
use host_probe::request::{Preparation, Spec};
use machine::Timeline;
use results::Attested;

use crate::wasi::Wasi;

/// An engine that runs commands.
pub trait Engine: Sized {
    /// Its version.
    const VERSION: &'static str;

    /// Code that can be run.
    type Code;

    /// A store with an instance in it.
    type Instance: Instance;

    /// An engine that is configured as a start has it: the `engine` phase.
    ///
    /// # Errors
    /// The machine cannot give what it needs.
    fn new(spec: &Spec) -> Result<Self, Failure>;

    /// The phase `read`, if there is one, and the one that turns bytes into code.
    ///
    /// # Errors
    /// The artifact cannot be used.
    fn acquire(&self, spec: &Spec, timeline: &mut Timeline) -> Result<Self::Code, Failure>;

    /// The phases `link`, `store` (a [`Wasi`] is made in it) and `instantiate`. An engine whose
    /// imports belong to a store has it in `link`.
    ///
    /// # Errors
    /// The artifact imports what is not there, needs too much memory, or traps as it starts.
    fn instantiate(
        &self,
        code: &Self::Code,
        spec: &Spec,
        timeline: &mut Timeline,
    ) -> Result<Self::Instance, Failure>;

    /// The evidence of what ran, by the engine's own record of it.
    fn attest(&self, code: &Self::Code) -> Attested;

    /// Makes compiled code, outside any timing.
    ///
    /// # Errors
    /// The artifact cannot be compiled, or what was compiled cannot be kept.
    fn prepare(preparation: &Preparation) -> Result<(), Failure>;
}

/// An instance that is ready to run.
pub trait Instance {
    /// Calls `_start`.
    ///
    /// # Errors
    /// Why it did not return: also where it ended as it should, by a call that does not return.
    fn run(&mut self) -> Result<(), Failure>;

    /// What it was given, and what it printed.
    fn wasi(&mut self) -> &mut Wasi;
}

/// A failure in an engine's words.
pub fn wrong(cause: Cause, what: &str, error: &dyn Display) -> Failure {
    Failure::new(cause, format!("{what}: {error}"))
}

/// The bytes of an artifact.
///
/// # Errors
/// It cannot be read.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        let what = format!("cannot read {}", file.display());
        wrong(Cause::Artifact, &what, &error)
    })
}
