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

/// Does what a hidden argument asks, if there is one.
pub(crate) fn hidden(first_statement_ns: u64, arguments: &mut [OsString]) -> Option<ExitCode> {
    let [_, what, input @ ..] = arguments else { return None };
    let code = match what.to_str()? {
        PROBE => answer(&Spec::from_arguments(input).ok_or_else(not_told).and_then(|spec| {
            die_with_parent();
            let mut timeline = Timeline::new(first_statement_ns);
            let begun = timeline.begin();
            engine::wasmtime::start(&spec, &mut timeline, begun)
        })),
        PREPARE => answer(&preparation(input).ok_or_else(not_told).and_then(|preparation| {
            die_with_parent();
            engine::wasmtime::prepare(&preparation)
        })),
        RETURN => answer::<u64>(&Ok(first_statement_ns)),
        _ => return None,
    };
    Some(code)
}

fn preparation(input: &[OsString]) -> Option<Preparation> {
    serde_json::from_str(input.first()?.to_str()?).ok()
}

fn not_told() -> Failure {
    Failure::new(Cause::Harness, "not told what to do: this is how coldphase starts itself, not a way to start it")
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
