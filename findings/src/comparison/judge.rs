//! From samples to verdicts: which design they allow, and what it decides.

use super::{Bound, Comparison, Design, Effect, Family, Pair, PolicyFacts, Sample};
use crate::cells::{Measure, shifted, widened};
use crate::statistics::{
    NORMAL_CONSISTENCY, Policy, Shift, Verdict, contrast, median, median_absolute_deviation, paired,
};

mod tests;

use tests::{Tested, is_tested, test};

/// Part of the smaller sample that must be in common blocks for the blocks to match.
const BLOCKS_MATCH: f64 = 0.75;

/// Fewer blocks than this can show nothing: of 2⁵ patterns of signs the two extreme ones are more
/// than 5 %. It is also where intervals begin.
pub const LEAST_BLOCKS: usize = 6;

/// The chance of a wrong difference anywhere among the comparisons that a page is read for.
pub const PAGE_LEVEL: f64 = 0.05;

/// The same in each further table. A page has about ten of these, which say what the first ones do not:
/// with less, seven blocks could show nothing.
pub const FURTHER_LEVEL: f64 = 0.02;

/// Pairs of cells to judge by one measure: the rows of one table.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// Its name.
    pub name: String,
    /// What is compared.
    pub measure: Measure,
    /// The pairs.
    pub pairs: Vec<Pair<'a>>,
    /// What the A/A control showed of this measure; nothing without one.
    pub floor: Option<f64>,
}

/// The design that samples allow: by their blocks and their number alone, never by their values.
/// Matching blocks that are too few to show anything stay blocks: their samples are no more
/// independent for being few.
fn design(samples: &[(Sample, Sample)]) -> Design {
    let matches = |(one, two): &(Sample, Sample)| {
        let common = one.pairs(two).len();
        common > 0 && common as f64 >= BLOCKS_MATCH * one.smaller(two) as f64
    };
    if !samples.is_empty() && samples.iter().all(matches) {
        Design::Blocked
    } else {
        Design::Independent
    }
}

