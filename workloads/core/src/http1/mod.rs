//! HTTP/1 for systems that give a guest sockets and nothing above them: bytes in, bytes out.
//!
//! No socket is touched here, so every rule of the protocol is tested natively.

mod connection;
mod head;

pub use connection::Connection;
pub use head::{MAX_HEAD_BYTES, MAX_HEADERS};
