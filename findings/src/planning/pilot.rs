//! A pilot as its differences within blocks.

use std::collections::BTreeSet;

use crate::cells::{CellFacts, Measure, original};
use crate::comparison::Sample;
use crate::facts::Facts;
use crate::statistics::pseudomedian;
use crate::units::Unit;

/// Differences of logarithms, one for each block of the pilot that has both sides.
pub(super) type Row = Vec<Option<f64>>;

/// A pilot as what the rule sees of it.
pub(super) struct Pilot {
    /// How many blocks it has.
    pub(super) blocks: usize,
    /// All comparisons that are corrected together.
    pub(super) comparisons: Vec<Compared>,
    /// The A/A twins against their firsts.
    pub(super) controls: Vec<Row>,
}

/// A comparison of the pilot.
pub(super) struct Compared {
    /// The table that it is of, by its place on the page.
    pub(super) table: usize,
    /// The id of the cell that is judged.
    pub(super) candidate: String,
    /// Candidate against baseline, without what is between them.
    pub(super) differences: Row,
    /// The controls that it is held against.
    pub(super) controls: Vec<usize>,
    /// Whether it is one to plan by: of times, and of the system's own making.
    pub(super) is_planned: bool,
}

impl Pilot {
    /// Of a run; nothing if there is nothing to plan by.
    pub(super) fn new(facts: &Facts) -> Option<Self> {
        let blocks: BTreeSet<u32> = facts
            .cells
            .iter()
            .flat_map(|cell| cell.measures.values())
            .flat_map(|measured| measured.blocks.iter().copied())
            .collect();
        let blocks: Vec<u32> = blocks.into_iter().collect();
        let mut pilot = Self {
            blocks: blocks.len(),
            comparisons: Vec::new(),
            controls: Vec::new(),
        };
        let twins: Vec<(&CellFacts, &CellFacts)> = facts
            .cells
            .iter()
            .filter(|cell| cell.is_twin())
            .filter_map(|twin| Some((twin, facts.find(&original(&twin.cell))?)))
            .collect();
        for (table, family) in facts.families.iter().enumerate() {
            let first = family
                .members
                .first()
                .and_then(|it| facts.cell(&it.candidate));
            let Some(first) = first else { continue };
            let controls = pilot.controls(&twins, first, family.measure, &blocks);
            for member in &family.members {
                let cells = [&member.candidate, &member.baseline].map(|id| facts.cell(id));
                let [Some(candidate), Some(baseline)] = cells else {
                    continue;
                };
                let Some(differences) = differences(candidate, baseline, family.measure, &blocks)
                else {
                    continue;
                };
                let is_limited =
                    candidate.is_generator_limited() || baseline.is_generator_limited();
                pilot.comparisons.push(Compared {
                    table,
                    candidate: member.candidate.clone(),
                    differences,
                    controls: controls.clone(),
                    is_planned: family.measure.unit() != Unit::Bytes
                        && !(family.measure.is_rate() && is_limited),
                });
            }
        }
        let has_some = pilot.comparisons.iter().any(|it| it.is_planned);
        has_some.then_some(pilot)
    }

    /// The controls of a table: the twins of its workload and kind of scenario, or of the kind where
    /// the workload has none. As [`Facts::floor_of`].
    fn controls(
        &mut self,
        twins: &[(&CellFacts, &CellFacts)],
        of: &CellFacts,
        measure: Measure,
        blocks: &[u32],
    ) -> Vec<usize> {
        let kind = crate::facts::Kind::from(of.cell.scenario);
        let is_of_kind = |twin: &CellFacts| crate::facts::Kind::from(twin.cell.scenario) == kind;
        let mut found = Vec::new();
        for own_only in [true, false] {
            for (twin, first) in twins {
                let is_own = twin.cell.workload == of.cell.workload;
                if is_of_kind(twin) && (is_own || !own_only) {
                    found.extend(differences(twin, first, measure, blocks));
                }
            }
            if !found.is_empty() {
                break;
            }
        }
        let from = self.controls.len();
        self.controls.append(&mut found);
        (from..self.controls.len()).collect()
    }
}

/// Differences in the blocks of the pilot, centred on what the rule takes for their middle, and as
/// wide as they are in what the pilot was drawn from. Nothing of fewer than two.
fn differences(
    candidate: &CellFacts,
    baseline: &CellFacts,
    measure: Measure,
    blocks: &[u32],
) -> Option<Row> {
    let [candidate, baseline] = [candidate, baseline].map(|cell| Sample::costs(cell, measure));
    if [&candidate, &baseline]
        .iter()
        .any(|sample| sample.values().iter().any(|value| *value <= 0.0))
    {
        return None;
    }
    let ratios = candidate.log_ratios(&baseline);
    let n = ratios.len() as f64;
    if ratios.len() < 2 {
        return None;
    }
    let values: Vec<f64> = ratios.iter().map(|(_, ratio)| *ratio).collect();
    let centre = pseudomedian(&values).ok()?.estimate;
    // Drawn with replacement, n values are narrower than what they came from.
    let wider = (n / (n - 1.0)).sqrt();
    let mut placed = vec![None; blocks.len()];
    for (block, ratio) in ratios {
        if let Ok(at) = blocks.binary_search(&block) {
            placed[at] = Some((ratio - centre) * wider);
        }
    }
    Some(placed)
}
