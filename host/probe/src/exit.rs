//! Exit codes of the programs that embed an engine.
//!
//! The table is that of `campaign::Exit`, which a program that is measured while it starts does not
//! link; a test of `host` compares the two.

use crate::report::Cause;

/// The program itself failed, or cannot listen on the given address.
pub const INTERNAL: u8 = 1;
/// The command line asks for something impossible.
pub const USAGE: u8 = 2;
/// The artifact cannot be used.
pub const ARTIFACT: u8 = 3;
/// The guest misbehaved.
pub const GUEST: u8 = 4;
/// A file that results go into cannot be written.
pub const RESULTS: u8 = 5;
/// The machine cannot give what the configuration needs.
pub const MACHINE: u8 = 8;

/// The exit code of a failure, whichever command of whichever program met it.
pub const fn of(cause: Cause) -> u8 {
    match cause {
        Cause::Artifact => ARTIFACT,
        Cause::Guest | Cause::TimeLimit | Cause::MemoryLimit | Cause::OutputLimit => GUEST,
        Cause::Machine => MACHINE,
        Cause::Harness => INTERNAL,
    }
}
