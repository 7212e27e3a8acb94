//! Several instances of a system at once: how much they do together, what they take, and how long
//! one more takes to start.

use campaign::schedule::Measurement;
use machine::clock::now_ns;
use results::record::{Requests, Scenario};
use results::{Evidence, Failure, FailureKind};
use serde_json::{Value, json};
use workloads::{Call, Request};

use super::fleet::{Fleet, Member, available_bytes, check_memory};
use super::load::{check_load, cpus};
use super::managed::{engines_for, first_answer, run_to_end};
use super::start::{FirstRequest, check_answer, not_its_port};
use super::{Planned, Prepared, PreparedKind, SystemBench};
use crate::client::readiness::{self, RetryPolicy, Target};
use crate::system::LaunchSpec;
use crate::system::managed::{Engine, StartRequest};

/// Starts the next instance, beside those that there are.
type Starter<'a, 'e> = dyn FnMut(&mut Fleet<'e>, usize) -> Result<(), String> + 'a;

/// A sample of several instances.
struct Sample<'a> {
    bench: &'a SystemBench<'a>,
    planned: &'a Planned,
    ports: &'a [u16],
}

impl SystemBench<'_> {
    /// Several instances as a sample.
    pub(super) fn sample_many(&mut self, prepared: Prepared) -> Measurement {
        let mut measured = match &prepared.kind {
            PreparedKind::Process(spec) => self.measure_processes(&prepared, spec),
            PreparedKind::Managed => self.measure_instances(&prepared),
        };
        measured.attested.extend(prepared.attested);
        measured
    }

    fn measure_processes(&self, prepared: &Prepared, spec: &LaunchSpec) -> Measurement {
        let (planned, ports) = (&prepared.planned, &prepared.ports);
        let mut start = |fleet: &mut Fleet<'_>, nth: usize| {
            let mut launch = self.launch(spec, planned.workload, ports.get(nth).copied());
            launch.log = self.work.join(format!("log-{nth}"));
            let running = launch.launch().map_err(|error| error.to_string())?;
            let guard = self
                .reaper
                .guard_group(running.pid())
                .map_err(|error| error.to_string())?;
            fleet
                .members
                .push(Member::Process(Box::new(running), guard));
            Ok(())
        };
        let sample = Sample {
            bench: self,
            planned,
            ports,
        };
        sample.measure(&mut start)
    }

    fn measure_instances(&mut self, prepared: &Prepared) -> Measurement {
        let (planned, ports) = (&prepared.planned, &prepared.ports);
        // Taken out, so that the bench can be used while instances of theirs live.
        let take = |nth| {
            self.engines
                .remove(&(planned.system, nth))
                .and_then(Result::ok)
        };
        let mut engines: Vec<Box<dyn Engine>> =
            (0..engines_for(planned)).filter_map(take).collect();
        let mut free = engines.iter_mut();
        let start: &mut Starter<'_, '_> = &mut |fleet, nth| {
            let request = self.start_request(planned);
            if let Some(engine) = free.next() {
                let instance = engine.start(&request, ports.get(nth).copied())?;
                fleet.members.push(Member::Managed(instance));
                return Ok(());
            }
            let Some(Member::Managed(first)) = fleet.members.first_mut() else {
                return Err("its engine is gone".to_owned());
            };
            let sibling = first.start_sibling(&request)?;
            fleet.siblings.push(sibling);
            Ok(())
        };
        let sample = Sample {
            bench: self,
            planned,
            ports,
        };
        let measured = sample.measure(start);
        for (nth, engine) in engines.into_iter().enumerate() {
            self.engines.insert((planned.system, nth), Ok(engine));
        }
        measured
    }
}

