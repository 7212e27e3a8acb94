//! Every comparison that a person can ask for: its design, its estimate, its interval, its verdict,
//! and the words for them. Sentences, tables, headings and pictures take them from here.
//!
//! **Design.** Samples of one run are taken in shuffled blocks, each with one sample of every cell.
//! What was measured in blocks is compared within blocks: values of the same block are pairs, tested
//! by Wilcoxon's signed ranks. A family of comparisons is blocked if the blocks of its members match
//! (at least three quarters of the smaller sample are in blocks that have both) and if there are
//! enough of them for the test to reject anything at the strictest of Holm's levels; otherwise, and
//! between two runs, samples are independent and are tested by Mann and Whitney's ranks. Neither
//! depends on what was measured.
//!
//! **Estimate.** The ratio candidate ÷ baseline and the shift candidate − baseline are Hodges and
//! Lehmann's, with the intervals that go with the test. No other estimate of a ratio is stated
//! anywhere.
//!
//! **Verdict.** [`crate::statistics`] decides: Holm over the family, a threshold below which nobody
//! would act, and the A/A floor.

use serde::Serialize;

use crate::cells::{CellFacts, Measure};
use crate::statistics::{
    Comparison as Independent, Interval, PairedComparison, Policy, Shift, Verdict, contrast,
    decide, decide_paired, paired,
};
use crate::units::{Unit, percent, three_digits};

/// How two samples belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Pairs of values of the same block.
    Blocked,
    /// Two samples that have nothing to do with each other.
    Independent,
}

impl Design {
    /// The test, in words.
    pub const fn test(self) -> &'static str {
        match self {
            Self::Blocked => "signed ranks within blocks",
            Self::Independent => "Mann–Whitney",
        }
    }
}

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// The estimate.
    pub estimate: f64,
    /// Its 95 % interval; nothing if there are too few samples for one.
    pub interval: Option<Interval>,
}

impl Effect {
    /// The same in another unit.
    #[must_use]
    pub fn scaled(&self, by: f64) -> Self {
        Self {
            estimate: self.estimate * by,
            interval: self.interval.map(|interval| interval.map(|end| end * by)),
        }
    }

    /// A ratio with its interval: `4.51× (4.38–4.66)`.
    pub fn ratio_text(&self) -> String {
        let ends = self.interval.map_or_else(String::new, |ends| {
            format!(" ({}–{})", three_digits(ends.low), three_digits(ends.high))
        });
        format!("{}×{ends}", three_digits(self.estimate))
    }

    /// A difference with its sign.
    pub fn difference_text(&self, unit: Unit) -> String {
        signed(self.estimate, unit)
    }

    /// The interval of a difference: `+2.00 µs to +3.10 µs`.
    pub fn difference_interval_text(&self, unit: Unit) -> String {
        self.interval.map_or_else(
            || "too few samples".to_owned(),
            |ends| format!("{} to {}", signed(ends.low, unit), signed(ends.high, unit)),
        )
    }
}

impl From<Shift> for Effect {
    fn from(shift: Shift) -> Self {
        Self {
            estimate: shift.estimate,
            interval: shift.interval,
        }
    }
}

/// A value with its sign, also where it is positive.
pub fn signed(value: f64, unit: Unit) -> String {
    match value {
        value if value > 0.0 => format!("+{}", unit.shown(value)),
        value if value < 0.0 => format!("−{}", unit.shown(-value)),
        value => unit.shown(value),
    }
}

/// One comparison: a candidate judged against a baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The id of the cell that is judged.
    pub candidate: String,
    /// The id of the cell that it is judged against.
    pub baseline: String,
    /// What is compared. Of a rate, its reciprocal: nanoseconds a request.
    pub measure: Measure,
    /// How the two samples belong together.
    pub design: Design,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Pairs, or values of the smaller sample.
    pub n: usize,
    /// Candidate ÷ baseline.
    pub ratio: Option<Effect>,
    /// Candidate − baseline, in the measure's unit; of a rate, in nanoseconds a request.
    pub shift: Option<Effect>,
    /// The p-value of "there is no difference".
    pub p: Option<f64>,
    /// The same, adjusted over the family.
    pub adjusted_p: Option<f64>,
    /// The p-value of "the difference is not beyond the threshold", adjusted over the family.
    pub adjusted_threshold_p: Option<f64>,
}

