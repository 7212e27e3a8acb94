//! Are the blocks of the run alike?
//!
//! Every cell is measured once in each block, so that whatever is common to a block is common to all
//! cells. What falls on all of them alike does not disturb comparisons within blocks; but medians
//! and their intervals are then of two states of the machine, and another run may meet a third. A
//! single cell's few values show next to nothing of it: all cells together do.
//!
//! Neighbours in time share the noise of some seconds, so that cells are not as independent as
//! Friedman's test takes them to be, and with a hundred of them it finds what nobody would act on. A
//! difference is therefore stated only if it is also larger than [`PRACTICAL`].

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cells::CellFacts;
use crate::facts::{Facts, Pause, compared_by};
use crate::statistics::{
    Differences, Friedman, PageTrend, bounded, column_effects, friedman, median, page, sign_flips,
    theil_sen,
};
use crate::units::{Unit, percent, three_digits};

/// A common difference of times below this is none that anybody would act on.
const PRACTICAL: f64 = 0.03;

/// The level of the tests: a report has each one's chance of a false alarm.
const LEVEL: f64 = 0.01;

/// With fewer cells that were measured in every block, what is common to them is not looked for.
const FEWEST_CELLS: usize = 3;

/// A block of the run beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BlockEffect {
    /// Which, from 0.
    pub block: u32,
    /// How many times the time of the run's middle block its times are, over all cells.
    pub factor: f64,
}

/// How times after a pause compare with those before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// After ÷ before: the median over cells.
    pub factor: f64,
    /// The p-value of "there is no step": how often as large a one is there when cells' signs are
    /// drawn.
    pub p: f64,
    /// Over how many cells.
    pub cells: usize,
}

/// A pause of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PauseFacts {
    /// When and how long.
    #[serde(flatten)]
    pub pause: Pause,
    /// What changed over it; nothing without cells that were measured before and after.
    pub step: Option<Step>,
}

/// What blocks have in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Blocks {
    /// Cells whose times were measured in all blocks that are compared.
    pub cells: usize,
    /// Each block beside the others.
    pub effects: Vec<BlockEffect>,
    /// Whether blocks differ.
    pub differ: Option<Friedman>,
    /// Whether they rise or fall.
    pub trend: Option<PageTrend>,
    /// How many times the first block's times the last one's are, by the line through all.
    pub drift: Option<f64>,
    /// Where the run stood still.
    pub pauses: Vec<PauseFacts>,
}

/// The blocks of a run.
pub fn compute(facts: &Facts) -> Blocks {
    let cells: Vec<Costs> = facts.cells.iter().filter_map(Costs::of).collect();
    let (blocks, rows) = table(&cells);
    let effects = column_effects(&rows).unwrap_or_default();
    let drift = || {
        let points: Vec<_> = (0_u32..).map(f64::from).zip(effects.clone()).collect();
        let line = theil_sen(&points).ok()?;
        Some((line.slope * (effects.len() as f64 - 1.0)).exp())
    };
    Blocks {
        cells: rows.len(),
        differ: friedman(&rows).ok(),
        trend: page(&rows).ok(),
        drift: drift(),
        effects: blocks
            .iter()
            .zip(&effects)
            .map(|(block, effect)| BlockEffect {
                block: *block,
                factor: effect.exp(),
            })
            .collect(),
        pauses: pauses(&facts.pauses, &cells),
    }
}

/// The times of a cell, or times per request, each with its block and its place.
struct Costs(Vec<(u32, u64, f64)>);

impl Costs {
    fn of(cell: &CellFacts) -> Option<Self> {
        let mut compared = compared_by(cell.cell.scenario).iter();
        let measure = compared.find(|measure| measure.unit() != Unit::Bytes)?;
        let measured = cell.measures.get(measure)?;
        let places = measured.blocks.iter().zip(&measured.orders);
        let costs = places.zip(&measured.values).map(|((block, order), value)| {
            let cost = if measure.is_rate() {
                1.0 / value
            } else {
                *value
            };
            (*block, *order, cost)
        });
        let costs: Vec<_> = costs.collect();
        costs
            .iter()
            .all(|(.., it)| *it > 0.0)
            .then_some(Self(costs))
    }

