//! Requests in processes: many values, few of them independent.
//!
//! A process's requests share its memory layout, its cores and its minute, so that a million of
//! them say little more than the process does. The process is the unit here: intervals come from
//! resampling processes, and the number that counts for their width is that of the processes.
//!
//! Requests are (value, count) pairs as a histogram gives them, and are never unrolled: the cost
//! depends on the number of different values, not on that of the requests.

use super::bootstrap::{self, Bootstrapped, Resampling};
use super::describe::mean_and_sd;
use super::distribution::t_quantile;
use super::error::{DataError, finite};
use super::random::Random;
use super::{CONFIDENCE, Interval};

/// A process with fewer requests than this is resampled request by request for its mean; others by
/// the central limit.
const FEW_REQUESTS: u64 = 50;

/// The requests of one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// The different values, ascending.
    values: Vec<f64>,
    /// How many requests have at most the value at the same place.
    cumulative: Vec<u64>,
    mean: f64,
    variance: f64,
}

impl Process {
    /// From (value, count) pairs in any order; a value may come more than once.
    pub fn new(weighted: impl IntoIterator<Item = (f64, u64)>) -> Result<Self, DataError> {
        let mut pairs: Vec<_> = weighted
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        pairs.sort_unstable_by(|one, two| one.0.total_cmp(&two.0));
        let values: Vec<f64> = pairs.iter().map(|(value, _)| *value).collect();
        finite(&values)?;
        let running = |total: &mut u64, (_, count): &(f64, u64)| {
            *total = total.saturating_add(*count);
            Some(*total)
        };
        let cumulative: Vec<u64> = pairs.iter().scan(0, running).collect();
        let n = cumulative[cumulative.len() - 1] as f64;
        let origin = values[0];
        let weighted = |of: &dyn Fn(f64) -> f64| {
            pairs
                .iter()
                .map(|(v, count)| of(*v) * *count as f64)
                .sum::<f64>()
                / n
        };
        let mean = origin + weighted(&|value| value - origin);
        let variance = weighted(&|value| (value - mean).powi(2));
        Ok(Self {
            values,
            cumulative,
            mean,
            variance,
        })
    }

    /// How many requests there are.
    pub fn requests(&self) -> u64 {
        self.cumulative[self.cumulative.len() - 1]
    }

    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The smallest value that a share `p` of the requests does not exceed: the definition that
    /// histograms use.
    pub fn quantile(&self, p: f64) -> f64 {
        let at = self
            .cumulative
            .partition_point(|count| *count < quantile_rank(p, self.requests()));
        self.values[at.min(self.values.len() - 1)]
    }

    /// How many requests do not exceed a value.
    fn count_up_to(&self, value: f64) -> u64 {
        match self.values.partition_point(|own| *own <= value) {
            0 => 0,
            end => self.cumulative[end - 1],
        }
    }

    /// The mean of a resample of the requests.
    #[expect(clippy::cast_possible_truncation, reason = "few requests")]
    fn resampled_mean(&self, random: &mut Random) -> f64 {
        let n = self.requests();
        if n >= FEW_REQUESTS {
            return self.mean + (self.variance / n as f64).sqrt() * random.normal();
        }
        let draw = |_| {
            let drawn = random.below(n as usize) as u64;
            self.values[self.cumulative.partition_point(|count| *count <= drawn)]
        };
        (0..n).map(draw).sum::<f64>() / n as f64
    }
}

/// What is asked of all requests of all processes together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// The smallest value that this share of them does not exceed.
    Quantile(f64),
}

/// What is drawn anew in a resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stages {
    /// The processes, each with all its requests as they are. The right choice as a rule: the
    /// spread between processes already holds what their requests add to it.
    Processes,
    /// The processes, and within each the requests: the hierarchical bootstrap of two stages.
    /// Somewhat too wide where processes have few requests. (Davison and Hinkley, *Bootstrap
    /// Methods and their Application*, 1997, §3.8.)
    Both,
}

/// A statistic of the requests of all processes, with an interval from resampling processes.
///
/// Every process weighs as many requests as it has; a single process has no interval. That of a
/// mean is the percentile one, expanded for the number of processes: widened by as much as
/// Student's t is wider than the normal distribution (Hesterberg, *The American Statistician* 69,
/// 2015, §5).
/// That of a quantile goes by way of what is smooth: the *share* of requests up to the quantile is
/// resampled, its interval is Student's with the resamples' spread, and the ends are the quantiles
/// at the two shares (Woodruff, *JASA* 47, 1952). Resampled tail quantiles themselves hang on the
/// slowest two or three processes and cover 91 % with a dozen of them; this covers 94 %. There is
/// no interval where it would reach beyond all requests.
pub fn nested(
    processes: &[Process],
    statistic: Statistic,
    stages: Stages,
    resampling: Resampling,
) -> Result<Bootstrapped, DataError> {
    if processes.is_empty() {
        return Err(DataError::Empty);
    }
    match statistic {
        Statistic::Mean => Ok(nested_mean(processes, stages, resampling)),
        Statistic::Quantile(p) if (0.0..=1.0).contains(&p) => {
            Ok(nested_quantile(processes, p, stages, resampling))
        }
        Statistic::Quantile(_) => Err(DataError::Parameter),
    }
}

