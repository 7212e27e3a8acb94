//! One-sided bounds: what a quantile is surely below, or surely above.

use statrs::distribution::{Binomial, DiscreteCDF as _};

/// What something is above and what it is below, each with the confidence asked for by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// It is at least this; nothing if there are too few values to say so.
    pub low: Option<f64>,
    /// It is at most this.
    pub high: Option<f64>,
}

impl Bounds {
    const NONE: Self = Self {
        low: None,
        high: None,
    };
}

/// Bounds of the p-quantile of what values in any order were drawn from. Values may be infinite:
/// what never came is later than everything that did.
///
/// Of n values, as many as Binomial(n, p) says are below the quantile. The r-th smallest is
/// therefore above it with the probability that at most r − 1 are, and the least r for which that
/// reaches the confidence gives the bound. It holds for every distribution, and is on the safe side
/// for one with ties. (Conover, *Practical Nonparametric Statistics*, 3rd ed., §3.2; David and
/// Nagaraja, *Order Statistics*, 3rd ed., §7.1.)
pub fn quantile_bounds(values: &[f64], p: f64, confidence: f64) -> Bounds {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let Ok(below) = Binomial::new(p, n as u64) else {
        return Bounds::NONE;
    };
    if sorted.iter().any(|value| value.is_nan()) {
        return Bounds::NONE;
    }
    // P(at most k below), for k from 0.
    let high = (0..n).find(|k| below.cdf(*k as u64) >= confidence);
    // P(at least k + 1 below).
    let low = (0..n).rev().find(|k| below.sf(*k as u64) >= confidence);
    Bounds {
        low: low.map(|at| sorted[at]),
        high: high.map(|at| sorted[at]),
    }
}

/// How many values it takes for the p-quantile to have a bound above it at all: the least n for
/// which 1 − pⁿ reaches the confidence. All of them may have to be below a limit then.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of samples"
)]
pub fn values_for_bound(p: f64, confidence: f64) -> usize {
    ((1.0 - confidence).ln() / p.ln()).ceil().max(1.0) as usize
}

/// The largest of values, as a bound of itself: what is asked is what these values did.
pub fn largest(values: &[f64]) -> Bounds {
    let largest = values.iter().copied().reduce(f64::max);
    Bounds {
        low: largest,
        high: largest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_takes_as_many_values_as_tables_say() {
        let needed = [0.5, 0.9, 0.95, 0.99].map(|p| values_for_bound(p, 0.95));
        // Conover's table of one-sided tolerance limits.
        assert_eq!(needed, [5, 29, 59, 299]);
        for (p, n) in [0.5, 0.9, 0.95, 0.99].into_iter().zip(needed) {
            let values: Vec<f64> = (0..n).map(|it| it as f64).collect();
            let last = n as f64 - 1.0;
            assert_eq!(quantile_bounds(&values, p, 0.95).high, Some(last));
            assert_eq!(quantile_bounds(&values[1..], p, 0.95).high, None);
        }
    }

    #[test]
    fn what_never_came_is_later_than_everything() {
        let mut values = vec![1.0; 6];
        values.extend([f64::INFINITY; 24]);
        let bounds = quantile_bounds(&values, 0.5, 0.95);
        assert_eq!(bounds.low, Some(f64::INFINITY));
        assert_eq!(quantile_bounds(&[f64::NAN; 9], 0.5, 0.95), Bounds::NONE);
        assert_eq!(quantile_bounds(&[], 0.5, 0.95), Bounds::NONE);
        assert_eq!(largest(&[3.0, 9.0, 4.0]).high, Some(9.0));
    }
}
