//! Rates that are the load generator's, and not the system's.

use serde::Serialize;

use super::Pair;
use crate::cells::Measure;

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
        if !measure.is_rate() {
            return Ok(None);
        }
        let is_limited = |cell: &crate::cells::CellFacts| cell.is_generator_limited();
        match (is_limited(pair.candidate), is_limited(pair.baseline)) {
            (false, false) => Ok(None),
            (false, true) => Ok(Some(Self::AtLeast)),
            (true, false) => Ok(Some(Self::AtMost)),
            (true, true) => Err("both are faster than the load generator"),
        }
    }
}
