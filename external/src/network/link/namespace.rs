//! A network namespace with a link to the machine's.

use std::ffi::OsStr;
use std::io;
use std::net::IpAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::probe::{self, Probed};
use super::programs::{ip, no_queue, output, run};
use super::{Block, CLEANUP, Link, LinkError, NAME, Wire, own_addresses};
use crate::network::tun::{Device, Forwarder, Passed, Placed, TunError};
use crate::process::reaper::{Guard, Reaper};
use crate::process::{NetworkNamespace, cleanup};

/// The namespace's end of a link: named after us too, so that an address is known to be ours from
/// either end.
const INSIDE: &str = "coldphase-in";

/// How many packets show what a new link does with them, each way.
const PROVING: u32 = 20;

/// From one of these packets to the next.
const PROVING_GAP: Duration = Duration::from_millis(1);

/// What is taken off a delay at most for what packets take anyway. On a busy machine even the quickest
/// of a few takes longer than most do later.
pub(super) const MOST_ANYWAY: Duration = Duration::from_micros(50);

/// A namespace that services can be launched in, or requests come from. The last of its copies takes it away when it is
/// dropped.
#[derive(Debug, Clone)]
pub struct LinkedNamespace(Arc<Made>);

#[derive(Debug)]
struct Made {
    link: Link,
    block: Block,
    namespace: NetworkNamespace,
    /// What carries packets over TUN devices; nothing if it is a veth pair. Dropped with the devices
    /// before the namespace is removed.
    forwarder: Option<Forwarder>,
    /// What the kernel had dropped at the ends of the TUN devices when somebody asked last.
    dropped: Mutex<u64>,
    /// How long packets took right after it was made, where they are held back.
    proof: Option<Probed>,
    _guard: Option<Guard>,
}

/// What holds packets back, or carries them without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A veth pair, and no delay.
    Veth,
    /// The kernel's queue that delays, at both ends of a veth pair.
    Netem,
    /// This program, between two TUN devices.
    Tun,
}

impl Means {
    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::Netem => "netem",
            Self::Tun => "tun",
        }
    }
}

impl LinkedNamespace {
    /// Makes one, with a link to it, and proves that the link holds packets back as long as it is
    /// asked to. If this process is killed, the reaper removes what is left of both.
    ///
    /// # Errors
    /// Why there can be none here. Nothing is left then.
    pub fn make(link: Link, reaper: Option<&Reaper>) -> Result<Self, LinkError> {
        let block = free_block()?;
        let (name, device) = (
            format!("{NAME}{}-{}", cleanup::owner(), block.0),
            block.device(),
        );
        let words = [CLEANUP, &name, &device].map(OsStr::new);
        // Guarded before there is anything, so that no kill comes between.
        let guard = reaper
            .map(|reaper| cleanup::guard(reaper, &words))
            .transpose()
            .map_err(LinkError::Failed)?;
        let joined = make_namespace(&name).and_then(|namespace| {
            let forwarder = join(link, block, &namespace)?;
            Ok((namespace, forwarder))
        });
        let (namespace, forwarder) = joined.inspect_err(|_| {
            // The first error is the one to report.
            let _ = remove_left(&name, &device);
        })?;
        let mut made = Made {
            link,
            block,
            namespace,
            forwarder,
            dropped: Mutex::default(),
            proof: None,
            _guard: guard,
        };
        if link.delay_ms > 0 {
            made.hold_back()?;
            made.proof = Some(made.prove()?);
        }
        Ok(Self(Arc::new(made)))
    }

    /// The address that services in it have.
    pub fn address(&self) -> IpAddr {
        self.0.services_end()
    }

    /// The address that the machine has for what is in it.
    pub fn outside(&self) -> IpAddr {
        self.0.machines_end()
    }

    /// What holds packets back, or carries them without.
    pub fn means(&self) -> Means {
        match (&self.0.forwarder, self.0.link.delay_ms) {
            (Some(_), _) => Means::Tun,
            (None, 0) => Means::Veth,
            (None, _) => Means::Netem,
        }
    }

    /// Where the forwarder runs, and how; nothing if the kernel carries packets.
    pub fn placed(&self) -> Option<Placed> {
        self.0.forwarder.as_ref().map(Forwarder::placed)
    }

    /// How long packets took right after it was made; nothing where they are not held back.
    pub fn proof(&self) -> Option<&Probed> {
        self.0.proof.as_ref()
    }

    /// What has gone through the forwarder since this was called last; nothing if there is none.
    ///
    /// # Errors
    /// Why nothing passes any more.
    pub fn passed(&self) -> Result<Option<Passed>, String> {
        let Some(forwarder) = &self.0.forwarder else {
            return Ok(None);
        };
        let passed = forwarder.passed()?;
        let dropped = self
            .0
            .dropped()
            .map_err(|error| format!("the counters of the link cannot be read: {error}"))?;
        let mut before = self
            .0
            .dropped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let newly = dropped.saturating_sub(std::mem::replace(&mut before, dropped));
        Ok(Some(Passed {
            dropped: passed.dropped + newly,
            ..passed
        }))
    }

