//! Benches of embedded engines: what the campaign loop prepares, launches, checks and cleans.

pub(crate) mod compiled_code;
pub(crate) mod density;
pub(crate) mod embedded;
pub(crate) mod estimate;
mod evidence;
mod growth;
mod isolation;
pub(crate) mod launch;
pub(crate) mod plan;
pub(crate) mod programs;
pub(crate) mod rehearsal;
pub(crate) mod target;
pub(crate) mod user;

use std::path::PathBuf;
use std::time::Duration;

use host_probe::report::{Answered, Report};
use host_probe::request::Spec;
use host_probe::settings::Configuration;
use results::{Failure, FailureKind};

use self::target::Target;

/// What a guest may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
    pub(crate) memory_bytes: u64,
}

impl Limits {
    /// How long a parent waits for a child whose own time limit somehow does not end it: two
    /// requests, and compiling a large guest, which no limit of the guest's ends.
    pub(crate) fn child_time(self) -> Duration {
        self.time * 2 + Duration::from_mins(10)
    }
}

/// The start of a target in a configuration. `file` is what it loads, `cache` the engine's cache.
pub(crate) fn spec(
    target: &Target,
    configuration: &Configuration,
    limits: Limits,
    file: PathBuf,
    cache: Option<PathBuf>,
) -> Spec {
    Spec {
        file,
        kind: target.inspected.kind,
        acquire: configuration.acquire,
        cache,
        settings: configuration.settings,
        world: target.inspected.world,
        given: target.provided.clone(),
        call: target.call.clone(),
        time_limit_ms: u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
        memory_limit_bytes: limits.memory_bytes,
    }
}

/// Compares the answer to the `nth` call, from 1, with the expected one.
fn check_answer(target: &Target, nth: usize, answered: &Answered) -> Result<(), Failure> {
    target
        .check(nth, answered)
        .map_err(|reason| Failure::new(FailureKind::WrongAnswer, reason))
}

/// Checks both answers of a start. What the guest complained of explains a wrong one.
fn check_answers(target: &Target, report: &Report) -> Result<(), Failure> {
    check_both(target, report).map_err(|mut failure| {
        failure.reason.push_str(&report.complaint);
        failure
    })
}

fn check_both(target: &Target, report: &Report) -> Result<(), Failure> {
    check_answer(target, 1, &report.first)?;
    let Some(second) = report.second.as_ref().filter(|_| target.answers_twice) else {
        return Ok(());
    };
    let second_request = |failure: Failure| {
        Failure::new(failure.kind, format!("second request: {}", failure.reason))
    };
    let second = second
        .as_ref()
        .map_err(|failure| second_request(failure.clone().into()))?;
    check_answer(target, 2, second).map_err(second_request)
}
