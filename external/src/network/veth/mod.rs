//! A network between client and service: the service in a network namespace of its own, the client
//! in the machine's, joined by a veth pair with addresses, and optionally with a delay and a rate.
//!
//! The loopback has no wire. Two ends of a veth pair are one: packets leave one network stack and
//! arrive in another, through queues that can hold them back. Addresses are out of 198.19.0.0/16,
//! which is set apart for benchmarks and which no machine on a network has. Everything is named
//! `coldphase-…` and is gone when it is dropped, or by the reaper.

mod error;
mod namespace;

use std::net::{IpAddr, Ipv4Addr};

use results::{Param, Params};

pub use error::LinkError;
pub use namespace::{LinkedNamespace, remove_left};

/// The first word of a namespace's [`crate::process::cleanup::guard`], before its name and its
/// device.
pub(crate) const CLEANUP: &str = "namespace";

/// What begins the names of all that is made here.
const NAME: &str = "coldphase-";

/// What packets go through between client and service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// How long a packet is held back on each side, in milliseconds; 0 is not at all.
    pub delay_ms: u32,
    /// How many megabits a second go through, each way.
    pub rate_mbit: Option<u32>,
}

impl Link {
    /// The parameters of its cells.
    pub fn params(self) -> Params {
        let mut params = Params::from([(Param::Path, "veth")]);
        if self.delay_ms > 0 {
            params.insert(Param::DelayMs, self.delay_ms.to_string());
        }
        params.extend(
            self.rate_mbit
                .map(|rate| (Param::RateMbit, rate.to_string())),
        );
        params
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
        let plain = Link {
            delay_ms: 0,
            rate_mbit: None,
        };
        assert_eq!(plain.params(), Params::from([(Param::Path, "veth")]));
        assert_eq!(plain.queue(), None);
        let slow = Link {
            delay_ms: 10,
            rate_mbit: Some(100),
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
