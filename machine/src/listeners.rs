//! Which TCP sockets listen.
//!
//! The kernel's tables, `/proc/net/tcp` and `/proc/net/tcp6`, list every connection too, and to list
//! them it walks a hash table that has as many buckets as the machine has memory for: 9 ms for both on the
//! authors' machine, whoever is asked for. Over netlink it tells of those that listen alone (`sock_diag(7)`),
//! which are in a table of their own, in some hundred microseconds. The tables are read where a kernel has no `INET_DIAG`,
//! and of network namespaces other than the calling thread's: they say the same.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};
use procfs::net::{TcpNetEntries, TcpNetEntry, TcpState};
use procfs::{FromReadSI as _, ProcError, current_system_info};

/// The tables of the network namespace that the calling thread is in.
pub(crate) const OWN_TABLES: &str = "/proc/thread-self/net";

/// A TCP socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listener {
    /// Where.
    pub(crate) address: SocketAddr,
    /// The kernel's number of the socket.
    pub(crate) inode: u64,
}

/// Those of the calling thread's network namespace: on one port, or all.
///
/// # Errors
/// The system's error.
pub(crate) fn own(port: Option<u16>) -> io::Result<Vec<Listener>> {
    // A kernel without it, or a container that forbids it, has the tables.
    by_netlink(port).or_else(|_| by_tables(OWN_TABLES, port))
}

/// Those of the network namespace that a process is in; of the calling thread's if it is no more.
///
/// # Errors
/// The system's error.
pub(crate) fn of_process(pid: u32, port: Option<u16>) -> io::Result<Vec<Listener>> {
    let tables = format!("/proc/{pid}/net");
    if is_here(pid) || !Path::new(&tables).join("tcp").exists() {
        return own(port);
    }
    by_tables(&tables, port)
}

/// Whether a process is in the calling thread's network namespace, as far as this user is told.
fn is_here(pid: u32) -> bool {
    let theirs = std::fs::read_link(format!("/proc/{pid}/ns/net"));
    let ours = std::fs::read_link("/proc/thread-self/ns/net");
    matches!((theirs, ours), (Ok(theirs), Ok(ours)) if theirs == ours)
}

/// By the kernel's tables in a folder.
fn by_tables(folder: &str, port: Option<u16>) -> io::Result<Vec<Listener>> {
    let found = entries(folder)?.into_iter();
    let listening = found.filter(|entry| entry.state == TcpState::Listen);
    let listeners = listening.map(|entry| Listener {
        address: entry.local_address,
        inode: entry.inode,
    });
    Ok(listeners
        .filter(|it| port.is_none_or(|port| it.address.port() == port))
        .collect())
}

