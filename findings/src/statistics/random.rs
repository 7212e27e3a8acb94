//! Random numbers from a seed, the same on every machine.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A source of random numbers.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// 1 or −1, each with probability one half.
    pub(crate) fn sign(&mut self) -> f64 {
        if self.0.next_u64() >> 63 == 1 {
            -1.0
        } else {
            1.0
        }
    }
}
