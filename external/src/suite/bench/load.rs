//! Requests at something that runs.

use std::collections::BTreeMap;

use campaign::schedule::Measurement;
use results::record::Resources;
use serde_json::{Value, json};
use workloads::{Call, Request, Workload};

use super::process::{GRACE, said};
use super::{Next, Outside, Planned, What};
use crate::load::{self, Amount, Load, Loaded, Pace};
use crate::observe::ready;

/// How long a service is left alone to see what it costs while it is idle.
pub(super) const IDLE: std::time::Duration = std::time::Duration::from_millis(200);

impl Outside<'_> {
    /// Requests at something that runs, as a sample.
    pub(super) fn sample_load(&self, next: Next) -> Measurement {
        let Next {
            planned,
            what: What::Launched(ready),
            ports,
            mut attested,
        } = next
        else {
            return Measurement::failed("nothing is to be launched");
        };
        let failed = |reason: String| Measurement {
            attested: BTreeMap::new(),
            ..Measurement::failed(reason)
        };
        let (Call::Http(request), Some(&port)) = (planned.workload.call(), ports.first()) else {
            return failed("a command has nothing that could be asked again".to_owned());
        };
        let mut launch = self.launch(&ready, planned.workload, Some(port));
        launch.core = self.cores.system;
        let mut running = match launch.launch() {
            Ok(running) => running,
            Err(error) => return failed(error.to_string()),
        };
        let guard = match self.janitor.guard_group(running.pid()) {
            Ok(guard) => guard,
            Err(error) => return failed(error.to_string()),
        };
        let started = self.first_answer(&mut running, &ready, planned.workload, &request, port);
        let at_first_answer = started.resources;
        let loaded = started.verdict.and_then(|()| {
            std::thread::sleep(IDLE);
            let idle = running.usage();
            let loaded = self.put_under_load(&planned, request, &[self.site.target(port)])?;
            Ok((idle, loaded))
        });
        let resources = running.usage();
        let crashed = running.ended().map(|end| format!("it {end} under load"));
        running.stop(GRACE);
        drop(guard);
        let said = said(&mut running);
        let (idle, loaded) = match loaded {
            Ok(loaded) => loaded,
            Err(reason) => return failed(format!("{reason}{said}")),
        };
        attested.extend(started.attested);
        attested.extend(self.load_attested(&loaded));
        attested.extend(while_idle(at_first_answer, idle));
        let verdict = crashed
            .map_or_else(|| judged(&loaded), Err)
            .map_err(|reason| format!("{reason}{said}"));
        Measurement {
            verdict,
            total_ns: None,
            phases: Vec::new(),
            resources,
            requests: Some(loaded.requests),
            attested,
        }
    }

    /// Where and how a load was made.
    pub(super) fn load_attested(&self, loaded: &Loaded) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("system_core".to_owned(), json!(self.cores.system)),
            ("generator_core".to_owned(), json!(loaded.core)),
            ("generator_cpu_ns".to_owned(), json!(loaded.cpu_ns)),
            ("warm_up".to_owned(), json!(self.settings.values.warm_up)),
        ])
    }

    pub(super) fn put_under_load(
        &self,
        planned: &Planned,
        request: Request,
        targets: &[ready::Target],
    ) -> Result<Loaded, String> {
        let values = &self.settings.values;
        if planned.workload == Workload::HttpState {
            targets
                .iter()
                .try_for_each(|target| self.counts(target, &request))?;
        }
        let (target, also) = targets
            .split_first()
            .ok_or("there is nothing to be put under load")?;
        let load = Load {
            address: target.address,
            host: target.host.clone(),
            also: also.to_vec(),
            request,
            expected: planned.workload.expected_of_any(),
            pace: Pace::Closed,
            connections: planned.connections,
            keep_alive: true,
            warm_up: values.warm_up * targets.len() as u64,
            amount: Amount::Requests(values.requests),
            patience: self.limit(),
            core: self.cores.generator,
        };
        load::run(&load).map_err(|error| error.to_string())
    }

    /// Whether so many increments from several clients at once add up: one that is lost, or counted
    /// by another instance, would be a service that is fast because it does not do its work.
    fn counts(&self, target: &ready::Target, increment: &Request) -> Result<(), String> {
        let load = Load {
            address: target.address,
            host: target.host.clone(),
            also: Vec::new(),
            request: increment.clone(),
            expected: Workload::HttpState.expected_of_any(),
            pace: Pace::Closed,
            connections: load::CONNECTIONS,
            keep_alive: true,
            warm_up: 0,
            amount: Amount::Requests(INCREMENTS),
            patience: self.limit(),
            core: self.cores.generator,
        };
        let before = self.count(target)?;
        judged(&load::run(&load).map_err(|error| error.to_string())?)?;
        let after = self.count(target)?;
        if after == before + INCREMENTS {
            return Ok(());
        }
        Err(format!(
            "it does not keep its state: it said {before}, and after {INCREMENTS} increments from \
                {} clients {after}",
            load::CONNECTIONS
        ))
    }

    /// What the service says that its count is.
    fn count(&self, target: &ready::Target) -> Result<u64, String> {
        let patience = ready::Patience::until(self.deadline_ns());
        let asked = ready::first_answer(target, &Request::get("/state"), &patience, &mut || false);
        let body = asked.map_err(|error| error.to_string())?.answer.body;
        let text = String::from_utf8_lossy(&body);
        text.trim()
            .parse()
            .map_err(|_| format!("its state is no count but {text:?}"))
    }
}

/// How many increments are to leave exactly as many.
const INCREMENTS: u64 = 200;

/// What a service had cost at its first answer, and after [`IDLE`] without a request: the
/// difference is the price of being there.
pub(super) fn while_idle(at_first_answer: Resources, idle: Resources) -> BTreeMap<String, Value> {
    BTreeMap::from([
        (
            "resources_at_first_answer".to_owned(),
            json!(at_first_answer),
        ),
        ("resources_after_200_ms_idle".to_owned(), json!(idle)),
    ])
}

/// Whether every request was answered, and rightly.
pub(super) fn judged(loaded: &Loaded) -> Result<(), String> {
    let requests = &loaded.requests;
    if requests.failed == 0 && requests.dropped == 0 && loaded.warm_up_failed == 0 {
        return Ok(());
    }
    let reasons: Vec<_> = loaded
        .failures
        .iter()
        .map(|failure| format!("{} × {}", failure.count, failure.reason))
        .collect();
    Err(format!(
        "{} of {} requests failed, {} were dropped, {} of the warm-up failed: {}",
        requests.failed,
        requests.sent,
        requests.dropped,
        loaded.warm_up_failed,
        reasons.join("; ")
    ))
}
