//! Ways to run a workload: how each starts and how it answers once it runs.

use results::Param;
use results::record::Scenario;

use super::{Facts, selection::one_per_system};
use crate::cells::{CellFacts, Measure, without};

/// More configurations of a workload than this make pairs that nobody reads: the quickest of each
/// system are enough.
const MOST: usize = 12;

/// Parameters in which a start and the requests after it must agree.
const ALIKE: [Param; 5] = [
    Param::Acquire,
    Param::Network,
    Param::Image,
    Param::Host,
    Param::Allocator,
];

/// A way to run a workload: how it starts and how it answers.
#[derive(Debug, Clone, Copy)]
pub struct Configuration<'a> {
    /// Its starts.
    pub start: &'a CellFacts,
    /// Its requests, one at a time.
    pub warm: &'a CellFacts,
    /// Its starts on the CPUs that its requests had: only these two can be added up. Nothing if
    /// there are none, or it is not known.
    pub start_on_same_cpus: Option<&'a CellFacts>,
}

impl Facts {
    /// Of each system the configuration that starts quickest with everything prepared, quickest
    /// first.
    pub fn configurations(&self, workload: &str) -> Vec<Configuration<'_>> {
        let warm = self.comparable(workload, Scenario::Warm);
        let answering = |start: &CellFacts| {
            let fits = |warm: &&&CellFacts| {
                is_alike(start, warm) && warm.median(Measure::RequestNs).is_some()
            };
            warm.iter().find(fits).copied()
        };
        let prepared = self.comparable_by(workload, Scenario::RuntimeCold, Measure::TotalNs);
        let cold = self.comparable_by(workload, Scenario::Cold, Measure::TotalNs);
        let answers = |start: &&CellFacts| answering(start).is_some();
        let mut starts = one_per_system(&prepared.into_iter().filter(answers).collect::<Vec<_>>());
        // What was not started with everything prepared counts with nothing prepared.
        let cold = one_per_system(&cold.into_iter().filter(answers).collect::<Vec<_>>());
        for start in cold {
            if !starts.iter().any(|it| it.cell.system == start.cell.system) {
                starts.push(start);
            }
        }
        let total = |cell: &CellFacts| cell.median(Measure::TotalNs).unwrap_or(f64::INFINITY);
        starts.sort_by(|one, two| total(one).total_cmp(&total(two)));
        let configurations = starts.into_iter().filter_map(|start| {
            let warm = answering(start)?;
            Some(Configuration {
                start,
                warm,
                start_on_same_cpus: self.start_on_same_cpus(start, warm),
            })
        });
        configurations.take(MOST).collect()
    }
}

impl Facts {
    /// Starts like these on the CPUs that these requests had. Records of before CPUs were written
    /// down say nothing of either, or of requests only: then starts had all that the machine has.
    fn start_on_same_cpus<'a>(
        &'a self,
        start: &'a CellFacts,
        warm: &CellFacts,
    ) -> Option<&'a CellFacts> {
        let is_same =
            |cell: &&CellFacts| cell.cpus == warm.cpus && cell.median(Measure::TotalNs).is_some();
        let pinned = self.cells.iter().find(|cell| {
            cell.cell.params.contains_key(Param::Cpus)
                && without(&cell.cell, &[Param::Cpus]) == start.cell
        });
        [Some(start), pinned].into_iter().flatten().find(is_same)
    }
}

fn is_alike(start: &CellFacts, warm: &CellFacts) -> bool {
    let same = |key: &Param| match (start.cell.params.get(key), warm.cell.params.get(key)) {
        (Some(one), Some(two)) => one == two,
        _ => true,
    };
    start.cell.system == warm.cell.system && ALIKE.iter().all(same)
}
