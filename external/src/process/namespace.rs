//! A network namespace that processes are launched in.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};

/// Where `ip netns` keeps the names of namespaces.
const NAMES: &str = "/run/netns";

/// A network namespace that is there already. It outlives its name as long as a copy of this does.
#[derive(Debug, Clone)]
pub struct NetworkNamespace(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    name: String,
    file: File,
}

impl NetworkNamespace {
    /// Opens a namespace by its name, as `ip netns` shows it.
    ///
    /// # Errors
    /// There is none of that name, or it may not be opened.
    pub fn open(name: &str) -> io::Result<Self> {
        let file = File::open(Path::new(NAMES).join(name))?;
        let name = name.to_owned();
        Ok(Self(Arc::new(Opened { name, file })))
    }

    /// Whether there is a namespace of this name.
    pub fn exists(name: &str) -> bool {
        Path::new(NAMES).join(name).exists()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Moves the calling thread into it, until [`Inside::leave`]: what it starts and opens
    /// meanwhile is in there.
    ///
    /// # Errors
    /// What the system says. The thread is where it was.
    pub fn enter(&self) -> io::Result<Inside> {
        let outside = File::open("/proc/thread-self/ns/net")?;
        setns(&self.0.file, CloneFlags::CLONE_NEWNET)?;
        Ok(Inside { outside })
    }

    /// Does something on a thread in it, and waits for that.
    ///
    /// # Errors
    /// The thread cannot be started, or cannot be moved.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().spawn_scoped(scope, || {
                setns(&self.0.file, CloneFlags::CLONE_NEWNET)?;
                Ok(work())
            })?;
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace has failed")))
        })
    }
}

/// A thread's stay in a namespace.
#[derive(Debug)]
#[must_use = "a thread that does not leave stays for ever"]
pub struct Inside {
    outside: File,
}

impl Inside {
    /// Moves the thread back.
    ///
    /// # Panics
    /// If the system does not let it back. A thread that stayed inside would start everything that
    /// follows in a namespace in which no client looks for it: it is better gone.
    pub fn leave(self) {
        setns(&self.outside, CloneFlags::CLONE_NEWNET)
            .expect("a thread may return to the namespace that it came from");
    }
}
