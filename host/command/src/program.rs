//! The program around an engine: it answers what the process that measures requests.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use host_probe::child::{self, Request};
use host_probe::report::{Failure, Report};
use host_probe::request::Spec;
use host_probe::resources::{self, Usage};
use host_probe::{deadline, exit};
use machine::Timeline;
use machine::timeline::Begun;
use results::{Evidence, Phase};

use crate::engine::{Engine, Instance as _};

/// The `main` of a program that embeds `E`.
pub fn main<E: Engine>() -> ExitCode {
    machine::signals::establish();
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let request = child::parse_request(&mut arguments);
    // The first statement of the start: where its `process` phase ends.
    let first_statement_ns = machine::clock::now_ns();
    match request {
        Some(Request::Probe(spec)) => {
            let mut timeline = Timeline::new(first_statement_ns);
            let begun = timeline.follow();
            child::respond(&start::<E>(&spec, &mut timeline, begun))
        }
        Some(Request::Prepare(preparation)) => child::respond(&E::prepare(&preparation)),
        Some(Request::Return) => child::respond::<u64>(&Ok(first_statement_ns)),
        Some(Request::Version) => child::respond(&Ok(E::VERSION)),
        Some(Request::InstanceSet(_) | Request::Invalid) => {
            child::respond::<()>(&Err(child::invalid_request()))
        }
        None => {
            // A closed stream is no reason to fail.
            let _ = writeln!(
                std::io::stderr(),
                "error: this program performs the starts of `host phases` and has no commands of \
                    its own"
            );
            ExitCode::from(exit::USAGE)
        }
    }
}

/// One cold start, from an engine's configuration to its teardown.
///
/// # Errors
/// Why there is no answer.
pub fn start<E: Engine>(
    spec: &Spec,
    timeline: &mut Timeline,
    begun: Begun,
) -> Result<Report, Failure> {
    // None of these engines is asked to stop a guest that runs too long: they would check for it.
    deadline::alarm(Duration::from_millis(spec.time_limit_ms));
    let engine = E::new(spec)?;
    timeline.end(Phase::Engine, begun);

    let code = engine.acquire(spec, timeline)?;
    let mut instance = engine.instantiate(&code, spec, timeline)?;

    let begun = timeline.follow();
    let ran = instance.run();
    timeline.end(Phase::FirstRequest, begun);
    timeline.answered();
    let used = Usage::now();
    let first = instance.wasi().answer(ran)?;

    let mut resources = used.resources();
    resources.pss_bytes = resources::pss_bytes();
    let mut attested = engine.attest(&code);
    attested.insert(Evidence::EngineVersion, E::VERSION);
    let complaint = instance.wasi().complaint();
    timeline.time(Phase::Teardown, || drop((instance, code, engine)));
    Ok(Report {
        recorded: timeline.recorded(),
        first,
        complaint,
        second: None,
        resources,
        attested,
    })
}
