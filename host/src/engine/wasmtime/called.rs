//! A call that was answered, and what its guest did then.

use host_probe::report::Answered;
use wasmtime::Trap;

/// A call that was answered.
#[derive(Debug)]
pub struct Called {
    /// The answer.
    pub answered: Answered,
    /// What the guest did after it.
    pub after: After,
}

/// What a guest did once its answer was complete. It counts into no start, and takes no answer
/// back.
#[derive(Debug)]
pub enum After {
    /// It had returned, or did so within its limit.
    Returned,
    /// It was stopped: its limit was over.
    Stopped,
    /// It trapped, or failed otherwise.
    Failed(wasmtime::Error),
}

impl After {
    /// How a guest came to its end.
    pub(super) fn of(returned: wasmtime::Result<()>) -> Self {
        match returned {
            Ok(()) => Self::Returned,
            Err(error) if matches!(error.downcast_ref(), Some(Trap::Interrupt)) => Self::Stopped,
            Err(error) => Self::Failed(error),
        }
    }

    /// Whether the instance can be called again.
    pub const fn can_be_called(&self) -> bool {
        matches!(self, Self::Returned)
    }
}
