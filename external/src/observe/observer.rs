//! The observer of one start: a thread that is notified of the calls which its milestones are made
//! of.
//!
//! It must live as long as any process that it observes: a call that is to be notified, and that
//! nobody listens to, fails.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use libc::sock_filter;
use machine::clock::now_ns;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollFlags;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::socket::{SockaddrStorage, getsockname};

use super::filter;
use super::milestones::Milestones;
use super::notify::{self, Listener, Stopped};
use crate::fds::{Stop, ready, wait};

/// The name of a milestone's source.
const NAME: &str = "seccomp";

/// How often calls that wait for a connection are looked at: one that a signal has ended tells
/// nobody.
const LOOK_NS: u64 = 100_000_000;

/// How long the observer is given to see what has happened already.
const CATCH_UP_NS: u64 = 5_000_000;

/// The observer of one start, until it is told to stop.
#[derive(Debug)]
pub(crate) struct Observer {
    seen: Arc<Mutex<Milestones>>,
    opening: Option<Arc<Inotify>>,
    thread: Option<(Stop, JoinHandle<()>)>,
}

/// The child's part of being observed.
pub(crate) struct Observed {
    socket: UnixStream,
    filter: Vec<sock_filter>,
}

impl Observed {
    /// Puts the calling process under observation. To be called between fork and exec; allocates
    /// nothing.
    pub(crate) fn begin(&self) -> io::Result<()> {
        // Without it, only root may be under a filter: a program with more rights than its caller
        // could be fooled by one.
        nix::sys::prctl::set_no_new_privs()?;
        let listener = notify::install(&self.filter)?;
        // Closed at the end of this function: if this process held it too, then calls that nobody
        // sees any more would wait for ever instead of failing.
        notify::send(self.socket.as_fd(), &listener)
    }
}

impl Observer {
    /// Begins to observe a process that does [`Observed::begin`], the opening of `watch`, and what
    /// happens on `port`.
    ///
    /// The thread must be there before the child is: the child's exec waits for it, and the launch
    /// waits for the exec.
    pub(crate) fn start(
        watch: Option<&PathBuf>,
        port: Option<u16>,
    ) -> io::Result<(Self, Observed)> {
        notify::supported().map_err(|reason| io::Error::new(io::ErrorKind::Unsupported, reason))?;
        let opening = watch
            .map(|path| opening_of(path).map(Arc::new))
            .transpose()?;
        let (ours, socket) = UnixStream::pair()?;
        let (stop, stopped) = Stop::new()?;
        let milestones = Milestones {
            expected_port: port,
            observer: NAME,
            ..Milestones::default()
        };
        let seen = Arc::new(Mutex::new(milestones));
        let (shared, watch) = (Arc::clone(&seen), opening.clone());
        let observe = move || match Watcher::meet(&ours, stopped, watch, Arc::clone(&shared)) {
            Ok(Some(mut watcher)) => {
                drop(ours);
                watcher.watch();
            }
            Ok(None) => {}
            Err(error) => {
                lock(&shared).error = Some(format!("the observer met no process: {error}"));
            }
        };
        let thread = thread::Builder::new()
            .name("observer".into())
            .spawn(observe)?;
        Ok((
            Self {
                seen,
                opening,
                thread: Some((stop, thread)),
            },
            Observed {
                socket,
                filter: filter::program(),
            },
        ))
    }

    /// What has been seen so far. An opening stops nobody, so the observer may not have come to it
    /// yet: it is given time.
    pub(crate) fn seen(&self) -> Milestones {
        let until_ns = now_ns() + CATCH_UP_NS;
        while self
            .opening
            .as_ref()
            .is_some_and(|opening| ready(opening.as_fd(), 0))
            && now_ns() < until_ns
        {
            thread::yield_now();
        }
        lock(&self.seen).clone()
    }

    /// Sets when the launch was.
    pub(crate) fn launched(&self, ns: u64) {
        lock(&self.seen).launched_ns = ns;
    }

