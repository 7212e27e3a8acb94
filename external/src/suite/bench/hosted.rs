//! Samples of systems with an engine of their own.

use std::collections::BTreeMap;

use campaign::schedule::Measurement;
use machine::clock::now_ns;
use results::{Phase, PhaseTime};
use serde_json::{Value, json};
use workloads::{Answer, Call, Request, Workload};

use super::load::{IDLE, judged, while_idle};
use super::{Next, Observer, Outside, Planned, What};
use crate::observe::ready::{self, FirstAnswer};
use crate::system::Name;
use crate::system::hosted::{Engine, Hosted, Instance, Order, Place, Prepared, Usage};

/// What a sample of an engine has shown.
pub(super) struct Shown {
    verdict: Result<(), String>,
    total_ns: Option<u64>,
    phases: Vec<PhaseTime>,
    usage: Usage,
    pub(super) attested: BTreeMap<String, Value>,
}

impl Shown {
    /// Nothing yet.
    pub(super) fn nothing() -> Self {
        Self {
            verdict: Ok(()),
            total_ns: None,
            phases: Vec::new(),
            usage: Usage::default(),
            attested: BTreeMap::new(),
        }
    }
}

impl Outside<'_> {
    /// What a cell's starts are to be.
    pub(super) fn order(&self, planned: &Planned) -> Order {
        let starts = planned.cell.scenario.starts();
        Order {
            workload: planned.workload,
            acquire: planned.acquire,
            variant: planned.variant.clone(),
            cold: planned.cell.scenario == results::record::Scenario::Cold,
            evicted: planned.evicted,
            told: planned.observer == Observer::Own,
            core: if starts || planned.cell.scenario.multiplies() {
                None
            } else {
                self.cores.system
            },
            deadline_ns: self.deadline_ns(),
        }
    }

    /// Has the system's engine prepare a sample.
    pub(super) fn prepare_hosted(
        &mut self,
        planned: Planned,
        mut attested: BTreeMap<String, Value>,
    ) -> Result<(), String> {
        let order = self.order(&planned);
        let Prepared {
            sha256,
            attested: prepared,
        } = self.engine(planned.system, 0)?.prepare(&order)?;
        for nth in 1..self.engines_for(&planned) {
            self.engine(planned.system, nth)?.prepare(&order)?;
        }
        attested.extend(prepared);
        if let (true, Some(hosted)) = (
            planned.evicted_all,
            self.systems.adapter(planned.system).hosted(),
        ) {
            let programs = hosted.programs(self.systems.of(planned.system)?);
            attested.extend(self.evict_all(&programs)?);
        }
        self.digests.insert(planned.cell.clone(), sha256);
        let ports = self.ports_for(&planned)?;
        self.next = Some(Next {
            planned,
            what: What::Ordered,
            ports,
            attested,
        });
        Ok(())
    }

    /// How many engine objects a cell's instances need.
    pub(super) fn engines_for(&self, planned: &Planned) -> usize {
        let shared = self
            .systems
            .adapter(planned.system)
            .hosted()
            .is_some_and(Hosted::shares_engine);
        if shared { 1 } else { planned.instances }
    }

    /// An engine of a system, made the first time that it is needed. One that could not be made is
    /// tried once.
    pub(super) fn engine(&mut self, name: Name, nth: usize) -> Result<&mut dyn Engine, String> {
        if !self.engines.contains_key(&(name, nth)) {
            let engine = self.make_engine(name, nth);
            self.engines.insert((name, nth), engine);
        }
        match self.engines.get_mut(&(name, nth)) {
            Some(Ok(engine)) => Ok(engine.as_mut()),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err("there is no such engine".to_owned()),
        }
    }

    fn make_engine(&self, name: Name, nth: usize) -> Result<Box<dyn Engine>, String> {
        let found = self.systems.of(name)?;
        let hosted = self
            .systems
            .adapter(name)
            .hosted()
            .ok_or("it has no engine")?;
        hosted.engine(Place {
            work: &self.work,
            janitor: self.janitor,
            found,
            nth,
        })
    }

    /// A sample of a start, or of a service under load.
    pub(super) fn sample_hosted(&mut self, next: Next) -> Measurement {
        let Next {
            planned,
            ports,
            mut attested,
            ..
        } = next;
        let port = ports.first().copied();
        let order = Order {
            deadline_ns: self.deadline_ns(),
            ..self.order(&planned)
        };
        // Taken out, so that the bench can be asked while an instance of it lives.
        let Some(Ok(mut engine)) = self.engines.remove(&(planned.system, 0)) else {
            return Measurement::failed("its engine is gone");
        };
        let measurement = match engine.start(&order, port) {
            Err(reason) => Measurement {
                attested,
                ..Measurement::failed(reason)
            },
            Ok(mut instance) => {
                let mut requests = None;
                let mut shown = started(instance.as_mut(), &planned, &order, port);
                if let (Ok(()), false, Some(port)) =
                    (&shown.verdict, planned.cell.scenario.starts(), port)
                {
                    shown.total_ns = None;
                    shown.phases.clear();
                    match self.load_instance(instance.as_mut(), &planned, port, &mut shown) {
                        Ok(measured) => requests = Some(measured),
                        Err(reason) => shown.verdict = Err(reason),
                    }
                }
                if let Err(reason) = &mut shown.verdict {
                    reason.push_str(&ended_with(instance.as_mut()));
                }
                removed(instance, &mut shown);
                attested.append(&mut shown.attested);
                for (name, resources) in &shown.usage.parts {
                    attested.insert(format!("part_{name}"), json!(resources));
                }
                let Shown {
                    verdict,
                    total_ns,
                    phases,
                    usage,
                    ..
                } = shown;
                Measurement {
                    verdict,
                    total_ns,
                    phases,
                    resources: usage.resources,
                    requests,
                    attested,
                }
            }
        };
        self.engines.insert((planned.system, 0), Ok(engine));
        measurement
    }

    /// Puts an instance that has answered under load.
    fn load_instance(
        &self,
        instance: &mut dyn Instance,
        planned: &Planned,
        port: u16,
        shown: &mut Shown,
    ) -> Result<results::record::Requests, String> {
        let Call::Http(request) = planned.workload.call() else {
            return Err("a command cannot be asked again".into());
        };
        std::thread::sleep(IDLE);
        shown.attested.extend(while_idle(
            shown.usage.resources,
            instance.usage().resources,
        ));
        let loaded = self.put_under_load(planned, request, &[instance.target(port)])?;
        shown.usage = instance.usage();
        shown.attested.extend(self.load_attested(&loaded));
        judged(&loaded)?;
        Ok(loaded.requests)
    }
}

