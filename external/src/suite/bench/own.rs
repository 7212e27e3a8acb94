//! What a person's own workload needs besides: values in the places of its placeholders, a readiness
//! of its own, and one try of everything before anything is recorded.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use campaign::schedule::Measurement;
use machine::ports;
use results::values::{Build, PageCache};
use results::{Cell, Failure, FailureKind, Skip, SkipKind, mask};
use serde_json::Value;
use workloads::{Call, Target, Workload};

use super::load::check_load;
use super::start::FirstRequest;
use super::{Observer, Planned, SystemBench, traps};
use crate::client::listening::Listening;
use crate::client::load::{self, Amount, Load};
use crate::client::readiness::{self, FirstAnswer, NoAnswer, RetryPolicy};
use crate::process::Launch;
use crate::system::own_workload::uses;
use crate::system::placeholders::{Placeholder, Values, fill};
use crate::system::{Acquire, System};

/// What is tried once: the starts of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tried {
    system: System,
    workload: Workload,
    acquire: Option<Acquire>,
    observer: Observer,
    build: Option<Build>,
}

impl From<&Planned> for Tried {
    fn from(planned: &Planned) -> Self {
        Self {
            system: planned.system,
            workload: planned.workload,
            acquire: planned.acquire,
            observer: planned.observer,
            build: planned.own.as_ref().map(|own| own.build),
        }
    }
}

/// The first answer of a service, which a person's own may announce at another path.
///
/// # Errors
/// There is none.
pub(super) fn first_answer(
    target: &readiness::Target,
    first: &FirstRequest<'_>,
    policy: &RetryPolicy,
    listening: Option<&mut Listening>,
    has_ended: &mut dyn FnMut() -> bool,
) -> Result<FirstAnswer, NoAnswer> {
    let expected = first.workload.expected(1).code;
    let policy = RetryPolicy {
        status: expected.unwrap_or(policy.status),
        ..*policy
    };
    let Some(ready) = first.workload.own().and_then(|own| own.ready.as_ref()) else {
        return readiness::first_answer_heard(target, first.request, &policy, listening, has_ended);
    };
    let until_ready = RetryPolicy {
        retry_statuses: true,
        retry_resets: true,
        status: 200,
        ..policy
    };
    let announced =
        readiness::first_answer_heard(target, ready, &until_ready, listening, has_ended)?;
    let answered = readiness::first_answer(target, first.request, &policy, has_ended)?;
    Ok(FirstAnswer {
        connected_ns: announced.connected_ns,
        attempts: announced.attempts + answered.attempts,
        resolution_ns: announced.resolution_ns,
        heard: announced.heard,
        ..answered
    })
}

