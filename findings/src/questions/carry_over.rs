//! Does what a container engine or an orchestrator leaves behind slow down the start after it?

use std::collections::{BTreeMap, BTreeSet};

use results::System;
use serde::Serialize;

use crate::cells::{CellFacts, Measure, Measured};
use crate::comparison::{Effect, LEAST_BLOCKS};
use crate::facts::Facts;
use crate::statistics::{self, Taken};

/// Starts of programs that are launched, right after a sample of a system with an engine of its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CarryOver {
    /// The systems that come before them.
    pub after: Vec<String>,
    /// How many times as long such starts take as the other starts of the same cells.
    pub ratio: Effect,
    /// How many they are.
    pub starts: usize,
    /// How many others they are held against.
    pub others: usize,
    /// The blocks that have some.
    pub blocks: usize,
}

/// The carry-over of a run; nothing where too few blocks have such starts.
pub fn compute(facts: &Facts) -> Option<CarryOver> {
    let places = Places::new(facts);
    let mut after = BTreeSet::new();
    let mut values = Vec::new();
    for (at, cell) in facts.cells.iter().enumerate() {
        if !cell.cell.scenario.starts() || places.has_engine(cell) {
            continue;
        }
        let measured = cell.measures.get(&Measure::TotalNs);
        for ((_, block), ns, order) in measured.into_iter().flat_map(Measured::places) {
            // What the first sample of a session comes after is not known.
            let Some(before) = places.before(order) else {
                continue;
            };
            let is_after = places.has_engine(before);
            if is_after {
                after.insert(before.system().to_owned());
            }
            values.push(Taken {
                cell: at,
                block,
                is_after,
                value: ns.ln(),
            });
        }
    }
    values.retain(|it| it.value.is_finite());
    let found = statistics::carry_over(&values, LEAST_BLOCKS).ok()?;
    Some(CarryOver {
        after: after.into_iter().collect(),
        ratio: Effect {
            estimate: found.difference.exp(),
            interval: Some(found.interval.map(f64::exp)),
        },
        starts: found.after,
        others: found.others,
        blocks: found.blocks,
    })
}

/// Which sample was where in the run's order.
struct Places<'a> {
    /// Each sample that was begun, by its place.
    begun: BTreeMap<u64, &'a CellFacts>,
    /// Places of the first samples after a pause.
    pauses: BTreeSet<u64>,
    /// The systems that an engine of their own starts.
    engines: BTreeSet<&'a System>,
}

impl<'a> Places<'a> {
    fn new(facts: &'a Facts) -> Self {
        let begun = |cell: &'a CellFacts| {
            let orders = cell.orders.iter().chain(&cell.failed);
            orders.map(move |order| (*order, cell))
        };
        let systems: BTreeSet<&System> = facts.cells.iter().map(|it| &it.cell.system).collect();
        Self {
            begun: facts.cells.iter().flat_map(begun).collect(),
            pauses: facts.pauses.iter().map(|pause| pause.order).collect(),
            engines: systems
                .into_iter()
                .filter(|system| facts.has_engine(system))
                .collect(),
        }
    }

    /// What was measured before the sample at this place, in the same session.
    fn before(&self, order: u64) -> Option<&'a CellFacts> {
        let (_, before) = self.begun.range(..order).next_back()?;
        (!self.pauses.contains(&order)).then_some(*before)
    }

    fn has_engine(&self, cell: &CellFacts) -> bool {
        self.engines.contains(&cell.cell.system)
    }
}

impl CarryOver {
    /// Whether there is one, at the confidence of its interval.
    pub fn is_certain(&self) -> bool {
        self.ratio.interval.is_some_and(|it| !it.contains(1.0))
    }

    /// What is to be said of it; nothing where there is none for certain.
    pub fn sentence(&self) -> Option<String> {
        self.is_certain().then(|| {
            format!(
                "Samples leave something behind: starts right after one of {} took {} the time of \
                    other starts of the same cells ({} starts held against {}, over {} blocks). \
                    Which cell comes after is drawn anew in each block: such starts make \
                    comparisons less certain, and none of them wrong.",
                or_list(&self.after),
                self.ratio.ratio_text(),
                self.starts,
                self.others,
                self.blocks
            )
        })
    }
}

/// `a, b or c`.
fn or_list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}
