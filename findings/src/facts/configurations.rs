//! Ways to run a workload: how each starts and how it answers once it runs.

use std::collections::BTreeSet;

use results::Param;
use results::record::Scenario;
use systems::usual;

use super::{Facts, representatives::one_per_system};
use crate::cells::{CellFacts, Measure, without};

/// Parameters in which a start and the requests after it must agree.
const ALIKE: [Param; 6] = [
    Param::Acquire,
    Param::Network,
    Param::Platform,
    Param::Image,
    Param::Host,
    Param::Allocator,
];

/// How requests meet instances: what starts on the CPUs of requests have in common with these.
const OF_REQUESTS: [Param; 2] = [Param::Lifecycle, Param::Pool];

/// What starts on the CPUs of requests have beyond other starts.
const OF_PINNED: [Param; 3] = [Param::Cpus, Param::Lifecycle, Param::Pool];

/// A way to run a workload: how it starts and how it answers.
#[derive(Debug, Clone, Copy)]
pub struct Configuration<'a> {
    /// How many requests an instance of it handles; nothing where that is not recorded.
    pub lifecycle: Option<&'a str>,
    /// Its starts.
    pub start: &'a CellFacts,
    /// Its requests, one at a time.
    pub warm: &'a CellFacts,
    /// Its starts on the CPUs that its requests had: only these two can be added up. Nothing if
    /// there are none, or it is not known.
    pub start_on_same_cpus: Option<&'a CellFacts>,
}

impl Configuration<'_> {
    /// Whether what was measured of it is what survivors did.
    pub fn fails_often(&self) -> bool {
        let added = self.start_on_same_cpus.unwrap_or(self.start);
        [self.start, added, self.warm]
            .iter()
            .any(|cell| cell.fails_often())
    }
}

impl Facts {
    /// Of each system, and of each life cycle of its instances, the configuration that stands for
    /// it, with everything prepared and in memory; where it was not started so, otherwise. The
    /// quicker start first.
    pub fn configurations(&self, workload: &str) -> Vec<Configuration<'_>> {
        let all = self.comparable(workload, Scenario::Warm);
        let lifecycles: BTreeSet<_> = all.iter().map(|warm| lifecycle(warm)).collect();
        let of_each = lifecycles
            .into_iter()
            .flat_map(|it| self.configurations_with(workload, &all, it));
        let mut found: Vec<_> = of_each.collect();
        let total = |of: &Configuration<'_>| {
            let median = of.start.median(Measure::TotalNs);
            median.unwrap_or(f64::INFINITY)
        };
        found.sort_by(|one, two| total(one).total_cmp(&total(two)));
        found
    }

    /// Those of one life cycle.
    fn configurations_with<'a>(
        &'a self,
        workload: &str,
        all: &[&'a CellFacts],
        of: Option<&'a str>,
    ) -> Vec<Configuration<'a>> {
        let answering = |start: &CellFacts| {
            let fits = |warm: &&CellFacts| {
                lifecycle(warm) == of
                    && is_alike(start, warm)
                    && warm.median(Measure::RequestNs).is_some()
            };
            usual(all.iter().copied().filter(fits), |it| &it.cell)
        };
        let starts = |scenario| {
            let mut cells = self.comparable_by(workload, scenario, Measure::TotalNs);
            cells.retain(|start| answering(start).is_some());
            one_per_system(&cells)
        };
        let mut found = starts(Scenario::WarmDisk);
        for start in Scenario::STARTS.into_iter().flat_map(starts) {
            if !found.iter().any(|it| it.cell.system == start.cell.system) {
                found.push(start);
            }
        }
        let configurations = found.into_iter().filter_map(|start| {
            let warm = answering(start)?;
            Some(Configuration {
                lifecycle: of,
                start,
                warm,
                start_on_same_cpus: self.start_on_same_cpus(start, warm),
            })
        });
        configurations.collect()
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
                && without(&cell.cell, &OF_PINNED) == start.cell
                && OF_REQUESTS
                    .iter()
                    .all(|key| cell.cell.params.get(key) == warm.cell.params.get(key))
        });
        [Some(start), pinned].into_iter().flatten().find(is_same)
    }
}

fn lifecycle(cell: &CellFacts) -> Option<&str> {
    cell.cell.params.get(Param::Lifecycle)
}

fn is_alike(start: &CellFacts, warm: &CellFacts) -> bool {
    let same = |key: &Param| match (start.cell.params.get(key), warm.cell.params.get(key)) {
        (Some(one), Some(two)) => one == two,
        _ => true,
    };
    start.cell.system == warm.cell.system && ALIKE.iter().all(same)
}
