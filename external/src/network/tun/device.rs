//! A TUN device of this process.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Where the kernel makes them.
const CONTROL: &str = "/dev/net/tun";

/// The longest that can be read at once: the largest segment, behind ten bytes that say what is
/// left to be done with its checksum and its length (`struct virtio_net_hdr`).
pub(super) const LARGEST: usize = 65_535 + 10;

/// Why there can be no TUN device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TunError {
    /// The kernel has none, or a container was not given the file.
    #[error("there is no {CONTROL}: {0}; `modprobe tun`, in a container --device {CONTROL}")]
    Missing(String),
    /// This process may not make one.
    #[error(
        "making a TUN device is not permitted to this process; be root, in a container also with \
            the capability NET_ADMIN"
    )]
    Denied,
    /// Something else.
    #[error("a TUN device cannot be made: {0}")]
    Failed(String),
}

/// A device, there as long as this is.
#[derive(Debug)]
pub(in crate::network) struct Device(File);

impl Device {
    /// Makes a device of this name in the network namespace of the calling thread.
    ///
    /// # Errors
    /// Why there can be none.
    pub(in crate::network) fn make(name: &str) -> Result<Self, TunError> {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(Path::new(CONTROL));
        let control = control.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => TunError::Denied,
            _ => TunError::Missing(error.to_string()),
        })?;
        attach(&control, name).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => TunError::Denied,
            _ => TunError::Failed(format!("{name}: {error}")),
        })?;
        Ok(Self(control))
    }

    /// The next packet that its end has sent; nothing if there is none now.
    pub(super) fn receive(&self, packet: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.0).read(packet) {
            Ok(read) => Ok(Some(read)),
            Err(error) if is_momentary(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands a packet to its end. Whether it was taken.
    pub(super) fn send(&self, packet: &[u8]) -> bool {
        (&self.0).write(packet).is_ok()
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Makes the device that an open control file is to be the wire of.
#[expect(
    unsafe_code,
    reason = "the two calls that make a TUN device have no safe equivalent"
)]
fn attach(control: &File, name: &str) -> io::Result<()> {
    const OFFLOADED: libc::c_uint = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    // Exclusively: a device of that name is another's.
    const FLAGS: libc::c_int =
        libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_TUN_EXCL;
    // The sixteenth bit is a flag as well.
    let flags = u16::try_from(FLAGS).expect("sixteen bits").cast_signed();
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags },
    };
    if name.len() >= libc::IFNAMSIZ {
        return Err(ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let descriptor = control.as_raw_fd();
    // SAFETY: the pointer is to our variable, of the type that this call reads and writes.
    let attached = unsafe { libc::ioctl(descriptor, libc::TUNSETIFF, &raw mut request) };
    if attached < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes a number and touches no memory.
    let offloaded = unsafe {
        libc::ioctl(
            descriptor,
            libc::TUNSETOFFLOAD,
            libc::c_ulong::from(OFFLOADED),
        )
    };
    if offloaded < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
