//! A campaign, from plan to outcome: what every program that measures shares.
//!
//! | module | holds |
//! |---|---|
//! | [`schedule`] | plan → order in blocks → prepare → wait for quiet → sample → append |
//! | [`run`] | a campaign from its folder to its summary |
//! | [`manifest`] | the manifest of a run that begins now |
//! | [`mask`] | what a record does not keep, and how it is recognised |
//! | [`identity`] | a run's name, and the commit that measured it |
//! | [`Error`], [`Exit`] | failures with their way out; the one table of exit codes |
//! | [`errno`] | what to do about an error of the system |
//! | [`Progress`], [`terminal`] | what a person at a terminal sees |
//! | [`argument`] | arguments that every program takes alike |
//! | [`call`] | a person's own request, and what is expected of its answer |
//! | [`duration`] | durations as people write and read them |
//! | [`own_word`] | whose word a run is that names something of a person's own |
//! | [`front_door`] | how this program was called, and what its words call commands |
//! | [`report_offer`] | the report of a run that has ended: its command, and the offer to open it |
//! | [`sibling`] | programs that cargo builds beside this one |

pub mod argument;
pub mod call;
pub mod duration;
pub mod errno;
mod error;
mod failures;
pub mod front_door;
pub mod identity;
pub mod manifest;
pub mod mask;
mod order;
pub mod own_word;
mod patience;
mod progress;
pub mod report_offer;
pub mod run;
pub mod schedule;
pub mod sibling;
pub mod terminal;

pub use error::{Error, Exit, ExitRow, Programs};
pub use progress::Progress;
