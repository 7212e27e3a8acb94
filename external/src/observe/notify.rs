//! The kernel's user notification: a process stops in a system call until another one has seen it.
//!
//! Nothing here allocates in [`install`] and [`send`], which run between fork and exec.
#![expect(
    unsafe_code,
    reason = "neither the standard library nor nix has these calls"
)]

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use libc::{seccomp_notif, seccomp_notif_resp, seccomp_notif_sizes, sock_filter, sock_fprog};

/// Has the kernel hand a stopped call over to the observer as one does who is about to sleep: on
/// the same core, without looking for another (since Linux 6.6). The kernel's headers call it
/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`.
const SYNC_WAKE_UP: libc::c_ulong = 1;

/// Room for one control message with one descriptor, aligned as the kernel wants it.
type Control = [u64; 4];

/// The size of a descriptor, in bytes.
const DESCRIPTOR: u32 = 4;

/// Puts the calling process, and all that it will start, under a filter; the descriptor over which
/// stopped calls are notified.
pub(super) fn install(filter: &[sock_filter]) -> io::Result<OwnedFd> {
    let length =
        u16::try_from(filter.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // The kernel reads the filter and does not write to it.
    let program = sock_fprog {
        len: length,
        filter: filter.as_ptr().cast_mut(),
    };
    // Without SPEC_ALLOW, kernels before 5.16 would slow the program down by mitigations that it
    // did not set.
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the program and its instructions live until the call returns.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    owned(fd)
}

/// Sends a descriptor and this process's number over a socket.
pub(super) fn send(socket: BorrowedFd<'_>, fd: &OwnedFd) -> io::Result<()> {
    let mut pid = std::process::id();
    let mut part = libc::iovec {
        iov_base: (&raw mut pid).cast(),
        iov_len: size_of::<u32>(),
    };
    let mut control: Control = [0; 4];
    let mut message = message(&mut part, &mut control);
    // SAFETY: the message points to variables of this function, and its control part has room for
    // one descriptor: the pointers that the macros give lie within it.
    let sent = unsafe {
        message.msg_controllen = libc::CMSG_SPACE(DESCRIPTOR) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(DESCRIPTOR) as _;
        libc::CMSG_DATA(header)
            .cast::<i32>()
            .write_unaligned(fd.as_raw_fd());
        libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL)
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Receives what [`send`] sent: the sender's number and the descriptor. `None` if nobody is left to
/// send.
pub(super) fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<(u32, OwnedFd)>> {
    let mut pid = 0_u32;
    let mut part = libc::iovec {
        iov_base: (&raw mut pid).cast(),
        iov_len: size_of::<u32>(),
    };
    let mut control: Control = [0; 4];
    let mut message = message(&mut part, &mut control);
    // SAFETY: the message points to variables of this function, with their lengths.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    match received {
        0 => return Ok(None),
        received if received < 0 => return Err(io::Error::last_os_error()),
        _ => {}
    }
    // SAFETY: the kernel has filled the control part in; the header is read only if there is one,
    // and the descriptor only if the header says that it is one. It was made for us just now and is
    // nobody else's.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() || (*header).cmsg_type != libc::SCM_RIGHTS {
            return Err(io::Error::other(
                "the child sent no descriptor, or this process has no room for one",
            ));
        }
        let fd = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
        Ok(Some((pid, OwnedFd::from_raw_fd(fd))))
    }
}

fn message(part: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: numbers and pointers, for which zero is a valid value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    message
}

/// A call that a process has stopped in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopped {
    /// The kernel's name for this stop.
    pub(super) id: u64,
    /// The thread that made the call.
    pub(super) thread: u32,
    /// The number of the call.
    pub(super) call: libc::c_long,
    /// Its first argument.
    pub(super) first: u64,
}

/// The descriptor over which stopped calls are notified. While it is open they wait; once it is
/// closed, they fail.
#[derive(Debug)]
pub(super) struct Listener(pub(super) OwnedFd);

impl Listener {
    /// Wakes the observer as fast as the kernel can, if it can.
    pub(super) fn wake_in_step(&self) {
        // SAFETY: takes two numbers and touches no memory. A kernel that does not know it refuses,
        // and nothing is lost.
        let _ = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS as _,
                SYNC_WAKE_UP,
            )
        };
    }

    /// The next stopped call; nothing if it has gone on already, by a signal.
    pub(super) fn next(&self) -> io::Result<Option<Stopped>> {
        // The kernel refuses one that is not all zero.
        // SAFETY: numbers only, for which zero is a valid value.
        let mut stopped: seccomp_notif = unsafe { zeroed() };
        // SAFETY: the pointer is to our variable, of the size that the request's number holds.
        let done = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV as _,
                &raw mut stopped,
            )
        };
        if done < 0 {
            let error = io::Error::last_os_error();
            let gone = matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR));
            return if gone { Ok(None) } else { Err(error) };
        }
        let (call, first) = (libc::c_long::from(stopped.data.nr), stopped.data.args[0]);
        Ok(Some(Stopped {
            id: stopped.id,
            thread: stopped.pid,
            call,
            first,
        }))
    }

    /// Lets a stopped call go on as if nobody had looked.
    pub(super) fn go_on(&self, id: u64) {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1);
        let answer = seccomp_notif_resp {
            id,
            val: 0,
            error: 0,
            flags,
        };
        // SAFETY: the pointer is to our variable, of the size that the request's number holds. One
        // that has gone on by itself meanwhile, by a signal or by its end, makes this fail, and
        // needs it no more.
        let _ = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND as _,
                &raw const answer,
            )
        };
    }

    /// Whether a call still waits for [`Self::go_on`].
    pub(super) fn still_stopped(&self, id: u64) -> bool {
        // SAFETY: as above.
        unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _,
                &raw const id,
            ) == 0
        }
    }
}

/// Our own descriptor of what `fd` is in the process of `handle`.
pub(super) fn duplicate(handle: BorrowedFd<'_>, fd: u64) -> io::Result<OwnedFd> {
    // SAFETY: takes three numbers and touches no memory.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, handle.as_raw_fd(), fd, 0) })
}

/// A descriptor that stands for a process, and becomes readable when it ends.
pub(crate) fn open_process(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers and touches no memory.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// Whether this kernel notifies at all, in records of the size that we know.
pub(crate) fn supported() -> Result<(), String> {
    let action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the kernel reads one number, which lives until the call returns.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &raw const action,
        )
    };
    if result != 0 {
        return Err(format!(
            "this kernel does not notify of system calls: {}",
            io::Error::last_os_error()
        ));
    }
    let mut sizes = MaybeUninit::<seccomp_notif_sizes>::zeroed();
    // SAFETY: the kernel fills in three numbers, for which there is room.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_NOTIF_SIZES,
            0,
            sizes.as_mut_ptr(),
        )
    };
    if result != 0 {
        return Err(format!(
            "this kernel does not say how it notifies: {}",
            io::Error::last_os_error()
        ));
    }
    // SAFETY: numbers only: zero is valid, and so is whatever the kernel wrote.
    let sizes = unsafe { sizes.assume_init() };
    let ours = (size_of::<seccomp_notif>(), size_of::<seccomp_notif_resp>());
    let kernels = (
        usize::from(sizes.seccomp_notif),
        usize::from(sizes.seccomp_notif_resp),
    );
    // A longer record would be written beyond the end of ours.
    if ours == kernels {
        Ok(())
    } else {
        Err(format!(
            "this kernel's notifications are of another size: {kernels:?}"
        ))
    }
}

/// A descriptor as a system call returns it.
fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    let fd = i32::try_from(fd)
        .ok()
        .filter(|&fd| fd >= 0)
        .ok_or_else(io::Error::last_os_error)?;
    // SAFETY: every caller passes what the kernel just gave to it alone. All of these close on
    // exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
