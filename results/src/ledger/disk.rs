//! Having the disk take what was written, while other work goes on.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

/// A thread that asks the disk: a journal may need some milliseconds for its answer, which is longer than
/// many samples take.
#[derive(Debug)]
pub(super) struct Disk {
    orders: Sender<()>,
    answers: Receiver<io::Result<()>>,
    asked: Option<Asked>,
}

/// Bytes that the disk was asked to take.
#[derive(Debug)]
struct Asked {
    bytes: u64,
    /// Nothing until there is one.
    answer: Option<io::Result<()>>,
}

impl Disk {
    /// Of a file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (orders, ordered) = channel();
        let (answer, answers) = channel();
        let sync = move || {
            for () in ordered {
                // Once nobody waits for it, nobody is left to be told.
                let _ = answer.send(file.sync_data());
            }
        };
        thread::Builder::new().name("ledger".into()).spawn(sync)?;
        Ok(Self {
            orders,
            answers,
            asked: None,
        })
    }

    /// Asks it to take what was written: so many bytes. What was asked before must have been waited for.
    pub(super) fn begin(&mut self, bytes: u64) -> io::Result<()> {
        self.orders.send(()).map_err(|_| gone())?;
        self.asked = Some(Asked {
            bytes,
            answer: None,
        });
        Ok(())
    }

    /// How many bytes it was asked to take, and not yet waited for.
    pub(super) fn asked_bytes(&self) -> u64 {
        self.asked.as_ref().map_or(0, |asked| asked.bytes)
    }

    /// Whether waiting for it would take no time.
    pub(super) fn has_answered(&mut self) -> bool {
        let Some(asked) = &mut self.asked else {
            return true;
        };
        if asked.answer.is_none() {
            asked.answer = match self.answers.try_recv() {
                Ok(answer) => Some(answer),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(Err(gone())),
            };
        }
        asked.answer.is_some()
    }

    /// Waits for its answer: how many bytes it has taken, 0 if it was asked nothing.
    pub(super) fn wait(&mut self) -> io::Result<u64> {
        let Some(asked) = self.asked.take() else {
            return Ok(0);
        };
        let receive = || self.answers.recv().unwrap_or_else(|_| Err(gone()));
        asked.answer.unwrap_or_else(receive)?;
        Ok(asked.bytes)
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that waits for the disk has ended")
}