impl Sample<'_> {
    /// Starts them, waits for their answers, puts them under load, and ends them.
    fn measure<'e>(&self, start: &mut Starter<'_, 'e>) -> Measurement {
        let mut fleet: Fleet<'e> = Fleet::new();
        let before = available_bytes();
        let outcome = match self.planned.workload.call() {
            Call::Http(request) => self.measure_services(&mut fleet, &request, start),
            Call::Run(_) => self.measure_commands(&mut fleet, start),
        };
        fleet
            .attested
            .insert(Evidence::AvailableBeforeBytes, json!(before));
        let resources = fleet.resources();
        let daemons = fleet.daemons();
        let outcome = outcome.map_err(|mut failure| {
            failure.reason.push_str(&fleet.log_excerpt());
            failure
        });
        let began_ns = now_ns();
        let ended = fleet.end();
        fleet
            .attested
            .insert(Evidence::CleaningNs, json!(now_ns() - began_ns));
        fleet.record_starts(self.planned.instances);
        let (verdict, requests) = match outcome {
            Ok(requests) => (ended, Some(requests)),
            Err(failure) => (Err(failure), None),
        };
        Measurement {
            total_ns: fleet.ready_ns().filter(|_| verdict.is_ok()),
            verdict,
            phases: Vec::new(),
            resources,
            requests,
            attested: fleet.attested,
            daemons,
        }
    }

    fn measure_services<'e>(
        &self,
        fleet: &mut Fleet<'e>,
        request: &Request,
        start: &mut Starter<'_, 'e>,
    ) -> Result<Requests, Failure> {
        self.start_services(fleet, request, start)?;
        self.check_listeners(fleet, request)?;
        fleet.record_memory(|evidence| evidence.idle());
        let targets = fleet.targets.clone();
        let mut cost = || fleet.cpu_ns();
        let under_load =
            self.bench
                .put_under_load(self.planned, request.clone(), &targets, &mut cost)?;
        fleet.record_memory(|evidence| evidence);
        let evidence = self.bench.load_evidence(self.planned, &under_load);
        fleet.attested.extend(evidence);
        // The system is left where the kernel puts it: one core for all of them would be no
        // scaling.
        fleet.attested.insert(Evidence::SystemCore, Value::Null);
        let processes = fleet.processes();
        fleet.attested.extend(cpus(&processes));
        check_load(&under_load.loaded)?;
        self.check_still_there(&fleet.targets, request)?;
        Ok(under_load.loaded.requests)
    }

    /// Starts all services, and waits until all have answered: under `density` each before the next
    /// is started.
    fn start_services<'e>(
        &self,
        fleet: &mut Fleet<'e>,
        request: &Request,
        start: &mut Starter<'_, 'e>,
    ) -> Result<(), Failure> {
        let one_by_one = self.planned.cell.scenario == Scenario::Density;
        for nth in 0..self.planned.instances {
            let launched_ns = now_ns();
            Self::start_next(fleet, nth, start)?;
            if one_by_one {
                self.wait_for_answer(fleet, nth, request)
                    .map_err(|failure| of_instance(nth, &failure))?;
                fleet.last_start_ns = Some(fleet.answered_ns.saturating_sub(launched_ns));
            }
        }
        if one_by_one {
            return Ok(());
        }
        (0..self.planned.instances).try_for_each(|nth| {
            self.wait_for_answer(fleet, nth, request)
                .map_err(|failure| of_instance(nth, &failure))
        })
    }

    /// Checks that each has answered itself, and nobody else at its port: of all of them at once, since
    /// for each the kernel would walk through the sockets of all.
    fn check_listeners(&self, fleet: &Fleet<'_>, request: &Request) -> Result<(), Failure> {
        fleet.check_listeners(self.ports).map_err(|(nth, reason)| {
            let first = FirstRequest {
                workload: self.planned.workload,
                request,
                port: self.ports[nth],
            };
            let launched_ns = fleet.members[nth].launched_ns();
            of_instance(nth, &not_its_port(&first, launched_ns, reason))
        })
    }

    fn start_next<'e>(
        fleet: &mut Fleet<'e>,
        nth: usize,
        start: &mut Starter<'_, 'e>,
    ) -> Result<(), Failure> {
        check_memory()?;
        start(fleet, nth).map_err(|reason| of_instance(nth, &reason.into()))?;
        if fleet.launched_ns.is_none() {
            fleet.launched_ns = fleet.members.first().map(Member::launched_ns);
        }
        Ok(())
    }

    /// The first answer of one of them.
    fn wait_for_answer(
        &self,
        fleet: &mut Fleet<'_>,
        nth: usize,
        request: &Request,
    ) -> Result<(), Failure> {
        let port = self.ports.get(nth).copied();
        let first = FirstRequest {
            workload: self.planned.workload,
            request,
            port: port.ok_or_else(|| Failure::from("a service was given no port"))?,
        };
        let members = fleet.members.len();
        let (target, answered_ns) = match fleet.members.get_mut(nth) {
            Some(member) => self.answer_of_member(member, &first)?,
            None => self.answer_of_sibling(fleet, nth - members, &first)?,
        };
        fleet.targets.push(target);
        fleet.answered(answered_ns);
        Ok(())
    }

    fn answer_of_member(
        &self,
        member: &mut Member<'_>,
        first: &FirstRequest<'_>,
    ) -> Result<(Target, u64), Failure> {
        match member {
            Member::Process(running, _) => {
                let policy = RetryPolicy::until(self.bench.deadline_ns());
                let answer = self.bench.answer_of(running, first, &policy)?;
                self.bench.check_first(first, &answer)?;
                let target = self.bench.endpoint.target(first.port);
                Ok((target, answer.answered_ns))
            }
            Member::Managed(instance) => {
                let instance = instance.as_mut();
                let answered = first_answer(
                    &self.bench.endpoint,
                    instance,
                    first,
                    self.bench.deadline_ns(),
                )?;
                Ok((instance.target(first.port), answered.at_ns))
            }
        }
    }

    /// The first answer of an instance in the engine of the first member.
    fn answer_of_sibling(
        &self,
        fleet: &mut Fleet<'_>,
        nth: usize,
        first: &FirstRequest<'_>,
    ) -> Result<(Target, u64), Failure> {
        let (Some(Member::Managed(host)), Some(target)) =
            (fleet.members.first_mut(), fleet.siblings.get(nth))
        else {
            return Err("it was not started".into());
        };
        let policy = host.retry_policy(self.bench.deadline_ns());
        let answer = readiness::first_answer(target, first.request, &policy, &mut || {
            host.ended().is_some()
        })?;
        check_answer(first.workload, &answer.answer)?;
        Ok((target.clone(), answer.answered_ns))
    }

    /// Checks that each is still there after the load.
    fn check_still_there(&self, targets: &[Target], request: &Request) -> Result<(), Failure> {
        for (nth, target) in targets.iter().enumerate() {
            let policy = RetryPolicy::until(self.bench.deadline_ns());
            let first = readiness::first_answer(target, request, &policy, &mut || false);
            let first = first.map_err(|error| {
                let mut failure = Failure::from(error);
                failure.reason.insert_str(0, "after the load ");
                of_instance(nth, &failure)
            })?;
            self.planned
                .workload
                .expected_of_any()
                .check(&first.answer)
                .map_err(|reason| {
                    of_instance(nth, &Failure::new(FailureKind::WrongAnswer, reason))
                })?;
        }
        Ok(())
    }

    /// Commands, each once, all at a time: together they take from the first launch to the last
    /// end.
    fn measure_commands<'e>(
        &self,
        fleet: &mut Fleet<'e>,
        start: &mut Starter<'_, 'e>,
    ) -> Result<Requests, Failure> {
        for nth in 0..self.planned.instances {
            Self::start_next(fleet, nth, start)?;
        }
        let request = self.bench.start_request(self.planned);
        let ends: Result<Vec<_>, _> = fleet
            .members
            .iter_mut()
            .enumerate()
            .map(|(nth, member)| {
                self.end_of(member, &request)
                    .map_err(|failure| of_instance(nth, &failure))
            })
            .collect();
        ends?
            .into_iter()
            .for_each(|ended_ns| fleet.answered(ended_ns));
        let n = self.planned.instances as u64;
        Ok(Requests {
            sent: n,
            ok: n,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns: fleet.ready_ns().unwrap_or(0),
            latency_hdr: None,
            series: None,
            by_request: None,
        })
    }

    /// When a command has ended, as it should.
    fn end_of(&self, member: &mut Member<'_>, request: &StartRequest) -> Result<u64, Failure> {
        match member {
            Member::Process(running, _) => {
                let started = self.bench.run_to_end(running, self.planned.workload);
                started.verdict.map(|()| started.answered_ns)
            }
            Member::Managed(instance) => {
                run_to_end(instance.as_mut(), request).map(|answered| answered.at_ns)
            }
        }
    }
}

fn of_instance(nth: usize, failure: &Failure) -> Failure {
    Failure::new(
        failure.kind,
        format!("instance {}: {}", nth + 1, failure.reason),
    )
}
