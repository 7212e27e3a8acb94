//! The few distributions that tests and intervals refer to.

use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

/// P(Z ≤ z) of the standard normal distribution.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The z with P(Z ≤ z) = p; infinite at the ends.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p.clamp(0.0, 1.0))
}

/// P(|Z| ≥ z): the two-sided p-value of a standardised statistic.
pub(crate) fn two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
}

/// The t that Student's distribution with so many degrees of freedom stays below with probability p.
///
/// `None` without a degree of freedom.
pub(crate) fn t_quantile(p: f64, freedom: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, freedom).ok().map(|t| t.inverse_cdf(p.clamp(0.0, 1.0)))
}
