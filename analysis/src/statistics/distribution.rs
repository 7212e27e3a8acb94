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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables_at_both_ends_of_their_range() {
        let known = [
            (1.0, 12.706_204_736),
            (1.5, 6.016_663_104),
            (30.0, 2.042_272_456),
            (1e5, 1.959_987_7),
            (1e8, 1.959_964_0),
        ];
        for (freedom, wanted) in known {
            let found = t_quantile(0.975, freedom).unwrap();
            assert!((found - wanted).abs() < 1e-6 * wanted, "{freedom}: {found}");
        }
        assert_eq!(t_quantile(0.975, 0.0), None);
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((two_sided(10.0) / 1.523_970_6e-23 - 1.0).abs() < 1e-6);
    }
}
