//! What a measurement is, how a campaign of them is ordered and recorded, and where it is kept.
//!
//! | module | holds |
//! |---|---|
//! | [`checkout`] | where the checkout is that a program belongs to |
//! | [`clock`] | the one monotonic clock |
//! | [`timeline`] | phases, and the recorder that a start runs under |
//! | [`record`] | cell, sample, outcome: one line of the ledger |
//! | [`manifest`] | what a run was: command line, configuration, machine, versions, digests |
//! | [`machine`], [`noise`] | what the kernel tells of the machine, once per run and around each sample |
//! | [`ledger`] | the append-only file of samples |
//! | [`run_folder`] | where a run lives, and the lock that keeps a second writer out |
//! | [`campaign`] | plan → shuffle in blocks → prepare → sample → append |
//! | [`schema`] | JSON Schemas of the two records |

pub mod campaign;
pub mod checkout;
pub mod clock;
pub mod digest;
pub mod latency;
pub mod ledger;
pub mod machine;
pub mod manifest;
pub mod noise;
pub mod record;
pub mod run_folder;
pub mod schema;
pub mod timeline;

pub use record::{Cell, Outcome, Resources, Sample};
pub use timeline::{Phase, PhaseTime, Timeline};

/// The version of both records. A reader refuses any other.
pub const SCHEMA_VERSION: u32 = 1;
