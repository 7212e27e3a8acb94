//! The tests of comparisons that are judged together.

use super::{Design, LEAST_BLOCKS, Member, Sample};
use crate::statistics::{Differences, Policy, bounded, holm, sign_flips, welch};

/// What the tests say of one comparison; nothing of what is not tested.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tested {
    /// Of "there is no difference".
    pub(super) p: Option<f64>,
    /// The same, adjusted.
    pub(super) adjusted_p: Option<f64>,
    /// Of "the difference is not beyond the threshold", adjusted.
    pub(super) adjusted_threshold_p: Option<f64>,
}

/// Whether a comparison is tested. One within fewer blocks than can show anything is not: its p-value cannot be small
/// whatever its effect, and with the largest statistic of all, as one of a system that is fifty times slower and has
/// failed twice, it would end the steps down before any other.
pub(super) fn is_tested(member: &Member) -> bool {
    let has_blocks = member.design == Design::Independent || member.n >= LEAST_BLOCKS;
    member.obstacle.is_none() && member.ratio.is_some() && has_blocks
}

/// Tests comparisons together: those within blocks jointly, those of independent samples one by one.
///
/// Where there are both, each kind gets the part of α that its number is of all.
pub(super) fn test(members: &[&Member]) -> Vec<Tested> {
    let mut tested = vec![Tested::default(); members.len()];
    let comparable = |design: Design| -> Vec<usize> {
        let fits = |at: &usize| {
            let member = members[*at];
            member.design == design && is_tested(member)
        };
        (0..members.len()).filter(fits).collect()
    };
    let (blocked, independent) = (comparable(Design::Blocked), comparable(Design::Independent));
    let all = (blocked.len() + independent.len()) as f64;
    let allowances: Vec<f64> = members.iter().map(|it| allowance(it)).collect();
    for (group, run) in [
        (&blocked, within_blocks as Run),
        (&independent, of_independent as Run),
    ] {
        let shared = |p: f64| (p * all / group.len() as f64).min(1.0);
        let none = vec![0.0; group.len()];
        let taken: Vec<f64> = group.iter().map(|at| allowances[*at]).collect();
        let of_group: Vec<&Member> = group.iter().map(|at| members[*at]).collect();
        let from_one = run(&of_group, &none);
        let from_threshold = run(&of_group, &taken);
        for ((at, one), threshold) in group.iter().zip(from_one).zip(from_threshold) {
            let is_beyond = allowances[*at] != 0.0;
            tested[*at] = Tested {
                p: Some(one.0),
                adjusted_p: Some(shared(one.1)),
                adjusted_threshold_p: Some(if is_beyond { shared(threshold.1) } else { 1.0 }),
            };
        }
    }
    tested
}

/// Tests members, each with something taken off the logarithms of its ratios: (p, adjusted p) of
/// each.
type Run = fn(&[&Member], &[f64]) -> Vec<(f64, f64)>;

fn allowance(member: &Member) -> f64 {
    member
        .ratio
        .map_or(0.0, |ratio| Policy::default().allowance(ratio.estimate))
}

fn within_blocks(members: &[&Member], taken: &[f64]) -> Vec<(f64, f64)> {
    let differences: Vec<Differences> = members
        .iter()
        .zip(taken)
        .map(|(member, taken)| {
            let ratios = member.samples.0.log_ratios(&member.samples.1);
            let left: Vec<_> = ratios
                .into_iter()
                .map(|(block, ratio)| (block, ratio - taken))
                .collect();
            Differences {
                values: bounded(&left),
                usual_variance: member.usual_variance,
            }
        })
        .collect();
    let tests = sign_flips(&differences).into_iter();
    tests.map(|test| (test.p, test.adjusted_p)).collect()
}

fn of_independent(members: &[&Member], taken: &[f64]) -> Vec<(f64, f64)> {
    let p = |(member, taken): (&&Member, &f64)| {
        let logarithms = |sample: &Sample, less: f64| -> Vec<f64> {
            sample.values().iter().map(|it| it.ln() - less).collect()
        };
        let (candidate, baseline) = &member.samples;
        let tested = welch(&logarithms(candidate, *taken), &logarithms(baseline, 0.0));
        // Samples without a spread, or of one value, show nothing.
        tested.map_or(1.0, |test| test.p)
    };
    let each: Vec<f64> = members.iter().zip(taken).map(p).collect();
    let adjusted = holm(&each);
    each.into_iter().zip(adjusted).collect()
}
