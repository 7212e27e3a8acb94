//! Removes what a killed run left behind: called by the reaper, with the words that were given to
//! [`crate::process::cleanup`].

use crate::network::{firewall, link, tap};
use crate::system;

/// Removes what a killed run left in an engine, in the network or in the firewall.
///
/// # Errors
/// The words are not those of a guard, or what should be removed cannot be.
pub fn run(words: &[String]) -> Result<(), String> {
    match words {
        [namespace, name, device] if namespace == link::CLEANUP => link::remove_left(name, device),
        [device, name, owner] if device == tap::CLEANUP => tap::remove_left(name, owner),
        [firewall, owner] if firewall == firewall::CLEANUP => firewall::remove_left(owner),
        [product, words @ ..] => system::cleanup(product, words),
        [] => Err(format!(
            "{} is for the reaper of a killed run",
            crate::process::cleanup::ARGUMENT
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_first_word_of_a_guard_is_a_part_of_a_tests_name() {
        let own = [link::CLEANUP, tap::CLEANUP, firewall::CLEANUP];
        for word in own.into_iter().chain(system::CLEANUPS) {
            assert!(word.contains('-'), "{word}");
        }
    }
}
