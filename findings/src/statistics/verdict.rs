//! From two samples to one word.
//!
//! A candidate is called **slower** (or faster) than its baseline only if all three hold:
//!
//! 1. the Mann–Whitney p-value, adjusted by Holm over the whole family of comparisons, is below α,
//!    and is so still when the practical threshold has been taken off the difference;
//! 2. the 95 % interval of the ratio lies *wholly beyond* that threshold: above 1 + threshold, or
//!    below 1 / (1 + threshold). That the interval excludes 1 is not enough: a difference nobody
//!    would act upon is none;
//! 3. the ratio itself differs from 1 by more than the run's own A/A control did.
//!
//! Where they do not hold and the interval lies wholly *within* the effect that the policy wants
//! found (or within the A/A floor, if that is larger), the two are **indistinguishable**: a
//! difference of that size is as good as excluded. What is neither has **too few samples**: more of
//! them will lead to the one or the other.

use serde::Serialize;

use super::contrast::Contrast;
use super::distribution::normal_quantile;
use super::holm;
use super::power::{Design, MOST};
use super::shift::Shift;

/// What counts as a difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Policy {
    /// The chance of a wrong "faster" or "slower" anywhere in the family.
    pub alpha: f64,
    /// The relative difference below which nobody would act: 0.02 is 2 %.
    pub threshold: f64,
    /// The relative difference that the run's A/A control showed: see [`super::aa_floor`].
    pub floor: f64,
    /// The relative difference that should be found if it is there. It must be larger than the
    /// threshold.
    pub effect: f64,
    /// With what probability it should be.
    pub power: f64,
}

impl Policy {
    pub(crate) fn design(&self) -> Design {
        Design {
            alpha: self.alpha,
            power: self.power,
        }
    }

    /// By how much the effect in question reaches beyond the threshold, in logarithms: what there is to
    /// be seen of it.
    pub(crate) fn visible_effect(&self) -> Option<f64> {
        Some(self.effect.ln_1p() - self.threshold.ln_1p()).filter(|beyond| *beyond > 0.0)
    }

    /// What a ratio has to be divided by to take the threshold off it; `None` if it is not beyond
    /// the threshold.
    pub(crate) fn allowance(&self, ratio: f64) -> Option<f64> {
        let allowed = 1.0 + self.threshold;
        (relative_difference(ratio) > self.threshold).then_some(if ratio > 1.0 {
            allowed
        } else {
            1.0 / allowed
        })
    }
}

impl Default for Policy {
    /// 5 % error, 2 % threshold, no floor, and 10 % to be found with 80 %.
    fn default() -> Self {
        Self {
            alpha: 0.05,
            threshold: 0.02,
            floor: 0.0,
            effect: 0.1,
            power: 0.8,
        }
    }
}

/// The word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate costs less.
    Faster,
    /// The candidate costs more.
    Slower,
    /// No difference is shown, and one of the size in question is excluded.
    Indistinguishable,
    /// No difference is shown, but one of the size in question is not excluded either.
    TooFewSamples {
        /// About how many processes per cell (or pairs) would decide.
        needed: usize,
    },
    /// There is no comparison.
    NotComparable {
        /// Why.
        why: String,
    },
}

/// A verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision<C = Contrast> {
    /// The word.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was measured; `None` if the two are not comparable.
    pub contrast: Option<C>,
    /// The p-value of "there is no difference", adjusted over the family.
    pub adjusted_p: Option<f64>,
    /// The p-value of "the difference is not beyond the threshold", adjusted over the family.
    pub adjusted_threshold_p: Option<f64>,
}

/// By how much a ratio differs from 1, the same for a ratio and its inverse: 1.25 and 0.8 are both
/// 0.25.
pub fn relative_difference(ratio: f64) -> f64 {
    ratio.max(1.0 / ratio) - 1.0
}

