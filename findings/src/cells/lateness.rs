//! By how much an answer may have been seen too late.
//!
//! A server that sends no event when it listens is asked until it answers. It may have been ready
//! at any time since the attempt before the successful one, so that a start is seen late by at most
//! the gap between the two, and never early. A container engine's answer comes when the server
//! listens, and the first attempt succeeds: such a start is not late at all. The bias is therefore
//! one-sided, and differs between systems.

use serde::Serialize;

use crate::input::{Fact, Point};
use crate::statistics::Interval;

/// How late the first answers of a cell's starts may have been seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Lateness {
    /// Starts that answered another attempt than the first.
    pub retried: usize,
    /// Of how many.
    pub starts: usize,
    /// The median gap of those, in nanoseconds.
    pub gap_ns: f64,
    /// The mean over all starts of what each may have been seen late, in nanoseconds.
    pub mean_ns: f64,
    /// The part of a start by which it may have been seen late: one less the geometric mean of
    /// what would be left of each start without its gap.
    pub share: f64,
}

/// Of starts, each with its total and the gap before its successful attempt; nothing where none
/// needed a second one.
///
/// Without their gaps, the logarithms of the totals would be less by −ln(1 − gap ÷ total) each, and
/// a ratio of geometric means by the mean of these: that is the most by which it can be wrong.
pub(crate) fn of_starts(starts: impl Iterator<Item = (f64, f64)>) -> Option<Lateness> {
    let starts: Vec<(f64, f64)> = starts.filter(|(total, gap)| gap < total).collect();
    let gaps: Vec<f64> = starts
        .iter()
        .map(|it| it.1)
        .filter(|gap| *gap > 0.0)
        .collect();
    let logarithms = starts.iter().map(|(total, gap)| (1.0 - gap / total).ln());
    let mean = logarithms.sum::<f64>() / starts.len() as f64;
    Some(Lateness {
        retried: gaps.len(),
        starts: starts.len(),
        gap_ns: crate::statistics::median(&gaps).ok()?,
        mean_ns: gaps.iter().sum::<f64>() / starts.len() as f64,
        share: 1.0 - mean.exp(),
    })
}

/// The same of samples.
pub(super) fn of_points(good: &[&Point]) -> Option<Lateness> {
    of_starts(good.iter().filter_map(|point| {
        let total = point.total_ns? as f64;
        Some((total, point.gap_ns()))
    }))
}

impl Point {
    /// The gap before the attempt that succeeded: nothing if it was the first, or none is recorded.
    pub(super) fn gap_ns(&self) -> f64 {
        self.fact(Fact::ConnectResolutionNs).unwrap_or(0.0)
    }
}

/// The ends of a ratio candidate ÷ baseline when each side may have been seen late: without the
/// candidate's gaps it is less, and without the baseline's more.
#[must_use]
pub fn widened(ratio: Interval, [candidate, baseline]: [Lateness; 2]) -> Interval {
    Interval::new(
        ratio.low * (1.0 - candidate.share),
        ratio.high / (1.0 - baseline.share),
    )
}

/// The same of a difference candidate − baseline, in nanoseconds.
#[must_use]
pub fn shifted(difference: Interval, [candidate, baseline]: [Lateness; 2]) -> Interval {
    Interval::new(
        difference.low - candidate.mean_ns,
        difference.high + baseline.mean_ns,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_late_by_its_gap_at_most() {
        let late = of_starts([(2e6, 1e5), (2e6, 0.0), (4e6, 2e5)].into_iter()).unwrap();
        assert_eq!((late.retried, late.starts), (2, 3));
        assert!((late.gap_ns - 1.5e5).abs() < 1e-6 && (late.mean_ns - 1e5).abs() < 1e-6);
        // The geometric mean of 0.95, 1 and 0.95.
        let share = 1.0 - (0.95_f64 * 0.95).powf(1.0 / 3.0);
        assert!((late.share - share).abs() < 1e-12, "{}", late.share);
        assert_eq!(of_starts([(2e6, 0.0)].into_iter()), None);
        assert_eq!(of_starts(std::iter::empty()), None);
    }

    #[test]
    fn each_end_moves_by_what_its_side_may_be_late() {
        let late = |share: f64, mean_ns: f64| Lateness {
            mean_ns,
            share,
            ..Lateness::default()
        };
        let sides = [late(0.05, 10.0), late(0.1, 20.0)];
        let ends = widened(Interval::new(0.9, 1.1), sides);
        assert!((ends.low - 0.855).abs() < 1e-12 && (ends.high - 1.1 / 0.9).abs() < 1e-12);
        let ends = shifted(Interval::new(-100.0, 100.0), sides);
        assert!((ends.low + 110.0).abs() < 1e-9 && (ends.high - 120.0).abs() < 1e-9);
        let same = Interval::new(0.9, 1.1);
        assert_eq!(widened(same, [Lateness::default(); 2]), same);
        assert_eq!(shifted(same, [Lateness::default(); 2]), same);
    }
}
