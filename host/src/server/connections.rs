//! The socket, the threads, and the end.

use std::convert::Infallible;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_probe::settings::Interrupt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use machine::clock::now_ns;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use campaign::{Error, terminal};

use super::milestones::Milestones;
use super::service::Service;
use super::write_timeout::WriteTimeout;
use super::{epoch, limits, load};
use crate::cli::args::ServeArgs;
use crate::error::{cannot_listen, machine_limit};

/// Connections that wait in the kernel to be accepted: all that may have a request in flight, while
/// code is loaded.
const BACKLOG: libc::c_int = 1024;

/// How long requests in flight may take after the signal that ends the server.
const GRACE: Duration = Duration::from_secs(5);

/// Before another connection is accepted when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(20);

/// Events of sockets that are taken from the kernel at a time. The default's room for 1024 is three
/// pages that a start would touch.
const EVENTS: usize = 128;

/// What a client reads whose connection is one too many.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: \
    0\r\n\r\n";

/// Serves until a signal. `first_statement_ns` is when `main` began.
pub(crate) fn serve(options: &ServeArgs, first_statement_ns: u64) -> Result<(), Error> {
    let mut milestones = Milestones::new(first_statement_ns, options);
    let given = options.given.given()?;
    let (listener, address) = listen(options.address)?;
    milestones.listening_ns = now_ns();

    let runtime = runtime().map_err(|error| machine_limit("cannot make an executor", &error))?;
    // Before the code is loaded: from here on, a signal ends the server in order.
    let signals = runtime.block_on(async { Signals::new() });
    let signals = signals.map_err(|error| machine_limit("cannot wait for signals", &error))?;
    milestones.runtime_ns = now_ns();

    let loaded = load::load(options, &mut milestones)?;
    if options.interrupt == Interrupt::Epoch {
        epoch::prepare(&loaded.engine)
            .map_err(|error| machine_limit("cannot make a timer", &error))?;
    }
    let service = Arc::new(Service::new(
        loaded,
        options.instances,
        given,
        options.limits.clone(),
        address,
    ));
    let server = Server {
        service,
        milestones,
        milestones_file: options.milestones.as_deref(),
        threads: options.threads,
    };
    runtime
        .block_on(server.run(listener, signals))
        .map_err(|error| machine_limit("cannot serve", &error))
}

/// Listens, and prints the address.
#[expect(
    unsafe_code,
    reason = "the standard library does not set the length of the queue"
)]
fn listen(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), Error> {
    let listen = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // SAFETY: the descriptor is the listener's, which lives; listening again only changes the
        // length of its queue.
        if unsafe { libc::listen(listener.as_raw_fd(), BACKLOG) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = listen().map_err(|error| cannot_listen(address, &error))?;
    // A closed stream is no reason to fail.
    let _ = writeln!(std::io::stdout(), "listening on {address}");
    Ok((listener, address))
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_io_events_per_tick(EVENTS)
        .build()
}

/// What ends the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

struct Server<'a> {
    service: Arc<Service>,
    milestones: Milestones,
    milestones_file: Option<&'a Path>,
    threads: Option<NonZeroUsize>,
}

impl Server<'_> {
    async fn run(
        mut self,
        listener: std::net::TcpListener,
        mut signals: Signals,
    ) -> std::io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        // Every connection holds a receiver: that is how they are asked to end, counted, and waited
        // for.
        let (stop, stopped) = watch::channel(false);
        let mut others: Vec<mpsc::UnboundedSender<std::net::TcpStream>> = Vec::new();
        let mut turn = 0;
        let mut started = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = signals.any() => break,
                () = self.service.first_answer.notified(), if !started => {
                    started = true;
                    self.record_first_answer();
                    others = self.start_others(&stopped);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                // A client that has gone while it waited.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                // No descriptor is left, or no memory: until a connection ends, there is nothing to
                // be done.
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            self.milestones.first_accepted_ns.get_or_insert_with(now_ns);
            // A client that is gone already makes this fail, and is noticed when it is read from.
            let _ = stream.set_nodelay(true);
            if stop.receiver_count() > limits::most_connections(self.service.limits.concurrent) {
                let _ = stream.try_write(FULL);
                continue;
            }
            turn = (turn + 1) % (others.len() + 1);
            match others.get(turn) {
                // Fails only without memory in the kernel; a thread ends with the process, so it
                // always takes.
                Some(other) => _ = stream.into_std().map(|stream| other.send(stream)),
                None => connect(stream, &self.service, &stopped),
            }
        }
        drop((listener, others, stopped));
        stop.send_replace(true);
        // Requests that take longer are cut off.
        let _ = tokio::time::timeout(GRACE, stop.closed()).await;
        self.service.reports.end();
        Ok(())
    }

    /// Writes the milestones: the first answer is out.
    fn record_first_answer(&mut self) {
        self.milestones.first_answered_ns = self.service.first_answered_ns.load(Ordering::Relaxed);
        if let Some(path) = self.milestones_file
            && let Err(error) = self.milestones.write(path)
        {
            terminal::say(&format!(
                "host serve: cannot write {}: {error}",
                path.display()
            ));
        }
    }

    /// The other threads. If not all can be started, those that can be serve.
    fn start_others(
        &self,
        stopped: &watch::Receiver<bool>,
    ) -> Vec<mpsc::UnboundedSender<std::net::TcpStream>> {
        // Read here and not before the first answer: it reads four files to see how many cores a
        // container has.
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut others = Vec::new();
        for _ in 1..self.threads.map_or_else(cores, NonZeroUsize::get) {
            match start_other(Arc::clone(&self.service), stopped.clone()) {
                Ok(other) => others.push(other),
                Err(error) => {
                    terminal::say(&format!("host serve: cannot start another thread: {error}"));
                    break;
                }
            }
        }
        others
    }
}

/// A thread that serves the connections that it is sent.
fn start_other(
    service: Arc<Service>,
    stopped: watch::Receiver<bool>,
) -> std::io::Result<mpsc::UnboundedSender<std::net::TcpStream>> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let runtime = runtime()?;
    std::thread::Builder::new()
        .name("serve".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                while let Some(stream) = receiver.recv().await {
                    // Fails only without memory in the kernel; the client then sees the connection
                    // close.
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        connect(stream, &service, &stopped);
                    }
                }
                drop(stopped);
                // Its connections go on until the process ends.
                std::future::pending::<()>().await;
            });
        })?;
    Ok(sender)
}

/// How requests are read whose heads may be so long.
pub(super) fn http(head_bytes: usize) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_header_size(head_bytes)
        .max_buf_size(head_bytes.max(64 * 1024));
    http
}

/// Serves a connection on this thread.
fn connect(stream: TcpStream, service: &Arc<Service>, stopped: &watch::Receiver<bool>) {
    let (service, mut stopped) = (Arc::clone(service), stopped.clone());
    tokio::spawn(async move {
        let http = http(service.limits.head_bytes);
        let stream = WriteTimeout::new(stream, service.limits.write_time);
        let handle = service_fn(move |request| {
            let service = Arc::clone(&service);
            async move { Ok::<_, Infallible>(service.handle(request).await) }
        });
        let mut connection = pin!(http.serve_connection(stream, handle));
        tokio::select! {
            biased;
            // A connection that its client breaks off is the client's business.
            _ = connection.as_mut() => return,
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    });
}
