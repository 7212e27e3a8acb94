//! A description of systems.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| external::fuzzing::description(text));
