//! The median, and an interval for it that assumes nothing of the distribution but independent
//! samples.

use std::fmt;

use serde::Serialize;

use super::Interval;
use super::error::sorted;
use super::quantile::of_sorted;
use crate::units::nanoseconds;

/// The confidence that every interval here has, at least.
pub const CONFIDENCE: f64 = 0.95;

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The median.
    pub value: f64,
    /// The interval's ends: two of the samples. `null` with fewer than six samples, which cannot
    /// carry 95 %.
    pub interval: Option<Interval>,
    /// How many samples it is of.
    pub n: usize,
}

impl fmt::Display for Estimate {
    /// As nanoseconds: `1.23 ms [1.10 ms, 1.40 ms]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", nanoseconds(self.value))?;
        match self.interval {
            Some(Interval { low, high }) => {
                write!(f, " [{}, {}]", nanoseconds(low), nanoseconds(high))
            }
            None => write!(f, " [n = {}: too few for an interval]", self.n),
        }
    }
}

impl Estimate {
    /// The median of `values` in any order and its 95 % interval; nothing of nothing, or of what
    /// is not finite.
    ///
    /// The interval reaches from the k-th smallest to the k-th largest value, with the largest k
    /// whose coverage 1 − 2·P(B ≤ k − 1), B ~ Binomial(n, ½), is still at least 95 %. It holds for
    /// every continuous distribution, and is wider than need be for one with ties. (Conover,
    /// *Practical Nonparametric Statistics*, 3rd ed., §3.2; David and Nagaraja, *Order Statistics*,
    /// 3rd ed., §7.1.)
    pub fn of_median(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values).ok()?;
        let n = sorted.len();
        Some(Self {
            value: of_sorted(&sorted, 0.5),
            interval: rank(n).map(|k| Interval::new(sorted[k - 1], sorted[n - k])),
            n,
        })
    }

    /// The same of whole numbers.
    pub fn of_whole(values: &[u64]) -> Option<Self> {
        Self::of_median(&values.iter().map(|value| *value as f64).collect::<Vec<_>>())
    }
}

/// The largest k from 1 for which the k-th smallest and k-th largest of `n` values enclose the
/// median with at least [`CONFIDENCE`].
pub(crate) fn rank(n: usize) -> Option<usize> {
    // In logarithms: 2⁻ⁿ itself underflows beyond n = 1074.
    let mut log_mass = -(n as f64) * std::f64::consts::LN_2;
    let (mut below, mut k) = (0.0, 0);
    while 2 * k < n {
        below += log_mass.exp();
        if 1.0 - 2.0 * below < CONFIDENCE {
            break;
        }
        log_mass += ((n - k) as f64 / (k + 1) as f64).ln();
        k += 1;
    }
    (k > 0).then_some(k)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_are_those_of_the_tables() {
        // Conover's and others' tables of the sign test's critical values, two-sided 5 %, plus one.
        let known = [
            (5, None),
            (6, Some(1)),
            (8, Some(1)),
            (9, Some(2)),
            (10, Some(2)),
            (12, Some(3)),
            (20, Some(6)),
            (30, Some(10)),
            (50, Some(18)),
            (100, Some(40)),
        ];
        for (n, k) in known {
            assert_eq!(rank(n), k, "n = {n}");
        }
    }

    #[test]
    fn a_median_of_few_has_no_interval() {
        assert_eq!(Estimate::of_median(&[]), None);
        assert_eq!(
            Estimate::of_median(&[3.0, 1.0, 2.0]),
            Some(Estimate {
                value: 2.0,
                interval: None,
                n: 3
            })
        );
        assert_eq!(
            Estimate::of_median(&[4.0, 1.0, 2.0, 3.0]),
            Some(Estimate {
                value: 2.5,
                interval: None,
                n: 4
            })
        );
    }

    #[test]
    fn thousands_of_samples_do_not_underflow() {
        let values: Vec<u64> = (1..=10_000).collect();
        let Interval { low, high } = Estimate::of_whole(&values).unwrap().interval.unwrap();
        // n/2 ∓ 1.96·√n/2, the normal approximation.
        assert!(
            (low - 4_902.0).abs() <= 2.0 && (high - 5_099.0).abs() <= 2.0,
            "{low} {high}"
        );
    }

    proptest! {
        #[test]
        fn the_interval_encloses_the_median_and_is_of_samples(values in prop::collection::vec(0_u64..1_000_000, 1..80)) {
            let estimate = Estimate::of_whole(&values).unwrap();
            let is_value = |end: f64| values.iter().any(|value| (*value as f64 - end).abs() < 0.5);
            if let Some(Interval { low, high }) = estimate.interval {
                prop_assert!(low <= estimate.value && estimate.value <= high);
                prop_assert!(is_value(low) && is_value(high));
            }
            prop_assert_eq!(estimate.interval.is_some(), values.len() >= 6);
        }

        #[test]
        fn order_does_not_matter_and_scale_carries_over(values in prop::collection::vec(0_u64..1_000_000, 6..40)) {
            let mut other: Vec<_> = values.iter().map(|value| value * 3 + 7).collect();
            other.reverse();
            let (one, two) = (Estimate::of_whole(&values).unwrap(), Estimate::of_whole(&other).unwrap());
            prop_assert!((one.value * 3.0 + 7.0 - two.value).abs() < 1e-6);
            let (ends, scaled) = (one.interval.unwrap(), two.interval.unwrap());
            prop_assert_eq!(ends.map(|end| end * 3.0 + 7.0), scaled);
        }
    }

    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 1e9"
    )]
    fn the_interval_covers_the_true_median_as_often_as_it_says() {
        // A skewed population whose median is known: u³ of uniform u has the median ⅛. Seeded, so
        // that it never flakes.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for n in [6, 12, 20, 37] {
            let trials = 4_000;
            let covered = (0..trials)
                .filter(|_| {
                    let values: Vec<u64> =
                        (0..n).map(|_| (uniform().powi(3) * 1e9) as u64).collect();
                    let interval = Estimate::of_whole(&values).unwrap().interval.unwrap();
                    interval.contains(125_000_000.0)
                })
                .count();
            assert!(
                covered as f64 / f64::from(trials) > 0.943,
                "n = {n}: {covered} of {trials}"
            );
        }
    }
}
