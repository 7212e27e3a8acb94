//! Requests at something that runs.

use campaign::schedule::Measurement;
use host_probe::pool::PoolSettings;
use machine::{cores, usage};
use results::record::Resources;
use results::values::{Lifecycle, Named as _};
use results::{Attested, Evidence, Failure, FailureKind};
use serde_json::json;
use workloads::{Call, Request, Workload};

use super::super::duel::OwnBuild;
use super::capacity::Paced;
use super::start::{FirstRequest, GRACE, Started};
use super::{Planned, Prepared, SystemBench, log_excerpt};
use crate::client::head;
use crate::client::load::{self, Amount, Load, Loaded, Pace};
use crate::client::readiness::{self, RetryPolicy, Target};
use crate::process::Running;
use crate::system::LaunchSpec;

/// How long a service is left alone to see what it costs while it is idle.
pub(super) const IDLE: std::time::Duration = std::time::Duration::from_millis(200);

/// Where a service counts.
const STATE: &str = "/state";

/// What Wasmtime reserves for each memory of a pool unless it is told otherwise.
const MEMORY_RESERVATION: u64 = 4 << 30;

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
        let pooled = check_pool(spec.pool, running.pid());
        let resources = running.usage();
        let used = cpus(&usage::tree(running.pid()));
        let crashed = running.ended().map(|end| format!("it {end} under load"));
        running.stop(GRACE);
        drop(guard);
        let mut with_log = |mut failure: Failure| {
            failure.reason.push_str(&log_excerpt(&running.log_tail()));
            failure
        };
        let measured = loaded.and_then(|loaded| Ok((loaded, pooled?)));
        let ((idle, under_load), pooled) = match measured {
            Ok(measured) => measured,
            Err(failure) => return Measurement::failed(with_log(failure)),
        };
        let loaded = &under_load.loaded;
        let mut attested = prepared.attested.clone();
        attested.extend(started.attested);
        attested.extend(used);
        attested.extend(self.load_evidence(planned, &under_load));
        attested.extend(pooled);
        attested.extend(idle_cost(started.resources, idle));
        let verdict = crashed.map_or_else(|| check_load(loaded), |end| Err(end.into()));
        Measurement {
            verdict: verdict.map_err(with_log),
            total_ns: None,
            phases: Vec::new(),
            resources,
            requests: Some(under_load.loaded.requests),
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
    ) -> Result<(Option<Resources>, UnderLoad), Failure> {
        started.verdict.clone()?;
        let idle = planned.is_left_idle().then(|| {
            std::thread::sleep(IDLE);
            running.usage()
        });
        let target = self.endpoint.target(port);
        let mut cost = || running.usage().cpu_ns;
        let under_load = self.put_under_load(planned, request.clone(), &[target], &mut cost)?;
        Ok((idle, under_load))
    }

    /// Evidence of where and how a load was generated.
    pub(super) fn load_evidence(&self, planned: &Planned, under_load: &UnderLoad) -> Attested {
        let loaded = &under_load.loaded;
        let lifecycle = under_load.lifecycle.map(Lifecycle::name);
        let lifecycle = lifecycle.map(|name| (Evidence::Lifecycle, json!(name)));
        let mut attested = Attested::from([
            (Evidence::AnswerHead, json!(under_load.head)),
            (Evidence::LoadCpuNs, json!(under_load.cpu_ns)),
            (Evidence::SystemCore, json!(self.cores.system)),
            (Evidence::GeneratorCore, json!(loaded.core)),
            (Evidence::GeneratorCpuNs, json!(loaded.cpu_ns)),
            (Evidence::WarmUp, json!(loaded.warm_up)),
            (
                Evidence::WarmUpPerConnection,
                json!(self.settings.values.warm_up),
            ),
        ]);
        if let Some(warmed_up) = loaded.warmed_up {
            attested.insert(Evidence::WarmUpNs, json!(warmed_up.ns));
            attested.insert(Evidence::WarmUpSteady, json!(warmed_up.is_steady));
        }
        if let Some(paced) = under_load.paced {
            attested.extend(paced.evidence(loaded));
        }
        attested.extend(self.found.limit(planned));
        attested.extend(lifecycle);
        attested
    }

    /// Puts what answers at these targets under load together, from where its clients are, and shows
    /// how many requests an instance of it handles. `cpu_ns` is the CPU time that it has had until it
    /// is called.
    pub(super) fn put_under_load(
        &self,
        planned: &Planned,
        request: Request,
        targets: &[Target],
        cpu_ns: &mut dyn FnMut() -> Option<u64>,
    ) -> Result<UnderLoad, Failure> {
        let under_load = self
            .endpoint
            .as_client(|| self.load_targets(planned, request, targets, cpu_ns));
        under_load?
    }

    fn load_targets(
        &self,
        planned: &Planned,
        request: Request,
        targets: &[Target],
        cpu_ns: &mut dyn FnMut() -> Option<u64>,
    ) -> Result<UnderLoad, Failure> {
        let values = &self.settings.values;
        if planned.workload == Workload::HttpState {
            targets
                .iter()
                .try_for_each(|target| self.check_counting(target, &request))?;
        }
        let (target, also) = targets
            .split_first()
            .ok_or_else(|| Failure::from("there is nothing to be put under load"))?;
        let mut load = Load {
            also: also.to_vec(),
            connections: planned.connections,
            warm_up: values.warm_up,
            sequence: planned.workload.sequence(),
            until_steady: values.until_steady(),
            amount: values.amount(),
            ..self.load(target, request, planned.workload)
        };
        let paced = planned
            .rate
            .map(|rate| self.found.paced(planned, rate, &load));
        let paced = paced.transpose()?;
        if let Some(paced) = paced {
            load.pace = paced.pace();
        }
        let before_ns = cpu_ns();
        let loaded = load::run(&load).map_err(|error| error.to_string())?;
        let after_ns = cpu_ns();
        // What a person brings need not count, and what fails is not asked for more.
        let answers = check_load(&loaded).is_ok();
        let head = answers.then(|| head::answer_head(target, &load.request, self.time_limit()));
        let is_built_in = planned.own.as_ref().is_none_or(OwnBuild::is_host);
        let is_ours = is_built_in && planned.workload.own().is_none();
        let counts = answers && is_ours;
        let lifecycle = counts.then(|| self.check_lifecycle(planned.instancing.lifecycle, target));
        Ok(UnderLoad {
            head: head.transpose()?,
            cpu_ns: after_ns
                .zip(before_ns)
                .and_then(|(one, two)| one.checked_sub(two)),
            lifecycle: lifecycle.transpose()?,
            paced,
            loaded,
        })
    }

    /// How many requests an instance handles: what each of two increments makes of the count of the
    /// instance that takes it. Other workloads than the one that counts are of the same guest.
    fn check_lifecycle(&self, planned: Lifecycle, target: &Target) -> Result<Lifecycle, Failure> {
        let increment = Request::post(STATE, []);
        let counts = [
            self.count(target, &increment)?,
            self.count(target, &increment)?,
        ];
        let found = match counts {
            [1, 1] => Lifecycle::PerRequest,
            [one, two] if two == one + 1 => Lifecycle::Reused,
            [one, two] => {
                let reason = format!("two increments, one after another, gave {one} and {two}");
                return Err(Failure::new(FailureKind::WrongAnswer, reason));
            }
        };
        if found == planned {
            return Ok(found);
        }
        let (planned, found) = (planned.name(), found.name());
        let reason = format!("not what its cell says: its instances are {found}, not {planned}");
        Err(Failure::new(FailureKind::NotAsPlanned, reason))
    }

    /// A load of one service, without warm-up.
    pub(super) fn load(&self, target: &Target, request: Request, workload: Workload) -> Load {
        Load {
            address: target.address,
            host: target.host.clone(),
            also: Vec::new(),
            request,
            expected: workload.expected_of_any(),
            sequence: Vec::new(),
            pace: Pace::Closed,
            connections: load::CONNECTIONS,
            keep_alive: true,
            warm_up: 0,
            until_steady: None,
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
        self.count(target, &Request::get(STATE))
    }

    /// The count that a request is answered with.
    fn count(&self, target: &Target, request: &Request) -> Result<u64, Failure> {
        let policy = RetryPolicy::until(self.deadline_ns());
        let first = readiness::first_answer(target, request, &policy, &mut || false)?;
        let text = String::from_utf8_lossy(&first.answer.body);
        text.trim().parse().map_err(|_| {
            Failure::new(
                FailureKind::WrongAnswer,
                format!("its state is no count but {text:?}"),
            )
        })
    }
}

