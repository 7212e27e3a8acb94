//! A file that is called an artifact: what it is and what it would need, by its bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| host::fuzzing::artifact(bytes));