    /// The median of the logarithms of what lies between two places.
    fn centre(&self, from: u64, to: u64) -> Option<f64> {
        let of = self
            .0
            .iter()
            .filter(|(_, order, _)| (from..to).contains(order));
        median(&of.map(|(.., cost)| cost.ln()).collect::<Vec<_>>()).ok()
    }
}

/// The blocks that most cells have, and a row for each cell that has all of those.
fn table(cells: &[Costs]) -> (Vec<u32>, Vec<Vec<f64>>) {
    let rows: Vec<BTreeMap<u32, f64>> = cells
        .iter()
        .map(|costs| costs.0.iter().map(|(block, _, it)| (*block, *it)).collect())
        .collect();
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for block in rows.iter().flat_map(BTreeMap::keys) {
        *counts.entry(*block).or_default() += 1;
    }
    // The block in which a run was stopped has few cells, and would leave few rows.
    let most = counts.values().max().copied().unwrap_or(0);
    let blocks: Vec<u32> = counts
        .iter()
        .filter(|(_, count)| **count * 2 > most)
        .map(|(block, _)| *block)
        .collect();
    let whole = |row: &BTreeMap<u32, f64>| {
        let each = blocks.iter().map(|block| row.get(block).copied());
        each.collect::<Option<Vec<f64>>>()
    };
    let rows: Vec<Vec<f64>> = rows.iter().filter_map(whole).collect();
    if rows.len() < FEWEST_CELLS || blocks.len() < 2 {
        return (Vec::new(), Vec::new());
    }
    (blocks, rows)
}

/// Each pause, with the step between what lies on either side of it as far as the next pause.
fn pauses(pauses: &[Pause], cells: &[Costs]) -> Vec<PauseFacts> {
    let at = |nth: usize| pauses.get(nth).map_or(u64::MAX, |pause| pause.order);
    let fact = |(nth, pause): (usize, &Pause)| {
        let from = nth.checked_sub(1).map_or(0, at);
        let step = |costs: &Costs| {
            let after = costs.centre(pause.order, at(nth + 1))?;
            Some(after - costs.centre(from, pause.order)?)
        };
        let steps: Vec<f64> = cells.iter().filter_map(step).collect();
        let step = || {
            let each: Vec<(u32, f64)> = (0..).zip(steps.iter().copied()).collect();
            let differences = Differences {
                values: bounded(&each),
                usual_variance: None,
            };
            Some(Step {
                factor: median(&steps).ok()?.exp(),
                p: sign_flips(&[differences]).first()?.p,
                cells: steps.len(),
            })
        };
        PauseFacts {
            pause: *pause,
            step: step(),
        }
    };
    pauses.iter().enumerate().map(fact).collect()
}

/// Whether a common difference is one to act on.
fn is_large(factor: f64) -> bool {
    factor.ln().abs() > PRACTICAL.ln_1p()
}

impl Step {
    /// Whether it is a step beyond doubt, and one that matters.
    pub fn is_certain(&self) -> bool {
        self.p < LEVEL && is_large(self.factor)
    }
}

impl Blocks {
    /// The blocks that differ from the run as a whole by what matters, if blocks differ beyond doubt.
    pub fn odd(&self) -> Vec<BlockEffect> {
        let differ = self.differ.is_some_and(|test| test.p < LEVEL);
        let effects = self.effects.iter().filter(|it| is_large(it.factor));
        effects.filter(|_| differ).copied().collect()
    }

    /// The factor by which times changed from the first block to the last, if they did beyond doubt
    /// and by what matters.
    pub fn drifted(&self) -> Option<f64> {
        let is_trend = self.trend.is_some_and(|trend| trend.p < LEVEL);
        self.drift.filter(|drift| is_trend && is_large(*drift))
    }

