//! What a guest says of its own failure: the end of what it prints to its standard error. So much is
//! kept as a report quotes, however much it prints.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use host_probe::limits::{self, BODY_CHUNK_BYTES, QUOTED_BYTES};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The standard error of an instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Complaint(Arc<Mutex<Vec<u8>>>);

impl Complaint {
    /// As a report quotes it: nothing if there is none.
    pub(super) fn quote(&self) -> String {
        // Nothing here panics with the lock held.
        self.0
            .lock()
            .map_or_else(|_| String::new(), |kept| limits::quote(&kept))
    }

    /// Forgets it: what comes next is about another request.
    pub(super) fn clear(&self) {
        if let Ok(mut kept) = self.0.lock() {
            kept.clear();
        }
    }

    fn print(&self, bytes: &[u8]) {
        let Ok(mut kept) = self.0.lock() else {
            return;
        };
        let end = &bytes[bytes.len().saturating_sub(QUOTED_BYTES)..];
        let beyond = (kept.len() + end.len()).saturating_sub(QUOTED_BYTES);
        kept.drain(..beyond);
        kept.extend_from_slice(end);
    }
}

impl IsTerminal for Complaint {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Complaint {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        // At once, and by no task of its own: it is asked for as soon as the guest has failed.
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Complaint {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Complaint {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(BODY_CHUNK_BYTES)
    }
}

impl AsyncWrite for Complaint {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_no_more_whatever_it_comes_in() {
        let words = b"no file";
        for piece in [1, 7, QUOTED_BYTES, QUOTED_BYTES + 1, 1_000_000] {
            let complaint = Complaint::default();
            assert_eq!(complaint.quote(), "");
            for _ in 0..1_000_000 / piece {
                complaint.print(&vec![b'x'; piece]);
            }
            complaint.print(words);
            let kept = complaint.0.lock().unwrap().clone();
            assert_eq!(kept.len(), QUOTED_BYTES, "{piece}");
            assert!(kept.ends_with(b"xno file"), "{piece}");
            complaint.clear();
            complaint.print(words);
            assert_eq!(complaint.quote(), "; its standard error: \"no file\"");
        }
    }
}
