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
}
