//! The machine's end of the guest's network: a TAP device that somebody has made and given an address.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;

use crate::error::{Error, io as failed};

/// The device, whose frames are read and written whole.
#[derive(Debug)]
pub(crate) struct Tap(File);

impl Tap {
    /// Opens a device of this name.
    pub(crate) fn open(name: &str) -> Result<Self, Error> {
        let what = || format!("cannot open the TAP device {name}");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
            .map_err(failed(what()))?;
        attach(&file, name).map_err(failed(what()))?;
        Ok(Self(file))
    }

    /// The next frame; waits for it.
    pub(crate) fn receive(&self, frame: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(frame)
    }

    /// Sends a frame. One that the device does not take is lost, as frames may be.
    pub(crate) fn send(&self, frame: &[u8]) {
        let _ = (&self.0).write(frame);
    }
}

#[expect(
    unsafe_code,
    reason = "the call that opens a TAP device has no safe equivalent"
)]
fn attach(file: &File, name: &str) -> io::Result<()> {
    let flags = u16::try_from(libc::IFF_TAP | libc::IFF_NO_PI).map_err(io::Error::other)?;
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: flags.cast_signed(),
        },
    };
    if name.len() >= libc::IFNAMSIZ {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    // SAFETY: the pointer is to our variable, of the type that this call reads and writes.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
