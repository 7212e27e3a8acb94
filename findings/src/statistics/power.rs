//! How many samples a finding takes, and what so many samples can find.

use super::describe::mean_and_sd;
use super::distribution::{normal_cdf, normal_quantile};
use super::error::{DataError, at_least, logarithms};
use super::ranks::counts_below;

/// From so many pilot values on, their own distribution is used instead of the normal one of their
/// spread.
const OWN_DISTRIBUTION_FROM: usize = 20;

/// No design asks for more per cell: whoever needs more needs another method.
const MOST: usize = 10_000_000;

/// What a comparison is to achieve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// The level of the two-sided test.
    pub alpha: f64,
    /// The probability with which a difference of the size in question is to be found.
    pub power: f64,
}

impl Default for Design {
    /// 5 % and 80 %.
    fn default() -> Self {
        Self {
            alpha: 0.05,
            power: 0.8,
        }
    }
}

impl Design {
    fn check(self) -> Result<Self, DataError> {
        let inside = |p: f64| p > 0.0 && p < 1.0;
        if inside(self.alpha) && inside(self.power) {
            Ok(self)
        } else {
            Err(DataError::Parameter)
        }
    }

    /// (z(1 − α/2) + z(power))².
    fn z(self) -> f64 {
        (normal_quantile(1.0 - self.alpha / 2.0) + normal_quantile(self.power)).powi(2)
    }

    /// Below so many values per cell no result whatever is significant: 2 of all orders of the
    /// values are the extreme ones.
    fn least(self) -> usize {
        // C(2n, n) grows fourfold with every n, so that this ends soon.
        let mut orders = 1.0;
        let mut n = 0;
        while 2.0 / orders >= self.alpha.max(1e-12) {
            n += 1;
            orders *= (2 * (2 * n - 1)) as f64 / n as f64;
        }
        n
    }
}

/// How many processes *per cell* it takes to find that one cell is slower than another by the
/// factor 1 + `effect`.
///
/// Noether's formula for the Mann–Whitney test, N = (z(1 − α/2) + z(power))² / (3·(P(X < Y) − ½)²)
/// in all (*JASA* 82, 1987). The probability comes from the pilot: its values against the same
/// values times 1 + effect, from 20 of them on; with fewer from a log-normal distribution of their
/// spread.
pub fn needed(pilot: &[f64], effect: f64, design: Design) -> Result<usize, DataError> {
    if !(effect > 0.0 && effect.is_finite()) {
        return Err(DataError::Parameter);
    }
    let spread = LogSpread::new(pilot)?;
    Ok(noether(spread.superiority(effect.ln_1p()), design.check()?))
}

/// The smallest relative difference that `n` processes per cell find with the power in question: 0.05 is
/// 5 %.
///
/// [`needed`] turned round. A design that cannot find any difference at all is
/// [`DataError::TooFew`].
pub fn detectable(pilot: &[f64], n: usize, design: Design) -> Result<f64, DataError> {
    let spread = LogSpread::new(pilot)?;
    let design = design.check()?;
    let finds = |shift: f64| noether(spread.superiority(shift), design) <= n;
    let (mut low, mut high) = (0.0, 1e-6);
    while !finds(high) {
        if high > 100.0 {
            return Err(DataError::TooFew {
                needed: noether(1.0, design),
                got: n,
            });
        }
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if finds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high.exp_m1())
}

/// Processes per cell, from the probability that a value of the slower cell is the larger one.
fn noether(superiority: f64, design: Design) -> usize {
    processes(design.z() / (6.0 * (superiority - 0.5).powi(2))).max(design.least())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 1 to MOST"
)]
fn processes(number: f64) -> usize {
    number.ceil().clamp(1.0, MOST as f64) as usize
}

/// How values spread about their centre, in logarithms.
struct LogSpread {
    sorted: Vec<f64>,
    sd: f64,
}

impl LogSpread {
    fn new(pilot: &[f64]) -> Result<Self, DataError> {
        at_least(2, pilot)?;
        Ok(Self::of_logarithms(logarithms(pilot)?))
    }

    fn of_logarithms(mut sorted: Vec<f64>) -> Self {
        sorted.sort_unstable_by(f64::total_cmp);
        let sd = mean_and_sd(&sorted).1.unwrap_or(0.0);
        Self { sorted, sd }
    }

    /// P(X < Y) + ½·P(X = Y) for Y larger by this shift of the logarithms.
    fn superiority(&self, shift: f64) -> f64 {
        let n = self.sorted.len();
        if n < OWN_DISTRIBUTION_FROM {
            return if self.sd > 0.0 {
                normal_cdf(shift / (self.sd * std::f64::consts::SQRT_2))
            } else {
                1.0
            };
        }
        let shifted: Vec<_> = self.sorted.iter().map(|value| value + shift).collect();
        let below: f64 = counts_below(&shifted, &self.sorted)
            .into_iter()
            .map(|(smaller, not_larger)| (smaller + not_larger) as f64 / 2.0)
            .sum();
        // A value and its own shifted self are no independent pair.
        (below - n as f64) / (n * (n - 1)) as f64
    }
}
