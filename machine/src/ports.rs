//! Ports for servers, and whose they are.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use procfs::net::TcpState;

use crate::clock::now_ns;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, setsockopt, socket, sockopt,
};

use super::listeners::{self, Listener, OWN_TABLES};
use super::processes::{Stat, all, descendants};

/// Where ports are taken from if the range of outgoing connections leaves room there; what people
/// use is mostly below.
const PREFERRED: RangeInclusive<u16> = 10_000..=65_535;

/// Below are those that only root may listen on.
const UNPRIVILEGED: RangeInclusive<u16> = 1_024..=65_535;

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The kernel's number of the listening socket.
    pub inode: u64,
    /// The processes that hold it.
    pub pids: Vec<u32>,
}

/// A TCP port that is in use on no address, and that this function has not given to this process
/// before.
///
/// It lies outside the range that the kernel takes the ports of outgoing connections from. In that
/// range another client could be given it before the server listens, and a client that tries to
/// connect to it could be given it itself, and be connected to itself.
///
/// # Errors
/// The system's error, or that no port is free.
pub fn free_port() -> io::Result<u16> {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    let outgoing = outgoing(&std::fs::read_to_string(
        "/proc/sys/net/ipv4/ip_local_port_range",
    )?);
    let candidates = candidates(outgoing.as_ref());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Another process that looks at the same time begins elsewhere.
    let start = usize::try_from(now_ns() ^ (u64::from(std::process::id()) << 7)).unwrap_or(0)
        % candidates.len().max(1);
    // A long run asks for more ports than there are: then the ones given first are long over.
    if given.len() >= candidates.len() {
        given.clear();
    }
    let port = candidates[start..]
        .iter()
        .chain(&candidates[..start])
        .find(|port| !given.contains(port) && is_free(**port));
    let port = *port.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "no port is free for a server",
        )
    })?;
    given.insert(port);
    Ok(port)
}

/// The ports that [`free_port`] chooses from.
///
/// # Errors
/// The system's error.
pub fn for_servers() -> io::Result<Vec<RangeInclusive<u16>>> {
    let outgoing = outgoing(&std::fs::read_to_string(
        "/proc/sys/net/ipv4/ip_local_port_range",
    )?);
    Ok(ranges(&candidates(outgoing.as_ref())))
}

/// Ports in order, as ranges.
pub fn ranges(ports: &[u16]) -> Vec<RangeInclusive<u16>> {
    let runs = ports.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    runs.filter_map(|run| Some(*run.first()?..=*run.last()?))
        .collect()
}

/// The TCP ports on which somebody listens on an address that is not of the loopback.
///
/// # Errors
/// The system's error.
pub fn open_to_others() -> io::Result<HashSet<u16>> {
    let open = listeners::own(None)?
        .into_iter()
        .filter(|listener| !is_loopback(listener.address.ip()));
    Ok(open.map(|listener| listener.address.port()).collect())
}

/// Whether an address is of the loopback, also as seen through IPv6.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// How many connections to a TCP port of the calling thread's network namespace its server has not
/// closed.
///
/// # Errors
/// The system's error.
pub fn connections_to(port: u16) -> io::Result<usize> {
    let open = listeners::entries(OWN_TABLES)?.into_iter().filter(|entry| {
        entry.local_address.port() == port
            && matches!(
                entry.state,
                TcpState::Established | TcpState::SynRecv | TcpState::CloseWait
            )
    });
    Ok(open.count())
}

/// Who listens on a TCP port of the calling thread's network namespace: one entry a socket, since
/// there may be one an address.
///
/// # Errors
/// The system's error. Holders of other users that may not be looked at are left out.
pub fn owner_of(port: u16) -> io::Result<Vec<Owner>> {
    Ok(owners(&listeners::own(Some(port))?))
}