/// What a load did, and what it cost its system.
pub(super) struct UnderLoad {
    pub(super) loaded: Loaded,
    /// CPU time of the system, warm-up included; nothing where it is not known.
    pub(super) cpu_ns: Option<u64>,
    /// The head of an answer; nothing of what fails.
    head: Option<String>,
    /// As it was seen after the load; nothing of what cannot count.
    lifecycle: Option<Lifecycle>,
    /// Of an open loop, its plan.
    paced: Option<Paced>,
}

/// What a pool was set to, once it is certain that there is one: a program that finds too little
/// address space may do without, and say nothing.
fn check_pool(pool: Option<PoolSettings>, pid: u32) -> Result<Attested, Failure> {
    let Some(settings) = pool else {
        return Ok(Attested::new());
    };
    let least_bytes = u64::from(settings.totals().memories) * MEMORY_RESERVATION;
    match usage::address_space_bytes(pid) {
        Some(bytes) if bytes >= least_bytes => {
            Ok(Attested::from([(Evidence::PoolSettings, json!(settings))]))
        }
        found => Err(Failure::new(
            FailureKind::NotAsPlanned,
            format!(
                "not what its cell says: a pool for its memories reserves {} GiB, and it has {}",
                least_bytes >> 30,
                found.map_or_else(|| "gone".to_owned(), |bytes| format!("{} GiB", bytes >> 30)),
            ),
        )),
    }
}

