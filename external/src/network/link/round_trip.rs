//! Round trips of TCP over a link: as a client sees them, and as the kernel times them.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use machine::clock::now_ns;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::LinkedNamespace;

/// How many seconds a connection, or a byte, may take to come.
const PATIENCE_S: i64 = 60;

/// The same.
const PATIENCE: Duration = Duration::from_secs(PATIENCE_S.unsigned_abs());

/// Round trips over TCP, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundTrips {
    /// From the call that connects until it returns.
    pub connects_ns: Vec<u64>,
    /// From a byte that is sent until its echo is there.
    pub echoes_ns: Vec<u64>,
    /// The kernel's smoothed estimate for the connection of the echoes, of which TCP timestamps are
    /// the source (`tcpi_rtt`, RFC 7323).
    pub kernel_ns: u64,
}

impl LinkedNamespace {
    /// Connects so many times to a server in the namespace, and has it echo as many bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn round_trips(&self, times: u32) -> io::Result<RoundTrips> {
        let address = self.address();
        let listener = self.within(|| TcpListener::bind((address, 0)))??;
        // A thread that waits for a client that does not come would be waited for itself.
        setsockopt(
            &listener,
            sockopt::ReceiveTimeout,
            &TimeVal::seconds(PATIENCE_S),
        )?;
        let server = listener.local_addr()?;
        std::thread::scope(|scope| {
            let echoing = scope.spawn(|| echo(&listener, times));
            let mut connects_ns = Vec::new();
            let mut last = None;
            for _ in 0..times {
                let began_ns = now_ns();
                last = Some(TcpStream::connect(server)?);
                connects_ns.push(now_ns() - began_ns);
            }
            let mut stream = last.ok_or_else(|| io::Error::other("no round trip was asked for"))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut echoes_ns = Vec::new();
            for _ in 0..times {
                let began_ns = now_ns();
                stream.write_all(b"x")?;
                stream.read_exact(&mut [0])?;
                echoes_ns.push(now_ns() - began_ns);
            }
            let kernel_ns = kernel_ns(&stream)?;
            drop(stream);
            echoing
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the echoing thread has failed")))?;
            Ok(RoundTrips {
                connects_ns,
                echoes_ns,
                kernel_ns,
            })
        })
    }
}

/// Takes so many connections, and echoes what comes over the last.
fn echo(listener: &TcpListener, times: u32) -> io::Result<()> {
    for _ in 1..times {
        drop(listener.accept()?);
    }
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut byte = [0];
    while stream.read(&mut byte)? > 0 {
        stream.write_all(&byte)?;
    }
    Ok(())
}

/// The kernel's estimate of a connection's round trip.
#[expect(unsafe_code, reason = "there is no safe call that reads TCP_INFO")]
fn kernel_ns(stream: &TcpStream) -> io::Result<u64> {
    // SAFETY: numbers only, for which zero is a valid value.
    let mut known: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of_val(&known)).map_err(io::Error::other)?;
    // SAFETY: both pointers are to our variables, and the length is that of the first.
    let read = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut known).cast(),
            &raw mut length,
        )
    };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(known.tcpi_rtt) * 1_000)
}
