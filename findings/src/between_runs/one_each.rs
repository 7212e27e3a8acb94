//! One run a side: ratios to a control within each run, and times only where they differ by more
//! than single runs do.

use super::spread::{Moved, Sides, Spread};
use super::trial::{Trial, judge};
use super::{
    ABSOLUTE_ALLOWANCE, Basis, BetweenRuns, Change, Question, RATIO_ALLOWANCE, SHARED_BYTES,
    controls, log_ratios, not_judged, questions,
};
use crate::cells::{CellFacts, Measure, is_plain, is_unobserved, original};
use crate::comparison::Sample;
use crate::facts::{Facts, compared_by};
use crate::statistics::{Policy, Verdict, relative_difference};
use crate::units::Unit;

/// Why a time of a single run is not compared.
const SINGLE_RUNS: &str = "absolute times are not comparable between single runs";

/// The later run against the earlier one, with the control that is named so.
pub fn one_each(before: &Facts, after: &Facts, control: &str) -> BetweenRuns {
    let both = Both {
        before,
        after,
        control,
    };
    let spread = both.spread();
    let twins_moved = both.twins_moved(&spread);
    let aa = twins_moved
        .iter()
        .filter_map(|change| change.ratio)
        .map(|ratio| relative_difference(ratio.estimate))
        .fold(0.0, f64::max);
    let mut families = Vec::new();
    for question in questions(before) {
        for measure in question.times() {
            let ratios = both.ratios(&question, measure, (&spread, aa));
            families.extend(question.family(measure, Basis::ToControl, ratios));
            let times = both.times(&question, measure);
            families.extend(question.family(measure, Basis::Absolute, times));
        }
        if let Some(measure) = question.memory() {
            let memory = both.memory(&question, measure);
            families.extend(question.family(measure, Basis::Memory, memory));
        }
    }
    let (set_aside, only_before, only_after) = not_judged(&[before], &[after]);
    BetweenRuns {
        is_of_several: false,
        spread: Some(spread),
        families,
        twins_moved,
        set_aside,
        only_before,
        only_after,
    }
}

/// Two runs, and the system that both are held against.
struct Both<'a> {
    before: &'a Facts,
    after: &'a Facts,
    control: &'a str,
}

impl<'a> Question<'a> {
    /// The cells of it, those under second names too.
    fn with_twins(&self, facts: &'a Facts) -> impl Iterator<Item = &'a CellFacts> {
        let (workload, scenario, plain) = (self.workload, self.scenario, self.is_plain);
        facts.cells.iter().filter(move |cell| {
            cell.cell.workload == *workload
                && cell.cell.scenario == scenario
                && is_plain(&cell.cell) == plain
                && is_unobserved(&cell.cell)
        })
    }
}

impl<'a> Both<'a> {
    /// The cell in both runs, if both measured it.
    fn cell(&self, id: &str, measure: Measure) -> Option<[&'a CellFacts; 2]> {
        let cells = [self.before.cell(id)?, self.after.cell(id)?];
        cells
            .iter()
            .all(|cell| !cell.values(measure).is_empty())
            .then_some(cells)
    }

    /// The control's cell under the same conditions, in both runs.
    fn control_of(&self, cell: &CellFacts, measure: Measure) -> Option<[&'a CellFacts; 2]> {
        controls(self.before, self.control, cell)
            .into_iter()
            .find_map(|other| self.cell(&other.id, measure))
    }

    /// By how much the cells of both runs moved against each other, twins among them.
    fn spread(&self) -> Spread {
        let (mut families, mut comparisons) = (Vec::new(), 0);
        for question in questions(self.before) {
            let others = question.cells.iter();
            let others = others.filter(|cell| cell.cell.system != *self.control);
            comparisons += others.count() * question.times().count();
            let Some(measure) = question.times().next() else {
                continue;
            };
            let cells = question.with_twins(self.before);
            let cells = cells.filter_map(|cell| self.cell(&cell.id, measure));
            let cells: Vec<_> = cells
                .filter(|cells| at_the_limit(cells, measure).is_none())
                .collect();
            let moved = |one: &[&CellFacts; 2], two: &[&CellFacts; 2]| {
                let ratios: Sides = [0, 1].map(|run| log_ratios(one[run], two[run], measure));
                Moved::measured(&ratios)
            };
            let pairs = cells.iter().enumerate().flat_map(|(at, one)| {
                let rest = cells[at + 1..].iter();
                rest.filter_map(|two| moved(one, two)).collect::<Vec<_>>()
            });
            families.push((cells.len(), pairs.collect()));
        }
        Spread::estimate(&families, comparisons)
    }