/// The CPUs that these processes may run on, as the kernel has it: evidence; none where one of them
/// is gone.
pub(super) fn cpus(pids: &[u32]) -> Attested {
    let cpus = cores::of_processes(pids).map(|cpus| (Evidence::Cpus, json!(cpus)));
    cpus.into_iter().collect()
}

/// What a service had cost at its first answer, and after [`IDLE`] without a request, where it was
/// left alone for so long: the difference is the price of being there.
pub(super) fn idle_cost(at_first_answer: Resources, idle: Option<Resources>) -> Attested {
    let idle = idle.map(|idle| (Evidence::ResourcesAfterIdle, json!(idle)));
    let first = (Evidence::ResourcesAtFirstAnswer, json!(at_first_answer));
    std::iter::once(first).chain(idle).collect()
}

/// Whether every request was answered, and rightly.
pub(super) fn check_load(loaded: &Loaded) -> Result<(), Failure> {
    let requests = &loaded.requests;
    if requests.failed == 0 && requests.dropped == 0 && loaded.warm_up_failed == 0 {
        return Ok(());
    }
    let each = requests.by_request.iter().flatten();
    let failed = each.filter(|it| it.failed > 0);
    let failed = failed.map(|it| format!(", {} of them `{}`", it.failed, it.name));
    let of_sequence: String = failed.collect();
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
            "{} of {} requests failed{of_sequence}, {} were dropped, {} of the warm-up failed: {}",
            requests.failed,
            requests.sent,
            requests.dropped,
            loaded.warm_up_failed,
            reasons.join("; ")
        ),
    ))
}
