//! A network between client and service: the service in a network namespace of its own, the client
//! in the machine's, joined by a link with addresses, and optionally with a delay and a rate.
//!
//! The loopback has no wire. Two ends of a veth pair are one: packets leave one network stack and
//! arrive in another, through queues that can hold them back. Where the kernel has no netem, which
//! is the queue that delays, or packets are to be delayed unequally without overtaking each other,
//! the wire is two TUN devices and a thread between them ([`super::tun`]). Addresses are out of
//! 198.19.0.0/16, which is set apart for benchmarks and which no machine on a network has.
//! Everything is named `coldphase-…` and is gone when it is dropped, or by the reaper.

mod command;
mod error;
mod namespace;
mod probe;
mod programs;
mod round_trip;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use results::{Param, Params};

use super::tun::Wait;

pub use command::{LinkArguments, command, milliseconds};
pub use error::LinkError;
pub use namespace::{LinkedNamespace, Means, remove_left};
pub use probe::Probed;
pub(super) use programs::ip;
pub use round_trip::RoundTrips;

/// The first word of a namespace's [`crate::process::cleanup::guard`], before its name and its
/// device.
pub(crate) const CLEANUP: &str = "link-namespace";

/// What begins the names of all that is made here.
const NAME: &str = "coldphase-";

/// What a link is asked to be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wire {
    /// A veth pair, whose queues hold packets back: with a delay on a kernel without netem, or with
    /// jitter, TUN devices in its place.
    Veth,
    /// TUN devices with a forwarder between them, delay or not.
    Tun,
}

/// What packets go through between client and service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// What it is made of.
    pub wire: Wire,
    /// How long a packet is held back on each side, in milliseconds; 0 is not at all.
    pub delay_ms: u32,
    /// By how much this varies either way, in milliseconds, without one packet overtaking another.
    pub jitter_ms: u32,
    /// How many megabits a second go through, each way.
    pub rate_mbit: Option<u32>,
}

impl Link {
    /// One that holds nothing back.
    pub const PLAIN: Self = Self {
        wire: Wire::Veth,
        delay_ms: 0,
        jitter_ms: 0,
        rate_mbit: None,
    };

    /// The parameters of its cells.
    pub fn params(self) -> Params {
        let path = match self.wire {
            Wire::Veth => "veth",
            Wire::Tun => "tun",
        };
        let mut params = Params::from([(Param::Path, path)]);
        if self.delay_ms > 0 {
            params.insert(Param::DelayMs, self.delay_ms.to_string());
        }
        if self.jitter_ms > 0 {
            params.insert(Param::JitterMs, self.jitter_ms.to_string());
        }
        params.extend(
            self.rate_mbit
                .map(|rate| (Param::RateMbit, rate.to_string())),
        );
        params
    }

    /// How long the forwarder holds a packet back, where there is one.
    fn wait(self) -> Wait {
        let time = |ms: u32| Duration::from_millis(ms.into());
        Wait {
            delay: time(self.delay_ms),
            jitter: time(self.jitter_ms),
        }
    }

    /// The shortest time from one end to the other that is not too short.
    fn least(self) -> Duration {
        let wait = self.wait();
        wait.delay.saturating_sub(wait.jitter)
    }

    /// The same without what the forwarder does: what is left to the queues of its ends.
    const fn undelayed(self) -> Self {
        Self {
            delay_ms: 0,
            jitter_ms: 0,
            ..self
        }
    }

    /// The arguments of `tc qdisc add dev … root` for each end; nothing where nothing is to be held
    /// back.
    fn queue(self) -> Option<String> {
        match (self.delay_ms, self.rate_mbit) {
            (0, None) => None,
            // A bucket of one large segment: more would let an answer pass before the rate is felt.
            (0, Some(rate)) => Some(format!("tbf rate {rate}mbit burst 64kb latency 400ms")),
            (delay, None) => Some(format!("netem delay {delay}ms limit 10000")),
            (delay, Some(rate)) => {
                Some(format!("netem delay {delay}ms rate {rate}mbit limit 10000"))
            }
        }
    }
}

/// One of the 16,384 networks of four addresses in 198.19.0.0/16: the machine's end has the second,
/// the namespace's the third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block(u16);

impl Block {
    const ALL: u16 = 16_384;

    fn address(self, host: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 19, 0, 0)) + u32::from(self.0) * 4 + host)
    }

    fn machines_end(self) -> Ipv4Addr {
        self.address(1)
    }

    fn services_end(self) -> Ipv4Addr {
        self.address(2)
    }

    /// The machine's end, as the kernel names it: 15 characters at most.
    fn device(self) -> String {
        format!("{NAME}{}", self.0)
    }
}

/// The addresses of this machine's ends of links of ours.
fn own_addresses() -> Vec<Ipv4Addr> {
    let Ok(addresses) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let of_ours = addresses.filter(|found| found.interface_name.starts_with(NAME));
    of_ours
        .filter_map(|found| Some(found.address?.as_sockaddr_in()?.ip()))
        .collect()
}

/// Whether an address is of a namespace that was made here, on this machine.
pub fn is_ours(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else {
        return false;
    };
    let block = |address: Ipv4Addr| u32::from(address) / 4;
    own_addresses()
        .into_iter()
        .any(|end| block(end) == block(address) && end.octets()[..2] == [198, 19])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_in_the_range_for_benchmarks_and_do_not_overlap() {
        let last = Block(Block::ALL - 1);
        assert_eq!(last.services_end(), Ipv4Addr::new(198, 19, 255, 254));
        assert_eq!(Block(0).machines_end(), Ipv4Addr::new(198, 19, 0, 1));
        assert_eq!(Block(1).machines_end(), Ipv4Addr::new(198, 19, 0, 5));
        assert!(last.device().len() <= 15, "{}", last.device());
    }

    #[test]
    fn a_delay_of_zero_is_no_parameter() {
        let plain = Link::PLAIN;
        assert_eq!(plain.params(), Params::from([(Param::Path, "veth")]));
        assert_eq!(plain.queue(), None);
        let slow = Link {
            delay_ms: 10,
            rate_mbit: Some(100),
            ..Link::PLAIN
        };
        let params: Vec<_> = slow
            .params()
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(params, ["delay_ms=10", "path=veth", "rate_mbit=100"]);
        assert_eq!(
            slow.queue().unwrap(),
            "netem delay 10ms rate 100mbit limit 10000"
        );
        assert_eq!(
            slow.undelayed().queue().unwrap(),
            "tbf rate 100mbit burst 64kb latency 400ms",
            "beside a forwarder, only the rate is the kernel's"
        );
    }

    #[test]
    fn jitter_and_another_wire_are_parameters() {
        let link = Link {
            wire: Wire::Tun,
            delay_ms: 10,
            jitter_ms: 2,
            rate_mbit: None,
        };
        let params: Vec<_> = link
            .params()
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(params, ["delay_ms=10", "jitter_ms=2", "path=tun"]);
        assert_eq!(link.least(), Duration::from_millis(8));
    }

    #[test]
    fn a_strangers_address_is_not_ours() {
        for address in ["198.19.0.2", "10.0.0.1", "::1", "127.0.0.1"] {
            assert!(
                !is_ours(address.parse().unwrap()) || !own_addresses().is_empty(),
                "{address}"
            );
        }
    }
}