/// The first of these ports of the calling thread's network namespace that somebody listens on, and who: in
/// one look at all sockets.
///
/// # Errors
/// The system's error.
pub fn first_held(on: &[u16]) -> io::Result<Option<(u16, Owner)>> {
    // One port is what most ask for, and the kernel leaves out the others.
    let found = match on {
        [] => return Ok(None),
        [port] => listeners::own(Some(*port))?,
        _ => listeners::own(None)?,
    };
    let found = by_port(found);
    let held = on.iter().find_map(|port| Some((*port, found.get(port)?)));
    Ok(held.and_then(|(port, listeners)| Some((port, owners(listeners).into_iter().next()?))))
}

/// Listening sockets, by port.
fn by_port(listeners: Vec<Listener>) -> HashMap<u16, Vec<Listener>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for listener in listeners {
        let port = listener.address.port();
        found.entry(port).or_default().push(listener);
    }
    found
}

/// Who holds these sockets.
fn owners(listeners: &[Listener]) -> Vec<Owner> {
    if listeners.is_empty() {
        return Vec::new();
    }
    let mut owners: Vec<_> = listeners
        .iter()
        .map(|listener| Owner {
            inode: listener.inode,
            pids: Vec::new(),
        })
        .collect();
    for (pid, _) in all() {
        let held = sockets(pid);
        owners
            .iter_mut()
            .filter(|owner| held.contains(&owner.inode))
            .for_each(|owner| owner.pids.push(pid));
    }
    owners
}

/// Whether a process holds all of these sockets.
fn holds(pid: u32, listeners: &[Listener]) -> bool {
    let held = sockets(pid);
    listeners.iter().all(|it| held.contains(&it.inode))
}

/// Whether the leader of a process group holds all of these sockets, or it and those of the group that
/// descend from it do: mostly so, and then nobody else has to be looked at.
fn group_holds(group: u32, listeners: &[Listener]) -> bool {
    let of_group = |pid: &u32| Stat::of(*pid).is_some_and(|stat| stat.group == group);
    if of_group(&group) && holds(group, listeners) {
        return true;
    }
    let below = descendants(group).into_iter().map(|(pid, _)| pid);
    let members = std::iter::once(group).chain(below).filter(of_group);
    let held: HashSet<u64> = members.flat_map(sockets).collect();
    listeners.iter().all(|it| held.contains(&it.inode))
}

/// Checks that who listens on `port` is of the process group `group`, and nobody else, in the
/// network namespace of its leader.
///
/// # Errors
/// Who listens instead.
pub fn belongs_to(port: u16, group: u32) -> Result<(), String> {
    let listeners = listening_on(port, listeners::of_process(group, Some(port)))?;
    if group_holds(group, &listeners) {
        return Ok(());
    }
    let of_group = |pid: &u32| Stat::of(*pid).is_some_and(|stat| stat.group == group);
    let owners = owners(&listeners);
    match owners.iter().find(|owner| !owner.pids.iter().any(of_group)) {
        None => Ok(()),
        Some(owner) if owner.pids.is_empty() => Err(format!(
            "a process that cannot be seen listens on port {port}"
        )),
        Some(owner) => Err(format!(
            "another process listens on port {port}: {}",
            owner.pids[0]
        )),
    }
}

/// Checks the same of many ports, each with the group that is to listen on it. All sockets of a network
/// namespace are looked at once: asked for one port the kernel walks through all of them too.
///
/// # Errors
/// Of the first at which somebody else listens, or nobody: its place among them, from 0, and who.
pub fn each_belongs_to(ports: &[(u16, u32)]) -> Result<(), (usize, String)> {
    let mut seen: HashMap<Option<PathBuf>, HashMap<u16, Vec<Listener>>> = HashMap::new();
    for (place, &(port, group)) in ports.iter().enumerate() {
        let namespace = std::fs::read_link(format!("/proc/{group}/ns/net")).ok();
        let seen = seen.entry(namespace).or_insert_with(|| {
            let all = listeners::of_process(group, None);
            by_port(all.unwrap_or_default())
        });
        // Where that does not show it, the question is asked as for one alone: sockets come and go
        // while all are looked at.
        let found = seen.get(&port);
        if !found.is_some_and(|found| group_holds(group, found)) {
            belongs_to(port, group).map_err(|reason| (place, reason))?;
        }
    }
    Ok(())
}

