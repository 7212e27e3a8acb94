//! What the kernel is asked for: mounts, modules, an address.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::Path;

use crate::command_line::Address;
use crate::failed::{Failed, io as failed};

/// Where the modules are, in the order of their names.
const MODULES: &str = "/modules";

/// The only network device of the guest.
const DEVICE: &[u8] = b"eth0";

/// Mounts what every program expects.
pub(crate) fn mount_all() -> Result<(), Failed> {
    for (kind, place) in [(c"devtmpfs", c"/dev"), (c"proc", c"/proc")] {
        mount(kind, place).map_err(failed(format!("mounting {}", place.to_string_lossy())))?;
    }
    Ok(())
}

#[expect(unsafe_code, reason = "the call has no safe equivalent")]
fn mount(kind: &CStr, place: &CStr) -> io::Result<()> {
    // SAFETY: the names end with a zero and live until the call returns; no data is given.
    let mounted = unsafe {
        libc::mount(
            kind.as_ptr(),
            place.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    };
    if mounted < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Loads the modules.
pub(crate) fn load_modules() -> Result<(), Failed> {
    if !Path::new(MODULES).exists() {
        return Ok(());
    }
    let read = std::fs::read_dir(MODULES).map_err(failed(format!("reading {MODULES}")))?;
    let mut files: Vec<_> = read.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let loaded = File::open(&file).and_then(|module| load_module(&module));
        loaded.map_err(failed(format!("loading {}", file.display())))?;
    }
    Ok(())
}

#[expect(unsafe_code, reason = "the call has no safe equivalent")]
fn load_module(module: &File) -> io::Result<()> {
    // SAFETY: the parameters are a text that ends with a zero.
    let loaded =
        unsafe { libc::syscall(libc::SYS_finit_module, module.as_raw_fd(), c"".as_ptr(), 0) };
    if loaded < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Gives the network device its address, and switches it on.
pub(crate) fn configure_network(address: &Address) -> Result<(), Failed> {
    let all = || {
        let socket = socket()?;
        ask(&socket, libc::SIOCSIFADDR, request_of_address(address.own))?;
        ask(
            &socket,
            libc::SIOCSIFNETMASK,
            request_of_address(address.mask),
        )?;
        ask(&socket, libc::SIOCSIFFLAGS, request_of_flags()?)
    };
    all().map_err(failed("configuring the network device eth0"))
}

/// Any of the kernel's internet does, bound to nothing: one that is bound needs a device.
#[expect(
    unsafe_code,
    reason = "the standard library makes none that is not bound"
)]
fn socket() -> io::Result<OwnedFd> {
    // SAFETY: numbers only.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made, and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

fn request(what: libc::__c_anonymous_ifr_ifru) -> libc::ifreq {
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(DEVICE) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    libc::ifreq {
        ifr_name: name,
        ifr_ifru: what,
    }
}

/// As the structure of an address of this family lies in that of any: its port, and the address.
fn request_of_address(address: Ipv4Addr) -> libc::ifreq {
    let mut data = [0; 14];
    for (to, from) in data[2..].iter_mut().zip(address.octets()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default();
    request(libc::__c_anonymous_ifr_ifru {
        ifru_addr: libc::sockaddr {
            sa_family: family,
            sa_data: data,
        },
    })
}

fn request_of_flags() -> io::Result<libc::ifreq> {
    let flags =
        libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).map_err(io::Error::other)?;
    Ok(request(libc::__c_anonymous_ifr_ifru { ifru_flags: flags }))
}

#[expect(unsafe_code, reason = "the call has no safe equivalent")]
fn ask(socket: &OwnedFd, what: libc::c_ulong, mut request: libc::ifreq) -> io::Result<()> {
    // SAFETY: the pointer is to our variable, of the type that these calls read and write.
    if unsafe { libc::ioctl(socket.as_raw_fd(), what, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
