//! Reading pipes to their ends, so that who writes never waits for a reader, and what is kept of each.
//!
//! One thread reads them all. Each process that is launched copies the table of this one's descriptors and the
//! map of its memory: with a thread and descriptors for each pipe, the ten thousandth of many instances would
//! take several times as long to start as the first.

use std::cell::RefCell;
use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use machine::clock::now_ns;
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

/// How much is read at once: all that a pipe holds, unless somebody has made it larger.
const PIECE_BYTES: usize = 64 * 1024;

thread_local! {
    /// What is read, until it is kept.
    static PIECE: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE_BYTES]);
}

/// The thread that reads, which lives as long as the process.
static READER: LazyLock<io::Result<Handle>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let handle = runtime.handle().clone();
    let reading = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new()
        .name("output".into())
        .spawn(reading)?;
    Ok(handle)
});

/// What is kept of a pipe, within bounds of its own.
pub(super) trait Keep: Send + 'static {
    /// Takes the next bytes in. They were there at `now_ns`.
    fn take(&mut self, bytes: &[u8], now_ns: u64);

    /// Nothing more comes.
    fn end(&mut self) {}
}

#[derive(Debug)]
struct State<K> {
    kept: K,
    over: bool,
}

#[derive(Debug)]
struct Shared<K> {
    state: Mutex<State<K>>,
    changed: Condvar,
    /// Whether nothing is to be read any more but what is in the pipe, and the news of that.
    stopped: AtomicBool,
    stop: Notify,
}

impl<K> Shared<K> {
    fn state(&self) -> MutexGuard<'_, State<K>> {
        // A reader that panicked while it held bytes leaves bytes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pipe that is being read, and what is kept of it until now.
#[derive(Debug)]
pub(super) struct Reading<K>(Arc<Shared<K>>);

impl<K: Keep> Reading<K> {
    /// Begins to read `pipe`.
    ///
    /// # Errors
    /// There is no thread, or no descriptor, to read it with.
    pub(super) fn start(pipe: PipeReader, kept: K) -> io::Result<Self> {
        let reader = READER.as_ref();
        let reader = reader.map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        let pipe = {
            let _entered = reader.enter();
            Receiver::from_owned_fd(pipe.into())?
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State { kept, over: false }),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
            stop: Notify::new(),
        });
        reader.spawn(read(pipe, Ending(Arc::clone(&shared))));
        Ok(Self(shared))
    }
}

impl<K> Reading<K> {
    /// Looks at what is kept.
    pub(super) fn look<T>(&self, at: impl FnOnce(&K) -> T) -> T {
        at(&self.0.state().kept)
    }

    /// Waits until `seen` finds what it looks for, and gives that; nothing if it has not by `until_ns`, or nothing more
    /// comes. It is told whether that is so.
    pub(super) fn wait<T>(&self, until_ns: u64, seen: impl Fn(&K, bool) -> Option<T>) -> Option<T> {
        let mut state = self.0.state();
        loop {
            let found = seen(&state.kept, state.over);
            let left = until_ns.saturating_sub(now_ns());
            if found.is_some() || state.over || left == 0 {
                return found;
            }
            let left = Duration::from_nanos(left);
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until nothing more comes, as far as `until_ns`.
    pub(super) fn wait_over(&self, until_ns: u64) {
        self.wait(until_ns, |_, _| None::<()>);
    }

    /// Waits for the end as far as `until_ns`, and reads no further than what is in the pipe then.
    pub(super) fn finish(&self, until_ns: u64) {
        self.wait_over(until_ns);
        self.stop();
        self.wait_over(u64::MAX);
    }

    fn stop(&self) {
        self.0.stopped.store(true, Relaxed);
        self.0.stop.notify_one();
    }
}

impl<K> Drop for Reading<K> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Says that nothing more comes, whatever ends the reading: a reader that panicked has kept what it had read.
struct Ending<K: Keep>(Arc<Shared<K>>);

impl<K: Keep> Drop for Ending<K> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if !thread::panicking() {
            state.kept.end();
        }
        state.over = true;
        self.0.changed.notify_all();
    }
}

async fn read<K: Keep>(pipe: Receiver, ending: Ending<K>) {
    let shared = &*ending.0;
    // A descendant that goes on printing for ever must not be read for ever.
    while !shared.stopped.load(Relaxed) {
        tokio::select! {
            ready = pipe.readable() => if ready.is_err() {
                return;
            },
            () = shared.stop.notified() => {}
        }
        match PIECE.with_borrow_mut(|piece| keep(shared, piece, |piece| pipe.try_read(piece))) {
            Ok(0) => return,
            // One that prints without end is not read before all others.
            Ok(_) => tokio::task::yield_now().await,
            Err(error) if is_no_end(&error) => {}
            Err(_) => return,
        }
    }
    // What is in the pipe already is read, whether or not the kernel has told of it yet.
    if let Ok(pipe) = pipe.into_nonblocking_fd() {
        read_rest(shared, pipe);
    }
}