/// The TCP sockets in the kernel's tables in `folder`.
///
/// # Errors
/// The system's error.
pub(crate) fn entries(folder: &str) -> io::Result<Vec<TcpNetEntry>> {
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        match TcpNetEntries::from_file(format!("{folder}/{table}"), current_system_info()) {
            Ok(entries) => found.extend(entries.0),
            // A kernel without IPv6 has no table of it.
            Err(ProcError::NotFound(_)) if table == "tcp6" => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(found)
}

/// What a message over netlink is (`include/uapi/linux/netlink.h`, `sock_diag.h`).
const ERROR: u16 = 2;
const DONE: u16 = 3;
const BY_FAMILY: u16 = 20;

/// A request that is answered with all that there are: `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_ALL: u16 = 0x301;

/// How long the head of a message is, and what of a message of a socket is read.
const HEAD: usize = 16;
const SOCKET: usize = 72;

/// By `sock_diag(7)`.
fn by_netlink(port: Option<u16>) -> io::Result<Vec<Listener>> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let family = u8::try_from(family).map_err(io::Error::other)?;
        send(
            netlink.as_raw_fd(),
            &request(family, port),
            MsgFlags::empty(),
        )?;
        receive(&netlink, &mut found)?;
    }
    found.retain(|it| port.is_none_or(|port| it.address.port() == port));
    Ok(found)
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`: TCP sockets of a family that listen.
fn request(family: u8, port: Option<u16>) -> [u8; HEAD + 56] {
    /// `TCPF_LISTEN` of `include/net/tcp_states.h`.
    const LISTENING: u32 = 1 << 10;
    const TCP: u8 = 6;
    let mut bytes = [0; HEAD + 56];
    let length = u32::try_from(bytes.len()).expect("some tens of bytes");
    bytes[0..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&REQUEST_ALL.to_ne_bytes());
    bytes[HEAD] = family;
    bytes[HEAD + 1] = TCP;
    bytes[HEAD + 4..HEAD + 8].copy_from_slice(&LISTENING.to_ne_bytes());
    // Of no port, which is 0, are all.
    bytes[HEAD + 8..HEAD + 10].copy_from_slice(&port.unwrap_or(0).to_be_bytes());
    bytes
}

/// Receives what a request is answered with, to its end.
fn receive(netlink: &OwnedFd, found: &mut Vec<Listener>) -> io::Result<()> {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let received = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..received];
        if rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while let Some((kind, message, after)) = next(rest) {
            match kind {
                DONE => return Ok(()),
                ERROR => return Err(refusal(message)),
                BY_FAMILY => found.extend(listener(message)),
                _ => {}
            }
            rest = after;
        }
    }
}

/// The next message: what it is, what it holds, and what comes after it.
fn next(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(bytes.get(0..4)?.try_into().ok()?);
    let length = usize::try_from(length).ok().filter(|it| *it >= HEAD)?;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let message = bytes.get(HEAD..length)?;
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, message, after))
}

fn refusal(message: &[u8]) -> io::Error {
    let number = message.get(0..4).and_then(|it| it.try_into().ok());
    number.map_or_else(
        || io::ErrorKind::InvalidData.into(),
        |number| io::Error::from_raw_os_error(i32::from_ne_bytes(number).saturating_neg()),
    )
}

/// `struct inet_diag_msg`.
fn listener(message: &[u8]) -> Option<Listener> {
    let message = message.get(..SOCKET)?;
    let port = u16::from_be_bytes(message[4..6].try_into().ok()?);
    let ip = if i32::from(message[0]) == libc::AF_INET {
        IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(&message[8..12]).ok()?))
    } else {
        IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(&message[8..24]).ok()?))
    };
    Some(Listener {
        address: SocketAddr::new(ip, port),
        inode: u32::from_ne_bytes(message[68..72].try_into().ok()?).into(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Those of one port: others come and go.
    fn of_port(port: u16, ask: impl Fn(Option<u16>) -> io::Result<Vec<Listener>>) -> Vec<Listener> {
        let mut found = ask(Some(port)).unwrap();
        found.sort_unstable();
        let mut of_all = ask(None).unwrap();
        of_all.retain(|it| it.address.port() == port);
        of_all.sort_unstable();
        assert_eq!(found, of_all);
        found
    }

    #[test]
    fn netlink_and_the_tables_tell_the_same_and_of_no_connection() {
        let listening: Vec<_> = ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"]
            .iter()
            // A machine may have no IPv6.
            .filter_map(|address| TcpListener::bind(address).ok())
            .collect();
        assert!(listening.len() >= 2);
        for listener in &listening {
            let address = listener.local_addr().unwrap();
            let connected = TcpStream::connect(address).unwrap();
            let tables = of_port(address.port(), |port| by_tables(OWN_TABLES, port));
            assert_eq!(tables.len(), 1, "{tables:?}");
            assert_eq!(tables[0].address, address);
            if by_netlink(None).is_ok() {
                assert_eq!(of_port(address.port(), by_netlink), tables);
            }
            assert_eq!(of_port(address.port(), own), tables);
            let this = std::process::id();
            assert_eq!(
                of_port(address.port(), |port| of_process(this, port)),
                tables
            );
            drop(connected);
        }
        let ports: Vec<_> = listening
            .iter()
            .map(|it| it.local_addr().unwrap().port())
            .collect();
        drop(listening);
        for port in ports {
            assert_eq!(of_port(port, own), []);
        }
    }

    #[test]
    fn what_cannot_be_asked_is_an_error_and_no_empty_answer() {
        let refused = refusal(&(-libc::ENOENT).to_ne_bytes());
        assert_eq!(refused.raw_os_error(), Some(libc::ENOENT));
        assert_eq!(refusal(&[]).kind(), io::ErrorKind::InvalidData);
        for torn in [&[][..], &[0; 16], &[255; 16]] {
            assert_eq!(next(torn), None);
        }
        assert_eq!(listener(&[0; SOCKET - 1]), None);
    }
}
