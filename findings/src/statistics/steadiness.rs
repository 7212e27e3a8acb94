//! Whether a load ran as fast at its beginning as later.
//!
//! What a server does in its first second is often not what it does from then on: code is compiled,
//! caches fill, a quota is used up. (Barrett et al., "Virtual Machine Warmup Blows Hot and Cold",
//! OOPSLA 2017: check, and do not assume.) Windows of one process depend on each other, so that a
//! test over them, such as Mann and Kendall's, cries wolf; the unit here is the process, as
//! everywhere. Each process gives, for a few places at which its load is divided in two, the
//! logarithm of the ratio of both parts' rates; over processes these are independent, and Student's
//! interval of their mean is held against a margin.

use serde::Serialize;

use super::Interval;
use super::describe::{mean_and_sd, t_interval_at};

/// Where a load is divided: beginnings of three lengths, and ends of two others.
const SPLITS: [f64; 5] = [0.125, 0.25, 0.5, 0.75, 0.875];

/// How often a cell that is steady is called unsteady at most, over all its splits. As strict as
/// other warnings: a report has this chance in every cell.
const LEVEL: f64 = super::describe::WARNING_LEVEL;

/// By how much two parts may differ without being called so.
const MARGIN: f64 = 0.05;

/// So many answers of each connection, at least, must be expected in a part.
const LEAST_ROUNDS: f64 = 2.0;

/// Answers of one process over time.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// The length of a window.
    pub window_ns: u64,
    /// From the first send to the last answer.
    pub wall_ns: u64,
    /// Answers in each window.
    pub answers: &'a [u64],
}

/// How a cell's loads went over time: the division whose parts surely differ most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Steadiness {
    /// Processes.
    pub n: usize,
    /// Which part of a load's time the first part is, from 0 to 1.
    pub fraction: f64,
    /// How long the first part took, the mean over processes.
    pub first_ns: f64,
    /// How long the rest took.
    pub rest_ns: f64,
    /// The rate of the first part as a part of the rest's: the geometric mean over processes.
    pub ratio: f64,
    /// Its interval, at 99 % for all divisions together.
    pub interval: Interval,
    /// Within 1 ± this, a ratio is none to speak of: 5 %, and one answer a connection at each end
    /// of each part, which is as exactly as a part's answers are known.
    pub margin: f64,
    /// Whether the interval reaches into the margin.
    pub is_steady: bool,
}

impl Steadiness {
    /// What is not steady, in words; nothing where it is: `its first 300 ms ran at 60 % of the
    /// rest's rate`.
    pub fn words(&self) -> Option<String> {
        use crate::units::{nanoseconds, percent};
        if self.is_steady {
            return None;
        }
        Some(if self.fraction <= 0.5 {
            let (time, ratio) = (nanoseconds(self.first_ns), percent(self.ratio));
            format!("its first {time} ran at {ratio} of the rest's rate")
        } else {
            let (time, ratio) = (nanoseconds(self.rest_ns), percent(1.0 / self.ratio));
            format!("its last {time} ran at {ratio} of the rate before")
        })
    }
}

/// Whether loads of a closed loop over so many connections were steady; `None` with fewer than two
/// processes, or if they are too short to be divided.
///
/// A division is called unsteady if Student's interval of the mean log ratio, at 1 % over all five
/// divisions (Bonferroni), lies wholly beyond the margin. The margin has the edges in it: a system
/// that answers all connections at once does so in rounds, and a boundary within a round moves one
/// answer of each connection to either side, however steady the system is.
pub fn steadiness(processes: &[Course<'_>], connections: u64) -> Option<Steadiness> {
    let split = |fraction: f64| of_split(processes, connections as f64, fraction);
    let by_certain_part =
        |one: &(f64, Steadiness), two: &(f64, Steadiness)| one.0.total_cmp(&two.0);
    SPLITS
        .into_iter()
        .filter_map(split)
        .max_by(by_certain_part)
        .map(|(_, found)| found)
}

/// One division, with by how much its interval lies beyond its margin, in logarithms: less than 0 if
/// it reaches into it.
fn of_split(
    processes: &[Course<'_>],
    connections: f64,
    fraction: f64,
) -> Option<(f64, Steadiness)> {
    let parts: Vec<Parts> = processes
        .iter()
        .filter_map(|course| Parts::new(course, connections, fraction))
        .collect();
    let n = parts.len();
    let mean_of = |of: fn(&Parts) -> f64| parts.iter().map(of).sum::<f64>() / n as f64;
    let logs: Vec<f64> = parts.iter().map(Parts::log_ratio).collect();
    let (mean, sd) = mean_and_sd(&logs);
    let sd = sd?;
    let confidence = 1.0 - LEVEL / SPLITS.len() as f64;
    let interval = t_interval_at(confidence, mean, sd, n)?;
    let edges = connections / mean_of(|it| it.first.0) + connections / mean_of(|it| it.rest.0);
    let margin = (1.0 + MARGIN).ln() + edges;
    let beyond = (interval.low - margin).max(-margin - interval.high);
    let found = Steadiness {
        n,
        fraction,
        first_ns: mean_of(|it| it.first.1),
        rest_ns: mean_of(|it| it.rest.1),
        ratio: mean.exp(),
        interval: Interval::new(interval.low.exp(), interval.high.exp()),
        margin: margin.exp() - 1.0,
        is_steady: beyond <= 0.0,
    };
    Some((beyond, found))
}

/// A load in two parts: of each its answers and its time.
struct Parts {
    first: (f64, f64),
    rest: (f64, f64),
}

impl Parts {
    /// Divided at the end of the window that is nearest; `None` where a part would be too short.
    fn new(course: &Course<'_>, connections: f64, fraction: f64) -> Option<Self> {
        let (wall, window) = (course.wall_ns as f64, course.window_ns as f64);
        let all: u64 = course.answers.iter().sum();
        let least = all as f64 * fraction.min(1.0 - fraction);
        let at = (fraction * wall / window).round();
        if course.window_ns == 0
            || at < 1.0
            || at * window >= wall
            || least < LEAST_ROUNDS * connections
        {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 1, and no more than there are windows"
        )]
        let first: u64 = course.answers.iter().take(at as usize).sum();
        let (first_time, first) = (at * window, first as f64);
        Some(Self {
            first: (first, first_time),
            rest: (all as f64 - first, wall - first_time),
        })
    }

    /// Half an answer where there was none: a part without any is slow, and not infinitely so.
    fn log_ratio(&self) -> f64 {
        let rate = |(answers, time): (f64, f64)| answers.max(0.5) / time;
        (rate(self.first) / rate(self.rest)).ln()
    }
}
