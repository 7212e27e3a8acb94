//! The child's side: this program started as a probe does one thing, reports it on standard output, and ends.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use results::Timeline;
use serde::Serialize;

use crate::engine;
use crate::spec::{Cause, Failure, PREPARE, PROBE, Preparation, RETURN, Spec};

/// What a process of this program can be told by another.
pub(crate) enum Told {
    /// Perform one cold start.
    Probe(Spec),
    /// Make compiled code.
    Prepare(Preparation),
    /// Say when it began, and nothing else.
    Return,
    /// Words that nobody sends.
    Nonsense,
}

/// What the hidden arguments say, if there are any.
///
/// Ten microseconds, nearly all page faults of code that runs once. They count into `process`, of which they are less than
/// a hundredth: in no phase they would be half of what may be in none, and one interrupt more would fail the sample.
pub(crate) fn told(arguments: &mut [OsString]) -> Option<Told> {
    let [_, what, input @ ..] = arguments else { return None };
    let told = match what.to_str()? {
        PROBE => Spec::from_arguments(input).map_or(Told::Nonsense, Told::Probe),
        PREPARE => preparation(input).map_or(Told::Nonsense, Told::Prepare),
        RETURN => return Some(Told::Return),
        _ => return None,
    };
    die_with_parent();
    Some(told)
}

fn preparation(input: &[OsString]) -> Option<Preparation> {
    serde_json::from_str(input.first()?.to_str()?).ok()
}

impl Told {
    /// Does it.
    pub(crate) fn perform(self, first_statement_ns: u64) -> ExitCode {
        match self {
            Self::Probe(spec) => {
                let mut timeline = Timeline::new(first_statement_ns);
                let begun = timeline.begin();
                answer(&engine::wasmtime::start(&spec, &mut timeline, begun))
            }
            Self::Prepare(preparation) => answer(&engine::wasmtime::prepare(&preparation)),
            Self::Return => answer::<u64>(&Ok(first_statement_ns)),
            Self::Nonsense => answer::<()>(&Err(Failure::new(
                Cause::Harness,
                "not told what to do: this is how coldphase starts itself, not a way to start it",
            ))),
        }
    }
}

/// A parent that is killed cannot stop its probe any more, so the kernel does.
fn die_with_parent() {
    // Without it a probe would only outlive its parent by its own time limit.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}

fn answer<T: Serialize>(result: &Result<T, Failure>) -> ExitCode {
    let line = serde_json::to_string(result).expect("reports are plain data: they always serialise");
    // If nobody reads any more, nobody is left to be told.
    let _ = writeln!(std::io::stdout(), "{line}");
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