    /// What is to be said of it, each a sentence.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences: Vec<String> = self.pauses.iter().map(pause_text).collect();
        let has_step = |it: &PauseFacts| it.step.is_some_and(|step| step.is_certain());
        // A run that took a step also rises: the step says more.
        if !self.pauses.iter().any(has_step) {
            sentences.extend(self.drift_text());
        }
        sentences.extend(self.odd_text());
        sentences
    }

    fn drift_text(&self) -> Option<String> {
        let (factor, trend) = (self.drifted()?, self.trend?);
        Some(format!(
            "The run drifted: its last block took {} than its first ({} cells together; Page's \
                test: {}).",
            more_or_less(factor),
            self.cells,
            p_text(trend.p)
        ))
    }

    fn odd_text(&self) -> Option<String> {
        let (odd, test) = (self.odd(), self.differ?);
        let mut groups: Vec<Vec<BlockEffect>> = Vec::new();
        for it in odd {
            let follows = |last: &BlockEffect| {
                last.block + 1 == it.block && (last.factor > 1.0) == (it.factor > 1.0)
            };
            match groups.last_mut() {
                Some(group) if group.last().is_some_and(follows) => group.push(it),
                _ => groups.push(vec![it]),
            }
        }
        let groups: Vec<String> = groups.iter().map(|group| group_text(group)).collect();
        (!groups.is_empty()).then(|| {
            format!(
                "Blocks of the run are not alike: {}, compared with the middle one ({} cells \
                    measured in all {} blocks; Friedman's test: {}). Comparisons within blocks bear \
                    that; absolute times are of a machine in several states.",
                groups.join("; "),
                self.cells,
                self.effects.len(),
                p_text(test.p)
            )
        })
    }
}

/// Blocks that follow each other: people count them from one.
fn group_text(group: &[BlockEffect]) -> String {
    // By how much, without direction: a group has one.
    let mut sizes: Vec<f64> = group.iter().map(|it| it.factor).collect();
    sizes.sort_unstable_by(|one, two| one.ln().abs().total_cmp(&two.ln().abs()));
    match (group, &sizes[..]) {
        ([only], _) => format!(
            "block {} took {}",
            only.block + 1,
            more_or_less(only.factor)
        ),
        ([first, .., last], [smallest, .., largest]) => format!(
            "blocks {} to {} took {} to {}",
            first.block + 1,
            last.block + 1,
            percent((smallest - 1.0).abs()),
            more_or_less(*largest)
        ),
        _ => String::new(),
    }
}

fn pause_text(of: &PauseFacts) -> String {
    let (after, before) = (of.pause.after_block + 1, of.pause.before_block + 1);
    let place = if after == before {
        format!("Within block {after}")
    } else {
        format!("Between blocks {after} and {before}")
    };
    let long = of.pause.seconds.map_or_else(
        || "a time that is not known, since the clock was set back".to_owned(),
        duration,
    );
    let found = match of.step {
        None => "no cell was measured on both sides of it".to_owned(),
        Some(step) => {
            let verdict = if step.is_certain() {
                "what was measured before and after is of a machine in two states"
            } else if is_large(step.factor) {
                "which is not distinguishable from noise"
            } else {
                "which is no difference that matters"
            };
            format!(
                "after it, cells took {} (median of {}; sign flips: {}): {verdict}",
                more_or_less(step.factor),
                step.cells,
                p_text(step.p)
            )
        }
    };
    format!("{place} the run stood still for {long}; {found}.")
}

/// A factor of times as people say it: `40 % more time`, `9.1 % less time`.
fn more_or_less(factor: f64) -> String {
    let word = if factor < 1.0 { "less" } else { "more" };
    format!("{} {word} time", percent((factor - 1.0).abs()))
}

fn p_text(p: f64) -> String {
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p:.3}")
    }
}

/// A time that people wait for.
fn duration(seconds: f64) -> String {
    match seconds / 60.0 {
        minutes if minutes < 1.5 => format!("{seconds:.0} seconds"),
        minutes if minutes < 90.0 => format!("{minutes:.0} minutes"),
        minutes if minutes < 48.0 * 60.0 => format!("{} hours", three_digits(minutes / 60.0)),
        minutes => format!("{} days", three_digits(minutes / 60.0 / 24.0)),
    }
}
