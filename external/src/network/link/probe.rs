//! How long packets take from one end of a link to the other: both ends read the same clock, so that
//! each direction is timed by itself.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use machine::clock::now_ns;
use nix::sys::prctl::set_timerslack;

use crate::network::tun::Wait;
use crate::process::NetworkNamespace;

/// What packets did that were sent both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// From the machine's end to the namespace's, in nanoseconds, in the order of arrival.
    pub out_ns: Vec<u64>,
    /// The other way.
    pub back_ns: Vec<u64>,
    /// Packets that did not arrive.
    pub lost: u32,
    /// Packets that arrived after one that was sent later.
    pub overtaken: u32,
}

impl Probed {
    /// The one in the middle of both ways, in nanoseconds.
    pub fn median_ns(&self) -> u64 {
        quantile_ns(&[&self.out_ns[..], &self.back_ns].concat(), 0.5)
    }

    /// The shortest of both ways.
    pub fn shortest(&self) -> Option<Duration> {
        let all = self.out_ns.iter().chain(&self.back_ns);
        all.min().map(|ns| Duration::from_nanos(*ns))
    }
}

/// The time that this share of all is no longer than, 0 to 1; 0 of none.
pub(super) fn quantile_ns(times_ns: &[u64], share: f64) -> u64 {
    let mut sorted = times_ns.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of an index is one"
    )]
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(0)
}

/// How much longer than a link's delay a packet is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The number of the packet that goes first: it has the ends find each other, and is not counted.
const FIRST: u32 = u32::MAX;

/// Sends so many packets each way, one after another, with this gap between them.
pub(super) fn probe(
    namespace: &NetworkNamespace,
    (outside, inside): (IpAddr, IpAddr),
    wait: Wait,
    packets: u32,
    gap: Duration,
) -> io::Result<Probed> {
    let here = UdpSocket::bind((outside, 0))?;
    let there = namespace.within(|| UdpSocket::bind((inside, 0)))??;
    // Nobody else is heard.
    here.connect(there.local_addr()?)?;
    there.connect(here.local_addr()?)?;
    for socket in [&here, &there] {
        socket.set_read_timeout(Some(wait.delay + wait.jitter + PATIENCE))?;
    }
    let out = send(&here, &there, packets, gap)?;
    let back = send(&there, &here, packets, gap)?;
    Ok(Probed {
        lost: out.lost + back.lost,
        overtaken: out.overtaken + back.overtaken,
        out_ns: out.times_ns,
        back_ns: back.times_ns,
    })
}

/// What packets did in one direction.
#[derive(Default)]
struct OneWay {
    times_ns: Vec<u64>,
    lost: u32,
    overtaken: u32,
}

fn send(from: &UdpSocket, to: &UdpSocket, packets: u32, gap: Duration) -> io::Result<OneWay> {
    std::thread::scope(|scope| {
        let receiving = scope.spawn(|| receive(to, packets));
        let _ = set_timerslack(1);
        send_one(from, FIRST)?;
        for number in 0..packets {
            std::thread::sleep(gap);
            send_one(from, number)?;
        }
        receiving
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the receiving thread has failed")))
    })
}

/// Sends a packet with its number and the time.
fn send_one(from: &UdpSocket, number: u32) -> io::Result<()> {
    let mut packet = [0; 12];
    packet[..4].copy_from_slice(&number.to_le_bytes());
    packet[4..].copy_from_slice(&now_ns().to_le_bytes());
    from.send(&packet).map(drop)
}

fn receive(socket: &UdpSocket, packets: u32) -> io::Result<OneWay> {
    let mut heard = OneWay::default();
    let (mut next, mut arrived) = (0, 0);
    let mut packet = [0; 12];
    while arrived < packets {
        let length = match socket.recv(&mut packet) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => return Err(error),
        };
        let now_ns = now_ns();
        let ([n0, n1, n2, n3, sent @ ..], 12) = (packet, length) else {
            continue;
        };
        let number = u32::from_le_bytes([n0, n1, n2, n3]);
        if number == FIRST {
            continue;
        }
        arrived += 1;
        if number < next {
            heard.overtaken += 1;
        }
        next = next.max(number + 1);
        heard
            .times_ns
            .push(now_ns.saturating_sub(u64::from_le_bytes(sent)));
    }
    heard.lost = packets - arrived;
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_is_there() {
        assert_eq!(quantile_ns(&[], 0.5), 0);
        for (share, found) in [(0.0, 1), (0.5, 2), (1.0, 3)] {
            assert_eq!(quantile_ns(&[3, 1, 2], share), found);
        }
    }

    #[test]
    fn what_is_lost_or_overtaken_is_counted() {
        let (here, there) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        here.connect(there.local_addr().unwrap()).unwrap();
        there
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        for number in [FIRST, 0, 2, 1] {
            send_one(&here, number).unwrap();
        }
        let heard = receive(&there, 4).unwrap();
        assert_eq!(
            (heard.times_ns.len(), heard.lost, heard.overtaken),
            (3, 1, 1)
        );
    }
}
