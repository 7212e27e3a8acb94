//! From an estimate and its test to one word.
//!
//! A candidate is called **slower** (or faster) than its baseline only if all three hold:
//!
//! 1. the p-value of "the difference is not beyond the practical threshold", adjusted over the
//!    family, is below α;
//! 2. the 95 % interval of the ratio lies *wholly beyond* that threshold: above 1 + threshold, or
//!    below 1 / (1 + threshold). That the interval excludes 1 is not enough: a difference nobody
//!    would act upon is none;
//! 3. it lies wholly beyond the largest difference that the run's A/A control showed between one
//!    system and itself. If only this fails, the two **differ, within the A/A control**: something
//!    other than chance is there, but the method may have made it.
//!
//! Where 1 or 2 does not hold and the interval lies wholly *within* the margin that was fixed
//! beforehand, the two are **indistinguishable**: a difference of that size is excluded. This is the
//! test of equivalence by two one-sided tests (Schuirmann, *Journal of Pharmacokinetics and
//! Biopharmaceutics* 15, 1987), at 2.5 % each. The margin does not depend on any data: a machine
//! that is restless makes nothing equivalent. What is neither is **inconclusive**.

use serde::Serialize;

use super::shift::Shift;

/// What counts as a difference, fixed before anything is measured but for the control.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Policy {
    /// The chance of a wrong "faster" or "slower" anywhere in the family.
    pub alpha: f64,
    /// The relative difference below which nobody would act: 0.02 is 2 %.
    pub threshold: f64,
    /// The largest relative difference that two systems may have and still count as equivalent. It
    /// must be larger than the threshold.
    pub margin: f64,
    /// The largest relative difference that the run's A/A control showed; 0 without one.
    pub floor: f64,
}

impl Default for Policy {
    /// 5 % error, 2 % threshold, 10 % margin, no control.
    fn default() -> Self {
        Self {
            alpha: 0.05,
            threshold: 0.02,
            margin: 0.1,
            floor: 0.0,
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
    /// The two differ, by no more than one system from itself in the A/A control.
    WithinControl,
    /// A difference as large as the margin is excluded.
    Indistinguishable,
    /// No difference is shown, and none is excluded.
    Inconclusive,
    /// There is no comparison.
    NotComparable {
        /// Why.
        why: String,
    },
}

/// By how much a ratio differs from 1, the same for a ratio and its inverse: 1.25 and 0.8 are both
/// 0.25.
pub fn relative_difference(ratio: f64) -> f64 {
    ratio.max(1.0 / ratio) - 1.0
}

impl Policy {
    /// What has to be taken off the logarithm of a ratio for the threshold to be taken off it: 0 if
    /// the ratio is not beyond the threshold.
    pub(crate) fn allowance(&self, ratio: f64) -> f64 {
        if relative_difference(ratio) > self.threshold {
            self.threshold.ln_1p().copysign(ratio.ln())
        } else {
            0.0
        }
    }

    /// The verdict on a ratio with its interval.
    ///
    /// `threshold_p` is the adjusted p-value of "the difference is not beyond the threshold".
    pub fn decide(&self, ratio: &Shift, threshold_p: f64) -> Verdict {
        let Some(interval) = ratio.interval else {
            return Verdict::Inconclusive;
        };
        let beyond = |allowed: f64| match () {
            () if interval.low > 1.0 + allowed => Some(Verdict::Slower),
            () if interval.high < 1.0 / (1.0 + allowed) => Some(Verdict::Faster),
            () => None,
        };
        if threshold_p < self.alpha && beyond(self.threshold).is_some() {
            return beyond(self.floor.max(self.threshold)).unwrap_or(Verdict::WithinControl);
        }
        if interval.low > 1.0 / (1.0 + self.margin) && interval.high < 1.0 + self.margin {
            Verdict::Indistinguishable
        } else {
            Verdict::Inconclusive
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Interval;

    fn decide(policy: &Policy, low: f64, high: f64, p: f64) -> Verdict {
        let ratio = Shift {
            estimate: (low * high).sqrt(),
            interval: Some(Interval::new(low, high)),
            exact: true,
        };
        policy.decide(&ratio, p)
    }

    #[test]
    fn each_word_has_its_rule() {
        let policy = Policy::default();
        assert_eq!(decide(&policy, 1.05, 1.5, 0.01), Verdict::Slower);
        assert_eq!(decide(&policy, 0.5, 0.9, 0.01), Verdict::Faster);
        assert_eq!(decide(&policy, 1.01, 1.5, 0.01), Verdict::Inconclusive);
        assert_eq!(decide(&policy, 1.05, 1.5, 0.06), Verdict::Inconclusive);
        assert_eq!(decide(&policy, 0.95, 1.05, 0.5), Verdict::Indistinguishable);
        assert_eq!(decide(&policy, 0.85, 1.05, 0.5), Verdict::Inconclusive);
    }

    #[test]
    fn a_restless_control_makes_nothing_equivalent_and_no_difference() {
        let policy = Policy {
            floor: 0.25,
            ..Policy::default()
        };
        assert_eq!(decide(&policy, 1.175, 1.209, 0.001), Verdict::WithinControl);
        assert_eq!(decide(&policy, 1.21, 1.84, 0.001), Verdict::WithinControl);
        assert_eq!(decide(&policy, 0.85, 1.2, 0.5), Verdict::Inconclusive);
        assert_eq!(decide(&policy, 1.3, 1.6, 0.001), Verdict::Slower);
    }
}