impl SystemBench<'_> {
    /// Puts values in the places of a person's placeholders, and has the program run where it is to.
    pub(super) fn fill_in(&self, launch: &mut Launch, target: &Target, port: Option<u16>) {
        static LAUNCHED: AtomicU64 = AtomicU64::new(0);
        let work = uses(target, Placeholder::Work).then(|| {
            let nth = LAUNCHED.fetch_add(1, Ordering::Relaxed);
            let folder = self.own_folders().join(nth.to_string());
            // Where it cannot be made, the program says what it lacks.
            let _ = std::fs::create_dir_all(&folder);
            folder
        });
        let values = Values {
            address: self.endpoint.address(port),
            work: work.as_deref(),
            ..Values::default()
        };
        let texts = launch.arguments.iter_mut();
        let values_of = launch.environment.iter_mut().map(|(_, value)| value);
        for text in texts.chain(values_of) {
            if let Some(filled) = text.to_str().map(|text| fill(text, &values)) {
                *text = OsString::from(filled);
            }
        }
    }

    /// The folders that stand for `{work}`, which go when the sample is over.
    pub(super) fn own_folders(&self) -> PathBuf {
        self.work.join("own")
    }

    /// The one port of a service that listens nowhere else, once it is certain that it is free.
    ///
    /// # Errors
    /// Somebody has it, or several instances would.
    pub(super) fn fixed_port(
        system: System,
        workload: Workload,
        instances: usize,
    ) -> Result<Option<u16>, Skip> {
        // Guests of engines, and what runs in a network of its own, are reached as the engine says.
        let own = workload.own().filter(|_| system.managed().is_none());
        let Some(port) = own.and_then(|target| target.port) else {
            return Ok(None);
        };
        if instances > 1 {
            return Err(one_at_a_port(port));
        }
        let owners = ports::owner_of(port)
            .map_err(|error| format!("cannot look at the sockets: {error}"))?;
        let pids: Vec<_> = owners.into_iter().flat_map(|owner| owner.pids).collect();
        if pids.is_empty() {
            return Ok(Some(port));
        }
        let reason = format!("it listens on port {port}, which processes {pids:?} have");
        Err(Skip::new(SkipKind::NotPermitted, reason).remedy("end them"))
    }

    /// Plays the requests of a person's own workload once in order, where that is tried: what is wrong
    /// with a later one is one message then, and would be as many as there are samples.
    ///
    /// # Errors
    /// One is not answered as it should.
    pub(super) fn try_sequence(
        &self,
        first: &FirstRequest<'_>,
        target: &readiness::Target,
    ) -> Result<(), Failure> {
        let sequence = first.workload.sequence();
        if !self.is_trial.get() || sequence.is_empty() {
            return Ok(());
        }
        let load = Load {
            connections: 1,
            amount: Amount::Requests(sequence.len() as u64),
            sequence,
            ..self.load(target, first.request.clone(), first.workload)
        };
        let loaded = self.endpoint.as_client(|| load::run(&load));
        check_load(&loaded?.map_err(|error| error.to_string())?)
    }

    /// Does something as a trial.
    pub(super) fn as_trial<T>(&self, what: impl FnOnce(&Self) -> T) -> T {
        self.is_trial.set(true);
        let done = what(self);
        self.is_trial.set(false);
        done
    }

    /// Tries every kind of start of a person's own workloads once. What does not work is skipped from
    /// then on: each of it with its reason, and whether anything works. Nothing further is begun once
    /// `stop` is set.
    pub fn try_own(
        &mut self,
        cells: &[Planned],
        stop: &AtomicBool,
    ) -> (Vec<(Planned, Skip)>, bool) {
        let mut tried = HashSet::new();
        let (mut refused, mut worked) = (Vec::new(), false);
        let own = cells
            .iter()
            .filter(|planned| planned.workload.own().is_some());
        // A start with everything in memory asks for the least.
        let rank = |planned: &&Planned| {
            (
                !planned.cell.scenario.starts(),
                planned.page_cache != PageCache::Hot,
            )
        };
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(rank);
        for planned in own {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let key = Tried::from(planned);
            if !tried.insert(key) {
                continue;
            }
            match self.try_once(&planned.cell) {
                Ok(()) => worked = true,
                Err(skip) => {
                    self.refused.insert(key, skip.clone());
                    refused.push((planned.clone(), skip));
                }
            }
        }
        (refused, worked)
    }

    fn try_once(&mut self, cell: &Cell) -> Result<(), Skip> {
        let planned = self.planned(cell)?;
        let prepared = self.prepare_cell(cell);
        prepared.map_err(|skip| self.masked_skip(cell, skip))?;
        if planned.system.managed().is_none() && planned.observer == Observer::None {
            // It was tried when it was built.
            self.prepared = None;
            return Ok(());
        }
        self.is_trial.set(true);
        let measured = self.measure_prepared();
        self.is_trial.set(false);
        let cleaned = self.clean_up(cell);
        let verdict = self.masked(cell, measured).verdict;
        verdict.map_err(|failure| {
            let reason = format!("it was tried once, and {}", failure.reason);
            Skip::new(SkipKind::NotPrepared, reason)
        })?;
        Ok(cleaned?)
    }

    /// Takes a workload's credentials out of what is said of it.
    pub(super) fn masked(&self, cell: &Cell, mut measured: Measurement) -> Measurement {
        let Some(target) = self.target_of(cell) else {
            return measured;
        };
        measured.verdict = measured.verdict.map_err(|failure| {
            let failure = name_limit(Workload::Own(target), self.time_limit(), failure);
            let reason = mask::reason(&failure.reason, &target.secrets);
            Failure { reason, ..failure }
        });
        for value in measured.attested.values_mut() {
            if let Value::String(text) = value {
                *text = mask::reason(text, &target.secrets);
            }
        }
        measured
    }

    /// The same of a reason to skip.
    pub(super) fn masked_skip(&self, cell: &Cell, skip: Skip) -> Skip {
        match self.target_of(cell) {
            Some(target) => Skip {
                reason: mask::reason(&skip.reason, &target.secrets),
                ..skip
            },
            None => skip,
        }
    }

    fn target_of(&self, cell: &Cell) -> Option<&'static Target> {
        self.cells.get(cell)?.workload.own()
    }
}

/// A person's own start that took longer than it may: how long that is, and what changes it. A guest of
/// megabytes compiles for longer than any that is built in.
pub(super) fn name_limit(workload: Workload, limit: Duration, mut failure: Failure) -> Failure {
    if failure.kind == FailureKind::TimeLimit && workload.own().is_some() {
        let limit = limit.as_secs();
        let said = format!("; it had {limit} s, and --time-limit gives it more");
        failure.reason.push_str(&said);
    }
    failure
}

/// That several instances of what has a port of its own cannot be.
pub(super) fn one_at_a_port(port: u16) -> Skip {
    let reason = format!("all instances would listen on port {port}, which one can");
    Skip::new(SkipKind::NotApplicable, reason)
        .remedy("tell it where to listen, by {address} or {port}, and leave `port` out")
}

/// Whether a service that was ended has left nothing that listens; what it has left is ended too.
///
/// # Errors
/// It has.
pub(super) fn check_nothing_left(port: u16, launched_ns: u64) -> Result<(), String> {
    match traps::left_behind(port, launched_ns) {
        None => Ok(()),
        Some(pids) => Err(format!(
            "it was tried once, and {}",
            traps::daemonised(&pids)
        )),
    }
}

/// Why a person's own service did not answer as it should, where that can be told.
pub(super) fn explain(
    workload: Workload,
    failure: &mut Failure,
    trap: impl FnOnce() -> Option<String>,
) {
    if matches!((workload.own(), workload.call()), (Some(_), Call::Http(_)))
        && let Some(trap) = trap()
    {
        failure.reason.push_str(&format!("; {trap}"));
    }
}
