//! The child's side: a program started as a probe does one thing, reports it on standard output,
//! and ends.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::process::ExitCode;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use serde::Serialize;

use crate::report::{Cause, Failure};
use crate::request::{INSTANCES, InstanceSet, PREPARE, PROBE, Preparation, RETURN, Spec, VERSION};

/// What the program that measures asks of its child.
#[derive(Debug)]
pub enum Request {
    /// Perform one cold start.
    Probe(Spec),
    /// Start many instances, and measure their memory.
    InstanceSet(InstanceSet),
    /// Make compiled code.
    Prepare(Preparation),
    /// Report when the process began, and nothing else.
    Return,
    /// Report which version of its engine is in it.
    Version,
    /// Arguments that the program that measures never sends.
    Invalid,
}

/// The request in the hidden arguments, if there are any.
///
/// Ten microseconds, nearly all page faults of code that runs once. They count into `process`, of
/// which they are less than a hundredth: in no phase they would be half of what may be in none, and
/// one interrupt more would fail the sample.
pub fn parse_request(arguments: &mut [OsString]) -> Option<Request> {
    let [_, what, arguments @ ..] = arguments else {
        return None;
    };
    let request = match what.to_str()? {
        PROBE => Spec::from_arguments(arguments, read_input).map(Request::Probe),
        INSTANCES => InstanceSet::from_arguments(arguments, read_input).map(Request::InstanceSet),
        PREPARE => Preparation::from_arguments(arguments).map(Request::Prepare),
        RETURN => return Some(Request::Return),
        VERSION => return Some(Request::Version),
        _ => return None,
    };
    die_with_parent();
    Some(request.unwrap_or(Request::Invalid))
}

/// The whole standard input.
fn read_input() -> Option<Vec<u8>> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).ok()?;
    Some(input)
}

/// A parent that is killed cannot stop its probe any more, so the kernel does.
fn die_with_parent() {
    // Without it a probe would only outlive its parent by its own time limit.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}

/// The response to [`Request::Invalid`].
pub fn invalid_request() -> Failure {
    Failure::new(
        Cause::Harness,
        "invalid request: this is how coldphase starts itself, not a way to start it",
    )
}

/// Reports on standard output.
pub fn respond<T: Serialize>(result: &Result<T, Failure>) -> ExitCode {
    write_response(&mut std::io::stdout(), result)
}

/// Reports into a file: for engines whose guests write to the process's own standard output.
pub fn respond_to<T: Serialize>(mut file: File, result: &Result<T, Failure>) -> ExitCode {
    write_response(&mut file, result)
}

fn write_response<T: Serialize>(
    out: &mut dyn std::io::Write,
    result: &Result<T, Failure>,
) -> ExitCode {
    let line =
        serde_json::to_string(result).expect("reports are plain data: they always serialise");
    // A closed stream is no reason to fail.
    let _ = writeln!(out, "{line}");
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
