//! An answer over HTTP/1.1, whole and in pieces of the length in the first byte: both say the same. What is wrong
//! with one is told by as much of it as has come.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&length, bytes)) = bytes.split_first() else {
        return;
    };
    let pieces = external::fuzzing::answer(bytes.chunks(usize::from(length).max(1)));
    let whole = external::fuzzing::answer([bytes]);
    for refused in [&pieces, &whole]
        .into_iter()
        .filter_map(|it| it.as_ref().err())
    {
        assert!(!refused.is_empty());
    }
    assert_eq!(pieces.ok(), whole.ok());
});
