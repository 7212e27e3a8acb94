//! The instant at which a port begins to be listened on, as the kernel tells it.
//!
//! Asking a port again and again takes time of a core from what is starting: a start that compiles on
//! both of two cores took a sixth longer for it than one that listens first. The kernel's tracepoint
//! `sock:inet_sock_set_state` is reached by every TCP socket that changes its state, in any network
//! namespace (`net/ipv4/af_inet.c`, `inet_sk_state_store`); it is read through
//! `perf_event_open(2)`,
//! filtered to those that begin to listen. That needs root, or `CAP_PERFMON` and `CAP_SYS_ADMIN`.
#![expect(
    unsafe_code,
    reason = "a filter is set by ioctl(2), which no crate wraps safely"
)]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use machine::clock::now_ns;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use perf_event::data::Record;
use perf_event::events::Tracepoint;
use perf_event::{Builder, Clock, SampleFlag, Sampler};
use perf_event_open_sys::ioctls;
use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Where the kernel describes the tracepoint, below the root of its file system.
const EVENT: &str = "events/sock/inet_sock_set_state";

/// Only what begins to listen (`TCP_LISTEN` of `include/net/tcp_states.h`).
const FILTER: &str = "newstate == 10";

/// Room for the events of one core: a page, some fifty of them.
const ROOM_BYTES: usize = 4096;

/// Tells when ports begin to be listened on.
pub struct Listening {
    /// One for each core.
    samplers: Vec<Sampler>,
    /// Where an event has the port, in the machine's byte order.
    port_at: usize,
}

impl Listening {
    /// Begins to hear of ports, until this is dropped.
    ///
    /// # Errors
    /// Why it cannot be heard of here.
    pub fn open() -> io::Result<Self> {
        let events = tracefs()?;
        let id = read(&events, "id")?;
        let id = id.trim().parse().map_err(io::Error::other)?;
        let port_at =
            offset(&read(&events, "format")?, "sport").ok_or(io::ErrorKind::InvalidData)?;
        let cores = machine::cores::online()?;
        let samplers = cores.into_iter().map(|core| sampler(id, core));
        Ok(Self {
            samplers: samplers.collect::<io::Result<_>>()?,
            port_at,
        })
    }

    /// Forgets what was heard of until now.
    pub fn clear(&mut self) {
        for sampler in &mut self.samplers {
            while sampler.next_record().is_some() {}
        }
    }

    /// Waits until `port` begins to be listened on, and gives the clock then; nothing if that is not
    /// heard of within `timeout`.
    pub fn wait(&mut self, port: u16, timeout: Duration) -> Option<u64> {
        let until_ns = now_ns().saturating_add(u64::try_from(timeout.as_nanos()).ok()?);
        loop {
            let heard = self.heard(port);
            let left_ns = until_ns.saturating_sub(now_ns());
            if heard.is_some() || left_ns == 0 {
                return heard;
            }
            // SAFETY: the samplers live as long as this, and so do their descriptors.
            let borrow = |sampler: &Sampler| unsafe { BorrowedFd::borrow_raw(sampler.as_raw_fd()) };
            let mut waited: Vec<_> = self
                .samplers
                .iter()
                .map(|it| PollFd::new(borrow(it), PollFlags::POLLIN))
                .collect();
            let left = TimeSpec::from_duration(Duration::from_nanos(left_ns));
            // An interruption, too, leads to another look.
            let _ = ppoll(&mut waited, Some(left), None);
        }
    }

    /// The clock at which a port began to be listened on, if that was heard of.
    fn heard(&mut self, port: u16) -> Option<u64> {
        for sampler in &mut self.samplers {
            while let Some(record) = sampler.next_record() {
                let instant = instant(&record, self.port_at, port);
                if instant.is_some() {
                    return instant;
                }
            }
        }
        None
    }
}

/// The clock of an event that is about `port`.
fn instant(record: &perf_event::Record<'_>, port_at: usize, port: u16) -> Option<u64> {
    let Ok(Record::Sample(sample)) = record.parse_record() else {
        return None;
    };
    let raw = sample.raw()?;
    let found = raw.get(port_at..port_at + 2)?.try_into().ok()?;
    (u16::from_ne_bytes(found) == port).then(|| sample.time())?
}

fn sampler(id: u64, core: usize) -> io::Result<Sampler> {
    let counter = Builder::new(Tracepoint::with_id(id))
        .any_pid()
        .one_cpu(core)
        .include_kernel()
        .sample_period(1)
        .wakeup_events(1)
        .sample(SampleFlag::TIME | SampleFlag::RAW)
        .clockid(Clock::MONOTONIC)
        .build()?;
    let filter = CString::new(FILTER)?;
    // SAFETY: the descriptor is open, and the filter a string that ends and is only read.
    let set = unsafe { ioctls::SET_FILTER(counter.as_raw_fd(), filter.as_ptr().cast_mut()) };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut sampler = counter.sampled(ROOM_BYTES)?;
    sampler.as_counter_mut().enable()?;
    Ok(sampler)
}

/// The folder of the tracepoint, in a file system that is mounted nowhere else: it stands ready at
/// `/sys/kernel/tracing` on some machines only.
fn tracefs() -> io::Result<OwnedFd> {
    let filesystem = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&filesystem)?;
    let root = fsmount(
        &filesystem,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(&root, EVENT, flags, Mode::empty())?)
}

fn read(folder: &OwnedFd, name: &str) -> io::Result<String> {
    let file = openat(
        folder,
        name,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text)?;
    Ok(text)
}

/// Where a field of an event begins, as the kernel describes it.
fn offset(format: &str, field: &str) -> Option<usize> {
    let line = format
        .lines()
        .find(|line| line.contains(&format!(" {field};")))?;
    let (_, rest) = line.split_once("offset:")?;
    rest.split(';').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use machine::ports::free_port;

    #[test]
    fn a_field_is_where_the_kernel_says() {
        let format = "\tfield:int newstate;\toffset:20;\tsize:4;\tsigned:0;\n\
            \tfield:__u16 sport;\toffset:24;\tsize:2;\tsigned:0;\n";
        assert_eq!(offset(format, "sport"), Some(24));
        assert_eq!(offset(format, "dport"), None);
    }

    #[test]
    fn a_port_is_heard_of_once_it_is_listened_on_and_not_before() {
        let Ok(mut listening) = Listening::open() else {
            // As nobody in particular: then ports are asked again and again.
            return;
        };
        let [port, other] = [free_port().unwrap(), free_port().unwrap()];
        let _other = TcpListener::bind(("127.0.0.1", other)).unwrap();
        assert_eq!(listening.wait(port, Duration::from_millis(20)), None);
        let before_ns = now_ns();
        let _service = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let after_ns = now_ns();
        let heard_ns = listening.wait(port, Duration::from_mins(3)).unwrap();
        assert!((before_ns..=after_ns).contains(&heard_ns));
        assert_eq!(listening.wait(port, Duration::ZERO), None, "once");
    }

    #[test]
    fn what_was_before_is_forgotten() {
        let Ok(mut listening) = Listening::open() else {
            return;
        };
        let port = free_port().unwrap();
        let _service = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listening.clear();
        assert_eq!(listening.wait(port, Duration::from_millis(20)), None);
    }
}
