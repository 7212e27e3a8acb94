//! Accidents: suites that are killed at any moment, disks that are full or cannot be written, clocks that
//! jump, engines that die. What was measured is kept, nothing is measured twice, nothing stays.
//!
//! The short form of each is part of `./test`. `COLDPHASE_KILLS=100 cargo nextest run -p external --test
//! accidents killed` kills a hundred times; `COLDPHASE_KILLS_SEED` begins elsewhere. The seed of a test that
//! fails is in its message.

mod clock;
mod disk;
mod engines;
mod killed;
mod left;
mod suite;
