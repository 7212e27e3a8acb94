//! Two independent samples whose spreads may differ: Welch's test and interval.

use serde::Serialize;

use super::describe::mean_and_sd;
use super::distribution::{t_quantile, t_two_sided};
use super::error::{DataError, at_least};
use super::{CONFIDENCE, Interval};

/// The difference of two means, with its test and interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Welch {
    /// Mean of the candidate − mean of the baseline.
    pub difference: f64,
    /// Its interval.
    pub interval: Interval,
    /// The statistic.
    pub t: f64,
    /// Its degrees of freedom.
    pub freedom: f64,
    /// The two-sided p-value of "the means are the same".
    pub p: f64,
}

/// Welch's test, two-sided. (*Biometrika* 34, 1947; Satterthwaite's degrees of freedom.)
///
/// Two values a sample are the least; samples of one value each that is repeated have no spread to
/// judge by, which is [`DataError::Constant`].
pub fn welch(candidate: &[f64], baseline: &[f64]) -> Result<Welch, DataError> {
    at_least(2, candidate)?;
    at_least(2, baseline)?;
    let part = |values: &[f64]| {
        let (mean, sd) = mean_and_sd(values);
        (mean, sd.unwrap_or(0.0).powi(2) / values.len() as f64)
    };
    let ((ours, our_part), (theirs, their_part)) = (part(candidate), part(baseline));
    let variance = our_part + their_part;
    if variance <= 0.0 {
        return Err(DataError::Constant);
    }
    let freedom = variance.powi(2)
        / (our_part.powi(2) / (candidate.len() - 1) as f64
            + their_part.powi(2) / (baseline.len() - 1) as f64);
    let (difference, error) = (ours - theirs, variance.sqrt());
    let reach =
        t_quantile(f64::midpoint(1.0, CONFIDENCE), freedom).ok_or(DataError::Constant)? * error;
    let t = difference / error;
    Ok(Welch {
        difference,
        interval: Interval::around(difference, reach),
        t,
        freedom,
        p: t_two_sided(t, freedom).ok_or(DataError::Constant)?,
    })
}
