//! Samples of systems with an engine of their own.

use campaign::schedule::Measurement;
use machine::clock::now_ns;
use machine::cores;
use results::record::Requests;
use results::{Attested, Evidence, Failure, FailureKind, Phase, PhaseTime, Skip, SkipKind};
use serde_json::json;
use workloads::{Answer, Call};

use super::load::{IDLE, check_load, cpus, idle_cost};
use super::network::Endpoint;
use super::start::{FirstRequest, check_answer, resolution};
use super::{Observer, Planned, Prepared, PreparedKind, SystemBench, log_excerpt, own, traps};
use crate::client::readiness::FirstAnswer;
use crate::system::System;
use crate::system::managed::{
    Engine, EngineContext, Instance, ManagedSystem, Preparation, Programs, StartRequest, Traffic,
    Usage,
};

/// What was seen of a start, and of the instance until it was removed.
struct Observation {
    verdict: Result<(), Failure>,
    total_ns: Option<u64>,
    phases: Vec<PhaseTime>,
    usage: Usage,
    attested: Attested,
    /// Those of its engine, which lived before.
    daemons: Vec<u32>,
}

/// The end of a start: an answer, or the end of a command.
pub(super) struct Answered {
    /// The first answer of a service.
    first: Option<FirstAnswer>,
    /// The clock when the start was over.
    pub(super) at_ns: u64,
    usage: Usage,
    attested: Attested,
}

