//! A TAP device between this machine and a virtual one: what the guest's network card is the other end of.
//!
//! It is made before anything is timed, as a bridge of an engine's is, and is there as long as its owner
//! is; the reaper removes it after a kill. Addresses are out of 198.18.0.0/16, which is set apart for
//! benchmarks; [`super::link`] has the other half of that range. The guest's address is known beforehand, so
//! that no packet of a start waits for an answer of ARP.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr};

use super::link::{LinkError, ip};
use crate::process::cleanup;
use crate::process::reaper::{Guard, Reaper};

/// The first word of a device's [`crate::process::cleanup::guard`], before its name and its owner.
pub(crate) const CLEANUP: &str = "tap-device";

/// What begins the names of all that is made here: with a number behind it, 15 characters at most.
const NAME: &str = "coldphase-t";

/// Blocks of four addresses: the device's is the second, the guest's the third.
const BLOCKS: u16 = 10_000;

/// The guest's place in its block.
const GUEST: u16 = 2;

/// The device. Dropping it removes it.
#[derive(Debug)]
pub struct Tap {
    block: u16,
    /// Its alias: this process, which no other has been.
    owner: String,
    _guard: Guard,
}

impl Tap {
    /// Makes one.
    ///
    /// # Errors
    /// Why there can be none here. Nothing is left then.
    pub fn make(reaper: &Reaper) -> Result<Self, LinkError> {
        let first = u16::try_from(std::process::id() * 8 % u32::from(BLOCKS)).unwrap_or(0);
        let mut blocks = (0..BLOCKS).map(|n| (first + n) % BLOCKS);
        let is_free = |block: &u16| !exists(&device(*block));
        let block = blocks.find(is_free).ok_or(LinkError::Full)?;
        let name = device(block);
        // Guarded before there is anything, so that no kill comes between.
        let owner = cleanup::owner();
        let words = [CLEANUP, &name, &owner].map(OsStr::new);
        let guard = cleanup::guard(reaper, &words).map_err(LinkError::Failed)?;
        ip(&format!("tuntap add dev {name} mode tap"))?;
        let tap = Self {
            block,
            owner,
            _guard: guard,
        };
        ip(&format!("link set {name} alias {}", tap.owner))?;
        // No router is asked for on it, nor is anything but the guest's address ever sought.
        let (mac, guest) = (tap.guests_mac(), tap.guests_end());
        ip(&format!("link set {name} addrgenmode none up"))?;
        ip(&format!("address add {}/30 dev {name}", tap.machines_end()))?;
        ip(&format!(
            "neighbour replace {guest} lladdr {mac} dev {name} nud permanent"
        ))?;
        Ok(tap)
    }

    /// The device's name.
    pub fn name(&self) -> String {
        device(self.block)
    }

    /// This machine's address on it.
    pub fn machines_end(&self) -> Ipv4Addr {
        address(self.block, 1)
    }

    /// The guest's address.
    pub fn guests_end(&self) -> IpAddr {
        IpAddr::V4(address(self.block, GUEST))
    }

    /// The guest's address of Ethernet: one that is nobody's.
    pub fn guests_mac(&self) -> String {
        let [high, low] = self.block.to_be_bytes();
        format!("02:c0:1d:00:{high:02x}:{low:02x}")
    }

    /// How many packets have come from the guest.
    pub fn packets(&self) -> Option<u64> {
        let file = format!("/sys/class/net/{}/statistics/rx_packets", self.name());
        std::fs::read_to_string(file).ok()?.trim().parse().ok()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = remove_left(&self.name(), &self.owner);
    }
}

/// Whether an address is of a guest behind a device that was made here, on this machine.
pub fn is_ours(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else {
        return false;
    };
    let [198, 18, high, low] = address.octets() else {
        return false;
    };
    let number = u16::from_be_bytes([high, low]);
    number % 4 == GUEST && exists(&device(number / 4))
}

fn exists(name: &str) -> bool {
    std::path::Path::new("/sys/class/net").join(name).exists()
}

fn device(block: u16) -> String {
    format!("{NAME}{block}")
}

fn address(block: u16, place: u16) -> Ipv4Addr {
    let [high, low] = (block * 4 + place).to_be_bytes();
    Ipv4Addr::new(198, 18, high, low)
}

/// Removes a device of an owner's: for the reaper too. What is not there, or somebody else's by now, is no
/// error.
///
/// # Errors
/// It is not ours by its name, or what ip says.
pub(crate) fn remove_left(name: &str, owner: &str) -> Result<(), String> {
    let number = name
        .strip_prefix(NAME)
        .and_then(|it| it.parse::<u16>().ok());
    if number.is_none() {
        return Err(format!("{name} is not ours"));
    }
    let alias = std::fs::read_to_string(format!("/sys/class/net/{name}/ifalias"));
    if alias.is_ok_and(|alias| alias.trim() != owner) || !exists(name) {
        return Ok(());
    }
    ip(&format!("link delete {name}")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_addresses_lie_in_the_range_for_benchmarks() {
        let last = BLOCKS - 1;
        assert!(device(last).len() <= 15);
        assert_eq!(address(0, 2), Ipv4Addr::new(198, 18, 0, 2));
        assert_eq!(address(last, 2), Ipv4Addr::new(198, 18, 156, 62));
    }

    #[test]
    fn an_address_is_ours_only_behind_a_device_of_ours() {
        // No device has the number of a block that there is not, and no guest the machine's place.
        for foreign in [
            "198.18.255.254",
            "198.18.0.1",
            "198.19.0.2",
            "10.0.0.2",
            "::1",
        ] {
            assert!(!is_ours(foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[test]
    fn only_ours_is_removed() {
        for name in [
            "lo",
            "eth0",
            "coldphase-t",
            "coldphase-t1/../lo",
            "coldphase-7",
        ] {
            assert!(
                remove_left(name, "1-1").unwrap_err().contains("not ours"),
                "{name}"
            );
        }
        assert_eq!(remove_left("coldphase-t9999", "1-1"), Ok(()));
    }
}
