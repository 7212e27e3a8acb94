//! What a system was found to answer at most, and the load generator: each once a run, before what
//! is a part of it or held against it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use campaign::terminal::say;
use machine::cores::Cores;
use results::record::Scenario;
use results::{Attested, Cell, Evidence, Failure};
use serde_json::json;

use super::Planned;
use super::load::check_load;
use crate::client::load::{self, Load, Loaded, Pace};
use crate::suite::loads::{Rate, of_capacity};
use crate::system::listens;

/// For how long the generator's limit is measured.
const LIMIT_TIME: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Of cells without a rate, in right answers a second.
    capacities: Mutex<HashMap<Cell, f64>>,
    /// Of the generator, by connections; nothing where that cannot be measured.
    limits: HashMap<usize, Option<f64>>,
}

/// An open loop at a part of what a system was found to answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paced {
    capacity: f64,
    per_second: f64,
}

impl Found {
    /// Measures what the generator reaches over as many connections as a cell has, unless that is
    /// known. One request at a time is a question of latency, of several idle instances of memory.
    pub(super) fn prepare_limit(&mut self, planned: &Planned, cores: Cores) {
        let scenario = planned.cell.scenario;
        let connections = connections(planned);
        let has_rate = !scenario.starts() && scenario != Scenario::Density && connections > 1;
        if !has_rate || !listens(planned.workload) {
            return;
        }
        self.limits.entry(connections).or_insert_with(|| {
            let limit = load::generator_limit(connections, cores, LIMIT_TIME);
            limit
                .inspect_err(|error| {
                    say(&format!(
                        "what the load generator reaches over {connections} connections is not \
                            known: {error}"
                    ));
                })
                .ok()
        });
    }

    /// The evidence of how much the generator could have done.
    pub(super) fn limit(&self, planned: &Planned) -> Attested {
        let limit = self.limits.get(&connections(planned)).copied().flatten();
        let limit = limit.filter(|_| planned.cell.scenario != Scenario::Density);
        let evidence = limit.map(|limit| (Evidence::GeneratorLimitPerSecond, json!(limit)));
        evidence.into_iter().collect()
    }

    /// The plan of a load at a part of its system's capacity. That is found by this load in a closed
    /// loop, the first time that a sample of the cell comes.
    pub(super) fn paced(
        &self,
        planned: &Planned,
        rate: Rate,
        load: &Load,
    ) -> Result<Paced, Failure> {
        let cell = of_capacity(planned);
        let known = || {
            self.capacities
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let known_capacity = known().get(&cell).copied();
        let capacity = if let Some(capacity) = known_capacity {
            capacity
        } else {
            let found = capacity(load)?;
            known().insert(cell, found);
            found
        };
        Ok(Paced {
            capacity,
            per_second: (capacity * rate.part()).min(load::MAX_PER_SECOND),
        })
    }
}

impl Paced {
    /// The pace.
    pub(super) const fn pace(self) -> Pace {
        Pace::Open {
            per_second: self.per_second,
        }
    }

    /// Evidence of what was planned, and how far behind it the generator was.
    pub(super) fn evidence(self, loaded: &Loaded) -> Attested {
        let late = loaded.lateness.as_ref();
        let late_ns = late.and_then(|late| load::histogram::quantile(&late.own, 0.5));
        Attested::from([
            (Evidence::CapacityPerSecond, json!(self.capacity)),
            (Evidence::PlannedPerSecond, json!(self.per_second)),
            (Evidence::GeneratorLateNs, json!(late_ns)),
        ])
    }
}

/// Connections at once, over all instances.
const fn connections(planned: &Planned) -> usize {
    planned.connections * planned.instances
}

fn capacity(load: &Load) -> Result<f64, Failure> {
    let closed = Load {
        pace: Pace::Closed,
        ..load.clone()
    };
    let loaded = load::run(&closed).map_err(|error| error.to_string())?;
    check_load(&loaded).map_err(|mut failure| {
        failure
            .reason
            .insert_str(0, "when its capacity was looked for ");
        failure
    })?;
    let rate = loaded.per_second();
    rate.ok_or_else(|| "its capacity is not known: it answered nothing".into())
}
