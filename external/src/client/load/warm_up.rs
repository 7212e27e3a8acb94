//! What goes over connections before the requests that count.

use std::sync::Arc;
use std::time::Duration;

use machine::clock::now_ns;

use super::pace::{Client, Counts, Quota, answered};
use super::steady::Course;
use super::{closed, joined, nanos};

/// How often it is looked whether the rate is steady.
const TICK: Duration = Duration::from_micros(12_500);

/// How a warm-up went that was to last until the rate is steady.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmedUp {
    /// How long it took, in nanoseconds.
    pub ns: u64,
    /// Whether the rate was steady then. If not, the time for it was up.
    pub is_steady: bool,
}

/// Lets each client send so many requests.
pub(super) async fn requests(clients: Vec<Client>, each: u64) -> Vec<Client> {
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(client.closed(Arc::new(Quota::requests(each)))))
        .collect();
    joined(tasks).await
}

/// Lets all clients send, each after the answer before, until their rate is steady: for `most` at
/// most, and what was begun by then is brought to its end.
pub(super) async fn until_steady(
    clients: Vec<Client>,
    tally: &Counts,
    most: Duration,
) -> (Vec<Client>, WarmedUp) {
    let connections = clients.len();
    let began_ns = now_ns();
    let end_ns = began_ns.saturating_add(nanos(most));
    let quota = Arc::new(Quota::until(end_ns));
    let clients = tokio::spawn(closed(clients, Arc::clone(&quota)));
    let mut course = Course::default();
    course.mark(0, answered(tally));
    let is_steady = loop {
        tokio::time::sleep(TICK).await;
        let now_ns = now_ns();
        course.mark(now_ns - began_ns, answered(tally));
        if course.is_steady(connections) {
            break true;
        }
        if now_ns >= end_ns {
            break false;
        }
    };
    quota.end();
    let clients = clients
        .await
        .expect("no client panics, and none is aborted");
    let ns = now_ns() - began_ns;
    (clients, WarmedUp { ns, is_steady })
}
