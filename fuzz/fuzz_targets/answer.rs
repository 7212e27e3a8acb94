//! An answer over HTTP/1.1, whole and in pieces of the length in the first byte: both say the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&length, bytes)) = bytes.split_first() else { return };
    let pieces = bytes.chunks(usize::from(length).max(1));
    let whole = external::fuzzing::answer([bytes]);
    assert_eq!(external::fuzzing::answer(pieces), whole);
});
