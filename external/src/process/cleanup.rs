//! What only this program can remove after it was killed: objects in an engine, a namespace, a
//! firewall. The reaper calls this program again, with [`ARGUMENT`] and the words that were given
//! to [`guard`].

use std::ffi::OsStr;

use super::reaper::{Guard, Reaper};

/// The argument that has this program remove what a killed run left. Hidden from people.
pub const ARGUMENT: &str = "__cleanup";

/// What objects of this process in an engine are named and labelled with. No other process has the
/// same, not even one that has got the same process id since.
pub(crate) fn owner() -> String {
    let this = std::process::id();
    format!("{this}-{}", machine::usage::began(this).unwrap_or(0))
}

/// Has the reaper call this program with these words after a kill. The first says what they are about, and has a
/// dash in it: where a test has made the guard, this program is that test's, which takes words for parts of names
/// of tests to run, and no name of a test has a dash.
pub(crate) fn guard(reaper: &Reaper, words: &[&OsStr]) -> Result<Guard, String> {
    let wrong =
        |error: &dyn std::fmt::Display| format!("nothing would clean up after a kill: {error}");
    let this = std::env::current_exe().map_err(|error| wrong(&error))?;
    let words: Vec<_> = std::iter::once(OsStr::new(ARGUMENT))
        .chain(words.iter().copied())
        .collect();
    reaper
        .guard_command(&this, &words)
        .map_err(|error| wrong(&error))
}
