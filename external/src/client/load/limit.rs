//! What the generator itself reaches on this machine: against a server that does nothing.
//!
//! A rate near this one says what the generator can do, and not what the system can.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use machine::cores::{Cores, Kept};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use workloads::{Expectation, Request};

use super::{Amount, Load, LoadError, Pace, WARM_UP, run};

/// The whole of every answer.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What ends a request without a body.
const END: &[u8] = b"\r\n\r\n";

/// How long an answer may take: nothing but a machine that stands still takes so long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Right answers a second over so many connections from a server that looks at nothing but where a
/// request ends, each side on its own core: a warm-up until that is steady, for `time` at most, and
/// then as long.
///
/// # Errors
/// There is no load, as [`run`] has it, or not every request was answered.
pub fn generator_limit(connections: usize, cores: Cores, time: Duration) -> Result<f64, LoadError> {
    let server = NullServer::start(cores.system)?;
    let loaded = run(&Load {
        address: server.address,
        host: server.address.to_string(),
        also: Vec::new(),
        request: Request::get("/"),
        expected: Expectation::status(200).with_body("ok"),
        sequence: Vec::new(),
        pace: Pace::Closed,
        connections,
        keep_alive: true,
        warm_up: WARM_UP,
        until_steady: Some(time),
        amount: Amount::Time(time),
        timeout: TIMEOUT,
        core: cores.generator,
    })?;
    let failed = loaded.failures.into_iter().next();
    if let Some(failed) = failed {
        return Err(io::Error::other(failed.failure.reason).into());
    }
    let rate = loaded.requests.ok as f64 * 1e9 / loaded.requests.wall_ns.max(1) as f64;
    Ok(rate)
}

/// The server, as long as it lives.
struct NullServer {
    address: SocketAddr,
    /// Dropped, it ends the server.
    alive: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl NullServer {
    fn start(core: Option<usize>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (alive, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("null-server".into())
            .spawn(move || serve(listener, core, ended))?;
        Ok(Self {
            address,
            alive: Some(alive),
            thread: Some(thread),
        })
    }
}

impl Drop for NullServer {
    /// Waits for its end: nothing of it shares a core with what is measured next.
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves until the other end is dropped. What fails here, fails as a connection there.
fn serve(listener: std::net::TcpListener, core: Option<usize>, ended: oneshot::Receiver<()>) {
    let _kept = core.map(Kept::on);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let Ok(listener) = TcpListener::from_std(listener) else {
            return;
        };
        let accept = async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        };
        tokio::select! {
            () = accept => {}
            _ = ended => {}
        }
    });
}

/// Answers requests on one connection, one after another.
async fn answer(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut filled) = ([0; 4096], 0);
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer[filled..]) {
            Ok(0) => return Ok(()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if !buffer[..filled].ends_with(END) {
            continue;
        }
        filled = 0;
        let mut left = ANSWER;
        while !left.is_empty() {
            match stream.try_write(left) {
                Ok(n) => left = &left[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_nothing_answers_every_request_and_ends() {
        let rate = generator_limit(3, Cores::default(), Duration::from_millis(50)).unwrap();
        assert!(rate > 0.0 && rate.is_finite(), "{rate}");
        let server = NullServer::start(None).unwrap();
        let address = server.address;
        assert!(std::net::TcpStream::connect(address).is_ok());
        drop(server);
    }
}
