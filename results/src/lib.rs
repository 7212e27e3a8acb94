//! What a measurement is, and where it is kept: data only, typed, with its schema.
//!
//! | module | holds |
//! |---|---|
//! | [`record`], [`phase`] | cell, sample, outcome, phases: one line of the ledger |
//! | [`scenario`] | what is measured, and what a start finds: the kinds of cold |
//! | [`names`] | systems, workloads, parameters and evidence |
//! | [`levers`] | settings of an engine that can be moved one at a time |
//! | [`values`] | values of parameters whose sets are closed |
//! | [`reason`] | why a sample does not count |
//! | [`sum_rule`] | phases partition a start |
//! | [`manifest`] | what a run was: command line, configuration, machine, versions, digests |
//! | [`mask`] | what a record does not keep: credentials, and where somebody's home is |
//! | [`machine`], [`noise`] | facts of the machine, once per run and around each sample |
//! | [`latency`] | latencies as whole histograms |
//! | [`ledger`] | the append-only file of samples |
//! | [`run_folder`] | where a run lives, and the lock that keeps a second writer out |
//! | [`folder`], [`text`] | files and words of others: nothing leads out of a folder, nothing acts upon a terminal |
//! | [`installation`], [`checkout`] | where what belongs to a program is: in a package, or in a checkout |
//! | [`digest`] | digests of files |
//! | [`schema`] | JSON Schemas of the two records |

pub mod checkout;
mod differences;
pub mod digest;
pub mod folder;
pub mod installation;
pub mod latency;
pub mod ledger;
pub mod levers;
pub mod machine;
pub mod manifest;
pub mod mask;
pub mod names;
pub mod noise;
pub mod phase;
pub mod reason;
pub mod record;
pub mod run_folder;
pub mod scenario;
pub mod schema;
pub mod sum_rule;
pub mod text;
pub mod values;

pub use names::{Attested, Evidence, Param, Params, System, Workload};
pub use phase::{Phase, PhaseTime};
pub use reason::{Failure, FailureKind, Skip, SkipKind};
pub use record::{Cell, Outcome, Resources, Sample, Scenario};

/// The version of both records. A reader refuses any other.
pub const SCHEMA_VERSION: u32 = 1;