impl SystemBench<'_> {
    /// What a cell's starts are to be.
    pub(super) fn start_request(&self, planned: &Planned) -> StartRequest {
        let mut variant = planned.variant.clone();
        if planned.system.instancings().len() > 1 {
            variant.extend(planned.instancing.params());
        }
        StartRequest {
            workload: planned.workload,
            acquire: planned.acquire,
            variant,
            page_cache: planned.page_cache,
            own_milestones: planned.observer == Observer::Own,
            core: self.core_of(planned),
            address: self.endpoint.machines_address(),
            deadline_ns: self.deadline_ns(),
        }
    }

    /// Has the system's engine prepare a sample.
    pub(super) fn prepare_managed(
        &mut self,
        planned: Planned,
        mut attested: Attested,
    ) -> Result<(), Skip> {
        let request = self.start_request(&planned);
        let Preparation {
            sha256,
            attested: prepared,
            fixed_port,
        } = self.engine(planned.system, 0)?.prepare(&request)?;
        if let (Some(port), true) = (fixed_port, planned.instances > 1) {
            return Err(own::one_at_a_port(port));
        }
        for nth in 1..engines_for(&planned) {
            self.engine(planned.system, nth)?.prepare(&request)?;
        }
        attested.extend(prepared);
        let programs = match planned.system.managed() {
            Some(managed) => managed.programs(self.systems.get(planned.system)?),
            None => Programs::default(),
        };
        let evicted = self.evict_system(&planned, &programs.started, &programs.live_on)?;
        self.digests.insert(planned.cell.clone(), sha256);
        let ports = self.ports_for(&planned)?;
        self.prepared = Some(Prepared {
            planned,
            kind: PreparedKind::Managed,
            ports,
            attested,
            evicted,
        });
        Ok(())
    }

    /// An engine of a system, made the first time that it is needed. One that could not be made is
    /// tried once.
    pub(super) fn engine(&mut self, system: System, nth: usize) -> Result<&mut dyn Engine, Skip> {
        if !self.engines.contains_key(&(system, nth)) {
            let engine = self.make_engine(system, nth);
            self.engines.insert((system, nth), engine);
        }
        match self.engines.get_mut(&(system, nth)) {
            Some(Ok(engine)) => Ok(engine.as_mut()),
            Some(Err(skip)) => Err(skip.clone()),
            None => Err(no_engine()),
        }
    }

    fn make_engine(&self, system: System, nth: usize) -> Result<Box<dyn Engine>, Skip> {
        let found = self.systems.get(system)?;
        let managed = system.managed().ok_or_else(no_engine)?;
        let engine = managed.engine(EngineContext {
            work: &self.work,
            reaper: self.reaper,
            found,
            nth,
        });
        Ok(engine?)
    }

    /// A sample of a start, or of a service under load.
    pub(super) fn sample_managed(&mut self, prepared: Prepared) -> Measurement {
        let key = (prepared.planned.system, 0);
        // Taken out, so that the bench can be used while an instance of it lives.
        let Some(Ok(mut engine)) = self.engines.remove(&key) else {
            return Measurement::failed("its engine is gone");
        };
        let mut measurement = self.measure_managed(engine.as_mut(), &prepared);
        self.engines.insert(key, Ok(engine));
        let mut attested = prepared.attested;
        attested.extend(measurement.attested);
        measurement.attested = attested;
        measurement
    }

    fn measure_managed(&self, engine: &mut dyn Engine, prepared: &Prepared) -> Measurement {
        let planned = &prepared.planned;
        let request = self.start_request(planned);
        let port = prepared.ports.first().copied();
        let mut instance = match engine.start(&request, port) {
            Ok(instance) => instance,
            Err(reason) => return Measurement::failed(reason),
        };
        let mut observation = self.observe_start(instance.as_mut(), planned, &request, port);
        let mut requests = None;
        if let (Ok(()), false, Some(port)) =
            (&observation.verdict, planned.cell.scenario.starts(), port)
        {
            observation.total_ns = None;
            observation.phases.clear();
            match self.load_instance(instance.as_mut(), planned, port, &mut observation) {
                Ok(measured) => requests = Some(measured),
                Err(failure) => observation.verdict = Err(failure),
            }
        }
        if let Err(failure) = &mut observation.verdict {
            failure.reason.push_str(&log_excerpt(&instance.log_tail()));
        }
        remove(instance, &mut observation);
        observation.into_measurement(requests)
    }

    /// Follows a start to its first answer, or to its end.
    fn observe_start(
        &self,
        instance: &mut dyn Instance,
        planned: &Planned,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Observation {
        let answered = match (planned.workload.call(), port) {
            (Call::Http(http), Some(port)) => {
                let first = FirstRequest {
                    workload: planned.workload,
                    request: &http,
                    port,
                };
                let answered = first_answer(&self.endpoint, instance, &first, request.deadline_ns);
                answered.and_then(|answered| {
                    self.try_sequence(&first, &instance.target(first.port))?;
                    Ok(answered)
                })
            }
            _ => run_to_end(instance, request),
        };
        let launched_ns = instance.launched_ns();
        let daemons = instance.engine_processes();
        let divided = answered.and_then(|answered| {
            let mut evidence = instance.attested();
            if answered.first.is_some() {
                evidence.extend(instance.verify()?);
            }
            let phases = phases(instance, planned, &answered)?;
            Ok((answered, evidence, phases))
        });
        match divided {
            Ok((answered, evidence, phases)) => {
                let mut attested = answered.attested;
                attested.extend(evidence);
                Observation {
                    verdict: Ok(()),
                    total_ns: Some(answered.at_ns.saturating_sub(launched_ns)),
                    phases,
                    usage: answered.usage,
                    attested,
                    daemons,
                }
            }
            Err(failure) => Observation {
                verdict: Err(failure),
                total_ns: None,
                phases: Vec::new(),
                usage: instance.usage(),
                attested: Attested::new(),
                daemons,
            },
        }
    }

    /// Puts an instance that has answered under load.
    fn load_instance(
        &self,
        instance: &mut dyn Instance,
        planned: &Planned,
        port: u16,
        observation: &mut Observation,
    ) -> Result<Requests, Failure> {
        let Call::Http(request) = planned.workload.call() else {
            return Err("a command takes no requests under load".into());
        };
        keep_on_core(instance, self.core_of(planned))?;
        let idle = planned.is_left_idle().then(|| {
            std::thread::sleep(IDLE);
            instance.usage().resources
        });
        let at_first_answer = observation.usage.resources;
        observation
            .attested
            .extend(idle_cost(at_first_answer, idle));
        let target = instance.target(port);
        let before = instance.traffic();
        let mut cost = || instance.usage().resources.cpu_ns;
        let under_load = self.put_under_load(planned, request, &[target], &mut cost)?;
        let passed = before.zip(instance.traffic());
        observation.usage = instance.usage();
        if let Some((before, after)) = passed {
            let evidence = path_evidence(before, after, self.endpoint.has_client());
            observation.attested.extend(evidence?);
        }
        let evidence = self.load_evidence(planned, &under_load);
        observation.attested.extend(evidence);
        observation.attested.extend(cpus(&instance.processes()));
        check_load(&under_load.loaded)?;
        Ok(under_load.loaded.requests)
    }
}

/// Which way requests came to a published port, by what moved meanwhile.
///
/// # Errors
/// A client of another network stack comes by the kernel's translation of addresses, and what passes
/// bytes on worked all the same, or nothing reached the container's device.
fn path_evidence(before: Traffic, after: Traffic, is_remote: bool) -> Result<Attested, Failure> {
    let passing_ns = after.passing_cpu_ns.saturating_sub(before.passing_cpu_ns);
    let packets = after.packets.saturating_sub(before.packets);
    if is_remote && (passing_ns > 0 || packets == 0) {
        return Err(Failure::new(
            FailureKind::NotAsPlanned,
            format!(
                "not what its cell says: requests from another network stack should reach the \
                    container by translation of addresses, and the engine's proxy took \
                    {passing_ns} ns for them while {packets} packets came to the container"
            ),
        ));
    }
    let path = if passing_ns > 0 {
        "docker-proxy"
    } else {
        "dnat"
    };
    Ok(Attested::from([
        (Evidence::ClientPath, json!(path)),
        (Evidence::PassingCpuNs, json!(passing_ns)),
        (Evidence::ContainerPackets, json!(packets)),
    ]))
}

