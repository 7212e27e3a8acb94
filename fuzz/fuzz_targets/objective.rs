//! What a person asks of a system in words.
#![no_main]

use findings::questions::objectives;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = objectives::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