/// Checks that a process listens on `port`, and nobody else.
///
/// # Errors
/// Who listens instead.
pub fn held_by(port: u16, pid: u32) -> Result<(), String> {
    let listeners = listening_on(port, listeners::own(Some(port)))?;
    if holds(pid, &listeners) {
        return Ok(());
    }
    let owners = owners(&listeners);
    let other = owners.iter().find(|owner| !owner.pids.contains(&pid));
    other.map_or(Ok(()), |owner| {
        Err(format!(
            "another process listens on port {port}: {:?}",
            owner.pids
        ))
    })
}

/// The sockets that listen on a port: one at least.
fn listening_on(port: u16, found: io::Result<Vec<Listener>>) -> Result<Vec<Listener>, String> {
    let found =
        found.map_err(|error| format!("cannot find out who listens on port {port}: {error}"))?;
    if found.is_empty() {
        return Err(format!("no process listens on port {port}"));
    }
    Ok(found)
}

/// The TCP ports that a process group listens on, in order.
///
/// # Errors
/// The system's error.
pub fn of_group(group: u32) -> io::Result<Vec<u16>> {
    let members: Vec<_> = all()
        .into_iter()
        .filter(|(_, stat)| stat.group == group)
        .collect();
    let held: HashSet<u64> = members.iter().flat_map(|(pid, _)| sockets(*pid)).collect();
    let mut ports: Vec<_> = listeners::of_process(group, None)?
        .into_iter()
        .filter(|listener| held.contains(&listener.inode))
        .map(|listener| listener.address.port())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

fn outgoing(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    Some(numbers.next()?.ok()?..=numbers.next()?.ok()?)
}

fn candidates(outgoing: Option<&RangeInclusive<u16>>) -> Vec<u16> {
    let outside = |range: RangeInclusive<u16>| -> Vec<u16> {
        range
            .filter(|port| outgoing.is_none_or(|outgoing| !outgoing.contains(port)))
            .collect()
    };
    let preferred = outside(PREFERRED);
    if preferred.is_empty() {
        outside(UNPRIVILEGED)
    } else {
        preferred
    }
}

/// Whether a server could listen on it on any address. The standard library would accept a port
/// too whose last connections are not forgotten yet: it lets addresses be used again, and not every
/// server does.
fn is_free(port: u16) -> bool {
    let v4 = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    let v6 = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0));
    let tcp = |family| socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    let bound_v4 = tcp(AddressFamily::Inet).and_then(|socket| bind(socket.as_raw_fd(), &v4));
    let bound_v6 = tcp(AddressFamily::Inet6).and_then(|socket| {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
        bind(socket.as_raw_fd(), &v6)
    });
    let no_v6 = matches!(bound_v6, Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL));
    bound_v4.is_ok() && (bound_v6.is_ok() || no_v6)
}

