//! Accidents in the middle of a run, at moments that nobody chose: the suite killed with SIGKILL, the
//! results' disk full, what a managed system consists of killed under it, the clock set. Whatever was measured
//! is kept, nothing is measured twice, and nothing is left on the machine.
//!
//! These are the short forms. `COLDPHASE_KILLS=100 cargo nextest run -p external --test accidents kills`
//! is the long one; `COLDPHASE_ACCIDENTS_SEED` repeats the moments of a run that failed.
//! `./setup wasmcloud docker` installs what they need; without it they fail and say so.

#![expect(
    clippy::print_stderr,
    reason = "what a run that fails is repeated with is told before it fails"
)]

mod clock;
mod engines;
mod kills;
mod left;
mod room;
mod support;
#[path = "../support/turns.rs"]
mod turns;
#[path = "../support/waiting.rs"]
mod waiting;
