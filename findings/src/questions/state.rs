//! Where do services keep state, and which cannot?

use std::collections::BTreeMap;

use results::Workload;
use serde::Serialize;

use crate::facts::Facts;

/// What services with state do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct State {
    /// Where each system keeps what its service keeps.
    pub kept_in: BTreeMap<String, String>,
    /// Systems that can never keep state, each with the reason.
    pub cannot: Vec<(String, Workload, String)>,
}

/// Where state is kept, as far as the samples say so.
pub fn compute(facts: &Facts) -> State {
    let cells = || facts.cells.iter().filter(|cell| !cell.is_twin());
    let kept_in = cells()
        .filter_map(|cell| Some((cell.system().to_owned(), cell.keeps.clone()?)))
        .collect();
    let mut cannot: Vec<_> = cells()
        .filter(|cell| cell.not_applicable)
        .filter_map(|cell| {
            let reason = cell.reasons.keys().next()?.clone();
            Some((cell.system().to_owned(), cell.cell.workload.clone(), reason))
        })
        .collect();
    cannot.sort();
    cannot.dedup();
    State { kept_in, cannot }
}
