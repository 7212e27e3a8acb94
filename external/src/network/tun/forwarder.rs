//! The thread between two TUN devices.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use machine::clock::now_ns;
use machine::cores;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl::set_timerslack;
use nix::sys::time::TimeSpec;
use nix::unistd::Pid;

use super::device::{Device, LARGEST};
use super::held::{Held, Wait};
use super::watch::Watch;

/// How many packets are read from one end before those that are due are handed over: a flood in one
/// direction must not hold up the other.
const BATCH: usize = 64;

/// What has passed since the last time that somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Packets that were handed over, in both directions. A large segment is one.
    pub packets: u64,
    /// Packets that were dropped: more came than are held, or the other end did not take them.
    pub dropped: u64,
    /// By how much the latest packet was handed over after it was due.
    pub late_ns: u64,
}

/// Where the thread runs, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The one core that it has; nothing if it may run on any.
    pub core: Option<usize>,
    /// Whether it goes before every ordinary thread as soon as a packet is there (`SCHED_FIFO`),
    /// which takes the right to it.
    pub is_first: bool,
}

/// What the thread and whoever holds it have in common.
#[derive(Debug, Default)]
struct Shared {
    /// The shortest and the longest time that a packet is held back for.
    shortest_ns: AtomicU64,
    longest_ns: AtomicU64,
    packets: AtomicU64,
    dropped: AtomicU64,
    late_ns: AtomicU64,
    /// Why the thread has ended by itself.
    ended: OnceLock<String>,
}

/// A thread that hands over packets between two devices. Dropping it ends it, and with it the
/// devices.
#[derive(Debug)]
pub struct Forwarder {
    /// Closed to end the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    placed: Placed,
}

impl Forwarder {
    /// Starts one that holds nothing back yet, on the core of the load generator: the system under test is pinned to the other
    /// one under load, and must not share it with what carries its packets.
    ///
    /// # Errors
    /// No thread or pipe can be had.
    pub(in crate::network) fn start(ends: [Device; 2]) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let shared = Arc::new(Shared::default());
        let (place, placed) = mpsc::channel();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("forwarder".into())
            .spawn(move || {
                // Whoever waits for it is there.
                let _ = place.send(placed_here());
                let held = [Held::new(1), Held::new(2)];
                if let Err(error) = forward(&ends, held, &stopped, &theirs) {
                    let _ = theirs.ended.set(error.to_string());
                }
            })?;
        let placed = placed.recv().map_err(io::Error::other)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
            shared,
            placed,
        })
    }

    /// Holds packets back from now on, less long by what they take anyway.
    pub(in crate::network) fn hold_back(&self, wait: Wait, anyway: Duration) {
        let (shortest_ns, longest_ns) = wait.span_ns(anyway);
        self.shared
            .shortest_ns
            .store(shortest_ns, Ordering::Relaxed);
        self.shared.longest_ns.store(longest_ns, Ordering::Relaxed);
    }

    /// Where it runs, and how.
    pub const fn placed(&self) -> Placed {
        self.placed
    }

    /// What has passed since this was called last.
    ///
    /// # Errors
    /// Why nothing passes any more: a device was taken away.
    pub fn passed(&self) -> Result<Passed, String> {
        let shared = &self.shared;
        if let Some(why) = shared.ended.get() {
            return Err(why.clone());
        }
        let taken = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Ok(Passed {
            packets: taken(&shared.packets),
            dropped: taken(&shared.dropped),
            late_ns: taken(&shared.late_ns),
        })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Puts the calling thread where it disturbs least and is woken first, as far as that is permitted.
fn placed_here() -> Placed {
    // Only for where it may not go first: the kernel then wakes it 50 µs late otherwise.
    let _ = set_timerslack(1);
    let core = cores::pair().generator.filter(|core| {
        let mut set = CpuSet::new();
        set.set(*core).is_ok() && sched_setaffinity(Pid::from_raw(0), &set).is_ok()
    });
    Placed {
        core,
        is_first: go_first(),
    }
}

/// Has the calling thread go before ordinary ones. Its children, if it had any, would not.
#[expect(unsafe_code, reason = "there is no safe call that sets a policy")]
fn go_first() -> bool {
    let lowest = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to our variable, which the call only reads; 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, policy, &raw const lowest) == 0 }
}

/// Hands over packets until the other end of `stopped` is closed.
fn forward(
    ends: &[Device; 2],
    mut held: [Held; 2],
    stopped: &PipeReader,
    shared: &Shared,
) -> io::Result<()> {
    let mut packet = vec![0; LARGEST];
    let mut watch = Watch::default();
    loop {
        // What one end has sent is for the other.
        for (held, to) in held.iter_mut().zip(ends.iter().rev()) {
            if hand_over(held, to, shared) {
                watch.is_over(now_ns());
            }
        }
        let next_ns = held.iter().filter_map(Held::next_ns).min();
        let left = next_ns.map(|next_ns| {
            let sleep_ns = watch.sleep_ns(now_ns(), next_ns);
            TimeSpec::from_duration(Duration::from_nanos(sleep_ns))
        });
        let mut ready = [stopped.as_fd(), ends[0].as_fd(), ends[1].as_fd()]
            .map(|file| PollFd::new(file, PollFlags::POLLIN));
        match ppoll(&mut ready, left, None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [is_over, one, two] = ready.map(|file| file.any().unwrap_or(true));
        if is_over {
            return Ok(());
        }
        for ((held, from), _) in held
            .iter_mut()
            .zip(ends)
            .zip([one, two])
            .filter(|(_, has_sent)| *has_sent)
        {
            receive(held, from, &mut packet, shared)?;
        }
    }
}

/// Hands over what is due in one direction. Whether anything was.
fn hand_over(held: &mut Held, to: &Device, shared: &Shared) -> bool {
    let now_ns = now_ns();
    let mut was_due = false;
    while let Some(due) = held.take_due(now_ns) {
        let counter = if to.send(&due.packet) {
            &shared.packets
        } else {
            &shared.dropped
        };
        counter.fetch_add(1, Ordering::Relaxed);
        shared
            .late_ns
            .fetch_max(now_ns.saturating_sub(due.at_ns), Ordering::Relaxed);
        was_due = true;
    }
    was_due
}

/// Takes what one end has sent.
fn receive(held: &mut Held, from: &Device, packet: &mut [u8], shared: &Shared) -> io::Result<()> {
    for _ in 0..BATCH {
        let Some(length) = from.receive(packet)? else {
            break;
        };
        let [shortest_ns, longest_ns] =
            [&shared.shortest_ns, &shared.longest_ns].map(|bound| bound.load(Ordering::Relaxed));
        let span_ns = (shortest_ns, longest_ns);
        if !held.hold(now_ns(), &packet[..length], span_ns) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}