/// The comparisons of one table, corrected together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    /// Its name, by workload, scenario and what is measured.
    pub name: String,
    /// What is compared.
    pub measure: Measure,
    /// How samples belong together.
    pub design: Design,
    /// What counts as a difference in it.
    pub policy: PolicyFacts,
    /// The comparisons.
    pub members: Vec<Comparison>,
}

/// A policy as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PolicyFacts {
    /// The chance of a wrong difference in the family.
    pub alpha: f64,
    /// The relative difference below which nobody would act.
    pub threshold: f64,
    /// What the A/A control showed; `null` where there was none.
    pub floor: Option<f64>,
}

/// Two cells to compare.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// What is judged.
    pub candidate: &'a CellFacts,
    /// What it is judged against.
    pub baseline: &'a CellFacts,
    /// Why they must not be compared, if so.
    pub obstacle: Option<&'static str>,
}

impl<'a> Pair<'a> {
    /// Two cells that may be compared.
    pub fn new(candidate: &'a CellFacts, baseline: &'a CellFacts) -> Self {
        Self {
            candidate,
            baseline,
            obstacle: None,
        }
    }
}

/// Whether two samples were taken in the blocks of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Both are of one run.
    OneRun,
    /// Each is of a run of its own.
    TwoRuns,
}

/// Values with the blocks that they were measured in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    blocks: Vec<u32>,
}

impl Sample {
    /// Values, each with its block.
    pub fn new(values: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let (blocks, values) = values.into_iter().unzip();
        Self { values, blocks }
    }

    /// The values of a measure of which less is better: of a rate, nanoseconds a request.
    pub fn costs(cell: &CellFacts, measure: Measure) -> Self {
        let Some(measured) = cell.measures.get(&measure) else {
            return Self::default();
        };
        let values = measured.values.iter().copied();
        Self {
            values: if measure.is_rate() {
                values.map(|rate| 1e9 / rate).collect()
            } else {
                values.collect()
            },
            blocks: measured.blocks.clone(),
        }
    }

    /// The values, in the order in which they were measured.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// (Candidate, baseline) of each block that has both.
    fn pairs(&self, baseline: &Self) -> Vec<(f64, f64)> {
        let mut theirs: Vec<(u32, f64)> = baseline.by_block().collect();
        theirs.sort_by_key(|(block, _)| *block);
        let pair = |(block, value): (u32, f64)| {
            let at = theirs
                .binary_search_by_key(&block, |(block, _)| *block)
                .ok()?;
            Some((value, theirs[at].1))
        };
        self.by_block().filter_map(pair).collect()
    }

    fn by_block(&self) -> impl Iterator<Item = (u32, f64)> {
        self.blocks.iter().copied().zip(self.values.iter().copied())
    }

    fn smaller(&self, other: &Self) -> usize {
        self.values.len().min(other.values.len())
    }
}

/// Part of the smaller sample that must be in common blocks for the blocks to match.
const BLOCKS_MATCH: f64 = 0.75;

/// Fewer pairs than this carry no interval.
const LEAST_PAIRS: usize = 6;

/// The design that samples allow: by their blocks, their number and that of the comparisons alone.
fn design(samples: &[(Sample, Sample)], origin: Origin, policy: &Policy) -> Design {
    if origin == Origin::TwoRuns {
        return Design::Independent;
    }
    let common: Vec<usize> = samples
        .iter()
        .map(|(one, two)| one.pairs(two).len())
        .collect();
    let do_match = samples
        .iter()
        .zip(&common)
        .all(|((one, two), common)| *common as f64 >= BLOCKS_MATCH * one.smaller(two) as f64);
    let most = common.iter().copied().max().unwrap_or(0);
    // Two of all 2ⁿ patterns of signs are the extreme ones.
    let strictest = policy.alpha / samples.len().max(1) as f64;
    let can_decide = most >= LEAST_PAIRS && 2.0 * 0.5_f64.powf(most as f64) < strictest;
    if do_match && can_decide {
        Design::Blocked
    } else {
        Design::Independent
    }
}

