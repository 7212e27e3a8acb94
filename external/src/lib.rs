//! Systems from outside: launched as people launch them, observed from launch to first answer, and
//! put under load.
//!
//! | module | holds | depends on |
//! |---|---|---|
//! | [`observe`] | milestones of a start, by seccomp user notification | – |
//! | [`process`] | launching, stopping and reaping processes | `observe` |
//! | `document` | TOML of a person's, read with places | – |
//! | [`network`] | what packets go through: a firewall, a virtual link | `process` |
//! | [`client`] | the first answer, and load | `network` |
//! | [`system`] | one adapter a product: find, prepare, launch | all above |
//! | [`doctor`] | what can be measured here, and what the machine does to results | `system` |
//! | [`target`] | a person's own workloads, described in TOML or in flags | `system` |
//! | [`suite`] | profiles, plan, bench, comparisons | all above |
//! | [`cleanup`] | what is removed after a kill | all above but `doctor` and `suite` |
//! | [`cli`] | the command line | all above |

pub mod cleanup;
pub mod cli;
pub mod client;
pub mod doctor;
pub mod document;
mod fds;
#[cfg(fuzzing)]
pub mod fuzzing;
mod nearest;
pub mod network;
pub mod observe;
pub mod process;
pub mod suite;
pub mod system;
pub mod target;