/// One comparison of a family, measured.
pub(crate) struct Measured<C> {
    pub(crate) contrast: C,
    pub(crate) ratio: Shift,
    /// Of "there is no difference".
    pub(crate) p: f64,
    /// Of "the difference is not beyond the threshold".
    pub(crate) threshold_p: f64,
}

/// How many samples a comparison has, and how many a plan for the effect in question would have given
/// it.
pub(crate) struct Samples {
    pub(crate) taken: f64,
    pub(crate) planned: usize,
}

/// Judges a family, of which some may not be comparable and say why.
///
/// `samples` counts those of the comparison at an index, in a family of so many.
pub(crate) fn judge<C>(
    family: Vec<Result<Measured<C>, String>>,
    policy: &Policy,
    samples: impl Fn(usize, usize) -> Samples,
) -> Vec<Decision<C>> {
    let adjusted = |p: fn(&Measured<C>) -> f64| {
        holm(
            &family
                .iter()
                .map(|member| member.as_ref().map_or(f64::NAN, p))
                .collect::<Vec<_>>(),
        )
    };
    let from_one = adjusted(|measured| measured.p);
    let from_threshold = adjusted(|measured| measured.threshold_p);
    let members = family.iter().filter(|member| member.is_ok()).count();
    let decide = |(index, member): (usize, Result<Measured<C>, String>)| match member {
        Err(why) => Decision {
            verdict: Verdict::NotComparable { why },
            contrast: None,
            adjusted_p: None,
            adjusted_threshold_p: None,
        },
        Ok(measured) => Decision {
            verdict: difference(
                &measured.ratio,
                from_one[index].max(from_threshold[index]),
                policy,
            )
            .unwrap_or_else(|| {
                no_difference(&measured.ratio, &samples(index, members), members, policy)
            }),
            contrast: Some(measured.contrast),
            adjusted_p: Some(from_one[index]),
            adjusted_threshold_p: Some(from_threshold[index]),
        },
    };
    family.into_iter().enumerate().map(decide).collect()
}

/// Faster or slower, or neither.
fn difference(ratio: &Shift, adjusted_p: f64, policy: &Policy) -> Option<Verdict> {
    let interval = ratio.interval?;
    let allowed = 1.0 + policy.threshold;
    if adjusted_p >= policy.alpha || relative_difference(ratio.estimate) <= policy.floor {
        return None;
    }
    match (interval.low > allowed, interval.high < 1.0 / allowed) {
        (true, _) => Some(Verdict::Slower),
        (_, true) => Some(Verdict::Faster),
        _ => None,
    }
}

/// Indistinguishable, or too few samples to say so.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of samples, or the largest one"
)]
fn no_difference(ratio: &Shift, samples: &Samples, members: usize, policy: &Policy) -> Verdict {
    let at_least = samples.planned.max(samples.taken as usize + 1);
    let Some(interval) = ratio.interval else {
        return Verdict::TooFewSamples { needed: at_least };
    };
    let interval = interval.map(f64::ln);
    let (effect, threshold) = (
        policy.effect.max(policy.floor).ln_1p(),
        policy.threshold.ln_1p(),
    );
    if interval.low > -effect && interval.high < effect {
        return Verdict::Indistinguishable;
    }
    // The interval must shrink until it is clear of the threshold or within the effect in question,
    // whichever is nearer; as wide as the strictest of Holm's levels asks for, and with the square
    // root of the samples.
    let size = ratio.estimate.ln().abs();
    let room = (size - threshold).max(effect - size);
    let strict =
        normal_quantile(1.0 - policy.alpha / 2.0 / members.max(1) as f64) / normal_quantile(0.975);
    let reach = strict.max(1.0) * (interval.high - interval.low) / 2.0;
    let needed = (samples.taken * (reach / room).powi(2))
        .ceil()
        .min(MOST as f64);
    Verdict::TooFewSamples {
        needed: at_least.max(needed as usize),
    }
}