fn nested_mean(processes: &[Process], stages: Stages, resampling: Resampling) -> Bootstrapped {
    let estimate = pooled(processes, |process| process.mean);
    if processes.len() < 2 {
        return Bootstrapped {
            estimate,
            standard_error: None,
            interval: None,
        };
    }
    let replicates = resampled(processes, resampling, |process, random| match stages {
        Stages::Processes => process.mean,
        Stages::Both => process.resampled_mean(random),
    });
    bootstrap::summary(estimate, replicates, bootstrap::expanded(processes.len()))
}

fn nested_quantile(
    processes: &[Process],
    p: f64,
    stages: Stages,
    resampling: Resampling,
) -> Bootstrapped {
    let cell = Cell::new(processes);
    let estimate = cell.quantile(p);
    let share =
        |process: &Process| process.count_up_to(estimate) as f64 / process.requests() as f64;
    let replicates = resampled(processes, resampling, |process, random| match stages {
        Stages::Processes => share(process),
        Stages::Both => {
            random.binomial(process.requests(), share(process)) as f64 / process.requests() as f64
        }
    });
    let freedom = processes.len() as f64 - 1.0;
    let spread = replicates.and_then(|replicates| mean_and_sd(&replicates).1);
    let (Some(spread), Some(t)) = (spread, t_quantile(f64::midpoint(1.0, CONFIDENCE), freedom))
    else {
        return Bootstrapped {
            estimate,
            standard_error: None,
            interval: None,
        };
    };
    // Resampling n values divides by n where an estimate of their spread divides by n − 1.
    let reach = t * spread * ((freedom + 1.0) / freedom).sqrt();
    let inside = p - reach >= 0.0 && p + reach <= 1.0;
    let interval =
        inside.then(|| Interval::new(cell.quantile(p - reach), cell.quantile(p + reach)));
    let standard_error = interval.map(|interval| (interval.high - interval.low) / (2.0 * t));
    Bootstrapped {
        estimate,
        standard_error,
        interval,
    }
}

/// What is asked of each process, for resamples of the processes, weighed by their requests.
fn resampled(
    processes: &[Process],
    resampling: Resampling,
    of: impl Fn(&Process, &mut Random) -> f64,
) -> Option<Vec<f64>> {
    let mut random = Random::new(resampling.seed);
    bootstrap::replicates(resampling, || {
        let (mut sum, mut requests) = (0.0, 0.0);
        for _ in processes {
            let picked = &processes[random.below(processes.len())];
            let weight = picked.requests() as f64;
            sum += weight * of(picked, &mut random);
            requests += weight;
        }
        sum / requests
    })
}

/// The mean over processes, weighed by their requests.
fn pooled(processes: &[Process], of: impl Fn(&Process) -> f64) -> f64 {
    let requests: f64 = processes
        .iter()
        .map(|process| process.requests() as f64)
        .sum();
    processes
        .iter()
        .map(|process| of(process) * process.requests() as f64)
        .sum::<f64>()
        / requests
}

/// All requests of all processes.
struct Cell<'a> {
    processes: &'a [Process],
    /// All values that any request has, ascending.
    grid: Vec<f64>,
}

impl<'a> Cell<'a> {
    fn new(processes: &'a [Process]) -> Self {
        let mut grid: Vec<f64> = processes
            .iter()
            .flat_map(|process| process.values.iter().copied())
            .collect();
        grid.sort_unstable_by(f64::total_cmp);
        grid.dedup();
        Self { processes, grid }
    }

    /// The smallest value that a share `p` of the requests does not exceed.
    fn quantile(&self, p: f64) -> f64 {
        let rank = quantile_rank(p, total(self.processes.iter().map(Process::requests)));
        let up_to = |value: f64| {
            total(
                self.processes
                    .iter()
                    .map(|process| process.count_up_to(value)),
            )
        };
        let at = self.grid.partition_point(|value| up_to(*value) < rank);
        self.grid[at.min(self.grid.len() - 1)]
    }
}

/// A sum of counts, which a damaged histogram must not make overflow.
fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// How many of n requests a share is, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 1 to n"
)]
fn quantile_rank(p: f64, n: u64) -> u64 {
    // The share of a decimal fraction may come out a hair above a whole number.
    ((p * n as f64 - 1e-9 * n as f64).ceil() as u64).clamp(1, n)
}
