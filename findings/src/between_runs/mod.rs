//! Whether a build is slower than another one: what can be said between runs.
//!
//! The run is the top level of replication (Kalibera and Jones, *ISMM* 2013; Georges, Buytaert and
//! Eeckhout, *OOPSLA* 2007): a build, a boot, an order of samples and a state of the machine are
//! drawn once for all samples of a run, and no number of samples within it tells how much another
//! run of the same build would differ. Hence two designs:
//!
//! - **One run a side** ([`one_each`]): times are held against a control that both runs measured
//!   under the same conditions, within their blocks. What is compared is the ratio cell ÷ control;
//!   what the machine did to both cancels out. Absolute times are not comparable, but for changes
//!   larger than any machine's state made ([`ABSOLUTE_ALLOWANCE`]).
//! - **Several runs a side** ([`several`]): one value a run, compared across runs: times as they are,
//!   and as ratios to the control, which the machine's state does not spread. From [`LEAST_RUNS`] a
//!   side on, the former is a verdict too.
//!
//! Families are those that people ask about: a workload's scenario, as people use the systems, each
//! once; memory apart from times.

mod conditions;
mod one_each;
mod several;
mod spread;
mod trial;

use results::record::Scenario;
use results::{Cell, Workload};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_plain, is_unobserved};
use crate::comparison::{Effect, Sample};
use crate::facts::{Facts, are_alike, compared_by};
use crate::statistics::Verdict;
use crate::units::Unit;

pub use conditions::{different_plans, obstacles};
pub use one_each::one_each;
pub use several::{Order, order, several};
pub use spread::Spread;

/// By how much a ratio to a control within a run may differ between two runs of one build: 10 %, or more
/// where the two runs themselves show it ([`Spread`]).
///
/// Measured on the authors' two-core machine between idle runs of one commit: `host serve` ÷ native
/// 1.78 and 1.72, Docker ÷ native 83.5 and 89.5, 8 % at most.
pub const RATIO_ALLOWANCE: f64 = 0.1;

/// By how much absolute times of two single runs of one build may differ: 1.5 times.
///
/// Measured on the authors' two-core machine: idle runs of one commit, seconds apart, differ by up
/// to 1.28 times; this is beyond that by as much again on a logarithmic scale, and rounded up to the
/// next half. A busy machine against an idle one makes 2.1 times, and is said to be slower.
pub const ABSOLUTE_ALLOWANCE: f64 = 0.5;

/// By how many bytes the proportional set size of one build may differ between two runs: 2 MiB.
///
/// A page that several processes map counts in part for each of them. The C library and the loader,
/// which take about this much, count in full for whoever maps them alone, and for next to nothing
/// where all of a machine's processes do.
pub const SHARED_BYTES: f64 = (2 << 20) as f64;

/// Fewer runs a side than this are no sample of runs: 5.
pub const LEAST_RUNS: usize = 5;

/// What two sides are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Times as a multiple of the control's in the same block.
    ToControl,
    /// Times as they are.
    Absolute,
    /// Memory as it is: it belongs to a process, and not to the machine's state.
    Memory,
}

/// A cell of both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The cell.
    pub cell: Cell,
    /// Later against earlier.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The geometric mean of the earlier side: of a ratio to the control, or in the measure's unit.
    pub before: Option<f64>,
    /// The same of the later side.
    pub after: Option<f64>,
    /// Later ÷ earlier.
    pub ratio: Option<Effect>,
    /// The relative difference that is no change.
    pub allowance: f64,
    /// The p-value of "the change is not beyond the allowance", adjusted over the family.
    pub adjusted_p: Option<f64>,
}

/// Changes that are asked about together, corrected together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    /// The program under test.
    pub workload: Workload,
    /// What was measured.
    pub scenario: Scenario,
    /// By what.
    pub measure: Measure,
    /// Whether these are systems as people use them, without firewall, network path or left-out
    /// work.
    pub is_plain: bool,
    /// How.
    pub basis: Basis,
    /// The members.
    pub changes: Vec<Change>,
}

/// What became of a comparison between runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BetweenRuns {
    /// Whether sides are of several runs.
    pub is_of_several: bool,
    /// Of one run a side: by how much cells moved between the two, and what follows for ratios.
    pub spread: Option<Spread>,
    /// The families.
    pub families: Vec<Family>,
    /// By how much an A/A control's own ratio changed, of those that changed beyond the allowance.
    pub twins_moved: Vec<Change>,
    /// Cells of both sides that are not judged: under an observer, or a system's second name.
    pub set_aside: usize,
    /// Cells of the earlier side only.
    pub only_before: usize,
    /// Cells of the later side only.
    pub only_after: usize,
}

impl BetweenRuns {
    /// Whether nothing could be compared.
    pub fn is_empty(&self) -> bool {
        self.families.iter().all(|family| family.changes.is_empty())
    }

    /// All changes, each with the family that it is of.
    pub fn changes(&self) -> impl Iterator<Item = (&Family, &Change)> {
        let of = |family| move |change| (family, change);
        self.families
            .iter()
            .flat_map(move |family: &Family| family.changes.iter().map(of(family)))
    }