/// Reads once what is in a pipe.
fn read_rest<K: Keep>(shared: &Shared<K>, pipe: OwnedFd) {
    let mut pipe = PipeReader::from(pipe);
    let _ = PIECE.with_borrow_mut(|piece| {
        loop {
            match keep(shared, piece, |piece| pipe.read(piece)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    });
}

/// Whether more may come after an error.
fn is_no_end(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::WouldBlock || kind == io::ErrorKind::Interrupted
}

/// Reads a piece and keeps what there is to keep of it; how long it was.
fn keep<K: Keep>(
    shared: &Shared<K>,
    piece: &mut [u8],
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let read = read(piece)?;
    if read > 0 {
        let now_ns = now_ns();
        shared.state().kept.take(&piece[..read], now_ns);
        shared.changed.notify_all();
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    use super::*;

    const HANG_NS: u64 = 180_000_000_000;

    impl Keep for Vec<u8> {
        fn take(&mut self, bytes: &[u8], _now_ns: u64) {
            self.extend_from_slice(bytes);
        }
    }

    /// How many threads this process has of the name that the reader's has.
    fn readers() -> usize {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = threads.map(|it| std::fs::read_to_string(it.path().join("comm")));
        names
            .filter(|it| it.as_ref().is_ok_and(|name| name == "output\n"))
            .count()
    }

    #[test]
    fn many_pipes_have_one_thread_and_no_descriptor_but_their_own() {
        let (first, _writer) = io::pipe().unwrap();
        let _first = Reading::start(first, Vec::new()).unwrap();
        let pipes: Vec<_> = (0..100).map(|_| io::pipe().unwrap()).collect();
        let (mut readings, mut writers) = (Vec::new(), Vec::new());
        for (reader, writer) in pipes {
            let descriptor = reader.as_raw_fd();
            readings.push((Reading::start(reader, Vec::new()).unwrap(), descriptor));
            writers.push(writer);
        }
        for (nth, writer) in writers.iter_mut().enumerate() {
            writeln!(writer, "{nth}").unwrap();
        }
        for (nth, (reading, descriptor)) in readings.iter().enumerate() {
            let whole = |kept: &Vec<u8>, _| kept.ends_with(b"\n").then(|| kept.clone());
            let kept = reading.wait(now_ns() + HANG_NS, whole).unwrap();
            assert_eq!(kept, format!("{nth}\n").into_bytes());
            let link = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap();
            assert!(link.to_string_lossy().starts_with("pipe:"), "{link:?}");
        }
        assert_eq!(readers(), 1);
        drop(writers);
        for (reading, _) in &readings {
            reading.wait_over(now_ns() + HANG_NS);
        }
    }

    #[test]
    fn what_is_in_the_pipe_at_the_end_is_kept_and_a_writer_that_goes_on_is_not_waited_for() {
        for _ in 0..200 {
            let (reader, mut writer) = io::pipe().unwrap();
            let reading = Reading::start(reader, Vec::new()).unwrap();
            writer.write_all(b"last words").unwrap();
            reading.finish(0);
            assert_eq!(reading.look(Vec::clone), b"last words");
            assert!(writer.write_all(b"more").is_err(), "nobody reads any more");
        }
    }

    #[test]
    fn a_flood_ends_when_it_is_told_to() {
        let (reader, mut writer) = io::pipe().unwrap();
        let reading = Reading::start(reader, Vec::new()).unwrap();
        let flood = thread::spawn(move || while writer.write_all(&[b'x'; 4096]).is_ok() {});
        reading.wait(now_ns() + HANG_NS, |kept, _| {
            (kept.len() > 1 << 20).then_some(())
        });
        reading.finish(0);
        flood.join().unwrap();
    }

    #[test]
    fn one_that_panics_ends_alone() {
        #[derive(Debug)]
        struct Panics;
        impl Keep for Panics {
            fn take(&mut self, _: &[u8], _: u64) {
                panic!("it cannot be kept");
            }
        }
        let (reader, mut writer) = io::pipe().unwrap();
        let reading = Reading::start(reader, Panics).unwrap();
        writer.write_all(b"x").unwrap();
        reading.finish(now_ns() + HANG_NS);
        let (reader, mut writer) = io::pipe().unwrap();
        let other = Reading::start(reader, Vec::new()).unwrap();
        writer.write_all(b"x").unwrap();
        drop(writer);
        other.finish(now_ns() + HANG_NS);
        assert_eq!(other.look(Vec::clone), b"x");
    }
}
