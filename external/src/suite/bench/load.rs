//! Requests at something that runs.

use campaign::schedule::Measurement;
use machine::{cores, usage};
use results::record::Resources;
use results::{Attested, Evidence, Failure, FailureKind};
use serde_json::json;
use workloads::{Call, Request, Workload};

use super::start::{FirstRequest, GRACE, Started};
use super::{Planned, Prepared, SystemBench, log_excerpt};
use crate::client::load::{self, Amount, Load, Loaded, Pace};
use crate::client::readiness::{self, RetryPolicy, Target};
use crate::process::Running;
use crate::system::LaunchSpec;

/// How long a service is left alone to see what it costs while it is idle.
pub(super) const IDLE: std::time::Duration = std::time::Duration::from_millis(200);

/// How many increments are to leave exactly as many.
const INCREMENTS: u64 = 200;

impl SystemBench<'_> {
    /// Requests at something that runs, as a sample.
    pub(super) fn sample_load(&self, prepared: &Prepared, spec: &LaunchSpec) -> Measurement {
        let planned = &prepared.planned;
        let (Call::Http(request), Some(&port)) = (planned.workload.call(), prepared.ports.first())
        else {
            return Measurement::failed("a command takes no requests under load");
        };
        let mut launch = self.launch(spec, planned.workload, Some(port));
        launch.core = self.cores.system;
        let mut running = match launch.launch() {
            Ok(running) => running,
            Err(error) => return Measurement::failed(error.to_string()),
        };
        let guard = match self.reaper.guard_group(running.pid()) {
            Ok(guard) => guard,
            Err(error) => return Measurement::failed(error.to_string()),
        };
        let first = FirstRequest {
            workload: planned.workload,
            request: &request,
            port,
        };
        let started = self.first_answer(&mut running, &first, spec.mapped.as_ref());
        let loaded = self.load_started(&running, planned, &request, &started, port);
        let resources = running.usage();
        let used = cpus(&usage::tree(running.pid()));
        let crashed = running.ended().map(|end| format!("it {end} under load"));
        running.stop(GRACE);
        drop(guard);
        let mut with_log = |mut failure: Failure| {
            failure.reason.push_str(&log_excerpt(&running.log_tail()));
            failure
        };
        let (idle, loaded) = match loaded {
            Ok(loaded) => loaded,
            Err(failure) => return Measurement::failed(with_log(failure)),
        };
        let mut attested = prepared.attested.clone();
        attested.extend(started.attested);
        attested.extend(used);
        attested.extend(self.load_evidence(&loaded));
        attested.extend(idle_cost(started.resources, idle));
        let verdict = crashed.map_or_else(|| check_load(&loaded), |end| Err(end.into()));
        Measurement {
            verdict: verdict.map_err(with_log),
            total_ns: None,
            phases: Vec::new(),
            resources,
            requests: Some(loaded.requests),
            attested,
            daemons: Vec::new(),
        }
    }

    /// The load of a service that has answered; before it, what the service costs while it is idle.
    fn load_started(
        &self,
        running: &Running,
        planned: &Planned,
        request: &Request,
        started: &Started,
        port: u16,
    ) -> Result<(Resources, Loaded), Failure> {
        started.verdict.clone()?;
        std::thread::sleep(IDLE);
        let idle = running.usage();
        let target = self.endpoint.target(port);
        let loaded = self.put_under_load(planned, request.clone(), &[target])?;
        Ok((idle, loaded))
    }

    /// Evidence of where and how a load was generated.
    pub(super) fn load_evidence(&self, loaded: &Loaded) -> Attested {
        Attested::from([
            (Evidence::SystemCore, json!(self.cores.system)),
            (Evidence::GeneratorCore, json!(loaded.core)),
            (Evidence::GeneratorCpuNs, json!(loaded.cpu_ns)),
            (Evidence::WarmUp, json!(loaded.warm_up)),
            (
                Evidence::WarmUpPerConnection,
                json!(self.settings.values.warm_up),
            ),
        ])
    }

    /// Puts what answers at these targets under load together, from where its clients are.
    pub(super) fn put_under_load(
        &self,
        planned: &Planned,
        request: Request,
        targets: &[Target],
    ) -> Result<Loaded, Failure> {
        let loaded = self
            .endpoint
            .as_client(|| self.load_targets(planned, request, targets));
        loaded?
    }

    fn load_targets(
        &self,
        planned: &Planned,
        request: Request,
        targets: &[Target],
    ) -> Result<Loaded, Failure> {
        let values = &self.settings.values;
        if planned.workload == Workload::HttpState {
            targets
                .iter()
                .try_for_each(|target| self.check_counting(target, &request))?;
        }
        let (target, also) = targets
            .split_first()
            .ok_or_else(|| Failure::from("there is nothing to be put under load"))?;
        let load = Load {
            also: also.to_vec(),
            connections: planned.connections,
            warm_up: values.warm_up,
            amount: Amount::Requests(values.requests),
            ..self.load(target, request, planned.workload)
        };
        Ok(load::run(&load).map_err(|error| error.to_string())?)
    }

    /// A load of one service, without warm-up.
    fn load(&self, target: &Target, request: Request, workload: Workload) -> Load {
        Load {
            address: target.address,
            host: target.host.clone(),
            also: Vec::new(),
            request,
            expected: workload.expected_of_any(),
            pace: Pace::Closed,
            connections: load::CONNECTIONS,
            keep_alive: true,
            warm_up: 0,
            amount: Amount::Requests(INCREMENTS),
            timeout: self.time_limit(),
            core: self.cores.generator,
        }
    }

    /// Checks that increments from several clients at once add up: one that is lost, or counted by
    /// another instance, would be a service that is fast because it does not do its work.
    fn check_counting(&self, target: &Target, increment: &Request) -> Result<(), Failure> {
        let load = self.load(target, increment.clone(), Workload::HttpState);
        let before = self.read_count(target)?;
        check_load(&load::run(&load).map_err(|error| error.to_string())?)?;
        let after = self.read_count(target)?;
        if after == before + INCREMENTS {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::WrongAnswer,
            format!(
                "it does not keep its state: its count was {before}, and after {INCREMENTS} \
                    increments from {} clients {after}",
                load::CONNECTIONS
            ),
        ))
    }

    /// The count that the service keeps.
    fn read_count(&self, target: &Target) -> Result<u64, Failure> {
        let policy = RetryPolicy::until(self.deadline_ns());
        let request = Request::get("/state");
        let first = readiness::first_answer(target, &request, &policy, &mut || false)?;
        let text = String::from_utf8_lossy(&first.answer.body);
        text.trim().parse().map_err(|_| {
            Failure::new(
                FailureKind::WrongAnswer,
                format!("its state is no count but {text:?}"),
            )
        })
    }
}

