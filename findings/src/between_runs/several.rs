//! Several runs a side: one value a run, compared across runs.

use super::trial::{Trial, judge};
use super::{
    ABSOLUTE_ALLOWANCE, Basis, BetweenRuns, Change, LEAST_RUNS, Question, RATIO_ALLOWANCE,
    controls, log_ratios, not_judged, questions,
};
use crate::cells::{CellFacts, Measure};
use crate::comparison::Sample;
use crate::facts::Facts;
use crate::statistics::{Policy, Verdict, median};

/// Why fewer runs than [`LEAST_RUNS`] a side are not compared.
const FEW_RUNS: &str = "absolute times take five runs a side";

/// The later runs against the earlier ones, with the control that is named so.
///
/// A run's value is the median of the cell's samples in it, or of their ratios to the control;
/// values of runs are compared by Welch's test on their logarithms. That is the interval of Kalibera
/// and Jones (*ISMM* 2013, §7) for a ratio at the top level: what varies below it is in the spread of
/// the runs already.
pub fn several(before: &[&Facts], after: &[&Facts], control: &str) -> BetweenRuns {
    let sides = Sides { before, after };
    let mut families = Vec::new();
    for question in before
        .first()
        .map_or_else(Vec::new, |facts| questions(facts))
    {
        let mut add = |measure, basis, changes| {
            families.extend(question.family(measure, basis, changes));
        };
        for measure in question.times() {
            let ratios = sides.ratios(&question, measure, control);
            add(measure, Basis::ToControl, ratios);
            add(measure, Basis::Absolute, sides.plain(&question, measure));
        }
        if let Some(measure) = question.memory() {
            add(measure, Basis::Memory, sides.plain(&question, measure));
        }
    }
    let (set_aside, only_before, only_after) = not_judged(before, after);
    BetweenRuns {
        is_of_several: true,
        spread: None,
        families,
        twins_moved: Vec::new(),
        set_aside,
        only_before,
        only_after,
    }
}

/// The runs of both sides.
struct Sides<'a> {
    before: &'a [&'a Facts],
    after: &'a [&'a Facts],
}

impl Sides<'_> {
    fn ratios(&self, question: &Question<'_>, measure: Measure, control: &str) -> Vec<Change> {
        let of_run = |cell: &CellFacts, facts: &Facts| {
            if cell.cell.system == *control {
                return None;
            }
            let controls = controls(self.before[0], control, cell);
            let (cell, control) = (facts.cell(&cell.id)?, facts.cell(&controls.first()?.id)?);
            is_its_own(cell, measure)
                .then(|| median(&log_ratios(cell, control, measure)).ok())
                .flatten()
        };
        judge(&self.trials(question, RATIO_ALLOWANCE, of_run))
    }

    fn plain(&self, question: &Question<'_>, measure: Measure) -> Vec<Change> {
        let of_run = |cell: &CellFacts, facts: &Facts| {
            let cell = facts.cell(&cell.id)?;
            let value = median(Sample::costs(cell, measure).values()).ok()?.ln();
            (is_its_own(cell, measure) && value.is_finite()).then_some(value)
        };
        let trials = self.trials(question, ABSOLUTE_ALLOWANCE, of_run);
        let mut changes = judge(&trials);
        for (change, trial) in changes.iter_mut().zip(&trials) {
            let is_told = matches!(change.verdict, Verdict::Faster | Verdict::Slower);
            if !is_enough(&trial.before, &trial.after) && !is_told {
                change.verdict = Verdict::NotComparable {
                    why: FEW_RUNS.to_owned(),
                };
            }
        }
        changes
    }

    /// The cells that have a value on both sides; with too few runs, of changes beyond `otherwise`.
    fn trials<'b>(
        &self,
        question: &Question<'b>,
        otherwise: f64,
        of_run: impl Fn(&CellFacts, &Facts) -> Option<f64>,
    ) -> Vec<Trial<'b>> {
        let trial = |cell: &&'b CellFacts| {
            let values = |side: &[&Facts]| -> Vec<f64> {
                side.iter()
                    .filter_map(|facts| of_run(cell, facts))
                    .collect()
            };
            let (before, after) = (values(self.before), values(self.after));
            let mut policy = Policy::default();
            if !is_enough(&before, &after) {
                policy.threshold = otherwise;
            }
            (!before.is_empty() && !after.is_empty()).then_some(Trial {
                cell: &cell.cell,
                before,
                after,
                policy,
                obstacle: None,
            })
        };
        question.cells.iter().filter_map(trial).collect()
    }
}

fn is_enough(before: &[f64], after: &[f64]) -> bool {
    before.len().min(after.len()) >= LEAST_RUNS
}

/// Whether what was measured of a cell is its own: a rate may be the load generator's.
fn is_its_own(cell: &CellFacts, measure: Measure) -> bool {
    !(measure.is_rate() && cell.is_generator_limited())
}

/// In which order runs of two sides were measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A letter for each run in order of time: `b` for one before the change, `a` for one after it.
    pub runs: String,
    /// Whether all runs of one side came before all of the other: what changed with time is then in
    /// the difference, and cannot be told from the build.
    pub is_apart: bool,
}

/// The order of runs by when they were made, RFC 3339 in UTC.
pub fn order(before: &[String], after: &[String]) -> Order {
    let marked = |times: &[String], mark| -> Vec<(String, char)> {
        times.iter().map(|time| (time.clone(), mark)).collect()
    };
    let mut all = marked(before, 'b');
    all.extend(marked(after, 'a'));
    all.sort();
    let runs: String = all.into_iter().map(|(_, mark)| mark).collect();
    let changes = runs.as_bytes().windows(2).filter(|two| two[0] != two[1]);
    Order {
        is_apart: changes.count() < 2,
        runs,
    }
}
