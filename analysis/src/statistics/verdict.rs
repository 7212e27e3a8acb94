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

use super::contrast::Contrast;
use super::holm;
use super::power::Design;
use super::shift::Shift;

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

impl Policy {
    pub(crate) fn design(&self) -> Design {
        Design { alpha: self.alpha, power: self.power }
    }

    /// By how much the wanted effect reaches beyond the threshold, in logarithms: what there is to be seen of it.
    pub(crate) fn visible_effect(&self) -> Option<f64> {
        Some(self.effect.ln_1p() - self.threshold.ln_1p()).filter(|beyond| *beyond > 0.0)
    }

    /// What a ratio has to be divided by to take the threshold off it; `None` if it is not beyond the threshold.
    pub(crate) fn allowance(&self, ratio: f64) -> Option<f64> {
        let allowed = 1.0 + self.threshold;
        (relative_difference(ratio) > self.threshold).then_some(if ratio > 1.0 { allowed } else { 1.0 / allowed })
    }
}

impl Default for Policy {
    /// 5 % error, 2 % threshold, no floor, and 10 % to be found with 80 %.
    fn default() -> Self {
        Self { alpha: 0.05, threshold: 0.02, floor: 0.0, effect: 0.1, power: 0.8 }
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

/// By how much a ratio differs from 1, the same for a ratio and its inverse: 1.25 and 0.8 are both 0.25.
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

/// Judges a family, of which some may not be comparable and say why.
///
/// `shortage` says how many samples the comparison at an index needs, if it has fewer, in a family of so many.
pub(crate) fn judge<C>(
    family: Vec<Result<Measured<C>, String>>,
    policy: &Policy,
    shortage: impl Fn(usize, usize) -> Option<usize>,
) -> Vec<Decision<C>> {
    let adjusted = |p: fn(&Measured<C>) -> f64| {
        holm(&family.iter().map(|member| member.as_ref().map_or(f64::NAN, p)).collect::<Vec<_>>())
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
            verdict: difference(&measured.ratio, from_one[index].max(from_threshold[index]), policy)
                .or_else(|| shortage(index, members).map(|needed| Verdict::TooFewSamples { needed }))
                .unwrap_or(Verdict::Indistinguishable),
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
