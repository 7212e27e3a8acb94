//! Requests to the server that guests and the native program have in common, whole and in pieces of the
//! length in the first byte: it answers the same, and holds no more than one request and one answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workload_core::Counter;
use workload_core::http1::{Connection, MAX_HEAD_BYTES};

/// What a connection may hold: a head and a body, or an answer.
const MOST: usize = 2 * (MAX_HEAD_BYTES + workload_core::MAX_ECHO_BYTES);

/// What a client is told that has not sent its body yet.
const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\n";

fuzz_target!(|bytes: &[u8]| {
    let Some((&length, bytes)) = bytes.split_first() else {
        return;
    };
    // What is wrong with a line may be told once it has ended.
    let bytes = [bytes, b"\n"].concat();
    let pieces = bytes.chunks(usize::from(length).max(1));
    assert_eq!(answered(pieces), answered(std::iter::once(&bytes[..])));
});

fn answered<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let counter = Counter::new();
    let mut connection = Connection::new(&counter);
    let mut answers = Vec::new();
    for piece in pieces {
        connection.receive(piece);
        while !connection.unsent().is_empty() {
            let unsent = connection.unsent();
            assert!(unsent.len() <= MOST);
            answers.extend_from_slice(unsent);
            connection.sent(unsent.len());
        }
    }
    String::from_utf8_lossy(&answers).replace(INTERIM, "")
}
