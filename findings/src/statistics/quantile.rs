//! Quantiles, and the spread that goes with a median.

use super::error::{DataError, sorted};

/// A quantile is only published with at least so many observations expected beyond it.
///
/// With fewer, a tail quantile is little more than the name of one of the largest values. The rule
/// gives p90 from 100 observations on, p95 from 200, p99 from 1,000.
pub const MINIMUM_BEYOND: usize = 10;

/// Makes the median absolute deviation of normal data estimate its standard deviation: 1 / Φ⁻¹(¾).
pub(crate) const NORMAL_CONSISTENCY: f64 = 1.482_602_218_505_602;

/// The p-quantile of type 7 of values in any order.
pub fn quantile(values: &[f64], p: f64) -> Result<f64, DataError> {
    if (0.0..=1.0).contains(&p) {
        Ok(of_sorted(&sorted(values)?, p))
    } else {
        Err(DataError::Parameter)
    }
}

/// The p-quantile if the values carry it: `None` with fewer than [`MINIMUM_BEYOND`] observations
/// beyond it.
pub fn supported_quantile(values: &[f64], p: f64) -> Result<Option<f64>, DataError> {
    let value = quantile(values, p)?;
    Ok(is_supported(values.len(), p).then_some(value))
}

/// The median of values in any order.
pub fn median(values: &[f64]) -> Result<f64, DataError> {
    quantile(values, 0.5)
}

/// The median of the absolute deviations from the median, in the unit of the values and unscaled.
///
/// (Hampel, *JASA* 69, 1974.)
pub fn median_absolute_deviation(values: &[f64]) -> Result<f64, DataError> {
    let centre = median(values)?;
    median(
        &values
            .iter()
            .map(|value| (value - centre).abs())
            .collect::<Vec<_>>(),
    )
}

/// Whether so many values carry the p-quantile.
pub(crate) fn is_supported(n: usize, p: f64) -> bool {
    // A tenth of 100 is 9.999… in binary.
    n as f64 * p.min(1.0 - p) >= MINIMUM_BEYOND as f64 - 1e-9
}

/// The p-quantile of type 7 of ascending values, which there must be.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position among the values"
)]
pub(crate) fn of_sorted(sorted: &[f64], p: f64) -> f64 {
    let position = (sorted.len() - 1) as f64 * p;
    let (below, part) = (position.floor() as usize, position.fract());
    let low = sorted[below];
    match sorted.get(below + 1) {
        Some(high) => low + (high - low) * part,
        None => low,
    }
}