/// Follows a start to its first answer, or to its end.
fn started(
    instance: &mut dyn Instance,
    planned: &Planned,
    order: &Order,
    port: Option<u16>,
) -> Shown {
    let mut shown = Shown::nothing();
    let answered = match (planned.workload.call(), port) {
        (Call::Http(request), Some(port)) => answer(
            instance,
            planned.workload,
            &request,
            port,
            order,
            &mut shown,
        ),
        _ => end(instance, planned.workload, order, &mut shown),
    };
    let phases = answered.and_then(|(first, answered_ns)| {
        shown.total_ns = Some(answered_ns.saturating_sub(instance.launched_ns()));
        shown.attested.extend(instance.attested());
        // What could tell, and was not asked to, is a total that nothing has disturbed.
        let silent =
            planned.observer == Observer::None && planned.system.adapter().tells_milestones();
        let is_told = first.is_some() || !order.told;
        if silent {
            Ok(Vec::new())
        } else if is_told {
            instance.phases(first.as_ref(), answered_ns)
        } else {
            Ok(Vec::new())
        }
    });
    match phases {
        Ok(phases) => shown.phases = phases,
        Err(reason) => shown.verdict = Err(reason),
    }
    if shown.verdict.is_err() {
        shown.total_ns = None;
    }
    shown
}

pub(super) fn answer(
    instance: &mut dyn Instance,
    workload: Workload,
    request: &Request,
    port: u16,
    order: &Order,
    shown: &mut Shown,
) -> Result<(Option<FirstAnswer>, u64), String> {
    let (target, patience) = (instance.target(port), instance.patience(order.deadline_ns));
    let mut ended = None;
    let first = ready::first_answer(&target, request, &patience, &mut || {
        ended = instance.ended();
        ended.is_some()
    });
    let first = first.map_err(|error| {
        format!(
            "{error}{}",
            ended.map_or_else(String::new, |end| format!("; {end}"))
        )
    })?;
    shown.usage = instance.usage();
    shown.attested.extend([
        ("connect_period_ns".to_owned(), json!(patience.period_ns)),
        ("connect_attempts".to_owned(), json!(first.attempts)),
        (
            "connect_resolution_ns".to_owned(),
            json!(first.resolution_ns),
        ),
    ]);
    workload.expected(1).check(&first.answer)?;
    instance.answers_on(port)?;
    let answered_ns = first.answered_ns;
    Ok((Some(first), answered_ns))
}

pub(super) fn end(
    instance: &mut dyn Instance,
    workload: Workload,
    order: &Order,
    shown: &mut Shown,
) -> Result<(Option<FirstAnswer>, u64), String> {
    let end = instance.wait_end(order.deadline_ns)?;
    shown.usage = instance.usage();
    workload.expected(1).check(&Answer {
        code: end.code,
        body: end.printed,
    })?;
    Ok((None, end.seen_ns))
}

/// Removes an instance, which is a phase after the start. What could not be removed makes the
/// sample a failed one.
fn removed(mut instance: Box<dyn Instance + '_>, shown: &mut Shown) {
    let began_ns = now_ns();
    match instance.remove() {
        Ok(ns) if shown.total_ns.is_some() && !shown.phases.is_empty() => {
            shown.phases.push(PhaseTime {
                name: Phase::Teardown,
                ns,
            });
        }
        Ok(ns) => drop(shown.attested.insert("removal_ns".to_owned(), json!(ns))),
        Err(reason) if shown.verdict.is_ok() => shown.verdict = Err(reason),
        Err(reason) => drop(
            shown
                .attested
                .insert("removal_failed".to_owned(), json!(reason)),
        ),
    }
    drop(instance);
    shown
        .attested
        .insert("cleaning_ns".to_owned(), json!(now_ns() - began_ns));
}

/// The end of its log, as a part of a reason.
pub(super) fn ended_with(instance: &mut dyn Instance) -> String {
    let tail = instance.log_tail();
    if tail.trim().is_empty() {
        "; its log is empty".to_owned()
    } else {
        format!("; the end of its log: {:?}", tail.trim())
    }
}
