//! Runs whose truth is known, and what findings say of them.
//!
//! | module | holds |
//! |---|---|
//! | `world` | what is true: what each cell costs, and how times scatter |
//! | `noise` | noise as it was measured, and as it is feared |
//! | `run` | the samples of a run in such a world |
//! | `page` | every claim on a page of findings, held against the truth |
//! | `seeds` | simulations on every core |
//! | `plans` | which cells are measured how often |
//! | `tally` | counts with their uncertainty, and tables of them |
//! | `pages`, `between`, `after`, `promises`, `curves` | the experiments |
//! | `examples` | comparisons for the guide |

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "the tests and the command use other parts of it"
)]

pub mod after;
pub mod between;
pub mod curves;
pub mod examples;
pub mod noise;
pub mod page;
pub mod pages;
pub mod plans;
pub mod promises;
pub mod run;
pub mod seeds;
pub mod tally;
pub mod world;
