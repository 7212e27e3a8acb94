//! Memory that several guests share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What several guests may take together, and what they have taken.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    most: OnceLock<u64>,
}

/// More than a budget has was asked for.
#[derive(Debug, thiserror::Error)]
#[error("everything together would take more than {0} bytes of memory, which is the limit")]
pub(crate) struct TotalReached(pub(crate) u64);

impl Budget {
    /// What every machine is taken to have. Up to here nobody looks how much there is: a start
    /// would pay for it.
    const LEAST_BYTES: u64 = 64 * 1024 * 1024;

    /// A budget of so many bytes, or of half of what this process can have.
    pub(crate) fn new(most: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicU64::new(0),
            most: most.map_or_else(OnceLock::new, OnceLock::from),
        })
    }

    fn take(&self, bytes: u64) -> Result<(), TotalReached> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        match used.checked_add(bytes).map(|used| self.check(used)) {
            Some(Ok(())) => Ok(()),
            refused => {
                self.give_back(bytes);
                Err(TotalReached(
                    refused.and_then(Result::err).unwrap_or(u64::MAX),
                ))
            }
        }
    }

    /// Whether so much may be used, or the limit.
    fn check(&self, used: u64) -> Result<(), u64> {
        let most = match self.most.get() {
            Some(most) => *most,
            None if used <= Self::LEAST_BYTES => return Ok(()),
            None => *self
                .most
                .get_or_init(|| (machine::memory::most_bytes() / 2).max(Self::LEAST_BYTES)),
        };
        if used <= most { Ok(()) } else { Err(most) }
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one guest, or one request, has taken of a budget: given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Charge {
    /// Nothing yet.
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Takes more, or nothing if there is not so much left.
    pub(crate) fn grow(&mut self, by_bytes: u64) -> Result<(), TotalReached> {
        self.budget.take(by_bytes)?;
        self.bytes += by_bytes;
        Ok(())
    }

    /// Gives back so much of what was taken.
    pub(crate) fn shrink(&mut self, by_bytes: u64) {
        let by_bytes = by_bytes.min(self.bytes);
        self.budget.give_back(by_bytes);
        self.bytes -= by_bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_taken_again_and_never_more_than_there_is() {
        let budget = Budget::new(Some(100));
        let (mut one, mut other) = (Charge::new(&budget), Charge::new(&budget));
        one.grow(60).unwrap();
        assert_eq!(other.grow(41).unwrap_err().0, 100);
        assert_eq!(other.grow(u64::MAX).unwrap_err().0, u64::MAX);
        other.grow(40).unwrap();
        one.grow(1).unwrap_err();
        other.shrink(30);
        one.grow(30).unwrap();
        one.shrink(30);
        drop(other);
        one.grow(40).unwrap();
        drop(one);
        Charge::new(&budget).grow(100).unwrap();
    }

    #[test]
    fn a_budget_that_is_not_given_follows_the_machine() {
        let budget = Budget::new(None);
        let mut charge = Charge::new(&budget);
        charge.grow(Budget::LEAST_BYTES).unwrap();
        assert_eq!(budget.most.get(), None, "nobody has looked");
        let half = machine::memory::most_bytes() / 2;
        assert!(half > Budget::LEAST_BYTES, "{half}");
        assert_eq!(charge.grow(half).unwrap_err().0, half);
    }
}
