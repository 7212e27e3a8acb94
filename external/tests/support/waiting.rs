//! How long tests wait for what comes.

/// What takes longer hangs, in nanoseconds. No test is about how long this is: a busy machine needs
/// seconds for what an idle one does at once.
pub(crate) const HANG_NS: u64 = 180_000_000_000;
