//! Starts of systems that are plain processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::schedule::Measurement;
use host_probe::limits;
use machine::clock::now_ns;
use machine::{cores, ports, usage};
use results::record::Resources;
use results::{Attested, Evidence, Failure, FailureKind, PhaseTime, Skip};
use serde_json::json;
use workloads::{Answer, Call, Request, Workload};

use super::code_cache::{check_cache, check_mapped, count_entries, hit_or_miss, is_mapped};
use super::load::cpus;
use super::{Observer, Planned, Prepared, SystemBench, Without, log_excerpt, own, traps};
use crate::client::readiness::{FirstAnswer, RetryPolicy};
use crate::observe::Milestones;
use crate::process::{Adopting, Launch, Running, Stdout};
use crate::system::managed::ended_late;
use crate::system::own_milestones::OwnMilestones;
use crate::system::{LaunchSpec, Mapped, listens};

/// How long a system that was requested to end may take before it is killed.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// How long the milestones that a service reports may take to be there after its answer.
const REPORT_NS: u64 = 1_000_000_000;

/// The first request of a service.
pub(super) struct FirstRequest<'a> {
    pub(super) workload: Workload,
    pub(super) request: &'a Request,
    pub(super) port: u16,
}

impl SystemBench<'_> {
    pub(super) fn launch(
        &self,
        spec: &LaunchSpec,
        workload: Workload,
        port: Option<u16>,
    ) -> Launch {
        let folder = spec.folder.as_ref().unwrap_or(&self.work);
        let mut launch = Launch::new(&spec.program, folder, self.work.join("log"));
        launch.arguments = spec.arguments(self.endpoint.address(port));
        launch.namespace = self.endpoint.namespace();
        // Runtimes look for their configuration below it, and must find none but what they are
        // given.
        launch.environment = vec![("HOME".into(), self.work.clone().into())];
        launch.environment.extend(
            spec.environment
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        launch.stdout = if listens(workload) {
            Stdout::Log
        } else {
            Stdout::Captured
        };
        launch.watch.clone_from(&spec.artifact);
        launch.port = port;
        if let Some(target) = workload.own() {
            self.fill_in(&mut launch, target, port);
        }
        launch
    }

    /// One start, from its launch to its first complete answer and its end.
    pub(super) fn start(
        &self,
        launch: &Launch,
        spec: &LaunchSpec,
        workload: Workload,
        port: Option<u16>,
    ) -> Result<Started, String> {
        if let Some(listening) = self.listening.borrow_mut().as_mut() {
            listening.clear();
        }
        // What a person's service leaves behind is known by being this process's child then.
        let _adopting = workload.own().map(|_| Adopting::begin()).transpose()?;
        let mut running = launch.launch().map_err(|error| error.to_string())?;
        let guard = self
            .reaper
            .guard_group(running.pid())
            .map_err(|error| error.to_string())?;
        let mut started = match (workload.call(), port) {
            (Call::Http(request), Some(port)) => {
                let first = FirstRequest {
                    workload,
                    request: &request,
                    port,
                };
                self.first_answer(&mut running, &first, spec.mapped.as_ref())
            }
            _ => self.run_to_end(&mut running, workload),
        };
        if let (Ok(()), Some(file)) = (&started.verdict, &spec.milestones) {
            wait_for_milestones(file);
        }
        running.stop(GRACE);
        drop(guard);
        if let Err(failure) = &mut started.verdict {
            failure.reason.push_str(&log_excerpt(&running.log_tail()));
        }
        Ok(started)
    }

    /// The first answer of a service, as it comes.
    ///
    /// # Errors
    /// Why there was none, with what explains it.
    pub(super) fn answer_of(
        &self,
        running: &mut Running,
        first: &FirstRequest<'_>,
        policy: &RetryPolicy,
    ) -> Result<FirstAnswer, Failure> {
        let target = self.endpoint.target(first.port);
        let answer = own::first_answer(
            &target,
            first,
            policy,
            self.listening.borrow_mut().as_mut(),
            &mut || running.ended().is_some(),
        );
        answer.map_err(|error| {
            let mut failure = Failure::from(error);
            if let Some(end) = running.ended() {
                failure.reason.push_str(&format!("; it {end}"));
            }
            failure.reason.push_str(&other_ports(running, first.port));
            own::explain(first.workload, &mut failure, || {
                traps::of_silence(running, target.address)
            });
            failure
        })
    }

    /// The first answer of a service, with what it had cost until then, checked.
    pub(super) fn first_answer(
        &self,
        running: &mut Running,
        first: &FirstRequest<'_>,
        mapped: Option<&Mapped>,
    ) -> Started {
        let policy = RetryPolicy::until(self.deadline_ns());
        let answer = match self.answer_of(running, first, &policy) {
            Ok(answer) => answer,
            Err(failure) => return Started::failed(failure),
        };
        let resources = running.usage();
        let mut attested = resolution(&policy, &answer);
        attested.extend(cpus(&usage::tree(running.pid())));
        if let Some(mapped) = mapped {
            attested.insert(
                Evidence::CodeMapped,
                json!(is_mapped(running.pid(), mapped)),
            );
        }
        // After the clock was stopped: looking takes longer than some starts.
        let verdict = ports::belongs_to(first.port, running.pid())
            .map_err(|reason| not_its_port(first, running.launched_ns(), reason))
            .and_then(|()| self.check_first(first, &answer));
        Started {
            verdict,
            launched_ns: running.launched_ns(),
            answered_ns: answer.answered_ns,
            milestones: running.milestones(),
            resources,
            attested,
        }
    }

    /// Checks a first answer, and of a person's own service what else is asked where it is tried.
    pub(super) fn check_first(
        &self,
        first: &FirstRequest<'_>,
        answer: &FirstAnswer,
    ) -> Result<(), Failure> {
        check_answer(first.workload, &answer.answer)?;
        self.try_sequence(first, &self.endpoint.target(first.port))
    }

    /// A command, or a service's program that only begins and ends: waited for.
    pub(super) fn run_to_end(&self, running: &mut Running, workload: Workload) -> Started {
        let Some(end) = running.wait_end(self.deadline_ns()) else {
            return Started::failed(ended_late());
        };
        let printed = running.stdout();
        let verdict = match end.code {
            _ if printed.dropped > 0 => Err(Failure::new(
                FailureKind::WrongAnswer,
                limits::too_much("printed to its standard output"),
            )),
            Some(0) if listens(workload) => Ok(()),
            Some(code) => {
                let answer = Answer::new(code.into(), printed.bytes);
                check_answer(workload, &answer)
            }
            None => Err(format!("it {end}").into()),
        };
        Started {
            verdict,
            launched_ns: running.launched_ns(),
            answered_ns: end.seen_ns,
            milestones: running.milestones(),
            resources: end.resources,
            attested: Attested::new(),
        }
    }

    /// A start as a sample.
    pub(super) fn sample_start(&self, prepared: &Prepared, spec: &LaunchSpec) -> Measurement {
        let planned = &prepared.planned;
        let mut attested = prepared.attested.clone();
        let port = prepared.ports.first().copied();
        let entries_before = spec.cache.as_deref().map(count_entries);
        let mut launch = self.launch(spec, planned.workload, port);
        launch.observed = planned.observer == Observer::Seccomp;
        launch.core = self.core_of(planned);
        let started = match self.start(&launch, spec, planned.workload, port) {
            Ok(started) => started,
            Err(reason) => {
                return Measurement {
                    attested,
                    ..Measurement::failed(reason)
                };
            }
        };
        attested.extend(started.attested.clone());
        if !attested.contains_key(Evidence::Cpus) {
            // Of what has ended, those that it was launched on.
            let launched_on = launch.core.map_or_else(cores::allowed, |core| vec![core]);
            attested.insert(Evidence::Cpus, json!(launched_on));
        }
        let mut verdict = started.verdict.clone();
        if let (Some(before), Some(cache)) = (entries_before, &spec.cache) {
            let was_hit = count_entries(cache) <= before;
            attested.insert(Evidence::Cache, json!(hit_or_miss(was_hit)));
            verdict = verdict.and(check_cache(planned.acquire, before, was_hit));
        }
        if spec.mapped.is_some() && listens(planned.workload) {
            verdict = verdict.and(check_mapped(&attested));
        }
        let phases = verdict.and_then(|()| Ok(phases(planned, &started, spec)?));
        let (verdict, phases) = match phases {
            Ok(phases) => (Ok(()), phases),
            Err(failure) => (Err(failure), Vec::new()),
        };
        Measurement {
            total_ns: verdict
                .is_ok()
                .then(|| started.answered_ns.saturating_sub(started.launched_ns)),
            verdict,
            phases,
            resources: started.resources,
            requests: None,
            attested,
            daemons: Vec::new(),
        }
    }

    /// Where a service writes its own milestones.
    fn own_milestones_file(&self) -> PathBuf {
        self.work.join("milestones.json")
    }

    /// What a cell launches: what was built for its kind, without any work if it is to only begin and
    /// end, and with the milestones that it is to report.
    pub(super) fn specialise(
        &self,
        planned: &Planned,
        built: &LaunchSpec,
    ) -> Result<LaunchSpec, Skip> {
        let mut spec = built.clone();
        if planned.without == Without::Work {
            return Ok(spec.bare(&*planned.system));
        }
        if planned.observer == Observer::Own {
            if !planned.system.reports_milestones() {
                return Err("it does not report its own milestones".to_owned().into());
            }
            let file = self.own_milestones_file();
            let _ = std::fs::remove_file(&file);
            spec = spec.reporting_milestones(&file);
        }
        Ok(spec)
    }
}

