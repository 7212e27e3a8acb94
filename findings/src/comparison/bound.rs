//! Rates that are the load generator's, and not the system's.

use serde::Serialize;

use super::Pair;
use crate::cells::{CellFacts, Measure};

/// On which side of its estimate a ratio lies, where the load generator was at its limit with one of
/// the two systems: that one could have done more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The baseline was held up: it costs less than was measured, and the ratio is larger.
    AtLeast,
    /// The candidate was held up: the ratio is smaller.
    AtMost,
}

impl Bound {
    /// What stands before the ratio.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => "≥ ",
            Self::AtMost => "≤ ",
        }
    }

    /// The bound of a pair's ratio; an error if nothing at all is known of it.
    pub(super) fn of_pair(pair: &Pair<'_>, measure: Measure) -> Result<Option<Self>, &'static str> {
        Self::of_cells(pair.candidate, pair.baseline, measure)
    }

    /// The bound of candidate ÷ baseline; an error if nothing at all is known of it.
    pub(crate) fn of_cells(
        candidate: &CellFacts,
        baseline: &CellFacts,
        measure: Measure,
    ) -> Result<Option<Self>, &'static str> {
        let is_limited = |cell: &CellFacts| cell.is_lower_bound(measure);
        match (is_limited(candidate), is_limited(baseline)) {
            (false, false) => Ok(None),
            (false, true) => Ok(Some(Self::AtLeast)),
            (true, false) => Ok(Some(Self::AtMost)),
            (true, true) => Err("both are faster than the load generator"),
        }
    }
}
