//! Systems from outside: launched, watched, asked, and put away again, without a change to any of
//! them.
//!
//! - [`Launch`] says what to start and how; [`Launch::launch`] gives a [`Running`], which tells its
//!   end, its cost and its last words, and which takes everything that it started with it when it
//!   is stopped or dropped.
//! - An observed launch has [`Milestones`], seen by stopping the process in the few system calls
//!   that they are made of, for some tens of microseconds each; [`available`] says whether that
//!   works here. They make [`Milestones::phases`].
//! - [`ready::first_answer`] asks until the first answer is complete, and dates it; [`ports`] finds
//!   a port for a server and tells whose it is.
//! - [`janitor`] cleans up after a suite that was killed.
//!
//! Every instant is a reading of [`machine::clock::now_ns`].
//!
//! ```no_run
//! # use external::observe::{Launch, ready};
//! use machine::ports;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let port = ports::free_port()?;
//! let mut launch = Launch::new("/usr/bin/server", "/tmp", "/tmp/server.log");
//! launch.arguments = vec![format!("127.0.0.1:{port}").into()];
//! launch.port = Some(port);
//! let mut running = launch.launch()?;
//!
//! let target = ready::Target::loopback(port);
//! let patience = ready::Patience::until(running.launched_ns() + 5_000_000_000);
//! let request = workloads::Request::get("/");
//! let first = ready::first_answer(&target, &request, &patience, &mut || running.ended().is_some())?;
//! println!("{} ns to the first answer", first.answered_ns - running.launched_ns());
//! running.stop(std::time::Duration::from_secs(1));
//! # Ok(())
//! # }
//! ```

mod fds;
mod filter;
mod http;
pub mod janitor;
mod launcher;
mod milestones;
mod notify;
mod observer;
mod output;
mod process;
pub mod ready;
mod running;

pub use milestones::Milestones;
pub use observer::available;
pub use output::Captured;
pub use process::{Launch, LaunchError, Stdout};
pub use running::{End, Running, wait_for_end};
