//! Requests in processes: many values, few of them independent.
//!
//! A process's requests share its memory layout, its cores and its minute, so that a million of them say little more
//! than the process does. The process is the unit here: intervals come from resampling processes, and the number that
//! counts for their width is that of the processes.
//!
//! Requests are (value, count) pairs as a histogram gives them, and are never unrolled: the cost depends on the number of
//! different values, not on that of the requests.

use super::bootstrap::{self, Bootstrapped, Resampling};
use super::error::{DataError, finite};
use super::random::Random;

/// A process with fewer requests than this is resampled request by request for its mean; others by the central limit.
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
        let mut pairs: Vec<_> = weighted.into_iter().filter(|(_, count)| *count > 0).collect();
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
        let weighted = |of: &dyn Fn(f64) -> f64| pairs.iter().map(|(v, count)| of(*v) * *count as f64).sum::<f64>() / n;
        let mean = origin + weighted(&|value| value - origin);
        let variance = weighted(&|value| (value - mean).powi(2));
        Ok(Self { values, cumulative, mean, variance })
    }

    /// How many requests there are.
    pub fn requests(&self) -> u64 {
        self.cumulative[self.cumulative.len() - 1]
    }

    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The smallest value that a share `p` of the requests does not exceed: the definition that histograms use.
    pub fn quantile(&self, p: f64) -> f64 {
        let at = self.cumulative.partition_point(|count| *count < wanted(p, self.requests()));
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
    /// The processes, each with all its requests as they are. The right choice as a rule: the spread between processes
    /// already holds what their requests add to it.
    Processes,
    /// The processes, and within each the requests: the hierarchical bootstrap of two stages. Somewhat too wide where
    /// processes have few requests. (Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, §3.8.)
    Both,
}

/// A statistic of the requests of all processes, with an interval from resampling processes.
///
/// Every process weighs as many requests as it has. The interval is the percentile one, expanded for the number of
/// processes ([`super::Kind::Expanded`]); a single process has none.
pub fn nested(
    processes: &[Process],
    statistic: Statistic,
    stages: Stages,
    resampling: Resampling,
) -> Result<Bootstrapped, DataError> {
    if processes.is_empty() {
        return Err(DataError::Empty);
    }
    if let Statistic::Quantile(p) = statistic
        && !(0.0..=1.0).contains(&p)
    {
        return Err(DataError::Parameter);
    }
    let cell = Cell::of(processes);
    let all: Vec<&Process> = processes.iter().collect();
    let estimate = cell.statistic(&all, statistic, None);
    if processes.len() < 2 {
        return Ok(Bootstrapped { estimate, standard_error: None, interval: None });
    }
    let mut random = Random::new(resampling.seed);
    let mut picked = all.clone();
    let replicates = bootstrap::replicates(resampling, || {
        picked.iter_mut().for_each(|slot| *slot = &processes[random.below(processes.len())]);
        let within = (stages == Stages::Both).then_some(&mut random);
        cell.statistic(&picked, statistic, within)
    });
    Ok(bootstrap::summary(estimate, replicates, bootstrap::expanded(processes.len())))
}

/// All values that any request has, ascending.
struct Cell(Vec<f64>);

impl Cell {
    fn of(processes: &[Process]) -> Self {
        let mut grid: Vec<f64> = processes.iter().flat_map(|process| process.values.iter().copied()).collect();
        grid.sort_unstable_by(f64::total_cmp);
        grid.dedup();
        Self(grid)
    }

    /// The statistic of some processes; with a source of random numbers, of a resample of their requests.
    fn statistic(&self, picked: &[&Process], statistic: Statistic, within: Option<&mut Random>) -> f64 {
        match (statistic, within) {
            (Statistic::Mean, None) => weighted_mean(picked, |process| process.mean),
            (Statistic::Mean, Some(random)) => weighted_mean(picked, |process| process.resampled_mean(random)),
            (Statistic::Quantile(p), None) => self.quantile(picked, p, |process, _, at, _| process.count_up_to(at)),
            (Statistic::Quantile(p), Some(random)) => self.quantile(picked, p, |process, below, at, above| {
                // Of the resampled requests between two values seen before, those up to a third are binomial.
                let (from, to) = (below.given, above.given);
                let share = (process.count_up_to(at) - from) as f64 / (to - from).max(1) as f64;
                below.drawn + random.binomial(above.drawn - below.drawn, share)
            }),
        }
    }

    /// Halves the grid until the value is found that the wanted number of requests does not exceed.
    ///
    /// `count` says how many requests of a process do not exceed a value, given the counts at the ends of what is left.
    fn quantile(
        &self,
        picked: &[&Process],
        p: f64,
        mut count: impl FnMut(&Process, Counts, f64, Counts) -> u64,
    ) -> f64 {
        let mut below = vec![Counts { given: 0, drawn: 0 }; picked.len()];
        let mut above: Vec<_> =
            picked.iter().map(|process| Counts { given: process.requests(), drawn: process.requests() }).collect();
        let wanted = wanted(p, above.iter().map(|counts| counts.given).sum());
        let mut middle = below.clone();
        let (mut low, mut high) = (0, self.0.len() - 1);
        while low < high {
            let at = usize::midpoint(low, high);
            let value = self.0[at];
            for (index, process) in picked.iter().enumerate() {
                let drawn = count(process, below[index], value, above[index]);
                middle[index] = Counts { given: process.count_up_to(value), drawn };
            }
            if middle.iter().map(|counts| counts.drawn).sum::<u64>() >= wanted {
                high = at;
                std::mem::swap(&mut above, &mut middle);
            } else {
                low = at + 1;
                std::mem::swap(&mut below, &mut middle);
            }
        }
        self.0[high]
    }
}

/// How many requests do not exceed a value: as given, and in the resample.
#[derive(Clone, Copy)]
struct Counts {
    given: u64,
    drawn: u64,
}

fn weighted_mean(picked: &[&Process], mut mean: impl FnMut(&Process) -> f64) -> f64 {
    let requests: f64 = picked.iter().map(|process| process.requests() as f64).sum();
    picked.iter().map(|process| mean(process) * process.requests() as f64).sum::<f64>() / requests
}

/// How many of n requests a share is, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to n")]
fn wanted(p: f64, n: u64) -> u64 {
    // The share of a decimal fraction may come out a hair above a whole number.
    ((p * n as f64 - 1e-9 * n as f64).ceil() as u64).clamp(1, n)
}
