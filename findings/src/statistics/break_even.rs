//! After how many requests per start does a slower start pay?

use serde::Serialize;

use super::bootstrap::{Resampling, plain};
use super::describe::mean_and_sd;
use super::error::{DataError, finite};
use super::random::Random;

/// Up to so many values a resample is drawn value by value.
const DRAWN_UP_TO: usize = 1_000;

/// What one system costs, in one unit (nanoseconds) for both.
#[derive(Debug, Clone, Copy)]
pub struct Costs<'a> {
    /// A start: one value per started process.
    pub start: &'a [f64],
    /// A request on a running process: one value, the mean, per process that served them.
    pub request: &'a [f64],
}

/// For which numbers of requests per start a candidate's start and requests together cost less than
/// the baseline's.
///
/// Costs add up, so it is means that decide here and not medians.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", content = "requests", rename_all = "snake_case")]
pub enum BreakEven {
    /// For all: neither its start nor its requests cost more.
    Always,
    /// From so many on: its start costs more, its requests less.
    From(f64),
    /// Up to so many: its start costs less, its requests more.
    UpTo(f64),
    /// For none.
    Never,
}

/// In what share of the resamples each answer came out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// [`BreakEven::Always`].
    pub always: f64,
    /// [`BreakEven::From`].
    pub from: f64,
    /// [`BreakEven::UpTo`].
    pub up_to: f64,
    /// [`BreakEven::Never`].
    pub never: f64,
}

/// The answer, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Answer {
    /// From the samples themselves.
    pub estimate: BreakEven,
    /// The lower end of the interval of the number of requests, for [`BreakEven::From`] and
    /// [`BreakEven::UpTo`]; else `None`. Zero where the candidate may be better (or worse) from the
    /// first request on.
    pub low: Option<f64>,
    /// Its upper end. `None` also where the crossing may never come.
    pub high: Option<f64>,
    /// How often each answer came out.
    pub shares: Shares,
}

/// Where the cumulative costs of two systems cross, with a percentile bootstrap interval.
///
/// Starts and requests of both systems are resampled independently of each other, as they are
/// measured in cells of their own.
pub fn break_even(
    candidate: Costs<'_>,
    baseline: Costs<'_>,
    resampling: Resampling,
) -> Result<Answer, DataError> {
    let samples = [
        candidate.start,
        baseline.start,
        candidate.request,
        baseline.request,
    ];
    samples.into_iter().try_for_each(finite)?;
    let means = samples.map(mean_and_sd);
    let estimate = crossing(means.map(|(mean, _)| mean));
    let mut random = Random::new(resampling.seed);
    let drawn: Vec<_> = (0..resampling.resamples.max(1))
        .map(|_| {
            let mut each = samples.iter().zip(means);
            crossing(std::array::from_fn(|_| {
                each.next().map_or(f64::NAN, |(sample, spread)| {
                    resampled_mean(sample, spread, &mut random)
                })
            }))
        })
        .collect();
    let share = |of: fn(&BreakEven) -> bool| {
        drawn.iter().filter(|answer| of(answer)).count() as f64 / drawn.len() as f64
    };
    let shares = Shares {
        always: share(|answer| matches!(answer, BreakEven::Always)),
        from: share(|answer| matches!(answer, BreakEven::From(_))),
        up_to: share(|answer| matches!(answer, BreakEven::UpTo(_))),
        never: share(|answer| matches!(answer, BreakEven::Never)),
    };
    let (low, high) = ends(estimate, &drawn);
    Ok(Answer {
        estimate,
        low,
        high,
        shares,
    })
}

/// The mean of a resample; of many values from the normal distribution that it then has.
fn resampled_mean(sample: &[f64], (mean, sd): (f64, Option<f64>), random: &mut Random) -> f64 {
    let n = sample.len();
    match sd {
        Some(sd) if n > DRAWN_UP_TO => mean + sd / (n as f64).sqrt() * random.normal(),
        _ => sample.iter().map(|_| sample[random.below(n)]).sum::<f64>() / n as f64,
    }
}

/// From the mean costs of starts (candidate, baseline) and of requests (candidate, baseline).
fn crossing([start, other_start, request, other_request]: [f64; 4]) -> BreakEven {
    let (dearer, saved) = (start - other_start, other_request - request);
    if dearer > 0.0 {
        return if saved > 0.0 {
            BreakEven::From(dearer / saved)
        } else {
            BreakEven::Never
        };
    }
    if saved < 0.0 {
        return BreakEven::UpTo(dearer / saved);
    }
    // Two systems without any difference do not pay for a change.
    if dearer < 0.0 || saved > 0.0 {
        BreakEven::Always
    } else {
        BreakEven::Never
    }
}

/// Quantiles of the crossing, where "at once" is zero and "not in sight" lies beyond all numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions among the resamples"
)]
fn ends(estimate: BreakEven, drawn: &[BreakEven]) -> (Option<f64>, Option<f64>) {
    let number = |answer: &BreakEven| match (estimate, answer) {
        (BreakEven::From(_), BreakEven::From(at)) | (BreakEven::UpTo(_), BreakEven::UpTo(at)) => {
            *at
        }
        (BreakEven::From(_), BreakEven::Always) | (BreakEven::UpTo(_), BreakEven::Never) => 0.0,
        _ => f64::INFINITY,
    };
    if matches!(estimate, BreakEven::Always | BreakEven::Never) {
        return (None, None);
    }
    let mut numbers: Vec<_> = drawn.iter().map(number).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let last = (numbers.len() - 1) as f64;
    let (below, above) = plain();
    let end = |position: f64| Some(numbers[position as usize]).filter(|number| number.is_finite());
    (end((below * last).floor()), end((above * last).ceil()))
}

/// The rate per second from which on a process serves so many requests per start before it has
/// been idle for so long that it is stopped.
///
/// Requests that arrive independently at a rate r keep a process alive until a gap is longer than
/// its idle timeout T, which a gap is with probability e^(−rT): it serves e^(rT) requests on
/// average. Zero for up to one request, which every start serves.
pub fn rate_for(requests: f64, idle_timeout: f64) -> f64 {
    requests.max(1.0).ln() / idle_timeout
}
