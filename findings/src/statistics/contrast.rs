//! Two independent samples compared: by how much, and by what factor.

use serde::Serialize;

use super::error::{DataError, logarithms, positive, sorted};
use super::rank_null::Null;
use super::shift::{self, Shift};

/// Everything measured between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Contrast {
    /// Candidate − baseline, in the unit of the values.
    pub shift: Shift,
    /// Candidate ÷ baseline.
    pub ratio: Shift,
}

/// Everything between two samples of positive values.
pub fn contrast(candidate: &[f64], baseline: &[f64]) -> Result<Contrast, DataError> {
    positive(candidate)?;
    positive(baseline)?;
    let (candidate, baseline) = (sorted(candidate)?, sorted(baseline)?);
    // Ranks, and with them the distribution of U, are the same for the logarithms.
    let null = Null::new(&candidate, &baseline);
    Ok(Contrast {
        shift: shift::of_sorted(&candidate, &baseline, &null),
        ratio: shift::of_sorted(&logarithms(&candidate)?, &logarithms(&baseline)?, &null)
            .exponential(),
    })
}
