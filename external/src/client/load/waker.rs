//! A waker that does not wake a task for what the task itself has just done.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// Wakes a task, except while it is muffled.
///
/// Handing a request to a connection wakes whoever drives that connection. Here it is the same
/// task, which looks after the connection next anyway; woken, it would run a second time for every
/// request.
#[derive(Debug)]
pub(super) struct Muffled {
    own: Arc<Inner>,
    /// The same, in the form that is given away.
    waker: Waker,
}

#[derive(Debug, Default)]
struct Inner {
    muffled: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Muffled {
    pub(super) fn new() -> Self {
        let own = Arc::new(Inner::default());
        Self {
            waker: Waker::from(Arc::clone(&own)),
            own,
        }
    }

    /// Does something that should wake nobody.
    pub(super) fn during<T>(&self, what: impl FnOnce() -> T) -> T {
        self.own.muffled.store(true, Relaxed);
        let result = what();
        self.own.muffled.store(false, Relaxed);
        result
    }

    /// The context for what is to wake the task of `context`.
    pub(super) fn context(&self, context: &Context<'_>) -> Context<'_> {
        let mut task = self.own.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !task
            .as_ref()
            .is_some_and(|task| task.will_wake(context.waker()))
        {
            *task = Some(context.waker().clone());
        }
        Context::from_waker(&self.waker)
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.muffled.load(Relaxed)
            && let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner)
        {
            task.wake_by_ref();
        }
    }
}
