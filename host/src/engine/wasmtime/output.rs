//! What a guest prints: kept in memory, up to a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use host_probe::limits::OUTPUT_BYTES;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::seen::{Stack, here};

/// One of a guest's standard streams. What is printed beyond the limit ends the guest, and is
/// remembered: a guest that is only refused may go on as if nothing had happened, and its output
/// would be a cut one.
#[derive(Clone)]
pub(super) struct Output {
    kept: MemoryOutputPipe,
    printed_bytes: Arc<AtomicUsize>,
    /// An address on the stack that the last of it was printed from.
    printed_at: Arc<AtomicUsize>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            // A full pipe is closed already, which is one byte too early for output that just fits.
            kept: MemoryOutputPipe::new(OUTPUT_BYTES + 1),
            printed_bytes: Arc::default(),
            printed_at: Arc::default(),
        }
    }

    pub(super) fn contents(&self) -> Bytes {
        self.kept.contents()
    }

    /// The stack that the guest printed on. To be asked on the stack of whoever called it.
    pub(super) fn printed_on(&self) -> Stack {
        Stack::of(self.printed_at.load(Ordering::Relaxed))
    }

    /// Whether the guest printed more than is kept.
    pub(super) fn exceeded(&self) -> bool {
        self.printed_bytes.load(Ordering::Relaxed) > OUTPUT_BYTES
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.kept.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.printed_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        self.printed_at.store(here(), Ordering::Relaxed);
        if self.exceeded() {
            let reached = wasmtime::format_err!("the limit of its output is reached");
            return Err(StreamError::Trap(reached));
        }
        self.kept.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.kept.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.kept.check_write()
    }
}