    /// Sends packets both ways, and says how long each took.
    ///
    /// # Errors
    /// What the system says.
    pub fn probe(&self, packets: u32, gap: Duration) -> io::Result<Probed> {
        self.0.probe(packets, gap)
    }
}

impl Made {
    fn services_end(&self) -> IpAddr {
        self.block.services_end().into()
    }

    fn machines_end(&self) -> IpAddr {
        self.block.machines_end().into()
    }

    /// Has the forwarder, if there is one, hold packets back: for less than the delay by three
    /// quarters of what the quickest packet takes without, so that the next one to be quicker is not
    /// early.
    fn hold_back(&self) -> Result<(), LinkError> {
        let Some(forwarder) = &self.forwarder else {
            return Ok(());
        };
        let quick = self
            .probe(PROVING, PROVING_GAP)
            .map_err(|error| LinkError::Failed(error.to_string()))?;
        let anyway = quick.shortest().unwrap_or_default() * 3 / 4;
        forwarder.hold_back(self.link.wait(), anyway.min(MOST_ANYWAY));
        Ok(())
    }

    fn probe(&self, packets: u32, gap: Duration) -> io::Result<Probed> {
        let ends = (self.machines_end(), self.services_end());
        probe::probe(&self.namespace, ends, self.link.wait(), packets, gap)
    }

    /// That packets take no less than they are to be held back, and arrive in their order.
    fn prove(&self) -> Result<Probed, LinkError> {
        let failed = |why: String| LinkError::Failed(format!("the new link is of no use: {why}"));
        let proof = self
            .probe(PROVING, PROVING_GAP)
            .map_err(|error| failed(error.to_string()))?;
        let least = self.link.least().saturating_sub(MOST_ANYWAY);
        match proof.shortest() {
            Some(shortest) if shortest < least => Err(failed(format!(
                "a packet took {shortest:?}, and should be held back for {least:?}"
            ))),
            Some(_) if proof.lost == 0 && proof.overtaken == 0 => Ok(proof),
            _ => Err(failed(format!(
                "of {} packets {} were lost, and {} overtaken",
                PROVING * 2,
                proof.lost,
                proof.overtaken
            ))),
        }
    }

    /// What the kernel has dropped at both ends.
    fn dropped(&self) -> io::Result<u64> {
        let device = self.block.device();
        let (outside, inside) = (
            dropped(&device)?,
            self.namespace.within(|| dropped(INSIDE))??,
        );
        Ok(outside + inside)
    }
}

impl Deref for LinkedNamespace {
    type Target = NetworkNamespace;

    fn deref(&self) -> &NetworkNamespace {
        &self.0.namespace
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        drop(self.forwarder.take());
        let _ = remove_left(self.namespace.name(), &self.block.device());
    }
}

/// Makes the namespace.
fn make_namespace(name: &str) -> Result<NetworkNamespace, LinkError> {
    ip(&format!("netns add {name}"))?;
    ip(&format!("-n {name} link set lo up"))?;
    NetworkNamespace::open(name).map_err(|error| {
        LinkError::Failed(format!("the namespace {name} cannot be opened: {error}"))
    })
}

/// Makes the link, of what it is asked to be made of or of what can hold packets back here. Its
/// forwarder, if it has one.
fn join(
    link: Link,
    block: Block,
    namespace: &NetworkNamespace,
) -> Result<Option<Forwarder>, LinkError> {
    let by_tun = |without_netem| {
        join_by_tun(link, block, namespace)
            .map(Some)
            .map_err(|error| match error {
                LinkError::NoTun { why, .. } => LinkError::NoTun { why, without_netem },
                other => other,
            })
    };
    // Packets of unequal delay overtake each other in netem.
    if link.wire == Wire::Tun || link.jitter_ms > 0 {
        return by_tun(false);
    }
    match join_by_veth(link, block, namespace.name()) {
        Err(LinkError::NoQueue { kind: "netem", .. }) => {
            ip(&format!("link delete {}", block.device()))?;
            by_tun(true)
        }
        other => other.map(|()| None),
    }
}

fn join_by_veth(link: Link, block: Block, name: &str) -> Result<(), LinkError> {
    let device = block.device();
    ip(&format!(
        "link add {device} type veth peer name {INSIDE} netns {name}"
    ))?;
    set_up(link, block, name, "")
}

fn join_by_tun(
    link: Link,
    block: Block,
    namespace: &NetworkNamespace,
) -> Result<Forwarder, LinkError> {
    let no_tun = |why: TunError| LinkError::NoTun {
        why,
        without_netem: false,
    };
    let failed = |error: io::Error| LinkError::Failed(format!("no forwarder: {error}"));
    let outside = Device::make(&block.device()).map_err(no_tun)?;
    let inside = namespace
        .within(|| Device::make(INSIDE))
        .map_err(failed)?
        .map_err(no_tun)?;
    // None is to go through that the kernel sends by itself to find neighbours. One without IPv6
    // refuses this, and sends none.
    let name = namespace.name();
    let _ = ip(&format!("link set {} addrgenmode none", block.device()));
    let _ = ip(&format!("-n {name} link set {INSIDE} addrgenmode none"));
    // As many packets as are held wait for the forwarder.
    set_up(link.undelayed(), block, name, " txqueuelen 10000")?;
    Forwarder::start([outside, inside]).map_err(failed)
}

