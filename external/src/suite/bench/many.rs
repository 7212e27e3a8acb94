//! Several instances of a system at once: how much they do together, what they take, and how long
//! one more takes to start.

use std::collections::BTreeMap;

use campaign::schedule::Measurement;
use machine::clock::now_ns;
use results::record::{Requests, Resources, Scenario};
use serde_json::{Value, json};
use workloads::{Call, Request, Workload};

use super::hosted::{self, Shown};
use super::load::judged;
use super::process::{GRACE, said};
use super::{Next, Outside, Planned, What};
use crate::observe::Running;
use crate::observe::janitor::Guard;
use crate::observe::ready::{self, Target};
use crate::system::Ready;
use crate::system::hosted::{Engine, Instance, Order};
use machine::cores;
use machine::usage;

/// The part of the machine's memory that is left to the machine: what a sample would need of it
/// ends the sample.
const LEFT: f64 = 0.1;

/// One of them.
enum Member<'e> {
    Launched(Box<Running>, Guard),
    Ordered(Box<dyn Instance + 'e>),
    /// In the engine of the first one, which it ends with.
    Beside(Target),
}

/// What starts the next of them, beside those that there are.
type Starter<'a, 'e> = dyn FnMut(usize, &mut [Member<'e>]) -> Result<Member<'e>, String> + 'a;

/// All of them, and what was seen.
struct Crowd<'e> {
    members: Vec<Member<'e>>,
    targets: Vec<Target>,
    launched_ns: Option<u64>,
    answered_ns: u64,
    /// From one's launch to its first answer, of the last one that was asked before another was
    /// started.
    last_start_ns: Option<u64>,
    attested: BTreeMap<String, Value>,
}

impl Outside<'_> {
    /// Several instances as a sample.
    pub(super) fn sample_many(&mut self, next: Next) -> Measurement {
        let Next {
            planned,
            what,
            ports,
            attested,
        } = next;
        let mut measured = match what {
            What::Launched(ready) => self.many_launched(&planned, &ready, &ports),
            What::Ordered => self.many_ordered(&planned, &ports),
        };
        measured.attested.extend(attested);
        measured
    }

    fn many_launched(&self, planned: &Planned, ready: &Ready, ports: &[u16]) -> Measurement {
        let mut start = |nth: usize, _: &mut [Member<'_>]| {
            let mut launch = self.launch(ready, planned.workload, ports.get(nth).copied());
            launch.log = self.work.join(format!("log-{nth}"));
            let running = launch.launch().map_err(|error| error.to_string())?;
            let guard = self
                .janitor
                .guard_group(running.pid())
                .map_err(|error| error.to_string())?;
            Ok(Member::Launched(Box::new(running), guard))
        };
        self.many(
            planned,
            Some(ready),
            ports,
            &self.order(planned),
            &mut start,
        )
    }

    fn many_ordered(&mut self, planned: &Planned, ports: &[u16]) -> Measurement {
        let needed = self.engines_for(planned);
        let take = |nth| {
            self.engines
                .remove(&(planned.system, nth))
                .and_then(Result::ok)
        };
        let mut engines: Vec<Box<dyn Engine>> = (0..needed).filter_map(take).collect();
        let order = self.order(planned);
        let mut free = engines.iter_mut();
        let mut start = |nth: usize, before: &mut [Member<'_>]| {
            let order = Order {
                deadline_ns: self.deadline_ns(),
                ..order.clone()
            };
            match (free.next(), before.first_mut()) {
                (Some(engine), _) => engine
                    .start(&order, ports.get(nth).copied())
                    .map(Member::Ordered),
                (None, Some(Member::Ordered(first))) => first.another(&order).map(Member::Beside),
                _ => Err("its engine is gone".to_owned()),
            }
        };
        let measured = self.many(planned, None, ports, &order, &mut start);
        for (nth, engine) in engines.into_iter().enumerate() {
            self.engines.insert((planned.system, nth), Ok(engine));
        }
        measured
    }

    /// Starts them, asks them, puts them under load, and ends them.
    fn many(
        &self,
        planned: &Planned,
        ready: Option<&Ready>,
        ports: &[u16],
        order: &Order,
        start: &mut Starter<'_, '_>,
    ) -> Measurement {
        let mut crowd = Crowd {
            members: Vec::new(),
            targets: Vec::new(),
            launched_ns: None,
            answered_ns: 0,
            last_start_ns: None,
            attested: BTreeMap::new(),
        };
        let before = memory();
        let outcome = match planned.workload.call() {
            Call::Http(request) => {
                self.many_services(&mut crowd, planned, ready, ports, order, &request, start)
            }
            Call::Run(_) => self.many_commands(&mut crowd, planned, order, start),
        };
        let available = |of: Option<(u64, u64)>| json!(of.map(|(available, _)| available));
        crowd
            .attested
            .insert("available_before_bytes".to_owned(), available(before));
        let resources = crowd.resources();
        let ready_ns = crowd
            .launched_ns
            .map(|launched_ns| crowd.answered_ns.saturating_sub(launched_ns));
        let said = if outcome.is_err() {
            crowd.said()
        } else {
            String::new()
        };
        let began_ns = now_ns();
        let ended = crowd.end();
        crowd
            .attested
            .insert("cleaning_ns".to_owned(), json!(now_ns() - began_ns));
        crowd.attest(planned, ready_ns);
        let (verdict, requests) = match outcome {
            Ok(requests) => (ended, Some(requests)),
            Err(reason) => (Err(format!("{reason}{said}")), None),
        };
        Measurement {
            total_ns: ready_ns.filter(|_| verdict.is_ok()),
            verdict,
            phases: Vec::new(),
            resources,
            requests,
            attested: crowd.attested,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is one sample's")]
    fn many_services<'e>(
        &self,
        crowd: &mut Crowd<'e>,
        planned: &Planned,
        ready: Option<&Ready>,
        ports: &[u16],
        order: &Order,
        request: &Request,
        start: &mut Starter<'_, 'e>,
    ) -> Result<Requests, String> {
        let one_by_one = planned.cell.scenario == Scenario::Density;
        let ask = |crowd: &mut Crowd<'e>, nth: usize| {
            let order = Order {
                deadline_ns: self.deadline_ns(),
                ..order.clone()
            };
            self.ask(
                crowd,
                nth,
                planned.workload,
                ready,
                ports.get(nth).copied(),
                &order,
                request,
            )
        };
        for nth in 0..planned.instances {
            room()?;
            let launched_ns = now_ns();
            let member =
                start(nth, &mut crowd.members).map_err(|reason| of_instance(nth, &reason))?;
            crowd
                .launched_ns
                .get_or_insert(member.launched_ns().unwrap_or(launched_ns));
            crowd.members.push(member);
            if one_by_one {
                ask(crowd, nth).map_err(|reason| of_instance(nth, &reason))?;
                crowd.last_start_ns = Some(crowd.answered_ns - launched_ns);
            }
        }
        if !one_by_one {
            (0..planned.instances)
                .try_for_each(|nth| ask(crowd, nth).map_err(|reason| of_instance(nth, &reason)))?;
        }
        crowd.weigh("idle_");
        let loaded = self.put_under_load(planned, request.clone(), &crowd.targets)?;
        crowd.weigh("");
        crowd.attested.extend(self.load_attested(&loaded));
        // The system is left where the kernel puts it: one core for all of them would be no
        // scaling.
        crowd.attested.insert("system_core".to_owned(), Value::Null);
        judged(&loaded)?;
        // Each has been there all along, and is to be there still.
        for (nth, target) in crowd.targets.iter().enumerate() {
            let patience = ready::Patience::until(self.deadline_ns());
            let asked = ready::first_answer(target, request, &patience, &mut || false);
            let answer = asked
                .map_err(|error| of_instance(nth, &format!("after the load {error}")))?
                .answer;
            planned
                .workload
                .expected_of_any()
                .check(&answer)
                .map_err(|reason| of_instance(nth, &reason))?;
        }
        Ok(loaded.requests)
    }

    /// The first answer of one of them.
    #[expect(clippy::too_many_arguments, reason = "all of it is one instance's")]
    fn ask(
        &self,
        crowd: &mut Crowd<'_>,
        nth: usize,
        workload: Workload,
        ready: Option<&Ready>,
        port: Option<u16>,
        order: &Order,
        request: &Request,
    ) -> Result<(), String> {
        let port = port.ok_or("a service was given no port")?;
        let (first, rest) = crowd.members.split_at_mut(nth);
        let member = rest.first_mut().ok_or("there is no such instance")?;
        let (target, answered_ns) = match (member, first.first_mut()) {
            (Member::Launched(running, _), _) => {
                let ready = ready.ok_or("nothing was prepared")?;
                let started = self.first_answer(running, ready, workload, request, port);
                started.verdict?;
                (self.site.target(port), started.answered_ns)
            }
            (Member::Ordered(instance), _) => {
                let instance = instance.as_mut();
                let shown = &mut Shown::nothing();
                let (_, answered_ns) =
                    hosted::answer(instance, workload, request, port, order, shown)?;
                (instance.target(port), answered_ns)
            }
            (Member::Beside(target), Some(Member::Ordered(first))) => {
                let patience = first.patience(order.deadline_ns);
                let answer = ready::first_answer(target, request, &patience, &mut || {
                    first.ended().is_some()
                });
                let answer = answer.map_err(|error| error.to_string())?;
                workload.expected(1).check(&answer.answer)?;
                (target.clone(), answer.answered_ns)
            }
            (Member::Beside(_), _) => return Err("what it is beside of is not there".to_owned()),
        };
        crowd.targets.push(target);
        crowd.answered_ns = crowd.answered_ns.max(answered_ns);
        Ok(())
    }

    /// Commands, each once, all at a time: together they take from the first launch to the last
    /// end.
    fn many_commands<'e>(
        &self,
        crowd: &mut Crowd<'e>,
        planned: &Planned,
        order: &Order,
        start: &mut Starter<'_, 'e>,
    ) -> Result<Requests, String> {
        for nth in 0..planned.instances {
            room()?;
            let member =
                start(nth, &mut crowd.members).map_err(|reason| of_instance(nth, &reason))?;
            crowd.launched_ns = crowd.launched_ns.or(member.launched_ns());
            crowd.members.push(member);
        }
        for (nth, member) in crowd.members.iter_mut().enumerate() {
            let ended_ns = match member {
                Member::Launched(running, _) => {
                    let started = self.to_the_end(running, planned.workload);
                    started.verdict.map(|()| started.answered_ns)
                }
                Member::Ordered(instance) => {
                    let shown = &mut Shown::nothing();
                    hosted::end(instance.as_mut(), planned.workload, order, shown)
                        .map(|(_, ended_ns)| ended_ns)
                }
                Member::Beside(_) => Err("a command is beside nothing".to_owned()),
            };
            crowd.answered_ns = crowd
                .answered_ns
                .max(ended_ns.map_err(|reason| of_instance(nth, &reason))?);
        }
        let n = planned.instances as u64;
        let wall_ns = crowd
            .answered_ns
            .saturating_sub(crowd.launched_ns.unwrap_or(crowd.answered_ns));
        Ok(Requests {
            sent: n,
            ok: n,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns,
            latency_hdr: None,
        })
    }
}