/// Judges pairs of cells of one run as a further table of its own; nothing if there are none.
pub fn judge(
    name: String,
    measure: Measure,
    pairs: &[Pair<'_>],
    floor: Option<f64>,
) -> Option<Family> {
    let table = Table {
        name,
        measure,
        pairs: pairs.to_vec(),
        floor,
    };
    judge_jointly(vec![table], FURTHER_LEVEL).pop()
}

/// Judges tables of one run, corrected together over all of their comparisons: a wrong verdict
/// anywhere in them has the chance `alpha`. Tables without a pair are left out.
pub fn judge_jointly(tables: Vec<Table<'_>>, alpha: f64) -> Vec<Family> {
    let tables: Vec<Table<'_>> = tables
        .into_iter()
        .filter(|it| !it.pairs.is_empty())
        .collect();
    let measured: Vec<Vec<Member>> = tables.iter().map(members).collect();
    let flat: Vec<&Member> = measured.iter().flatten().collect();
    let corrected_over = flat.iter().filter(|it| is_tested(it)).count();
    let mut tested = test(&flat).into_iter();
    tables
        .iter()
        .zip(&measured)
        .map(|(table, members)| {
            let tested: Vec<Tested> = tested.by_ref().take(members.len()).collect();
            let policy = Policy {
                alpha,
                floor: table.floor.unwrap_or(0.0),
                ..Policy::default()
            };
            family(table, members, &tested, (corrected_over, &policy))
        })
        .collect()
}

/// The same of samples without cells, (candidate, baseline) each, by a policy: what simulations of
/// the whole rule are made with.
pub fn judge_samples(samples: Vec<(Sample, Sample)>, policy: &Policy) -> Vec<Verdict> {
    let design = design(&samples);
    let members = samples
        .into_iter()
        .map(|samples| Member::new(samples, design));
    let members = with_usual_variance(members.collect());
    let tested = test(&members.iter().collect::<Vec<_>>());
    let each = members.iter().zip(&tested);
    each.map(|(member, tested)| verdict(member, tested, policy))
        .collect()
}

/// One comparison of a table, measured and not yet judged.
struct Member {
    samples: (Sample, Sample),
    design: Design,
    n: usize,
    ratio: Option<Shift>,
    shift: Option<Shift>,
    bound: Option<Bound>,
    obstacle: Option<String>,
    usual_variance: Option<f64>,
}

fn members(table: &Table<'_>) -> Vec<Member> {
    let costs = |cell| Sample::costs(cell, table.measure);
    let samples: Vec<(Sample, Sample)> = table
        .pairs
        .iter()
        .map(|pair| (costs(pair.candidate), costs(pair.baseline)))
        .collect();
    let design = design(&samples);
    let pairs = table.pairs.iter().zip(samples);
    let members =
        pairs.map(|(pair, samples)| Member::new(samples, design).of_pair(pair, table.measure));
    with_usual_variance(members.collect())
}

/// The members of a table, each with the variance that is usual in it.
fn with_usual_variance(mut members: Vec<Member>) -> Vec<Member> {
    let ratios = |member: &Member| -> Vec<f64> {
        let ratios = member.samples.0.log_ratios(&member.samples.1);
        ratios.into_iter().map(|(_, ratio)| ratio).collect()
    };
    let comparable = members.iter().filter(|it| it.obstacle.is_none());
    let usual = usual_variance(comparable.map(ratios));
    for member in &mut members {
        member.usual_variance = usual;
    }
    members
}

/// The variance of differences that is usual in a table: the median of its comparisons' own, each by
/// what a wild sample does not blow up.
pub(crate) fn usual_variance(comparisons: impl Iterator<Item = Vec<f64>>) -> Option<f64> {
    let of_one = |differences: Vec<f64>| {
        let spread = median_absolute_deviation(&differences).ok()? * NORMAL_CONSISTENCY;
        Some(spread * spread)
    };
    let variances: Vec<f64> = comparisons.filter_map(of_one).collect();
    median(&variances).ok()
}

impl Member {
    fn new(samples: (Sample, Sample), design: Design) -> Self {
        let (candidate, baseline) = &samples;
        let (n, measured) = match design {
            Design::Blocked => {
                let pairs = candidate.pairs(baseline);
                let measured = paired(&pairs).map(|it| (it.ratio, it.shift));
                (pairs.len(), measured)
            }
            Design::Independent => {
                let measured = contrast(candidate.values(), baseline.values());
                let measured = measured.map(|it| (Some(it.ratio), it.shift));
                (candidate.smaller(baseline), measured)
            }
        };
        let obstacle = match &measured {
            Err(error) => Some(error.to_string()),
            Ok((None, _)) => Some("a value is not above zero".to_owned()),
            Ok(_) => None,
        };
        let (ratio, shift) = measured.map_or((None, None), |(ratio, shift)| (ratio, Some(shift)));
        Self {
            samples,
            design,
            n,
            ratio,
            shift,
            bound: None,
            obstacle,
            usual_variance: None,
        }
    }

    /// With what else is known of the two cells.
    fn of_pair(mut self, pair: &Pair<'_>, measure: Measure) -> Self {
        match Bound::of_pair(pair, measure) {
            Ok(bound) => self.bound = bound,
            Err(why) => self.obstacle = Some(why.to_owned()),
        }
        if measure == Measure::TotalNs {
            let sides = [pair.candidate, pair.baseline].map(|it| it.late.unwrap_or_default());
            self.ratio = self.ratio.map(|it| Shift {
                interval: it.interval.map(|ends| widened(ends, sides)),
                ..it
            });
            self.shift = self.shift.map(|it| Shift {
                interval: it.interval.map(|ends| shifted(ends, sides)),
                ..it
            });
        }
        if let Some(why) = pair.obstacle {
            (self.ratio, self.shift) = (None, None);
            self.obstacle = Some(why.to_owned());
        }
        self
    }
}

fn family(
    table: &Table<'_>,
    members: &[Member],
    tested: &[Tested],
    (corrected_over, policy): (usize, &Policy),
) -> Family {
    let comparison = |((pair, member), tested): ((&Pair<'_>, &Member), &Tested)| Comparison {
        candidate: pair.candidate.id.clone(),
        baseline: pair.baseline.id.clone(),
        measure: table.measure,
        design: member.design,
        verdict: verdict(member, tested, policy),
        n: member.n,
        ratio: member.ratio.map(Effect::from),
        bound: member.bound,
        shift: member.shift.map(Effect::from),
        p: tested.p,
        adjusted_p: tested.adjusted_p,
        adjusted_threshold_p: tested.adjusted_threshold_p,
    };
    let rows = table.pairs.iter().zip(members).zip(tested);
    Family {
        name: table.name.clone(),
        measure: table.measure,
        design: members.first().map_or(Design::Independent, |it| it.design),
        policy: PolicyFacts {
            alpha: policy.alpha,
            threshold: policy.threshold,
            margin: policy.margin,
            floor: table.floor,
        },
        corrected_over,
        members: rows.map(comparison).collect(),
    }
}

fn verdict(member: &Member, tested: &Tested, policy: &Policy) -> Verdict {
    let not_comparable = |why: &str| Verdict::NotComparable {
        why: why.to_owned(),
    };
    if let Some(why) = &member.obstacle {
        return not_comparable(why);
    }
    let (Some(ratio), Some(p)) = (member.ratio, tested.adjusted_threshold_p) else {
        return Verdict::Inconclusive;
    };
    let verdict = policy.decide(&ratio, p);
    match (member.bound, &verdict) {
        (None, _)
        | (Some(Bound::AtLeast), Verdict::Slower)
        | (Some(Bound::AtMost), Verdict::Faster) => verdict,
        (Some(_), _) => not_comparable("one of them is held up by the load generator"),
    }
}

/// The ratio candidate ÷ baseline of two samples of one run, without a verdict; nothing if a value
/// is not above zero.
pub fn ratio(candidate: &Sample, baseline: &Sample) -> Option<Effect> {
    match design(&[(candidate.clone(), baseline.clone())]) {
        Design::Blocked => paired(&candidate.pairs(baseline))
            .ok()?
            .ratio
            .map(Effect::from),
        Design::Independent => contrast(candidate.values(), baseline.values())
            .ok()
            .map(|contrast| contrast.ratio.into()),
    }
}