/// Judges pairs of cells of one run as one family; nothing if there are none.
pub fn judge(
    name: String,
    measure: Measure,
    pairs: &[Pair<'_>],
    floor: Option<f64>,
) -> Option<Family> {
    judge_from(Origin::OneRun, name, measure, pairs, floor)
}

/// Judges pairs of cells as one family; nothing if there are none.
pub fn judge_from(
    origin: Origin,
    name: String,
    measure: Measure,
    pairs: &[Pair<'_>],
    floor: Option<f64>,
) -> Option<Family> {
    if pairs.is_empty() {
        return None;
    }
    let policy = Policy {
        floor: floor.unwrap_or(0.0),
        ..Policy::default()
    };
    let samples: Vec<(Sample, Sample)> = pairs
        .iter()
        .map(|pair| {
            let costs = |cell| Sample::costs(cell, measure);
            (costs(pair.candidate), costs(pair.baseline))
        })
        .collect();
    let design = design(&samples, origin, &policy);
    let decided = match design {
        Design::Blocked => blocked(&samples, pairs, &policy),
        Design::Independent => independent(&samples, pairs, &policy),
    };
    let member = |(pair, decided): (&Pair<'_>, Decided)| Comparison {
        candidate: pair.candidate.id.clone(),
        baseline: pair.baseline.id.clone(),
        measure,
        design,
        verdict: decided.verdict,
        n: decided.n,
        ratio: decided.ratio,
        shift: decided.shift,
        p: decided.p,
        adjusted_p: decided.adjusted_p,
        adjusted_threshold_p: decided.adjusted_threshold_p,
    };
    Some(Family {
        name,
        measure,
        design,
        policy: PolicyFacts {
            alpha: policy.alpha,
            threshold: policy.threshold,
            floor,
        },
        members: pairs.iter().zip(decided).map(member).collect(),
    })
}

/// A decision of either design.
struct Decided {
    verdict: Verdict,
    n: usize,
    ratio: Option<Effect>,
    shift: Option<Effect>,
    p: Option<f64>,
    adjusted_p: Option<f64>,
    adjusted_threshold_p: Option<f64>,
}

fn blocked(samples: &[(Sample, Sample)], of: &[Pair<'_>], policy: &Policy) -> Vec<Decided> {
    let pairs: Vec<_> = samples.iter().map(|(one, two)| one.pairs(two)).collect();
    let family: Vec<_> = pairs
        .iter()
        .zip(of)
        .map(|(pairs, pair)| PairedComparison {
            pairs,
            obstacle: pair.obstacle,
        })
        .collect();
    let decided = decide_paired(&family, policy).into_iter().zip(&pairs);
    decided
        .map(|(decision, pairs)| Decided {
            verdict: decision.verdict,
            n: pairs.len(),
            ratio: decision.contrast.and_then(|it| it.ratio).map(Effect::from),
            shift: decision.contrast.map(|it| it.shift.into()),
            p: decision.contrast.map(|it| it.test.p),
            adjusted_p: decision.adjusted_p,
            adjusted_threshold_p: decision.adjusted_threshold_p,
        })
        .collect()
}

fn independent(samples: &[(Sample, Sample)], of: &[Pair<'_>], policy: &Policy) -> Vec<Decided> {
    let family: Vec<_> = samples
        .iter()
        .zip(of)
        .map(|((candidate, baseline), pair)| Independent {
            candidate: candidate.values(),
            baseline: baseline.values(),
            obstacle: pair.obstacle,
        })
        .collect();
    let decided = decide(&family, policy).into_iter().zip(samples);
    decided
        .map(|(decision, (one, two))| Decided {
            verdict: decision.verdict,
            n: one.smaller(two),
            ratio: decision.contrast.map(|it| it.ratio.into()),
            shift: decision.contrast.map(|it| it.shift.into()),
            p: decision.contrast.map(|it| it.test.p),
            adjusted_p: decision.adjusted_p,
            adjusted_threshold_p: decision.adjusted_threshold_p,
        })
        .collect()
}

/// The ratio candidate ÷ baseline of two samples of one run, without a verdict; nothing if a value
/// is not above zero.
pub fn ratio(candidate: &Sample, baseline: &Sample) -> Option<Effect> {
    let both = [(candidate.clone(), baseline.clone())];
    match design(&both, Origin::OneRun, &Policy::default()) {
        Design::Blocked => paired(&candidate.pairs(baseline))
            .ok()?
            .ratio
            .map(Effect::from),
        Design::Independent => contrast(candidate.values(), baseline.values())
            .ok()
            .map(|contrast| contrast.ratio.into()),
    }
}

impl Family {
    /// What was said of a cell.
    pub fn of_candidate(&self, id: &str) -> Option<&Comparison> {
        self.members.iter().find(|member| member.candidate == id)
    }

    /// What was said of a cell against another.
    pub fn between(&self, candidate: &str, baseline: &str) -> Option<&Comparison> {
        self.members
            .iter()
            .find(|member| member.candidate == candidate && member.baseline == baseline)
    }

    /// How the verdicts were arrived at, in a clause.
    pub fn method(&self) -> String {
        let floor = self.policy.floor.map_or_else(
            || "there was no A/A control of this measure".to_owned(),
            |floor| format!("the A/A floor is {}", percent(floor)),
        );
        format!(
            "{}, Holm-corrected over {} {}; a difference counts beyond {}, and {floor}",
            self.design.test(),
            self.members.len(),
            if self.members.len() == 1 {
                "comparison"
            } else {
                "comparisons"
            },
            percent(self.policy.threshold),
        )
    }
}

impl Comparison {
    /// Whether it is a difference.
    pub fn is_difference(&self) -> bool {
        matches!(self.verdict, Verdict::Faster | Verdict::Slower)
    }

    /// The mark that stands beside values in pictures. It points where the bar goes: of a rate,
    /// slower is down.
    pub const fn mark(&self) -> &'static str {
        match (&self.verdict, self.measure.is_rate()) {
            (Verdict::Faster, false) | (Verdict::Slower, true) => "▼",
            (Verdict::Slower, false) | (Verdict::Faster, true) => "▲",
            (Verdict::Indistinguishable, _) => "≈",
            (Verdict::TooFewSamples { .. }, _) => "?",
            (Verdict::NotComparable { .. }, _) => "–",
        }
    }

    /// The verdict in a word, in terms of what is measured.
    pub fn label(&self) -> String {
        let is_memory = self.measure.unit() == Unit::Bytes;
        let word = match &self.verdict {
            Verdict::Faster if is_memory => "less".to_owned(),
            Verdict::Slower if is_memory => "more".to_owned(),
            Verdict::Faster => "faster".to_owned(),
            Verdict::Slower => "slower".to_owned(),
            Verdict::Indistinguishable => "indistinguishable".to_owned(),
            Verdict::TooFewSamples { needed } => format!("too few: {needed} needed"),
            Verdict::NotComparable { why } => format!("not comparable: {why}"),
        };
        format!("{} {word}", self.mark())
    }

    /// The ratio with its interval, or a dash.
    pub fn ratio_text(&self) -> String {
        self.ratio
            .map_or_else(|| "–".to_owned(), |ratio| ratio.ratio_text())
    }

    /// What a sentence says of the candidate: `4.51× (4.38–4.66) the cost`.
    pub fn clause(&self) -> String {
        match &self.verdict {
            Verdict::Faster | Verdict::Slower => format!("{} the cost", self.ratio_text()),
            Verdict::Indistinguishable => "indistinguishable from it".to_owned(),
            Verdict::TooFewSamples { .. } => "too few samples to judge".to_owned(),
            Verdict::NotComparable { why } => format!("not comparable: {why}"),
        }
    }
}
