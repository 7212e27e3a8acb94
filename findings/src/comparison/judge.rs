//! From samples to verdicts: which design they allow, and what it decides.

use super::{Comparison, Design, Effect, Family, Origin, Pair, PolicyFacts, Sample};
use crate::cells::Measure;
use crate::statistics::{
    Comparison as Independent, PairedComparison, Policy, Verdict, contrast, decide, decide_paired,
    paired,
};

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
