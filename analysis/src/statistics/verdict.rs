//! From two samples to one word.
//!
//! A candidate is called **slower** (or faster) than its baseline only if all three hold:
//!
//! 1. the Mann–Whitney p-value, adjusted by Holm over the whole family of comparisons, is below α, and is so still when
//!    the practical threshold has been taken off the difference;
//! 2. the 95 % interval of the ratio lies *wholly beyond* that threshold: above 1 + threshold, or below
//!    1 / (1 + threshold). That the interval excludes 1 is not enough: a difference nobody would act upon is none;
//! 3. the ratio itself differs from 1 by more than the run's own A/A control did.
//!
//! Where they do not hold, the difference is either **indistinguishable** — the samples would have shown the effect that
//! the policy asks for, with its power — or there are **too few samples** to say even that.

use serde::Serialize;

use super::effect::{self, Delta};
use super::error::{DataError, finite, logarithms, sorted};
use super::mann_whitney::{self, MannWhitney, Null};
use super::power::{Design, LogSpread, noether};
use super::quantile::of_sorted;
use super::shift::{self, Shift};
use super::{hodges_lehmann_ratio, holm};

/// What counts as a difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Policy {
    /// The chance of a wrong "faster" or "slower" anywhere in the family.
    pub alpha: f64,
    /// The relative difference below which nobody would act: 0.02 is 2 %.
    pub threshold: f64,
    /// The relative difference that the run's A/A control showed: see [`aa_floor`].
    pub floor: f64,
    /// The relative difference that should be found if it is there. Larger than the threshold, or "too few" is never said.
    pub effect: f64,
    /// With what probability it should be.
    pub power: f64,
}

impl Default for Policy {
    /// 5 % error, 2 % threshold, no floor, and 10 % to be found with 80 %.
    fn default() -> Self {
        Self { alpha: 0.05, threshold: 0.02, floor: 0.0, effect: 0.1, power: 0.8 }
    }
}

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

/// The word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate costs less.
    Faster,
    /// The candidate costs more.
    Slower,
    /// No difference worth the name, though the samples would have shown one of the wanted size.
    Indistinguishable,
    /// The samples would not have shown a difference of the wanted size.
    TooFewSamples {
        /// How many processes per cell would.
        needed: usize,
    },
    /// There is no comparison.
    NotComparable {
        /// Why.
        why: String,
    },
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

/// A verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The word.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was measured; `None` if the two are not comparable.
    pub contrast: Option<Contrast>,
    /// The p-value of "there is no difference", adjusted over the family.
    pub adjusted_p: Option<f64>,
    /// The p-value of "the difference is not beyond the threshold", adjusted over the family.
    pub adjusted_threshold_p: Option<f64>,
}

/// By how much a ratio differs from 1, the same for a ratio and its inverse: 1.25 and 0.8 are both 0.25.
pub fn relative_difference(ratio: f64) -> f64 {
    ratio.max(1.0 / ratio) - 1.0
}

/// The A/A floor: the largest relative difference between two samples of one and the same system.
///
/// `None` without a pair that can be compared.
pub fn aa_floor(controls: &[(&[f64], &[f64])]) -> Option<f64> {
    let differences = controls.iter().filter_map(|(one, two)| hodges_lehmann_ratio(one, two).ok());
    differences.map(|ratio| relative_difference(ratio.estimate)).reduce(f64::max)
}

/// Everything between two samples of positive values.
pub fn contrast(candidate: &[f64], baseline: &[f64]) -> Result<Contrast, DataError> {
    let (candidate, baseline) = (sorted(candidate)?, sorted(baseline)?);
    // Ranks, and with them the distribution of U, are the same for the logarithms.
    let null = Null::of(&candidate, &baseline);
    Ok(Contrast {
        test: mann_whitney::of_sorted(&candidate, &baseline, &null),
        shift: shift::of_sorted(&candidate, &baseline, &null),
        ratio: shift::of_sorted(&logarithms(&candidate)?, &logarithms(&baseline)?, &null).exponential(),
        delta: effect::of_sorted(&candidate, &baseline),
    })
}

