//! How large a guest's memories and tables may become together.

use host_probe::limits;
use host_probe::report::{Cause, Failure};
use wasmi::ResourceLimiter;
use wasmi_core::LimiterError;

/// What an element of a table takes, at most.
const ELEMENT_BYTES: usize = 16;

/// Counts what is handed out, and refuses more than the limit.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// In bytes, as all of these.
    most: u64,
    used: u64,
    refused: Option<u64>,
}

impl Limiter {
    pub(crate) const fn new(most: u64) -> Self {
        Self {
            most,
            used: 0,
            refused: None,
        }
    }

    /// What went wrong, if it was that the limit was reached.
    pub(crate) fn reached(&self) -> Option<Failure> {
        let (requested, limit) = (self.refused?, self.most);
        Some(Failure::new(
            Cause::MemoryLimit,
            format!("the guest requested {requested} bytes of memory; the limit is {limit} bytes"),
        ))
    }

    /// Lets something grow from so many bytes to so many.
    fn grow(&mut self, from: usize, to: usize) -> Result<bool, LimiterError> {
        let more = u64::try_from(to.saturating_sub(from)).unwrap_or(u64::MAX);
        let requested = self.used.saturating_add(more);
        if requested > self.most {
            self.refused = Some(requested);
            // A trap and not a plain refusal, as in Wasmtime's starts: a guest that gets "no" may
            // answer something else instead.
            return Err(LimiterError::ResourceLimiterDeniedAllocation);
        }
        self.used = requested;
        Ok(true)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> Result<bool, LimiterError> {
        self.grow(current, desired)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let bytes = |elements: usize| elements.saturating_mul(ELEMENT_BYTES);
        self.grow(bytes(current), bytes(desired))
    }

    fn instances(&self) -> usize {
        limits::CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        limits::TABLES
    }

    fn memories(&self) -> usize {
        limits::MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit_and_a_refusal_is_remembered() {
        let mut limiter = Limiter::new(128 * 1024);
        let page = 64 * 1024;
        assert!(limiter.memory_growing(0, page, None).unwrap());
        assert!(limiter.table_growing(0, 1024, None).unwrap());
        assert_eq!(limiter.reached(), None);
        assert!(limiter.memory_growing(page, 2 * page, None).is_err());
        let reached = limiter.reached().unwrap();
        assert_eq!(reached.cause, Cause::MemoryLimit);
        assert!(reached.reason.contains("147456 bytes"), "{reached}");
    }
}
