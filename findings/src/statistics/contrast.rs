//! Two independent samples compared, and a family of such comparisons judged.

use serde::Serialize;

use super::effect::{self, Delta};
use super::error::{DataError, logarithms, positive, sorted};
use super::hodges_lehmann_ratio;
use super::mann_whitney::{self, MannWhitney, Null, mann_whitney};
use super::power::{Design, LogSpread, noether};
use super::quantile::of_sorted;
use super::shift::{self, Shift};
use super::verdict::{Decision, Measured, Policy, Samples, judge, relative_difference};

/// Two samples to compare, of positive costs.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// What is judged.
    pub candidate: &'a [f64],
    /// What it is judged against.
    pub baseline: &'a [f64],
    /// Why the two must not be compared, if so: other versions, another machine, another workload.
    pub obstacle: Option<&'a str>,
}

/// Everything measured between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Contrast {
    /// The rank test.
    pub test: MannWhitney,
    /// Candidate − baseline, in the unit of the values.
    pub shift: Shift,
    /// Candidate ÷ baseline.
    pub ratio: Shift,
    /// How often the candidate's value is the larger one.
    pub delta: Delta,
}

/// The A/A floor: the largest relative difference between two samples of one and the same system.
///
/// `None` without a pair that can be compared.
pub fn aa_floor(controls: &[(&[f64], &[f64])]) -> Option<f64> {
    let differences = controls
        .iter()
        .filter_map(|(one, two)| hodges_lehmann_ratio(one, two).ok());
    differences
        .map(|ratio| relative_difference(ratio.estimate))
        .reduce(f64::max)
}

/// Everything between two samples of positive values.
pub fn contrast(candidate: &[f64], baseline: &[f64]) -> Result<Contrast, DataError> {
    positive(candidate)?;
    positive(baseline)?;
    let (candidate, baseline) = (sorted(candidate)?, sorted(baseline)?);
    // Ranks, and with them the distribution of U, are the same for the logarithms.
    let null = Null::new(&candidate, &baseline);
    Ok(Contrast {
        test: mann_whitney::of_sorted(&candidate, &baseline, &null),
        shift: shift::of_sorted(&candidate, &baseline, &null),
        ratio: shift::of_sorted(&logarithms(&candidate)?, &logarithms(&baseline)?, &null)
            .exponential(),
        delta: effect::of_sorted(&candidate, &baseline),
    })
}

/// The whole procedure over a family of comparisons, in their order.
pub fn decide(family: &[Comparison<'_>], policy: &Policy) -> Vec<Decision> {
    let measured = family
        .iter()
        .map(|comparison| measured(comparison, policy))
        .collect();
    judge(measured, policy, |index, members| {
        // Two samples of different sizes say as much as two of their harmonic mean.
        let (n, m) = (
            family[index].candidate.len() as f64,
            family[index].baseline.len() as f64,
        );
        Samples {
            taken: 2.0 * n * m / (n + m),
            planned: needed(&family[index], members, policy),
        }
    })
}

fn measured(comparison: &Comparison<'_>, policy: &Policy) -> Result<Measured<Contrast>, String> {
    let Comparison {
        candidate,
        baseline,
        obstacle,
    } = *comparison;
    if let Some(why) = obstacle {
        return Err(why.to_owned());
    }
    for (side, values) in [("candidate", candidate), ("baseline", baseline)] {
        positive(values).map_err(|error| format!("the {side}: {error}"))?;
    }
    let contrast = contrast(candidate, baseline).map_err(|error| error.to_string())?;
    let threshold_p = policy
        .allowance(contrast.ratio.estimate)
        .and_then(|allowed| {
            // What is left of the difference once the threshold has been taken off.
            let nearer: Vec<_> = candidate.iter().map(|value| value / allowed).collect();
            mann_whitney(&nearer, baseline).ok().map(|test| test.p)
        });
    Ok(Measured {
        ratio: contrast.ratio,
        p: contrast.test.p,
        threshold_p: threshold_p.unwrap_or(1.0),
        contrast,
    })
}

/// How many per cell would show the effect in question, from the spread of these samples about their own
/// medians.
///
/// The level is α for the power, since Holm's is between that and α over the number of comparisons;
/// but a cell must be able to pass the strictest of them at all.
fn needed(comparison: &Comparison<'_>, members: usize, policy: &Policy) -> usize {
    let design = policy.design();
    let least = Design {
        alpha: policy.alpha / members.max(1) as f64,
        ..design
    }
    .least();
    let Some(beyond) = policy.visible_effect() else {
        return least;
    };
    let residuals = [comparison.candidate, comparison.baseline]
        .into_iter()
        .flat_map(|values| {
            let mut values = logarithms(values).unwrap_or_default();
            values.sort_unstable_by(f64::total_cmp);
            let centre = if values.is_empty() {
                0.0
            } else {
                of_sorted(&values, 0.5)
            };
            values.into_iter().map(move |value| value - centre)
        });
    let spread = LogSpread::of_logarithms(residuals.collect());
    noether(spread.superiority(beyond), design).max(least)
}
