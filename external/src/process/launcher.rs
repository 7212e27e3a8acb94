//! The thread that all children are started by.
//!
//! A child asks the kernel to be killed when its parent dies, and the kernel takes "parent" for the
//! *thread* that started it. A child that a worker of some pool had started would die with the
//! worker, in the middle of a sample. So one thread starts them all and lives as long as the
//! process.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;

type Work = Box<dyn FnOnce() + Send>;

static LAUNCHER: LazyLock<io::Result<Mutex<Sender<Work>>>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Work>();
    thread::Builder::new()
        .name("launcher".into())
        .spawn(move || receiver.into_iter().for_each(|work| work()))?;
    Ok(Mutex::new(sender))
});

/// Does `work` on the launcher's thread and waits for it.
pub(super) fn on_launcher<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let gone = || io::Error::other("the thread that starts processes has ended");
    let launcher = LAUNCHER
        .as_ref()
        .map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    let (done, result) = channel();
    let work = Box::new(move || {
        // If nobody takes the result, nobody is left to be informed.
        let _ = done.send(work());
    });
    launcher
        .lock()
        .map_err(|_| gone())?
        .send(work)
        .map_err(|_| gone())?;
    result.recv().map_err(|_| gone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_by_one_thread_that_outlives_its_callers() {
        let id = || {
            thread::spawn(|| on_launcher(|| thread::current().id()).unwrap())
                .join()
                .unwrap()
        };
        assert_eq!(id(), id());
    }
}
