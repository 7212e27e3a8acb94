//! Populations whose truth is known, and a count of how often it is found.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Seeded, so that no test is ever right by luck on one day and wrong on another.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(crate) fn normal(&mut self, mean: f64, sd: f64) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        mean + sd * radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn sample(&mut self, population: Population, n: usize) -> Vec<f64> {
        (0..n).map(|_| population.one(self)).collect()
    }
}

/// Start times in milliseconds, as they are found: even, with a long tail, and from two code paths.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Population {
    /// About 100, coefficient of variation 10 %.
    Normal,
    /// Median 100, coefficient of variation a good 50 %.
    LogNormal,
    /// Six of ten about 50, four about 70.
    Bimodal,
}

pub(crate) const POPULATIONS: [Population; 3] = [
    Population::Normal,
    Population::LogNormal,
    Population::Bimodal,
];

impl Population {
    fn one(self, draw: &mut Draw) -> f64 {
        match self {
            Self::Normal => draw.normal(100.0, 10.0),
            Self::LogNormal => draw.normal(100_f64.ln(), 0.5).exp(),
            Self::Bimodal if draw.uniform() < 0.6 => draw.normal(50.0, 2.0),
            Self::Bimodal => draw.normal(70.0, 2.0),
        }
    }

    pub(crate) fn mean(self) -> f64 {
        match self {
            Self::Normal => 100.0,
            Self::LogNormal => 100.0 * 0.125_f64.exp(),
            Self::Bimodal => 58.0,
        }
    }

    pub(crate) fn median(self) -> f64 {
        match self {
            Self::Normal | Self::LogNormal => 100.0,
            // 0.6·Φ((m − 50)/2) = 0.5.
            Self::Bimodal => 51.934_843,
        }
    }
}

/// In how many of so many trials something holds, in per cent; shown by `cargo test --
/// --nocapture`.
#[expect(clippy::print_stderr, reason = "the figures, for who asks for them")]
pub(crate) fn share(what: &str, trials: u32, mut holds: impl FnMut() -> bool) -> f64 {
    let share =
        f64::from((0..trials).map(|_| u32::from(holds())).sum::<u32>()) / f64::from(trials) * 100.0;
    eprintln!("{share:6.2} %  {what}");
    share
}
