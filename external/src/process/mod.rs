//! Processes: launched, watched, stopped and reaped.
//!
//! - [`Launch`] says what to start and how; [`Launch::launch`] gives a [`Running`], which reports
//!   how it ended, what it cost and the end of its log, and which takes everything that it started
//!   with it when it is stopped or dropped.
//! - [`observable`] says whether milestones of a start can be observed here.
//! - [`confine`] bounds what a program may reach: a server that is told to do harm can do none.
//! - [`NetworkNamespace`] is where a process can be launched in, and sockets can be opened.
//! - [`reaper`] cleans up after a program that was killed; [`cleanup`] has it call this program
//!   again for what only this program can remove.
//!
//! Every instant is a reading of [`machine::clock::now_ns`].
//!
//! ```no_run
//! # use external::client::readiness;
//! # use external::process::Launch;
//! use machine::ports;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let port = ports::free_port()?;
//! let mut launch = Launch::new("/usr/bin/server", "/tmp", "/tmp/server.log");
//! launch.arguments = vec![format!("127.0.0.1:{port}").into()];
//! launch.port = Some(port);
//! let mut running = launch.launch()?;
//!
//! let target = readiness::Target::loopback(port);
//! let policy = readiness::RetryPolicy::until(running.launched_ns() + 5_000_000_000);
//! let request = workloads::Request::get("/");
//! let has_ended = &mut || running.ended().is_some();
//! let first = readiness::first_answer(&target, &request, &policy, has_ended)?;
//! println!("{} ns to the first answer", first.answered_ns - running.launched_ns());
//! running.stop(std::time::Duration::from_secs(1));
//! # Ok(())
//! # }
//! ```

mod adopting;
pub mod cleanup;
pub mod confine;
mod launch;
mod launcher;
mod namespace;
mod output;
mod reading;
pub mod reaper;
mod running;
mod stamped;
mod trial;

pub(crate) use adopting::Adopting;
pub use launch::{Launch, LaunchError, Stdout};
pub use namespace::{Inside, NetworkNamespace};
pub use output::Captured;
pub(crate) use output::LONGEST_ANSWER;
pub use running::{End, Running, wait_for_end, wait_with_cpu};
pub use trial::observable;
