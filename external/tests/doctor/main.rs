//! `doctor` on machines that tests make up: every finding from its good and its bad side, and the
//! whole report.

mod activity;
mod fake;
mod memory;
mod permissions;
mod processor;
mod report;
