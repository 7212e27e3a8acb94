//! The machine that measures: its clock, its facts, and its processes.
//!
//! | module | holds |
//! |---|---|
//! | [`clock`] | the one monotonic clock |
//! | [`timeline`] | the recorder that a start runs under |
//! | [`facts`], [`noise`] | facts of the machine, once per run and around each sample |
//! | [`quiet`] | whether anything else runs right before a sample |
//! | [`memory`] | how much of it this process can have |
//! | [`page_cache`], [`mappings`] | files put into the page cache or out of it, with proof; who keeps them there |
//! | [`system_files`] | a system's own programs and libraries, put out of it for a start |
//! | [`limits`], [`signals`] | what a process inherits: limits, blocked and ignored signals |
//! | [`processes`], [`usage`] | which processes there are, and what they have cost |
//! | [`cores`], [`ports`] | a core and a port for what is measured |
//! | [`programs`] | where programs are |

pub mod clock;
pub mod cores;
pub mod facts;
pub mod limits;
mod listeners;
pub mod mappings;
pub mod memory;
pub mod noise;
pub mod page_cache;
pub mod ports;
pub mod processes;
pub mod programs;
pub mod quiet;
pub mod signals;
pub mod system_files;
pub mod timeline;
pub mod usage;

pub use timeline::Timeline;
