//! After how many requests per start does a slower start pay?
//!
//! **What is estimated.** The number of requests at which the *typical* cost of the two is the same:
//! the θ at which D − θ·S has the pseudomedian zero, D being what more a candidate's start costs
//! within a block of the run and S what one of its requests saves. The mean cost, which adds up
//! over a service's life, would be the other choice. With the few samples that a run has it cannot be
//! had: if one start in ten stalls, half of all sets of seven hold no stall, and no interval made of
//! them can cover a mean that does. Without stalls the two are the same to a part of a percent.
//!
//! **The interval** holds every θ that Wilcoxon's signed ranks do not reject: Fieller's idea (*JRSS
//! B* 16, 1954), who took Student's t for it. It has no upper end where S may be zero.

use serde::Serialize;

use super::error::{DataError, finite, sorted};
use super::paired::interval_rank;
use super::select::{kth_average, middle};

/// How often an angle is halved: far below what a measured time resolves.
const STEPS: u32 = 60;

/// For which numbers of requests per start a candidate's start and requests together cost less than
/// the baseline's.
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

/// The numbers of requests at which the costs may cross.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RequestRange {
    /// The fewest. Zero where the starts may cost the same.
    pub low: f64,
    /// The most. `None` where requests may cost the same, so that the crossing may never come.
    pub high: Option<f64>,
}

impl RequestRange {
    /// Whether a number of requests is in it; the ends are.
    pub fn contains(&self, requests: f64) -> bool {
        self.low <= requests && self.high.is_none_or(|high| requests <= high)
    }
}

/// The answer, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Answer {
    /// From the samples themselves.
    pub estimate: BreakEven,
    /// Where the costs may cross, also if those of the samples do not. `None` where they cannot, and
    /// with fewer than six pairs.
    pub interval: Option<RequestRange>,
    /// Whether it is beyond doubt that this is the kind of answer: neither the starts nor the
    /// requests may cost the same.
    pub is_certain: bool,
    /// How many pairs it is of.
    pub n: usize,
}

/// Where the cumulative costs of two systems cross, from (what more the candidate's start costs,
/// what its request saves) of each block, in one unit for both.
pub fn break_even(pairs: &[(f64, f64)]) -> Result<Answer, DataError> {
    let (starts, requests): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    finite(&starts)?;
    finite(&requests)?;
    let more = Averages::new(&starts)?.middle();
    let saved = Averages::new(&requests)?.middle();
    let crosses = more * saved > 0.0;
    let line = Turned {
        pairs,
        sign: if more < 0.0 { -1.0 } else { 1.0 },
        // Puts the crossing of the two middles half way.
        scale: if crosses { more / saved } else { 1.0 },
    };
    let crossing = crosses.then(|| line.crossing()).transpose()?;
    let estimate = match crossing.map(|angle| line.requests(angle)) {
        Some(requests) if more > 0.0 => BreakEven::From(requests),
        Some(requests) => BreakEven::UpTo(requests),
        // Two systems without any difference do not pay for a change.
        None if more <= 0.0 && saved >= 0.0 && more < saved => BreakEven::Always,
        None => BreakEven::Never,
    };
    let (n, rank) = (pairs.len(), interval_rank(pairs.len()));
    let interval = match rank {
        Some(rank) => line.interval(rank, crossing)?,
        None => None,
    };
    let is_certain = match interval {
        Some(range) => crosses && range.low > 0.0 && range.high.is_some(),
        None => rank.is_some(),
    };
    Ok(Answer {
        estimate,
        interval,
        is_certain,
        n,
    })
}

/// D − θ·S for θ from zero to infinity, as an angle from zero to a quarter of a turn (which is 1
/// here): both ends are as good as any other θ then.
struct Turned<'a> {
    pairs: &'a [(f64, f64)],
    sign: f64,
    scale: f64,
}

impl Turned<'_> {
    fn requests(&self, angle: f64) -> f64 {
        self.scale * (angle * std::f64::consts::FRAC_PI_2).tan()
    }

    fn at(&self, angle: f64) -> Result<Averages, DataError> {
        let (sin, cos) = (angle * std::f64::consts::FRAC_PI_2).sin_cos();
        let turned = self
            .pairs
            .iter()
            .map(|(more, saved)| self.sign * (more * cos - self.scale * saved * sin));
        Averages::new(&turned.collect::<Vec<_>>())
    }

    /// Where the pseudomedian, which is above zero at the one end and below it at the other, is zero.
    fn crossing(&self) -> Result<f64, DataError> {
        self.border(0.0, 1.0, |averages| averages.middle() > 0.0)
    }

    /// The angles that are not rejected: those about the crossing or, where there is none, those at
    /// the ends.
    fn interval(
        &self,
        rank: u64,
        crossing: Option<f64>,
    ) -> Result<Option<RequestRange>, DataError> {
        let holds_zero = |averages: &Averages| averages.holds_zero(rank);
        let is_off = |averages: &Averages| !averages.holds_zero(rank);
        let from_start = holds_zero(&self.at(0.0)?);
        let to_end = holds_zero(&self.at(1.0)?);
        if crossing.is_none() && !from_start && !to_end {
            return Ok(None);
        }
        let low = if from_start {
            0.0
        } else {
            self.requests(self.border(0.0, crossing.unwrap_or(1.0), is_off)?)
        };
        let high = if to_end {
            None
        } else {
            let angle = self.border(crossing.unwrap_or(0.0), 1.0, holds_zero)?;
            Some(self.requests(angle))
        };
        Ok(Some(RequestRange { low, high }))
    }

    /// Between two angles the one up to which something holds.
    fn border(
        &self,
        mut low: f64,
        mut high: f64,
        holds: impl Fn(&Averages) -> bool,
    ) -> Result<f64, DataError> {
        for _ in 0..STEPS {
            let middle = f64::midpoint(low, high);
            if holds(&self.at(middle)?) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(f64::midpoint(low, high))
    }
}

/// The averages of all two of some values, and of each with itself.
struct Averages {
    sorted: Vec<f64>,
    count: u64,
}

impl Averages {
    fn new(values: &[f64]) -> Result<Self, DataError> {
        let sorted = sorted(values)?;
        let n = sorted.len() as u64;
        Ok(Self {
            sorted,
            count: n * (n + 1) / 2,
        })
    }

    /// The pseudomedian.
    fn middle(&self) -> f64 {
        middle(self.count, |rank| kth_average(&self.sorted, rank))
    }

    /// Whether the interval of the pseudomedian, from this rank on, holds zero.
    fn holds_zero(&self, rank: u64) -> bool {
        kth_average(&self.sorted, rank) <= 0.0
            && kth_average(&self.sorted, self.count + 1 - rank) >= 0.0
    }
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