/// Keeps all that works for an instance on the core that its cell says. Most of it is there already;
/// what an engine that is not ours has started for it beside its container is not.
pub(super) fn keep_on_core(
    instance: &mut dyn Instance,
    core: Option<usize>,
) -> Result<(), Failure> {
    let Some(core) = core else { return Ok(()) };
    cores::keep(&instance.processes(), &[core])
        .map_err(|error| format!("the system cannot be kept on core {core}: {error}").into())
}

impl Observation {
    fn into_measurement(self, requests: Option<Requests>) -> Measurement {
        let mut attested = self.attested;
        let parts = self.usage.parts.iter();
        attested.extend(parts.map(|(name, cost)| (Evidence::part(name), json!(cost))));
        Measurement {
            verdict: self.verdict,
            total_ns: self.total_ns,
            phases: self.phases,
            resources: self.usage.resources,
            requests,
            attested,
            daemons: self.daemons,
        }
    }
}

/// How many engine objects a cell's instances need.
pub(super) fn engines_for(planned: &Planned) -> usize {
    let managed = planned.system.managed();
    if managed.is_some_and(ManagedSystem::shares_engine) {
        1
    } else {
        planned.instances
    }
}

fn no_engine() -> Skip {
    Skip::new(SkipKind::NotPrepared, "it has no engine")
}

/// The phases of a start. Where the service could report its own milestones and does not, the
/// cell is of a total that nothing has disturbed; a command reports none.
fn phases(
    instance: &mut dyn Instance,
    planned: &Planned,
    answered: &Answered,
) -> Result<Vec<PhaseTime>, Failure> {
    // A person's own service reports none, and what its engine says disturbs nothing.
    let reports = planned.system.reports_milestones() && planned.workload.own().is_none();
    let undisturbed = planned.observer == Observer::None && reports;
    let unreported = planned.observer == Observer::Own && answered.first.is_none();
    if undisturbed || unreported {
        return Ok(Vec::new());
    }
    Ok(instance.phases(answered.first.as_ref(), answered.at_ns)?)
}

/// The first answer of a service.
pub(super) fn first_answer(
    endpoint: &Endpoint,
    instance: &mut dyn Instance,
    first: &FirstRequest<'_>,
    deadline_ns: u64,
) -> Result<Answered, Failure> {
    let target = instance.target(first.port);
    let policy = instance.retry_policy(deadline_ns);
    let mut ended = None;
    let answer = endpoint.as_client(|| {
        // Its engine listens long before the workload is there.
        own::first_answer(&target, first, &policy, None, &mut || {
            ended = instance.ended();
            ended.is_some()
        })
    })?;
    let answer = answer.map_err(|error| {
        let mut failure = Failure::from(error);
        if let Some(end) = ended {
            failure.reason.push_str(&format!("; {end}"));
        }
        own::explain(first.workload, &mut failure, || {
            traps::of_protocol(target.address)
        });
        failure
    })?;
    let usage = instance.usage();
    check_answer(first.workload, &answer.answer)?;
    if let Err(mut failure) = instance.verify_port(first.port) {
        // Nobody listens any more where the service has ended since.
        if let Some(ended) = instance.ended() {
            failure.reason.push_str(&format!("; {ended}"));
        }
        return Err(failure);
    }
    let mut attested = resolution(&policy, &answer);
    let workers = [instance.processes(), instance.engine_processes()].concat();
    attested.extend(cpus(&workers));
    Ok(Answered {
        at_ns: answer.answered_ns,
        attested,
        first: Some(answer),
        usage,
    })
}

/// The end of a command.
pub(super) fn run_to_end(
    instance: &mut dyn Instance,
    request: &StartRequest,
) -> Result<Answered, Failure> {
    let end = instance.wait_end(request.deadline_ns)?;
    let usage = instance.usage();
    let answer = Answer::new(end.code, end.printed);
    check_answer(request.workload, &answer)?;
    Ok(Answered {
        first: None,
        at_ns: end.seen_ns,
        usage,
        attested: Attested::new(),
    })
}

/// Removes an instance, which is a phase after the start. What could not be removed makes the
/// sample a failed one.
fn remove(mut instance: Box<dyn Instance + '_>, observation: &mut Observation) {
    let began_ns = now_ns();
    match instance.remove() {
        Ok(ns) if observation.total_ns.is_some() && !observation.phases.is_empty() => {
            observation.phases.push(PhaseTime {
                name: Phase::Teardown,
                ns,
            });
        }
        Ok(ns) => {
            observation.attested.insert(Evidence::RemovalNs, json!(ns));
        }
        Err(reason) if observation.verdict.is_ok() => observation.verdict = Err(reason.into()),
        Err(reason) => {
            observation
                .attested
                .insert(Evidence::RemovalFailed, json!(reason));
        }
    }
    drop(instance);
    observation
        .attested
        .insert(Evidence::CleaningNs, json!(now_ns() - began_ns));
}