/// The sockets that a process holds.
fn sockets(pid: u32) -> HashSet<u64> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return HashSet::new();
    };
    let inode = |link: std::path::PathBuf| {
        link.to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .parse()
            .ok()
    };
    entries
        .flatten()
        .filter_map(|entry| inode(std::fs::read_link(entry.path()).ok()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::processes::LOOKS;
    use super::*;

    #[test]
    fn every_port_is_free_and_outside_of_what_clients_get() {
        let outgoing =
            outgoing(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap())
                .unwrap();
        let ports: Vec<_> = (0..50).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 50);
        for port in ports {
            assert!(
                !outgoing.contains(&port) && PREFERRED.contains(&port),
                "{port}"
            );
            drop(TcpListener::bind(("127.0.0.1", port)).unwrap());
        }
    }

    #[test]
    fn what_is_in_use_is_not_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn a_wide_range_of_outgoing_ports_leaves_those_below() {
        assert_eq!(
            candidates(Some(&(1_030..=65_535))),
            [1_024, 1_025, 1_026, 1_027, 1_028, 1_029]
        );
        assert_eq!(candidates(None).len(), PREFERRED.len());
        assert_eq!(candidates(Some(&(1_024..=65_535))), [0; 0]);
    }

    #[test]
    fn the_owner_of_a_port_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let owners = owner_of(port).unwrap();
        assert_eq!(owners.len(), 1);
        assert!(owners[0].pids.contains(&std::process::id()));
        let group = Stat::of(std::process::id()).unwrap().group;
        assert_eq!(belongs_to(port, group), Ok(()));
        let other = belongs_to(port, group + 1).unwrap_err();
        assert!(
            other.starts_with(&format!("another process listens on port {port}: ")),
            "{other}"
        );
        drop(listener);
        assert_eq!(
            belongs_to(port, group),
            Err(format!("no process listens on port {port}"))
        );
    }

    #[test]
    fn of_many_ports_each_is_looked_at_and_other_processes_only_where_one_does_not_hold_its_own() {
        let sockets: Vec<_> = (0..20)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let on: Vec<_> = sockets
            .iter()
            .map(|socket| socket.local_addr().unwrap().port())
            .collect();
        let this = std::process::id();
        let group = Stat::of(this).unwrap().group;
        let pairs: Vec<_> = on.iter().map(|port| (*port, group)).collect();
        let looks = LOOKS.get();
        assert_eq!(each_belongs_to(&pairs), Ok(()));
        assert_eq!(LOOKS.get(), looks);

        let mut wrong = pairs.clone();
        wrong[7].1 = group + 1;
        let alone = belongs_to(on[7], group + 1).unwrap_err();
        assert_eq!(each_belongs_to(&wrong), Err((7, alone)));
        let held = first_held(&on).unwrap().unwrap();
        assert!(held.0 == on[0] && held.1.pids.contains(&this), "{held:?}");
        drop(sockets);
        let gone = format!("no process listens on port {}", on[0]);
        assert_eq!(each_belongs_to(&pairs), Err((0, gone)));
        let looks = LOOKS.get();
        assert_eq!(first_held(&on).unwrap(), None);
        assert_eq!(first_held(&on[..1]).unwrap(), None);
        assert_eq!(LOOKS.get(), looks);
    }

    #[test]
    fn a_child_that_listens_is_found_without_a_look_at_all_processes() {
        use std::io::Read as _;
        use std::os::unix::process::CommandExt as _;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // The child has the socket, and its parent, which leads the group, has closed it.
        let mut shell = std::process::Command::new("/bin/sh")
            // What a shell runs in the background has nothing to read, unless another descriptor is what it reads.
            .args([
                "-c",
                "exec 3<&0; /bin/sleep 3600 <&3 3<&- & exec 0<&- 3<&-; echo ready; wait",
            ])
            .stdin(std::os::fd::OwnedFd::from(listener))
            .stdout(std::process::Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let said = shell.stdout.take().unwrap().read(&mut [0; 16]).unwrap();
        let looks = LOOKS.get();
        let belongs = [
            belongs_to(port, shell.id()),
            each_belongs_to(&[(port, shell.id())]).map_err(|(_, reason)| reason),
        ];
        let looked = LOOKS.get() - looks;
        let group = nix::unistd::Pid::from_raw(shell.id().cast_signed());
        nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
        shell.wait().unwrap();
        assert!(said > 0);
        assert_eq!(belongs, [Ok(()), Ok(())]);
        assert_eq!(looked, 0);
    }

    #[test]
    fn who_listens_for_others_is_told_from_who_does_not() {
        let listen = |address: &str| TcpListener::bind(address).unwrap();
        let sockets = ["127.0.0.1:0", "127.7.7.7:0", "0.0.0.0:0"].map(listen);
        let open = open_to_others().unwrap();
        let found = sockets.map(|socket| open.contains(&socket.local_addr().unwrap().port()));
        assert_eq!(found, [false, false, true]);
        for (address, expected) in [
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("127.7.7.7", true),
            ("::", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn ports_are_shown_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), [1..=3, 7..=7, 9..=10]);
        assert_eq!(ranges(&[65_534, 65_535]), [65_534..=65_535]);
        assert_eq!(ranges(&[]), [0; 0].map(|port| port..=port));
    }
}
