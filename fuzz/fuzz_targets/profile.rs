//! A profile of the suite.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| external::fuzzing::profile(text));
