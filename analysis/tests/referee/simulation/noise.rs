//! Noise as it was measured, and as it is feared.

use crate::support::Draw;

use super::world::{Course, Law, World};

/// How the machine's state of the moment moves all values alike.
///
/// On the authors' machine the residuals of different cells correlate by 0.38 within half a second,
/// 0.26 after one to two, 0.20 after four to eight, 0.10 after eight to sixteen, and not at all
/// later. This is the sum of two processes that has these correlations within 0.03: the mean of the
/// last sixteen seconds of white noise, whose correlation falls in a straight line to zero (0.30 of
/// the variance), and one that forgets within half a second (0.15).
pub struct Common {
    /// Sums of white noise up to each step.
    sums: Vec<f64>,
    quick: f64,
    at: f64,
}

/// Parts of the variance.
const SLOW: f64 = 0.30;
const QUICK: f64 = 0.15;

/// In seconds: what the slow part remembers, one step of it, and what the quick part remembers.
const MEMORY: f64 = 16.0;
const STEP: f64 = 0.25;
const FORGETS: f64 = 0.5;

impl Common {
    pub fn new(seconds: f64, draw: &mut Draw) -> Self {
        let mut sum = 0.0;
        let step = |_| {
            sum += draw.normal();
            sum
        };
        let sums = (0..steps(seconds + MEMORY) + 2).map(step).collect();
        Self {
            sums,
            quick: draw.normal(),
            at: 0.0,
        }
    }

    /// The state at a time, no earlier than the one asked for last, as a standard normal number
    /// times the root of its part of the variance.
    pub fn at(&mut self, seconds: f64, draw: &mut Draw) -> f64 {
        let kept = (-(seconds - self.at) / FORGETS).exp();
        self.quick = self.quick * kept + (1.0 - kept * kept).sqrt() * draw.normal();
        self.at = seconds;
        let (first, remembered) = (steps(seconds), steps(MEMORY));
        let slow = self.sums[first + remembered] - self.sums[first];
        SLOW.sqrt() * slow / (remembered as f64).sqrt() + QUICK.sqrt() * self.quick
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a run lasts hours at most"
)]
fn steps(seconds: f64) -> usize {
    (seconds / STEP) as usize
}

/// What a value is instead of its cell's `truth`, in units of the native program's cost. `common`
/// is the state of the moment.
pub fn scattered(world: &World, truth: f64, common: f64, draw: &mut Draw) -> f64 {
    let own = if world.is_common {
        (1.0 - SLOW - QUICK).sqrt()
    } else {
        1.0
    };
    let z = common + own * draw.normal();
    match world.law {
        Law::Multiplicative => truth * (world.sd * z).exp(),
        // No start takes less than nothing.
        Law::Additive => (truth + world.sd * z).max(0.05 * truth),
        Law::Stalls => {
            let stall = if draw.unit() < 0.1 { 1.5 } else { 1.0 };
            truth * (world.sd * z).exp() * stall
        }
        Law::Bimodal => {
            let half = 1.5_f64.sqrt();
            let mode = if draw.unit() < 0.5 { half } else { 1.0 / half };
            truth * (0.03 * z).exp() * mode
        }
    }
}

/// What the machine's course makes of a value: `progress` is the part of the run that has passed.
pub fn course(world: &World, progress: f64, block: u32) -> f64 {
    match world.course {
        Course::Drift(by) => 1.0 + by * progress,
        Course::FirstBlock(by) if block == 0 => 1.0 - by,
        Course::Resumed(times) if progress >= 0.5 => times,
        Course::Steady | Course::FirstBlock(_) | Course::Resumed(_) => 1.0,
    }
}
