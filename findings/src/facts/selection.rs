//! Which cells a question is about.

use std::collections::BTreeSet;

use results::record::Scenario;
use results::{Cell, Param, Workload};

use super::{Facts, baseline};
use crate::cells::{CellFacts, Measure, is_plain, is_unobserved, unobserved};
use crate::comparison::Family;

/// The workload that findings begin with, where it was measured.
const FIRST_WORKLOAD: &str = "http-hello";

impl Facts {
    /// By how much one system differs from itself at most; nothing without an A/A control.
    pub fn floor(&self, scenario: Scenario, measure: Measure) -> Option<f64> {
        self.floors.of_kind(scenario, measure)
    }

    /// The same of the twins of a workload where it has some: what its comparisons are held against.
    pub fn floor_of(&self, workload: &str, scenario: Scenario, measure: Measure) -> Option<f64> {
        self.floors.of_workload(workload, scenario, measure)
    }

    /// The workloads: first the one that most questions are about, then the others in alphabetical
    /// order.
    pub fn workloads(&self) -> Vec<&Workload> {
        let names: BTreeSet<_> = self.cells.iter().map(|it| &it.cell.workload).collect();
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by_key(|name| (**name != *FIRST_WORKLOAD, *name));
        names
    }

    /// The cells that a comparison of a scenario has: as people use the systems, observed by
    /// nothing, under first names.
    pub fn comparable(&self, workload: &str, scenario: Scenario) -> Vec<&CellFacts> {
        let fits = |cell: &&CellFacts| {
            let is_of = *cell.cell.workload == *workload && cell.cell.scenario == scenario;
            is_of && is_unobserved(&cell.cell) && !cell.is_twin() && is_plain(&cell.cell)
        };
        self.cells.iter().filter(fits).collect()
    }

    /// The same, those of which the measure is known, the best first.
    pub fn comparable_by(
        &self,
        workload: &str,
        scenario: Scenario,
        measure: Measure,
    ) -> Vec<&CellFacts> {
        let mut cells = self.listed_by(workload, scenario, measure);
        cells.retain(|cell| cell.median(measure).is_some());
        cells
    }

    /// The same, with those behind them that were tried and never ended well: a row that is not
    /// there says nothing, and one that has no figure says that the system failed.
    pub fn listed_by(
        &self,
        workload: &str,
        scenario: Scenario,
        measure: Measure,
    ) -> Vec<&CellFacts> {
        let mut cells = self.comparable(workload, scenario);
        let has_failed = |cell: &CellFacts| cell.orders.is_empty() && cell.failures() > 0;
        cells.retain(|cell| cell.median(measure).is_some() || has_failed(cell));
        sort_by(&mut cells, measure);
        cells
    }

    /// The cell with this id.
    pub fn cell(&self, id: &str) -> Option<&CellFacts> {
        self.cells.iter().find(|cell| cell.id == id)
    }

    /// What was measured of a cell.
    pub fn find(&self, cell: &Cell) -> Option<&CellFacts> {
        self.cells.iter().find(|facts| facts.cell == *cell)
    }

    /// The verdicts against the native program of a workload, scenario and measure.
    pub fn family(&self, workload: &str, scenario: Scenario, measure: Measure) -> Option<&Family> {
        let name = baseline::name(workload, scenario, measure);
        self.families.iter().find(|family| family.name == name)
    }

    /// The median of the same starts while nothing observes them; nothing if these are those.
    pub fn unobserved_median(&self, cell: &CellFacts) -> Option<f64> {
        if is_unobserved(&cell.cell) {
            return None;
        }
        let alone = self.find(&unobserved(&cell.cell))?;
        alone.median(Measure::TotalNs)
    }

    /// The median that is quoted of starts that were taken apart: of the same while nothing
    /// observes them, where there are such.
    pub fn quoted_median(&self, cell: &CellFacts) -> Option<f64> {
        self.unobserved_median(cell)
            .or_else(|| cell.median(Measure::TotalNs))
    }

    /// Starts that were taken apart, each once, quickest first: what a program reports of itself is
    /// finer than what is seen from outside.
    pub fn taken_apart(&self, workload: &str, scenario: Scenario) -> Vec<&CellFacts> {
        let fits = |cell: &&CellFacts| {
            let is_of = *cell.cell.workload == *workload && cell.cell.scenario == scenario;
            is_of && cell.is_taken_apart() && !cell.is_twin() && is_plain(&cell.cell)
        };
        let mut found: Vec<&CellFacts> = Vec::new();
        for cell in self.cells.iter().filter(fits) {
            let same = found
                .iter()
                .position(|known| unobserved(&known.cell) == unobserved(&cell.cell));
            match same {
                Some(at) if cell.cell.params.is(Param::Observer, "own") => found[at] = cell,
                Some(_) => {}
                None => found.push(cell),
            }
        }
        let key = |cell: &CellFacts| self.quoted_median(cell).unwrap_or(f64::INFINITY);
        found.sort_by(|one, two| {
            let by_total = key(one).total_cmp(&key(two));
            by_total.then_with(|| one.cell.cmp(&two.cell))
        });
        found
    }
}

/// Cells ordered by the median of a measure, the best first; those without it last.
fn sort_by(cells: &mut [&CellFacts], measure: Measure) {
    let key = |cell: &CellFacts| match cell.median(measure) {
        Some(rate) if measure.is_rate() => -rate,
        Some(cost) => cost,
        None => f64::INFINITY,
    };
    cells.sort_by(|one, two| {
        let by_value = key(one).total_cmp(&key(two));
        by_value.then_with(|| one.cell.cmp(&two.cell))
    });
}