/// What was seen of a start.
pub(super) struct Started {
    pub(super) verdict: Result<(), Failure>,
    pub(super) launched_ns: u64,
    pub(super) answered_ns: u64,
    milestones: Option<Milestones>,
    pub(super) resources: Resources,
    pub(super) attested: Attested,
}

impl Started {
    fn failed(failure: Failure) -> Self {
        Self {
            verdict: Err(failure),
            launched_ns: 0,
            answered_ns: 0,
            milestones: None,
            resources: Resources::default(),
            attested: Attested::new(),
        }
    }
}

/// That somebody else listens on the port of a service, or nobody.
pub(super) fn not_its_port(first: &FirstRequest<'_>, launched_ns: u64, reason: String) -> Failure {
    let mut failure = Failure::from(reason);
    own::explain(first.workload, &mut failure, || {
        let left = traps::left_behind(first.port, launched_ns)?;
        Some(traps::daemonised(&left))
    });
    failure
}

/// How exactly the instant of a first answer is known.
pub(super) fn resolution(policy: &RetryPolicy, first: &FirstAnswer) -> Attested {
    let asked = (!first.heard).then_some(policy.period_ns);
    Attested::from([
        (Evidence::ListeningHeard, json!(first.heard)),
        (Evidence::ConnectPeriodNs, json!(asked)),
        (Evidence::ConnectAttempts, json!(first.attempts)),
        (Evidence::ConnectResolutionNs, json!(first.resolution_ns)),
    ])
}

