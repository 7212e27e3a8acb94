//! Random numbers from a seed, the same on every machine.

use std::f64::consts::TAU;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A source of random numbers.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A whole number below `n`, which is not zero.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half of a product is below n"
    )]
    pub(crate) fn below(&mut self, n: usize) -> usize {
        // Off from uniform by n/2⁶⁴ at most.
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// 1 or −1, each with probability one half.
    pub(crate) fn sign(&mut self) -> f64 {
        if self.0.next_u64() >> 63 == 1 {
            -1.0
        } else {
            1.0
        }
    }

    /// A number between 0 and 1, never either of them.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A standard normal number. (Box and Muller, *Annals of Mathematical Statistics* 29, 1958.)
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }

    /// How many of `n` independent trials succeed, each with probability `p`.
    ///
    /// By inversion as long as few successes (or few failures) are expected; else from the normal
    /// distribution, which is then right to a few thousandths of its own spread.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to n"
    )]
    pub(crate) fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        let expected = n as f64 * p;
        if expected > 50.0 {
            let drawn = expected + (expected * (1.0 - p)).sqrt() * self.normal();
            return drawn.round().clamp(0.0, n as f64) as u64;
        }
        let odds = p / (1.0 - p);
        let mut mass = (n as f64 * (-p).ln_1p()).exp();
        let mut rest = self.uniform() - mass;
        let mut successes = 0;
        while rest > 0.0 && successes < n && mass > 0.0 {
            mass *= odds * (n - successes) as f64 / (successes + 1) as f64;
            rest -= mass;
            successes += 1;
        }
        successes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_numbers_have_the_mean_and_spread_of_theirs() {
        let mut random = Random::new(6);
        for (n, p) in [
            (1_u64, 0.3),
            (20, 0.5),
            (20, 0.97),
            (1_000, 0.02),
            (1_000, 0.4),
            (10_000_000, 0.99),
            (7, 0.0),
            (7, 1.0),
        ] {
            let drawn: Vec<_> = (0..40_000).map(|_| random.binomial(n, p) as f64).collect();
            let (mean, sd) = super::super::describe::mean_and_sd(&drawn);
            let (expected, spread) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
            assert!(
                (mean - expected).abs() <= 5.0 * spread / 200.0,
                "{n} {p}: {mean}"
            );
            assert!(
                (sd.unwrap() - spread).abs() <= 0.03 * spread,
                "{n} {p}: {sd:?}"
            );
        }
    }
}