/// Gives both ends their addresses and queues, and sets them up.
fn set_up(link: Link, block: Block, name: &str, settings: &str) -> Result<(), LinkError> {
    let device = block.device();
    for (of, device, address) in [
        (String::new(), device.as_str(), block.machines_end()),
        (format!("-n {name} "), INSIDE, block.services_end()),
    ] {
        ip(&format!("{of}address add {address}/30 dev {device}"))?;
        ip(&format!("{of}link set {device}{settings} up"))?;
        if let Some(queue) = link.queue() {
            let held = run("tc", &format!("{of}qdisc add dev {device} root {queue}"));
            held.map_err(|error| no_queue(error, &queue))?;
        }
    }
    Ok(())
}

/// How many packets the kernel has dropped at a device of the calling thread's network, coming and
/// going.
fn dropped(device: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    dropped_in(&text, device)
        .ok_or_else(|| io::Error::other(format!("there is no device {device} any more")))
}

/// The same, out of the kernel's table: eight counters of what came, of which the fourth is of what
/// was dropped, then eight of what went.
fn dropped_in(table: &str, device: &str) -> Option<u64> {
    let line = table
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(device)?.strip_prefix(':'))?;
    let counters: Vec<u64> = line
        .split_whitespace()
        .map_while(|number| number.parse().ok())
        .collect();
    Some(counters.get(3)? + counters.get(11)?)
}

/// A block of addresses that nobody on this machine has. Two suites that look at once begin at
/// different ones.
fn free_block() -> Result<Block, LinkError> {
    let taken = own_addresses();
    let first = u16::try_from(std::process::id() * 8 % u32::from(Block::ALL)).unwrap_or(0);
    let mut blocks = (0..Block::ALL).map(|n| Block((first + n) % Block::ALL));
    blocks
        .find(|block| !taken.contains(&block.machines_end()))
        .ok_or(LinkError::Full)
}

/// Removes a namespace and the machine's end of its link: for the reaper too. What is not there is
/// no error.
///
/// # Errors
/// Neither is ours by its name, or what ip says.
pub fn remove_left(name: &str, device: &str) -> Result<(), String> {
    if ![name, device]
        .iter()
        .all(|name| name.starts_with(NAME) && !name.contains('/'))
    {
        return Err(format!("{name} and {device} are not ours"));
    }
    // It is made first and removed last: without it, a device of that name is another suite's.
    if !NetworkNamespace::exists(name) {
        return Ok(());
    }
    // The link first: a namespace lives on as long as a process in it does.
    if is_joined(name, device) {
        ip(&format!("link delete {device}")).map_err(|error| error.to_string())?;
    }
    ip(&format!("netns delete {name}")).map_err(|error| error.to_string())
}

/// Whether the other end of a device is in a namespace. Two suites may try the same name at once,
/// and the one that was late has no device.
fn is_joined(name: &str, device: &str) -> bool {
    let number = std::fs::read_to_string(Path::new("/sys/class/net").join(device).join("ifindex"));
    let Ok(number) = number else { return false };
    let inside = output("ip", &format!("-n {name} -o link show {INSIDE}"));
    inside.is_ok_and(|text| text.contains(&format!("{INSIDE}@if{}:", number.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_others_are_never_removed() {
        for (name, device) in [
            ("other", "coldphase-1"),
            ("coldphase-1", "eth0"),
            ("coldphase-/../x", "coldphase-1"),
        ] {
            assert!(
                remove_left(name, device)
                    .unwrap_err()
                    .contains("are not ours")
            );
        }
        assert_eq!(
            remove_left("coldphase-0-0-none", "coldphase-none"),
            Ok(()),
            "and what is not there is gone"
        );
    }

    #[test]
    fn what_the_kernel_has_dropped_is_read_of_the_right_device() {
        let table = "Inter-|   Receive                            |  Transmit\n face \
            |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop \
            fifo colls carrier compressed\n\
            coldphase-12: 1 2 3 40 5 6 7 8 9 10 11 12 13 14 15 16\n \
            coldphase-1: 1 2 3 4 5 6 7 8 9 10 11 30 13 14 15 16\n";
        assert_eq!(dropped_in(table, "coldphase-1"), Some(34));
        assert_eq!(dropped_in(table, "coldphase-12"), Some(52));
        assert_eq!(dropped_in(table, "coldphase-2"), None);
        assert_eq!(dropped_in("coldphase-1: 1 2 3", "coldphase-1"), None);
    }
}