/// Whether the answer to a first request is right.
pub(super) fn check_answer(workload: Workload, answer: &Answer) -> Result<(), Failure> {
    workload.expected(1).check(answer).map_err(|reason| {
        let mut failure = Failure::new(FailureKind::WrongAnswer, reason);
        own::explain(workload, &mut failure, || traps::of_redirect(answer));
        failure
    })
}

/// The phases of an observed start; none of another.
fn phases(
    planned: &Planned,
    started: &Started,
    spec: &LaunchSpec,
) -> Result<Vec<PhaseTime>, String> {
    let machine_code = planned.acquire.is_none();
    match (planned.observer, &started.milestones) {
        (Observer::None, _) => Ok(Vec::new()),
        (Observer::Seccomp, Some(seen)) if listens(planned.workload) => {
            seen.phases(started.answered_ns, machine_code)
        }
        (Observer::Seccomp, Some(seen)) => seen.phases_of_run(started.answered_ns, machine_code),
        (Observer::Seccomp, None) => Err("the observer saw nothing".to_owned()),
        (Observer::Own, _) => own_phases(planned, started, spec),
    }
}

/// The phases of a start by the milestones that it reported.
fn own_phases(
    planned: &Planned,
    started: &Started,
    spec: &LaunchSpec,
) -> Result<Vec<PhaseTime>, String> {
    let acquire = planned
        .acquire
        .ok_or("machine code reports no milestones")?;
    let file = spec
        .milestones
        .as_deref()
        .ok_or("it has no file to report its milestones in")?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("its own milestones cannot be read: {error}"))?;
    OwnMilestones::read(&text)?.phases(acquire, started.launched_ns, started.answered_ns)
}

/// Waits for what a service reports after its first answer. The start is over then: this decides
/// nothing that is timed.
fn wait_for_milestones(file: &Path) {
    let until_ns = now_ns() + REPORT_NS;
    while !file.exists() && now_ns() < until_ns {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Ports other than the one that it was given, as a part of a reason.
fn other_ports(running: &Running, port: u16) -> String {
    let others: Vec<_> = ports::of_group(running.pid())
        .unwrap_or_default()
        .into_iter()
        .filter(|found| *found != port)
        .collect();
    if others.is_empty() {
        String::new()
    } else {
        format!("; it listens on {others:?} and not on {port}")
    }
}
