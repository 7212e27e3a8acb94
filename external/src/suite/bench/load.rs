//! Requests at something that runs.

use super::*;

impl Outside<'_> {
    /// Requests at something that runs, as a sample.
    fn sample_load(&self, next: Next) -> Measurement {
        let Next { planned, ready, port, mut attested } = next;
        let failed = |reason: String| Measurement { attested: BTreeMap::new(), ..Measurement::failed(reason) };
        let (Call::Http(request), Some(port)) = (planned.workload.call(), port) else {
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
        let loaded = started.verdict.and_then(|()| self.put_under_load(&planned, request, port));
        let resources = running.usage();
        let crashed = running.ended().map(|end| format!("it {end} under load"));
        running.stop(GRACE);
        drop(guard);
        let said = said(&mut running);
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(reason) => return failed(format!("{reason}{said}")),
        };
        attested.extend(started.attested);
        attested.extend([
            ("system_core".to_owned(), json!(self.cores.system)),
            ("generator_core".to_owned(), json!(loaded.core)),
            ("generator_cpu_ns".to_owned(), json!(loaded.cpu_ns)),
            ("warm_up".to_owned(), json!(self.settings.values.warm_up)),
        ]);
        let verdict = crashed.map_or_else(|| judged(&loaded), Err).map_err(|reason| format!("{reason}{said}"));
        Measurement {
            verdict,
            total_ns: None,
            phases: Vec::new(),
            resources,
            requests: Some(loaded.requests),
            attested,
        }
    }

    fn put_under_load(&self, planned: &Planned, request: Request, port: u16) -> Result<Loaded, String> {
        let values = &self.settings.values;
        let target = ready::Target::loopback(port);
        let load = Load {
            address: target.address,
            host: target.host,
            request,
            expected: planned.workload.expected_of_any(),
            pace: Pace::Closed,
            connections: planned.connections,
            keep_alive: true,
            warm_up: values.warm_up,
            amount: Amount::Requests(values.requests),
            patience: self.limit(),
            core: self.cores.generator,
        };
        load::run(&load).map_err(|error| error.to_string())
    }
}

/// Whether every request was answered, and rightly.
fn judged(loaded: &Loaded) -> Result<(), String> {
    let requests = &loaded.requests;
    if requests.failed == 0 && requests.dropped == 0 && loaded.warm_up_failed == 0 {
        return Ok(());
    }
    let reasons: Vec<_> =
        loaded.failures.iter().map(|failure| format!("{} × {}", failure.count, failure.reason)).collect();
    Err(format!(
        "{} of {} requests failed, {} were dropped, {} of the warm-up failed: {}",
        requests.failed,
        requests.sent,
        requests.dropped,
        loaded.warm_up_failed,
        reasons.join("; ")
    ))
}

