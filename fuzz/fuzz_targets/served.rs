//! What comes over a connection to `host serve`, whole and in pieces of the length in the first byte: the same
//! requests are let in, and each says once whom it is for.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&length, bytes)) = bytes.split_first() else {
        return;
    };
    let pieces = bytes.chunks(usize::from(length).max(1));
    let whole = host::fuzzing::served([bytes]);
    assert_eq!(host::fuzzing::served(pieces), whole);
});
