#![no_main]

#[allow(dead_code)]
#[path = "../../external/src/client/http.rs"]
mod http;

use http::Incoming;
use libfuzzer_sys::fuzz_target;
use workloads::Answer;

/// The longest body that is taken.
const MOST: usize = 4096;

/// What comes of an answer that arrives in pieces of this size.
fn read(bytes: &[u8], size: usize) -> Result<Option<Answer>, String> {
    let mut incoming = Incoming::new(MOST);
    for piece in bytes.chunks(size) {
        if let Some(answer) = incoming.piece(piece)? {
            return Ok(Some(answer));
        }
    }
    incoming.over()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    let size = usize::from(*size).max(1);
    let (whole, pieces) = (read(bytes, bytes.len().max(1)), read(bytes, size));
    // What is wrong may be found earlier or later; what is right is right.
    if let (Ok(whole), Ok(pieces)) = (&whole, &pieces) {
        assert_eq!(whole, pieces, "in pieces of {size}");
    }
    if let Ok(Some(answer)) = &whole {
        assert!((200..600).contains(&answer.code));
    }
});
