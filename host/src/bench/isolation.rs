//! A network with nothing in it but its own loopback, for guests of an engine that hands out real
//! sockets.
//!
//! A thread of its own has entered it, and starts whatever is to be in there; it lives as long as
//! the process. Its children pay nothing for that: they are born there. Making such a network takes
//! a privilege. Without it they are started like all others, and the guide says so.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use machine::clock::now_ns;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// A child, and the clock right before its launch.
pub(super) type Launched = io::Result<(u64, Child)>;

type Job = (Command, Sender<Launched>);

/// Who starts children in there; nothing where that is not permitted.
static LAUNCHER: OnceLock<Option<Sender<Job>>> = OnceLock::new();

/// Starts a child without any network but its own, if that can be had here.
pub(super) fn launch(command: Command) -> Launched {
    match LAUNCHER.get_or_init(launcher) {
        Some(jobs) => {
            let (done, launched) = channel();
            jobs.send((command, done))
                .map_err(|_| gone())
                .and_then(|()| launched.recv().map_err(|_| gone())?)
        }
        None => launch_here(command),
    }
}

/// Starts a child on this thread.
pub(super) fn launch_here(mut command: Command) -> Launched {
    let launched_ns = now_ns();
    command.spawn().map(|child| (launched_ns, child))
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts processes has ended")
}

/// The thread, if it could enter such a network.
fn launcher() -> Option<Sender<Job>> {
    let (sender, jobs) = channel::<Job>();
    let (entered, has_entered) = channel();
    thread::Builder::new()
        .name("isolated".to_owned())
        .spawn(move || {
            let result = enter();
            let inside = result.is_ok();
            // Nobody waits for what comes after this process has ended.
            let _ = entered.send(inside);
            if inside {
                for (command, done) in jobs {
                    let _ = done.send(launch_here(command));
                }
            }
        })
        .ok()?;
    has_entered.recv().ok()?.then_some(sender)
}

/// Moves this thread, and no other one, into a network of its own.
fn enter() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    raise_loopback()
}

/// A new network's loopback is down. netdevice(7).
#[expect(
    unsafe_code,
    reason = "no safe interface sets the flags of a network device"
)]
fn raise_loopback() -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    let any = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: a request of zeros is a valid one; its name is ended by the zeros that stay, and of
    // its union only the flags are used, which the second call reads.
    let raised = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = libc::c_char::from_ne_bytes([*from]);
        }
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
        libc::ioctl(any.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)
    };
    if raised == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_child_reaches_itself_and_nobody_else() {
        // A device of this machine's own, besides the loopback's, is no device of the child's.
        let mut command = Command::new("cat");
        command.arg("/proc/net/dev").stdout(Stdio::piped());
        let (_, child) = launch(command).unwrap();
        let printed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let devices: Vec<_> = printed
            .lines()
            .filter_map(|line| Some(line.split_once(':')?.0.trim()))
            .collect();
        if LAUNCHER.get().unwrap().is_none() {
            let message = b"not tested here: a network of one's own takes root\n";
            let _ = io::Write::write_all(&mut io::stderr(), message);
            return;
        }
        assert_eq!(devices, ["lo"]);
        // Up: its address is one of the machine's, as only that of a device that is up is.
        let mut command = Command::new("cat");
        command.arg("/proc/net/fib_trie").stdout(Stdio::piped());
        let (_, child) = launch(command).unwrap();
        let printed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(printed.contains("127.0.0.1"), "{printed}");
        // This thread has stayed where it was.
        let mut command = Command::new("readlink");
        command.arg("/proc/self/ns/net").stdout(Stdio::piped());
        let (_, child) = launch_here(command).unwrap();
        let here = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(here.trim(), own.to_str().unwrap());
    }
}
