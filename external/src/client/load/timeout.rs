//! A limit of time for each request, without a timer for each.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use machine::clock::now_ns;
use tokio::time::{Instant, Sleep, sleep};

/// One timer that limits one thing after another. It is set again only when it fires before the
/// limit of the day, so requests that are answered in time cost no setting of timers.
#[derive(Debug)]
pub(super) struct RequestTimeout {
    timer: Pin<Box<Sleep>>,
}

impl RequestTimeout {
    /// To be made within a runtime. The first limit is not earlier than after `timeout`.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timer: Box::pin(sleep(timeout)),
        }
    }

    /// Waits for `what` until the instant `deadline_ns` of the one clock; `None` if it takes
    /// longer.
    pub(super) async fn limit<F: Future>(
        &mut self,
        deadline_ns: u64,
        what: F,
    ) -> Option<F::Output> {
        let mut what = pin!(what);
        poll_fn(|context| match what.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => self.poll(deadline_ns, context).map(|()| None),
        })
        .await
    }

    fn poll(&mut self, deadline_ns: u64, context: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let now_ns = now_ns();
            if now_ns >= deadline_ns {
                return Poll::Ready(());
            }
            self.timer
                .as_mut()
                .reset(Instant::now() + Duration::from_nanos(deadline_ns - now_ns));
        }
        Poll::Pending
    }
}
