//! Quantiles, and the spread that goes with a median.

use results::latency;

use super::error::{DataError, sorted};

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

/// Whether so many values support the p-quantile: see [`latency::supports`].
pub(crate) fn is_supported(n: u64, p: f64) -> bool {
    latency::supports(n, p.max(1.0 - p))
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