/// The CPUs that these processes may run on, as the kernel has it: evidence; none where one of them
/// is gone.
pub(super) fn cpus(pids: &[u32]) -> Attested {
    let cpus = cores::of_processes(pids).map(|cpus| (Evidence::Cpus, json!(cpus)));
    cpus.into_iter().collect()
}

/// What a service had cost at its first answer, and after [`IDLE`] without a request: the
/// difference is the price of being there.
pub(super) fn idle_cost(at_first_answer: Resources, idle: Resources) -> Attested {
    Attested::from([
        (Evidence::ResourcesAtFirstAnswer, json!(at_first_answer)),
        (Evidence::ResourcesAfterIdle, json!(idle)),
    ])
}

/// Whether every request was answered, and rightly.
pub(super) fn check_load(loaded: &Loaded) -> Result<(), Failure> {
    let requests = &loaded.requests;
    if requests.failed == 0 && requests.dropped == 0 && loaded.warm_up_failed == 0 {
        return Ok(());
    }
    let reasons: Vec<_> = loaded
        .failures
        .iter()
        .map(|failed| format!("{} × {}", failed.count, failed.failure))
        .collect();
    let kind = loaded
        .failures
        .first()
        .map_or(FailureKind::TimeLimit, |failed| failed.failure.kind);
    Err(Failure::new(
        kind,
        format!(
            "{} of {} requests failed, {} were dropped, {} of the warm-up failed: {}",
            requests.failed,
            requests.sent,
            requests.dropped,
            loaded.warm_up_failed,
            reasons.join("; ")
        ),
    ))
}