    /// How the absolute times of a system changed where that is beyond what single runs differ by:
    /// the control's own changes are the machine's, or a change of everything.
    pub fn moved(&self, system: &str) -> Vec<(&Family, &Change)> {
        let is_moved = |(family, change): &(&Family, &Change)| {
            family.basis == Basis::Absolute
                && change.cell.system == *system
                && matches!(change.verdict, Verdict::Faster | Verdict::Slower)
        };
        self.changes().filter(is_moved).collect()
    }
}

impl Family {
    /// Whether every ratio to the control changed to the same side, for certain: then it may be the
    /// control that changed.
    pub fn all_moved_alike(&self) -> bool {
        let side = |change: &Change| {
            let interval = change.ratio?.interval?;
            match () {
                () if interval.low > 1.0 => Some(true),
                () if interval.high < 1.0 => Some(false),
                () => None,
            }
        };
        let mut sides = self.changes.iter().map(side);
        let first = sides.next().flatten();
        self.basis == Basis::ToControl
            && self.changes.len() > 2
            && first.is_some()
            && sides.all(|side| side == first)
    }
}

/// What a family is made of, the cells of the earlier side.
struct Question<'a> {
    workload: &'a Workload,
    scenario: Scenario,
    is_plain: bool,
    cells: Vec<&'a CellFacts>,
}

/// The questions of a run: each workload's scenarios, as people use the systems and otherwise; no
/// twins, and nothing that is observed.
fn questions(facts: &Facts) -> Vec<Question<'_>> {
    let mut questions: Vec<Question<'_>> = Vec::new();
    let cells = facts
        .cells
        .iter()
        .filter(|cell| is_unobserved(&cell.cell) && !cell.is_twin());
    for cell in cells {
        let Cell {
            workload, scenario, ..
        } = &cell.cell;
        let is_plain = is_plain(&cell.cell);
        let known = questions
            .iter_mut()
            .find(|it| (it.workload, it.scenario, it.is_plain) == (workload, *scenario, is_plain));
        match known {
            Some(question) => question.cells.push(cell),
            None => questions.push(Question {
                workload,
                scenario: *scenario,
                is_plain,
                cells: vec![cell],
            }),
        }
    }
    questions.sort_by_key(|it| (it.workload, it.scenario, !it.is_plain));
    questions
}

impl Question<'_> {
    /// The measures of time that its scenario is compared by.
    fn times(&self) -> impl Iterator<Item = Measure> {
        let measures = compared_by(self.scenario).iter().copied();
        measures.filter(|measure| measure.unit() != Unit::Bytes)
    }

    /// The memory that its scenario is compared by: what is shared with nobody, where that was
    /// measured.
    fn memory(&self) -> Option<Measure> {
        let has = |measure| {
            let mut cells = self.cells.iter();
            cells.any(|cell: &&CellFacts| !cell.values(measure).is_empty())
        };
        [Measure::PrivateBytes, Measure::PssBytes]
            .into_iter()
            .find(|measure| has(*measure))
    }

    fn family(&self, measure: Measure, basis: Basis, changes: Vec<Change>) -> Option<Family> {
        (!changes.is_empty()).then(|| Family {
            workload: self.workload.clone(),
            scenario: self.scenario,
            measure,
            is_plain: self.is_plain,
            basis,
            changes,
        })
    }
}

/// The control's cells of a run under the same conditions as a cell, those first that have most in
/// common with it.
fn controls<'a>(facts: &'a Facts, control: &str, cell: &CellFacts) -> Vec<&'a CellFacts> {
    let fits = |other: &&CellFacts| {
        other.cell.system == *control
            && is_unobserved(&other.cell)
            && are_alike(&cell.cell, &other.cell)
    };
    let in_common = |other: &&CellFacts| {
        let theirs = &other.cell.params;
        let params = cell.cell.params.iter();
        params
            .filter(|(key, value)| theirs.get((*key).clone()) == Some(value.as_str()))
            .count()
    };
    let mut found: Vec<&CellFacts> = facts.cells.iter().filter(fits).collect();
    found.sort_by_key(|other| std::cmp::Reverse(in_common(other)));
    found
}

/// The logarithms of cell ÷ control, of each block of a run that has both.
fn log_ratios(cell: &CellFacts, control: &CellFacts, measure: Measure) -> Vec<f64> {
    let [cell, control] = [cell, control].map(|it| Sample::costs(it, measure));
    let ratios = cell.log_ratios(&control).into_iter();
    ratios
        .map(|(_, ratio)| ratio)
        .filter(|ratio| ratio.is_finite())
        .collect()
}

/// Cells that are on both sides and judged on neither; on the earlier side only; on the later side
/// only.
fn not_judged(before: &[&Facts], after: &[&Facts]) -> (usize, usize, usize) {
    let ids = |side: &[&Facts]| {
        let cells = side.iter().flat_map(|facts| &facts.cells);
        cells
            .map(|cell| {
                (
                    cell.id.clone(),
                    !is_unobserved(&cell.cell) || cell.is_twin(),
                )
            })
            .collect::<std::collections::BTreeMap<String, bool>>()
    };
    let (before, after) = (ids(before), ids(after));
    let set_aside = before
        .iter()
        .filter(|(id, aside)| **aside && after.contains_key(*id));
    (
        set_aside.count(),
        before.keys().filter(|id| !after.contains_key(*id)).count(),
        after.keys().filter(|id| !before.contains_key(*id)).count(),
    )
}