impl Member<'_> {
    fn launched_ns(&self) -> Option<u64> {
        match self {
            Member::Launched(running, _) => Some(running.launched_ns()),
            Member::Ordered(instance) => Some(instance.launched_ns()),
            Member::Beside(_) => None,
        }
    }

    fn processes(&mut self) -> Vec<u32> {
        match self {
            Member::Launched(running, _) => usage::tree(running.pid()),
            Member::Ordered(instance) => instance.processes(),
            Member::Beside(_) => Vec::new(),
        }
    }
}

impl Crowd<'_> {
    /// What they take of the machine's memory now: of each what is its share, and what is its
    /// alone.
    fn weigh(&mut self, prefix: &str) {
        let pids: Vec<_> = self
            .members
            .iter_mut()
            .flat_map(Member::processes)
            .collect();
        let mut weights = BTreeMap::from([
            ("pss_bytes", usage::of_processes(&pids).pss_bytes),
            ("private_bytes", usage::private_bytes(&pids)),
            ("page_tables_bytes", usage::page_tables_bytes(&pids)),
            ("available_bytes", memory().map(|(available, _)| available)),
        ]);
        // What an engine keeps running for each of its containers, and only for it.
        let shims: Option<u64> = self.members.iter_mut().map(shim_bytes).sum();
        weights.insert("shim_pss_bytes", shims.filter(|bytes| *bytes > 0));
        self.attested.extend(
            weights
                .into_iter()
                .map(|(name, bytes)| (format!("{prefix}{name}"), json!(bytes))),
        );
    }

    fn resources(&mut self) -> Resources {
        let of = |member: &mut Member<'_>| match member {
            Member::Launched(running, _) => Some(running.usage()),
            Member::Ordered(instance) => Some(instance.usage().resources),
            Member::Beside(_) => None,
        };
        usage::sum(&self.members.iter_mut().filter_map(of).collect::<Vec<_>>())
    }

    /// The end of the last one's log, as a part of a reason.
    fn said(&mut self) -> String {
        match self.members.last_mut() {
            Some(Member::Launched(running, _)) => said(running),
            Some(Member::Ordered(instance)) => hosted::ended_with(instance.as_mut()),
            _ => String::new(),
        }
    }

    /// Ends them all; what could not be removed is told.
    fn end(&mut self) -> Result<(), String> {
        let mut trouble = Ok(());
        // The last first: what is in the engine of another ends before that does.
        for member in self.members.drain(..).rev() {
            let ended = match member {
                Member::Launched(mut running, guard) => {
                    running.stop(GRACE);
                    drop(guard);
                    Ok(())
                }
                Member::Ordered(mut instance) => instance.remove().map(drop),
                Member::Beside(_) => Ok(()),
            };
            trouble = trouble.and(ended);
        }
        trouble
    }

    fn attest(&mut self, planned: &Planned, ready_ns: Option<u64>) {
        let cores = cores::allowed().len();
        self.attested.extend([
            ("instances".to_owned(), json!(planned.instances)),
            ("cores".to_owned(), json!(cores)),
            (
                "oversubscribed".to_owned(),
                json!(planned.instances > cores),
            ),
            ("ready_ns".to_owned(), json!(ready_ns)),
            ("start_last_ns".to_owned(), json!(self.last_start_ns)),
        ]);
    }
}

/// The shim of a member's container; nothing is none, and one that does not tell makes the sum
/// unknown.
fn shim_bytes(member: &mut Member<'_>) -> Option<u64> {
    let Member::Ordered(instance) = member else {
        return Some(0);
    };
    match instance.usage().parts.get("containerd-shim") {
        Some(shim) => shim.pss_bytes,
        None => Some(0),
    }
}

fn of_instance(nth: usize, reason: &str) -> String {
    format!("instance {}: {reason}", nth + 1)
}

/// Memory that can be had, and all that there is, in bytes.
fn memory() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    Some((
        usage::field(&text, "MemAvailable")? * 1024,
        usage::field(&text, "MemTotal")? * 1024,
    ))
}

/// Whether one more may be started: a machine that is out of memory ends processes of its own
/// choice.
fn room() -> Result<(), String> {
    let Some((available, all)) = memory() else {
        return Ok(());
    };
    if available as f64 >= all as f64 * LEFT {
        return Ok(());
    }
    Err(format!(
        "{} MiB of {} MiB of memory can be had, and a tenth is left to the machine: ask for fewer \
            --instances",
        available >> 20,
        all >> 20
    ))
}
