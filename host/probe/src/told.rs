//! The child's side: a program started as a probe does one thing, reports it on standard output,
//! and ends.

use std::ffi::OsString;
use std::fs::File;
use std::process::ExitCode;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use serde::Serialize;

use crate::spec::{
    CROWD, Cause, Crowd, Failure, PREPARE, PROBE, Preparation, RETURN, Spec, VERSION,
};

/// What a process can be told by the program that measures.
#[derive(Debug)]
pub enum Told {
    /// Perform one cold start.
    Probe(Spec),
    /// Start many instances, and weigh them.
    Crowd(Crowd),
    /// Make compiled code.
    Prepare(Preparation),
    /// Say when it began, and nothing else.
    Return,
    /// Say which version of its engine is in it.
    Version,
    /// Words that nobody sends.
    Nonsense,
}

/// What the hidden arguments say, if there are any.
///
/// Ten microseconds, nearly all page faults of code that runs once. They count into `process`, of
/// which they are less than a hundredth: in no phase they would be half of what may be in none, and
/// one interrupt more would fail the sample.
pub fn told(arguments: &mut [OsString]) -> Option<Told> {
    let [_, what, input @ ..] = arguments else {
        return None;
    };
    let told = match what.to_str()? {
        PROBE => Spec::from_arguments(input).map_or(Told::Nonsense, Told::Probe),
        CROWD => Crowd::from_arguments(input).map_or(Told::Nonsense, Told::Crowd),
        PREPARE => preparation(input).map_or(Told::Nonsense, Told::Prepare),
        RETURN => return Some(Told::Return),
        VERSION => return Some(Told::Version),
        _ => return None,
    };
    die_with_parent();
    Some(told)
}

fn preparation(input: &[OsString]) -> Option<Preparation> {
    serde_json::from_str(input.first()?.to_str()?).ok()
}

/// A parent that is killed cannot stop its probe any more, so the kernel does.
fn die_with_parent() {
    // Without it a probe would only outlive its parent by its own time limit.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}

/// What a process answers that was told [`Told::Nonsense`].
pub fn nonsense() -> Failure {
    Failure::new(
        Cause::Harness,
        "not told what to do: this is how coldphase starts itself, not a way to start it",
    )
}

/// Reports on standard output.
pub fn answer<T: Serialize>(result: &Result<T, Failure>) -> ExitCode {
    answer_into(&mut std::io::stdout(), result)
}

/// Reports into a file: for engines whose guests write to the process's own standard output.
pub fn answer_to<T: Serialize>(mut file: File, result: &Result<T, Failure>) -> ExitCode {
    answer_into(&mut file, result)
}

fn answer_into<T: Serialize>(
    out: &mut dyn std::io::Write,
    result: &Result<T, Failure>,
) -> ExitCode {
    let line =
        serde_json::to_string(result).expect("reports are plain data: they always serialise");
    // If nobody reads any more, nobody is left to be told.
    let _ = writeln!(out, "{line}");
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
