//! The few distributions that tests and intervals refer to.

use statrs::distribution::{ContinuousCDF as _, FisherSnedecor, Normal, StudentsT};

/// The z with P(Z ≤ z) = p; infinite at the ends, and not a number for what is none.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() {
        p
    } else {
        Normal::standard().inverse_cdf(p.clamp(0.0, 1.0))
    }
}

/// P(|Z| ≥ z): the two-sided p-value of a standardised statistic.
pub(crate) fn two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
}

/// P(F ≥ f) with so many degrees of freedom, which are above zero.
pub(crate) fn f_above(f: f64, above: f64, below: f64) -> f64 {
    FisherSnedecor::new(above, below).map_or(f64::NAN, |distribution| distribution.sf(f))
}

/// The t that Student's distribution with so many degrees of freedom stays below with probability
/// p.
///
/// `None` without a degree of freedom.
pub(crate) fn t_quantile(p: f64, freedom: f64) -> Option<f64> {
    let p = p.clamp(0.0, 1.0);
    if freedom > EXPANDED_FROM {
        Some(expanded(normal_quantile(p), freedom))
    } else {
        exact(p, freedom)
    }
}

/// P(|T| ≥ t) of Student's distribution with so many degrees of freedom: the two-sided p-value.
///
/// `None` without a degree of freedom.
pub(crate) fn t_two_sided(t: f64, freedom: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, freedom)
        .ok()
        .map(|student| (2.0 * student.sf(t.abs())).min(1.0))
}

/// The crate's own search ends a few millionths early for many degrees of freedom.
const EXPANDED_FROM: f64 = 200.0;

/// Fisher's expansion about the normal quantile: right to 10⁻¹⁰ from 200 degrees of freedom on.
/// (Abramowitz and Stegun, 26.7.5.)
fn expanded(z: f64, freedom: f64) -> f64 {
    let terms: [&[f64]; 4] = [
        &[1.0 / 4.0, 1.0 / 4.0],
        &[3.0 / 96.0, 16.0 / 96.0, 5.0 / 96.0],
        &[-15.0 / 384.0, 17.0 / 384.0, 19.0 / 384.0, 3.0 / 384.0],
        &[
            -945.0 / 92_160.0,
            -1_920.0 / 92_160.0,
            1_482.0 / 92_160.0,
            776.0 / 92_160.0,
            79.0 / 92_160.0,
        ],
    ];
    let in_z = |odd: &&[f64]| {
        z * odd
            .iter()
            .rev()
            .fold(0.0, |sum, factor| sum * z * z + factor)
    };
    z + terms
        .iter()
        .rev()
        .fold(0.0, |sum, odd| (sum + in_z(odd)) / freedom)
}

fn exact(p: f64, freedom: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, freedom)
        .ok()
        .map(|t| t.inverse_cdf(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables_at_both_ends_of_their_range() {
        let known = [
            (1.0, 12.706_204_736_175),
            (1.5, 6.016_663_104_428),
            (2.0, 4.302_652_729_749),
            (5.0, 2.570_581_835_636),
            (11.0, 2.200_985_160_092),
            (29.0, 2.045_229_642_133),
            (59.0, 2.000_995_378_088),
            (150.0, 1.975_905_330_897),
            (199.0, 1.971_956_544_252),
            (201.0, 1.971_836_506_780),
            (500.0, 1.964_719_837_467),
            (1e5, 1.959_987_707_535),
            (1e8, 1.959_964_008_263),
        ];
        for (freedom, wanted) in known {
            let found = t_quantile(0.975, freedom).unwrap();
            assert!((found - wanted).abs() < 1e-9 * wanted, "{freedom}: {found}");
        }
        assert_eq!(t_quantile(0.975, 0.0), None);
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((two_sided(10.0) / 1.523_970_6e-23 - 1.0).abs() < 1e-6);
    }
}