/// The whole procedure over a family of comparisons, in their order.
pub fn decide(family: &[Comparison<'_>], policy: &Policy) -> Vec<Decision> {
    let contrasts: Vec<Result<Contrast, String>> = family.iter().map(measured).collect();
    let adjusted = |p: &dyn Fn(&Comparison<'_>, &Contrast) -> f64| {
        let of = |(comparison, contrast): (_, &Result<_, _>)| contrast.as_ref().map_or(f64::NAN, |c| p(comparison, c));
        holm(&family.iter().zip(&contrasts).map(of).collect::<Vec<_>>())
    };
    let from_one = adjusted(&|_, contrast| contrast.test.p);
    let from_threshold = adjusted(&|comparison, contrast| beyond_threshold(comparison, contrast, policy.threshold));
    let members = contrasts.iter().filter(|contrast| contrast.is_ok()).count();
    let mut decisions = Vec::with_capacity(family.len());
    for (index, contrast) in contrasts.into_iter().enumerate() {
        decisions.push(match contrast {
            Err(why) => {
                let verdict = Verdict::NotComparable { why };
                Decision { verdict, contrast: None, adjusted_p: None, adjusted_threshold_p: None }
            }
            Ok(contrast) => Decision {
                verdict: verdict(
                    &family[index],
                    &contrast,
                    from_one[index].max(from_threshold[index]),
                    members,
                    policy,
                ),
                contrast: Some(contrast),
                adjusted_p: Some(from_one[index]),
                adjusted_threshold_p: Some(from_threshold[index]),
            },
        });
    }
    decisions
}

/// The p-value of "the ratio is not beyond the threshold": that of the samples with the threshold taken off.
fn beyond_threshold(comparison: &Comparison<'_>, contrast: &Contrast, threshold: f64) -> f64 {
    let allowed = if contrast.ratio.estimate > 1.0 { 1.0 + threshold } else { 1.0 / (1.0 + threshold) };
    if relative_difference(contrast.ratio.estimate) <= threshold {
        return 1.0;
    }
    let nearer: Vec<_> = comparison.candidate.iter().map(|value| value / allowed).collect();
    super::mann_whitney(&nearer, comparison.baseline).map_or(1.0, |test| test.p)
}

fn measured(comparison: &Comparison<'_>) -> Result<Contrast, String> {
    let side = |name, values| finite(values).map_err(|error| format!("the {name}: {error}"));
    if let Some(why) = comparison.obstacle {
        return Err(why.to_owned());
    }
    side("candidate", comparison.candidate)?;
    side("baseline", comparison.baseline)?;
    contrast(comparison.candidate, comparison.baseline).map_err(|error| error.to_string())
}

fn verdict(
    comparison: &Comparison<'_>,
    contrast: &Contrast,
    adjusted_p: f64,
    members: usize,
    policy: &Policy,
) -> Verdict {
    let ratio = contrast.ratio;
    if let Some(interval) = ratio.interval {
        let is_real = adjusted_p < policy.alpha && relative_difference(ratio.estimate) > policy.floor;
        if is_real && interval.low > 1.0 + policy.threshold {
            return Verdict::Slower;
        }
        if is_real && interval.high < 1.0 / (1.0 + policy.threshold) {
            return Verdict::Faster;
        }
    }
    let needed = needed(comparison, members, policy);
    // Two samples of different sizes say as much as two of their harmonic mean.
    let (n, m) = (comparison.candidate.len() as f64, comparison.baseline.len() as f64);
    if 2.0 * n * m / (n + m) < needed as f64 { Verdict::TooFewSamples { needed } } else { Verdict::Indistinguishable }
}

/// How many per cell would show the wanted effect, from the spread of these samples about their own medians.
///
/// The level is α for the power, since Holm's is between that and α over the number of comparisons; but a cell must be
/// able to pass the strictest of them at all.
fn needed(comparison: &Comparison<'_>, members: usize, policy: &Policy) -> usize {
    let design = Design { alpha: policy.alpha, power: policy.power };
    let least = Design { alpha: policy.alpha / members.max(1) as f64, ..design }.least();
    // To be found, an effect must show beyond the threshold and not only beyond 1.
    let beyond = policy.effect.ln_1p() - policy.threshold.ln_1p();
    if beyond <= 0.0 || beyond.is_nan() {
        return least;
    }
    let residuals = [comparison.candidate, comparison.baseline].into_iter().flat_map(|values| {
        let mut values = logarithms(values).unwrap_or_default();
        values.sort_unstable_by(f64::total_cmp);
        let centre = if values.is_empty() { 0.0 } else { of_sorted(&values, 0.5) };
        values.into_iter().map(move |value| value - centre)
    });
    let spread = LogSpread::of_logarithms(residuals.collect());
    noether(spread.superiority(beyond), design).max(least)
}
