//! What makes numbers unfit for a statistic.

use serde::Serialize;

/// Why a statistic cannot be had of these values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DataError {
    /// There is nothing to compute from.
    #[error("there are no values")]
    Empty,
    /// The value at this index is not a number, is infinite, or is so large that its square would
    /// be.
    #[error("value {0} is not a finite number of a usable size")]
    NotFinite(usize),
    /// The value at this index is zero or negative where a ratio or a logarithm is taken.
    #[error("value {0} is not above zero, so that no ratio can be taken")]
    NotPositive(usize),
    /// There are fewer values than the statistic needs.
    #[error("{got} values where {needed} are needed")]
    TooFew {
        /// How many there must be.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// All values are the same where a spread is needed.
    #[error("all values are the same")]
    Constant,
    /// Two lists that belong together differ in length.
    #[error("{0} values go with {1} of their companions")]
    Mismatch(usize, usize),
    /// A probability, quantile or effect is outside what it can be.
    #[error("a parameter is outside its range")]
    Parameter,
}

/// Beyond this, sums of squares of a hundred million values would overflow.
const LARGEST: f64 = 1e140;

/// That there are values, and that arithmetic with them stays finite.
pub(crate) fn finite(values: &[f64]) -> Result<(), DataError> {
    if values.is_empty() {
        return Err(DataError::Empty);
    }
    match values
        .iter()
        .position(|value| value.is_nan() || value.abs() > LARGEST)
    {
        Some(index) => Err(DataError::NotFinite(index)),
        None => Ok(()),
    }
}

/// At least `needed` finite values.
pub(crate) fn at_least(needed: usize, values: &[f64]) -> Result<(), DataError> {
    finite(values)?;
    if values.len() < needed {
        Err(DataError::TooFew {
            needed,
            got: values.len(),
        })
    } else {
        Ok(())
    }
}

/// The values in ascending order.
pub(crate) fn sorted(values: &[f64]) -> Result<Vec<f64>, DataError> {
    finite(values)?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(sorted)
}

/// Finite values above zero.
pub(crate) fn positive(values: &[f64]) -> Result<(), DataError> {
    finite(values)?;
    match values.iter().position(|value| *value <= 0.0) {
        Some(index) => Err(DataError::NotPositive(index)),
        None => Ok(()),
    }
}

/// The natural logarithms of the values, in their order.
pub(crate) fn logarithms(values: &[f64]) -> Result<Vec<f64>, DataError> {
    positive(values)?;
    Ok(values.iter().map(|value| value.ln()).collect())
}
