//! The server of `host serve`: a wasi:http component behind an HTTP server that is built to start
//! fast.
//!
//! Nothing is made before it is needed. The socket is opened first, so that clients wait in the
//! kernel's queue and not for a refused connection to be tried again; threads beyond the first are
//! started when the first answer is out.

mod answer;
mod body;
mod complaint;
mod connections;
mod epoch;
#[cfg(fuzzing)]
mod fuzzing;
mod head;
mod instance;
mod limits;
mod load;
mod milestones;
mod reports;
mod service;
mod write_timeout;

pub(crate) use self::connections::serve;
#[cfg(fuzzing)]
pub use self::fuzzing::{Seen, served};