    /// Ends the observation of processes that have ended.
    pub(crate) fn stop(&mut self) {
        if let Some((stop, thread)) = self.thread.take() {
            stop.now();
            // One that panicked has noted what it saw until then.
            let _ = thread.join();
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock(seen: &Mutex<Milestones>) -> MutexGuard<'_, Milestones> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches the opening of a file, which must be there.
fn opening_of(path: &Path) -> io::Result<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    inotify
        .add_watch(path, AddWatchFlags::IN_OPEN)
        .map_err(|error| {
            io::Error::new(
                io::Error::from(error).kind(),
                format!("cannot watch {}: {error}", path.display()),
            )
        })?;
    Ok(inotify)
}

/// An accept that waits for a connection.
struct Waiting {
    id: u64,
    socket: OwnedFd,
}

/// The observing thread's own.
struct Watcher {
    listener: Listener,
    pid: u32,
    process: OwnedFd,
    stopped: OwnedFd,
    opening: Option<Arc<Inotify>>,
    waiting: Vec<Waiting>,
    seen: Arc<Mutex<Milestones>>,
    /// No process is left to observe: the descriptor that says so says so for ever.
    over: bool,
}

impl Watcher {
    /// Waits for the process; nothing if there is none, or if it is not to be observed any more.
    fn meet(
        socket: &UnixStream,
        stopped: OwnedFd,
        opening: Option<Arc<Inotify>>,
        seen: Arc<Mutex<Milestones>>,
    ) -> io::Result<Option<Self>> {
        if wait(&[socket.as_fd(), stopped.as_fd()], None)?[0].is_empty() {
            return Ok(None);
        }
        let Some((pid, listener)) = notify::receive(socket.as_fd())? else {
            return Ok(None);
        };
        let (listener, process) = (Listener(listener), notify::open_process(pid)?);
        listener.wake_in_step();
        Ok(Some(Self {
            listener,
            pid,
            process,
            stopped,
            opening,
            waiting: Vec::new(),
            seen,
            over: false,
        }))
    }

    fn watch(&mut self) {
        while !self.over {
            let waited = self.wait();
            let now = now_ns();
            let Ok([listener, stopped, opening, waiting @ ..]) = waited.as_deref() else {
                // Of memory the kernel may have some again, and until then calls wait instead of
                // failing.
                lock(&self.seen).error = Some("the observer cannot wait".into());
                thread::sleep(Duration::from_millis(10));
                if ready(self.stopped.as_fd(), 0) {
                    return;
                }
                continue;
            };
            if !opening.is_empty() {
                self.opened(now);
            }
            if !stopped.is_empty() {
                return;
            }
            self.look_at_waiting(waiting, now);
            if listener.contains(PollFlags::POLLIN) {
                self.handle_calls(now);
            } else if !listener.is_empty() {
                self.over = true;
            }
        }
    }

    /// Waits for whatever comes next: what each descriptor is. The listener is looked at before the
    /// opening: so an opening that came before a call is never seen after it.
    fn wait(&self) -> nix::Result<Vec<PollFlags>> {
        // Where there is nothing to watch, a descriptor that never becomes readable before all ends
        // stands in.
        let opening = self
            .opening
            .as_ref()
            .map_or(self.stopped.as_fd(), |opening| opening.as_fd());
        let fds: Vec<BorrowedFd<'_>> = [self.listener.0.as_fd(), self.stopped.as_fd(), opening]
            .into_iter()
            .chain(self.waiting.iter().map(|waiting| waiting.socket.as_fd()))
            .collect();
        wait(&fds, (!self.waiting.is_empty()).then(|| now_ns() + LOOK_NS))
    }

    fn opened(&mut self, now: u64) {
        // Whatever there is is read: what counts is that there was something.
        let Some(Ok(_)) = self.opening.as_ref().map(|opening| opening.read_events()) else {
            return;
        };
        let mut seen = lock(&self.seen);
        seen.opened_ns.push(now);
        if seen.opened_ns.len() >= Milestones::MAX_OPENED {
            drop(seen);
            self.opening = None;
        }
    }

    /// Lets those go on whose connection is there, and forgets those that a signal has ended.
    fn look_at_waiting(&mut self, ready: &[PollFlags], now: u64) {
        for (at, flags) in ready.iter().enumerate().rev() {
            if flags.contains(PollFlags::POLLIN) {
                lock(&self.seen).accepted_ns.get_or_insert(now);
            }
            if !flags.is_empty() {
                self.listener.go_on(self.waiting.swap_remove(at).id);
            }
        }
        if lock(&self.seen).accepted_ns.is_some() {
            self.waiting
                .drain(..)
                .for_each(|waiting| self.listener.go_on(waiting.id));
        }
        self.waiting
            .retain(|waiting| self.listener.still_stopped(waiting.id));
    }

    /// A call has stopped: notes it and lets it go on, unless it is an accept that would wait.
    fn handle_calls(&mut self, now: u64) {
        match self.listener.next() {
            Ok(Some(call)) => {
                if let Some(socket) = self.note(call, now) {
                    self.waiting.push(Waiting {
                        id: call.id,
                        socket,
                    });
                } else {
                    self.listener.go_on(call.id);
                }
            }
            Ok(None) => {}
            Err(error) => {
                lock(&self.seen).error =
                    Some(format!("the observer is not notified of calls: {error}"));
                thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Notes a call; its socket, if it is an accept that waits for the first connection.
    fn note(&self, call: Stopped, now: u64) -> Option<OwnedFd> {
        let mut seen = lock(&self.seen);
        match call.call {
            libc::SYS_execve | libc::SYS_execveat => {
                seen.exec_ns.get_or_insert(now);
                None
            }
            libc::SYS_listen => {
                let (_, port) = self.socket(call, &mut seen)?;
                if !seen.listened_ports.contains(&port) {
                    seen.listened_ports.push(port);
                }
                if seen.expected_port.is_none_or(|expected| expected == port) {
                    seen.listening_ns.get_or_insert(now);
                }
                None
            }
            _ if seen.accepted_ns.is_some() => None,
            _ => {
                let (socket, port) = self.socket(call, &mut seen)?;
                let expected = seen.expected_port.or(seen.listened_ports.first().copied());
                if expected != Some(port) {
                    return None;
                }
                if ready(socket.as_fd(), 0) {
                    seen.accepted_ns = Some(now);
                    return None;
                }
                let flags = fcntl(&socket, FcntlArg::F_GETFL)
                    .map_or(OFlag::O_NONBLOCK, OFlag::from_bits_truncate);
                (!flags.contains(OFlag::O_NONBLOCK)).then_some(socket)
            }
        }
    }

    /// The TCP socket that a call is about, and its port. `None` if it is no such socket, or, with
    /// a note, if it cannot be looked at.
    fn socket(&self, call: Stopped, seen: &mut Milestones) -> Option<(OwnedFd, u16)> {
        let socket = match self.duplicate(call) {
            Ok(socket) => socket,
            Err(error) => {
                seen.error = Some(format!("the observer cannot look at a socket: {error}"));
                return None;
            }
        };
        let address: SockaddrStorage = getsockname(socket.as_raw_fd()).ok()?;
        let v4 = address
            .as_sockaddr_in()
            .map(nix::sys::socket::SockaddrIn::port);
        let port = v4.or_else(|| {
            address
                .as_sockaddr_in6()
                .map(nix::sys::socket::SockaddrIn6::port)
        })?;
        Some((socket, port))
    }

    fn duplicate(&self, call: Stopped) -> io::Result<OwnedFd> {
        let own = call.thread == self.pid
            || Path::new(&format!("/proc/{}/task/{}", self.pid, call.thread)).exists();
        if own {
            return notify::duplicate(self.process.as_fd(), call.first);
        }
        // A thread of a process that the launched one started.
        let status = std::fs::read_to_string(format!("/proc/{}/status", call.thread))?;
        let process = status
            .lines()
            .find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
        let process = notify::open_process(process.unwrap_or(call.thread))?;
        notify::duplicate(process.as_fd(), call.first)
    }
}