    fn ratios(
        &self,
        question: &Question<'a>,
        measure: Measure,
        (spread, aa): (&Spread, f64),
    ) -> Vec<Change> {
        let policy = Policy {
            threshold: spread.allowance,
            // What the samples say of a cell within 10 % is then not what another run would say.
            margin: if spread.is_wide() {
                0.0
            } else {
                RATIO_ALLOWANCE
            },
            floor: aa,
            ..Policy::default()
        };
        let is_control = |cell: &&&CellFacts| cell.cell.system == *self.control;
        let others = question.cells.iter().filter(|cell| !is_control(cell));
        let trial = |cell: &&'a CellFacts| {
            let cells = self.cell(&cell.id, measure)?;
            Some(match self.control_of(cell, measure) {
                Some(controls) => ratio_trial(cells, controls, measure, policy),
                None => Trial {
                    cell: &cell.cell,
                    before: Vec::new(),
                    after: Vec::new(),
                    policy,
                    obstacle: Some("the control was not measured under the same conditions"),
                },
            })
        };
        judge(&others.filter_map(trial).collect::<Vec<_>>())
    }

    fn times(&self, question: &Question<'a>, measure: Measure) -> Vec<Change> {
        let policy = Policy {
            threshold: ABSOLUTE_ALLOWANCE,
            ..Policy::default()
        };
        let mut changes = self.plain(question, measure, |_| policy);
        for change in &mut changes {
            if !matches!(change.verdict, Verdict::Faster | Verdict::Slower) {
                change.verdict = Verdict::NotComparable {
                    why: SINGLE_RUNS.to_owned(),
                };
            }
        }
        changes
    }

    fn memory(&self, question: &Question<'a>, measure: Measure) -> Vec<Change> {
        self.plain(question, measure, |before| {
            let shared = match measure {
                Measure::PssBytes => SHARED_BYTES / before,
                _ => 0.0,
            };
            let allowance = RATIO_ALLOWANCE.max(shared);
            Policy {
                threshold: allowance,
                margin: allowance,
                ..Policy::default()
            }
        })
    }

    /// Costs as they are; the policy follows from the earlier median.
    fn plain(
        &self,
        question: &Question<'a>,
        measure: Measure,
        policy: impl Fn(f64) -> Policy,
    ) -> Vec<Change> {
        let trial = |cell: &&'a CellFacts| {
            let cells = self.cell(&cell.id, measure)?;
            let [before, after] = cells.map(|cell| logarithms(&Sample::costs(cell, measure)));
            Some(Trial {
                cell: &cell.cell,
                before,
                after,
                policy: policy(cells[0].median(measure)?),
                obstacle: at_the_limit(&cells, measure),
            })
        };
        judge(&question.cells.iter().filter_map(trial).collect::<Vec<_>>())
    }

    /// A/A controls whose own ratio changed beyond the allowance: where one did, the allowance is
    /// too small for these two runs.
    fn twins_moved(&self, spread: &Spread) -> Vec<Change> {
        let policy = Policy {
            threshold: spread.allowance,
            ..Policy::default()
        };
        let twins = self.before.cells.iter().filter(|cell| cell.is_twin());
        let of_twin = |twin: &'a CellFacts| {
            let first = self.before.find(&original(&twin.cell))?;
            let times = compared_by(twin.cell.scenario).iter();
            let times = times.filter(|measure| measure.unit() != Unit::Bytes);
            let trial = |measure: &Measure| {
                let (twin, first) = (
                    self.cell(&twin.id, *measure)?,
                    self.cell(&first.id, *measure)?,
                );
                Some(ratio_trial(twin, first, *measure, policy))
            };
            Some(times.filter_map(trial).collect::<Vec<_>>())
        };
        let trials: Vec<_> = twins.filter_map(of_twin).flatten().collect();
        let mut changes = judge(&trials);
        changes.retain(|change| matches!(change.verdict, Verdict::Faster | Verdict::Slower));
        changes
    }
}

/// The ratio cell ÷ control of each block that has both, in both runs.
fn ratio_trial<'a>(
    cells: [&'a CellFacts; 2],
    controls: [&CellFacts; 2],
    measure: Measure,
    policy: Policy,
) -> Trial<'a> {
    let ratios = |run: usize| log_ratios(cells[run], controls[run], measure);
    Trial {
        cell: &cells[0].cell,
        before: ratios(0),
        after: ratios(1),
        policy,
        obstacle: at_the_limit(&cells, measure),
    }
}

fn logarithms(sample: &Sample) -> Vec<f64> {
    let logarithms = sample.values().iter().map(|value| value.ln());
    logarithms.filter(|value| value.is_finite()).collect()
}

/// A rate at the load generator's limit is the generator's.
fn at_the_limit(cells: &[&CellFacts], measure: Measure) -> Option<&'static str> {
    let mut cells = cells.iter();
    let is_limited = measure.is_rate() && cells.any(|cell| cell.is_generator_limited());
    is_limited.then_some("at the load generator's limit")
}
