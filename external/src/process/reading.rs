//! A thread that reads a pipe to its end, so that who writes never waits for a reader, and what it keeps of it.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use machine::clock::now_ns;

use crate::fds::{Stop, wait};

/// What is kept of a pipe, within bounds of its own.
pub(super) trait Keep: Send + 'static {
    /// Takes the next bytes in. They were there at `now_ns`.
    fn take(&mut self, bytes: &[u8], now_ns: u64);

    /// Nothing more comes.
    fn end(&mut self) {}
}

#[derive(Debug)]
struct State<K> {
    kept: K,
    over: bool,
}

#[derive(Debug)]
struct Shared<K> {
    state: Mutex<State<K>>,
    changed: Condvar,
}

impl<K> Shared<K> {
    fn state(&self) -> MutexGuard<'_, State<K>> {
        // A thread that panicked while it held bytes leaves bytes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread, and what it has kept until now.
#[derive(Debug)]
pub(super) struct Reading<K> {
    shared: Arc<Shared<K>>,
    thread: Option<(Stop, JoinHandle<()>)>,
}

impl<K: Keep> Reading<K> {
    /// Reads `pipe` in a thread of that name.
    pub(super) fn start(name: &str, mut pipe: PipeReader, kept: K) -> io::Result<Self> {
        let (stop, stopped) = Stop::new()?;
        let state = Mutex::new(State { kept, over: false });
        let changed = Condvar::new();
        let shared = Arc::new(Shared { state, changed });
        let theirs = Arc::clone(&shared);
        let reading = move || {
            run(&mut pipe, &stopped, &theirs);
            let mut state = theirs.state();
            state.over = true;
            state.kept.end();
            theirs.changed.notify_all();
        };
        let thread = thread::Builder::new().name(name.into()).spawn(reading)?;
        Ok(Self {
            shared,
            thread: Some((stop, thread)),
        })
    }
}

impl<K> Reading<K> {
    /// Looks at what is kept.
    pub(super) fn look<T>(&self, at: impl FnOnce(&K) -> T) -> T {
        at(&self.shared.state().kept)
    }

    /// Waits until `seen` finds what it looks for, and gives that; nothing if it has not by `until_ns`, or nothing more
    /// comes. It is told whether that is so.
    pub(super) fn wait<T>(&self, until_ns: u64, seen: impl Fn(&K, bool) -> Option<T>) -> Option<T> {
        let mut state = self.shared.state();
        loop {
            let found = seen(&state.kept, state.over);
            let left = until_ns.saturating_sub(now_ns());
            if found.is_some() || state.over || left == 0 {
                return found;
            }
            let left = Duration::from_nanos(left);
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until nothing more comes, as far as `until_ns`.
    pub(super) fn wait_over(&self, until_ns: u64) {
        self.wait(until_ns, |_, _| None::<()>);
    }

    /// Waits for the end as far as `until_ns`, and reads no further than what is in the pipe then.
    pub(super) fn finish(&mut self, until_ns: u64) {
        if self.thread.is_some() {
            self.wait_over(until_ns);
            self.stop();
        }
    }

    fn stop(&mut self) {
        if let Some((stop, thread)) = self.thread.take() {
            stop.now();
            // A reader that panicked has kept what it had read.
            let _ = thread.join();
        }
    }
}

impl<K> Drop for Reading<K> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run<K: Keep>(pipe: &mut PipeReader, stopped: &OwnedFd, shared: &Shared<K>) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(ready) = wait(&[pipe.as_fd(), stopped.as_fd()], None) {
        // First what was printed, then the order to stop: what is in the pipe already is read.
        if ready[0].is_empty() {
            return;
        }
        match pipe.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(read) => {
                let now_ns = now_ns();
                shared.state().kept.take(&piece[..read], now_ns);
                shared.changed.notify_all();
            }
        }
        // A descendant that goes on printing for ever must not keep the thread.
        if !ready[1].is_empty() {
            return;
        }
    }
}
