//! The statistics that findings rest on: pure functions from numbers to numbers.
//!
//! Nothing here reads a file or a clock, and what draws random numbers takes its seed from the
//! caller: the same samples give the same bytes. No input panics: what cannot be computed is a
//! [`DataError`] or `None`.
//!
//! The conventions, once for all of it:
//!
//! - Values are costs in any unit (nanoseconds, bytes): less is better. Whoever compares rates
//!   passes the reciprocals.
//! - A value is one *process*, the unit of replication. What repeats inside a process is one value
//!   by then: its mean, or a quantile.
//! - Two samples are always (candidate, baseline): a shift is candidate − baseline, a ratio
//!   candidate ÷ baseline.
//! - Every interval is a two-sided one at [`CONFIDENCE`]; a [`Bounds`] has two one-sided ones.
//! - Quantiles are those of type 7 in Hyndman and Fan's count (*The American Statistician* 50,
//!   1996), the default of R and `NumPy`: linear between the values at positions (n − 1)·p.

#![expect(
    clippy::missing_errors_doc,
    reason = "each kind of `DataError` says when it comes, and there is no other"
)]

mod bound;
mod break_even;
mod carry_over;
mod contrast;
mod describe;
mod dip;
mod distribution;
mod error;
mod family;
mod friedman;
mod interval;
mod linear;
pub(crate) mod median;
mod paired;
mod quantile;
mod random;
mod rank_null;
mod ranks;
mod select;
mod shift;
mod sign_flip;
mod steadiness;
mod trend;
mod verdict;
mod welch;

pub use bound::{Bounds, largest, quantile_bounds, values_for_bound};
pub use break_even::{Answer, BreakEven, RequestRange, break_even, rate_for};
pub use carry_over::{CarryOver, Taken, carry_over};
pub use contrast::{Contrast, contrast};
pub(crate) use describe::mean_and_sd;
pub use describe::{Description, Drift, Order, Outliers, Warning, describe};
pub use dip::{Dip, dip};
pub(crate) use distribution::{normal_quantile, t_quantile};
pub use error::DataError;
pub use family::holm;
pub use friedman::{Friedman, PageTrend, column_effects, friedman, page};
pub use interval::Interval;
pub use linear::{Fit, linear_fit};
pub use median::{CONFIDENCE, Estimate};
pub(crate) use paired::pseudomedian;
pub use paired::{Paired, paired};
pub(crate) use quantile::NORMAL_CONSISTENCY;
pub use quantile::{median, median_absolute_deviation, quantile};
pub(crate) use random::Random;
pub use shift::Shift;
pub(crate) use sign_flip::Patterns;
pub use sign_flip::{Differences, SignFlip, bounded, sign_flips};
pub use steadiness::{Course, Steadiness, steadiness};
pub use trend::{Line, Trend, mann_kendall, theil_sen};
pub use verdict::{Policy, Verdict, relative_difference};
pub use welch::{Welch, welch};
