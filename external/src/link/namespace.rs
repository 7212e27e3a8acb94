//! A network namespace with a link to the machine's.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};

use super::{Block, Link, NAME, Trouble, ends};
use crate::observe::janitor::{Guard, Janitor};
use crate::observe::ready::Target;
use crate::system;

/// Where `ip netns` keeps names of namespaces.
const NAMES: &str = "/run/netns";

/// Where they lie on Debian, where the path of ordinary users does not lead.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// A namespace that services can be launched in. The last of its copies takes it away when it is
/// dropped.
#[derive(Debug, Clone)]
pub struct Namespace(Arc<Made>);

#[derive(Debug)]
struct Made {
    name: String,
    block: Block,
    file: File,
    _guard: Option<Guard>,
}

impl Namespace {
    /// Makes one, with a link to it. If this process is killed, the janitor removes both.
    ///
    /// # Errors
    /// Why there can be none here. Nothing is left then.
    pub fn make(link: Link, janitor: Option<&Janitor>) -> Result<Self, Trouble> {
        let block = free_block()?;
        let (name, device) = (
            format!("{NAME}{}-{}", system::owner(), block.0),
            block.device(),
        );
        let words = ["namespace", &name, &device].map(OsStr::new);
        // Told before there is anything, so that no kill comes between.
        let guard = janitor
            .map(|janitor| system::guard(janitor, &words))
            .transpose()
            .map_err(Trouble::Failed)?;
        let made = wired(link, block, &name).and_then(|()| {
            let open = File::open(Path::new(NAMES).join(&name));
            open.map_err(|error| {
                Trouble::Failed(format!("the namespace {name} cannot be opened: {error}"))
            })
        });
        match made {
            Ok(file) => Ok(Self(Arc::new(Made {
                name,
                block,
                file,
                _guard: guard,
            }))),
            Err(trouble) => {
                // Of the trouble, the first is what there is to say.
                let _ = remove_left(&name, &device);
                Err(trouble)
            }
        }
    }

    /// The address that services in it have.
    pub fn address(&self) -> IpAddr {
        self.0.block.services_end().into()
    }

    /// Its name, as `ip netns` shows it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where a service in it is asked.
    pub fn target(&self, port: u16) -> Target {
        let address = SocketAddr::new(self.address(), port);
        Target {
            address,
            host: address.to_string(),
        }
    }

    /// Moves the calling thread into it, until [`Inside::leave`]: what it starts and opens
    /// meanwhile is in there.
    ///
    /// # Errors
    /// What the system says. The thread is where it was.
    pub fn enter(&self) -> io::Result<Inside> {
        let outside = File::open("/proc/thread-self/ns/net")?;
        setns(&self.0.file, CloneFlags::CLONE_NEWNET)?;
        Ok(Inside { outside })
    }

    /// Does something on a thread in it, and waits for that.
    ///
    /// # Errors
    /// The thread cannot be started, or cannot be moved.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().spawn_scoped(scope, || {
                setns(&self.0.file, CloneFlags::CLONE_NEWNET)?;
                Ok(work())
            })?;
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace has failed")))
        })
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = remove_left(&self.name, &self.block.device());
    }
}

/// A thread's stay in a namespace.
#[derive(Debug)]
#[must_use = "a thread that does not leave stays for ever"]
pub struct Inside {
    outside: File,
}

impl Inside {
    /// Moves the thread back.
    ///
    /// # Panics
    /// If the system does not let it back. A thread that stayed inside would start everything that
    /// follows in a namespace in which nobody asks for it: it is better gone.
    pub fn leave(self) {
        setns(&self.outside, CloneFlags::CLONE_NEWNET)
            .expect("a thread may return to the namespace that it came from");
    }
}

/// Makes the namespace and its link.
fn wired(link: Link, block: Block, name: &str) -> Result<(), Trouble> {
    let device = block.device();
    ip(&format!("netns add {name}"))?;
    ip(&format!(
        "link add {device} type veth peer name eth0 netns {name}"
    ))?;
    for (of, device, address) in [
        (String::new(), device.as_str(), block.machines_end()),
        (format!("-n {name} "), "eth0", block.services_end()),
    ] {
        ip(&format!("{of}address add {address}/30 dev {device}"))?;
        ip(&format!("{of}link set {device} up"))?;
        if let Some(queue) = link.queue() {
            let held = call("tc", &format!("{of}qdisc add dev {device} root {queue}"));
            held.map_err(|trouble| no_queue(trouble, &queue))?;
        }
    }
    ip(&format!("-n {name} link set lo up"))
}

/// That the kernel cannot do it, if that is what tc has said.
fn no_queue(trouble: Trouble, queue: &str) -> Trouble {
    let Trouble::Failed(said) = trouble else {
        return trouble;
    };
    if ![
        "qdisc kind is unknown",
        "qdisc not found",
        "No such file or directory",
    ]
    .iter()
    .any(|sign| said.contains(sign))
    {
        return Trouble::Failed(said);
    }
    let (kind, what) = if queue.starts_with("netem") {
        ("netem", "a delay")
    } else {
        ("tbf", "a rate")
    };
    Trouble::NoQueue { kind, what, said }
}

/// A block of addresses that nobody on this machine has. Two suites that look at once begin at
/// different ones.
fn free_block() -> Result<Block, Trouble> {
    let taken = ends();
    let first = u16::try_from(std::process::id() * 8 % u32::from(Block::ALL)).unwrap_or(0);
    let mut blocks = (0..Block::ALL).map(|n| Block((first + n) % Block::ALL));
    blocks
        .find(|block| !taken.contains(&block.machines_end()))
        .ok_or(Trouble::Full)
}

fn ip(words: &str) -> Result<(), Trouble> {
    call("ip", words)
}

fn call(program: &'static str, words: &str) -> Result<(), Trouble> {
    let folders = FOLDERS.map(|folder| PathBuf::from(folder).join(program));
    let path = system::find_program(program, &folders).ok_or(Trouble::NoProgram(program))?;
    let output = Command::new(path)
        .args(words.split_whitespace())
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let output =
        output.map_err(|error| Trouble::Failed(format!("cannot run {program}: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(())
    } else if said.contains("Operation not permitted") || said.contains("Permission denied") {
        Err(Trouble::Denied)
    } else {
        Err(Trouble::Failed(format!(
            "`{program} {words}` failed: {}",
            said.trim()
        )))
    }
}

/// Removes a namespace and the machine's end of its link: for the janitor too. What is not there is
/// no error.
///
/// # Errors
/// Neither is ours by its name, or what ip says.
pub fn remove_left(name: &str, device: &str) -> Result<(), String> {
    if ![name, device]
        .iter()
        .all(|name| name.starts_with(NAME) && !name.contains('/'))
    {
        return Err(format!("{name} and {device} are not ours"));
    }
    // The link first: a namespace lives on as long as a process in it does.
    if Path::new("/sys/class/net").join(device).exists() {
        ip(&format!("link delete {device}")).map_err(|trouble| trouble.to_string())?;
    }
    if Path::new(NAMES).join(name).exists() {
        ip(&format!("netns delete {name}")).map_err(|trouble| trouble.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_never_removed() {
        for (name, device) in [
            ("other", "coldphase-1"),
            ("coldphase-1", "eth0"),
            ("coldphase-/../x", "coldphase-1"),
        ] {
            assert!(
                remove_left(name, device)
                    .unwrap_err()
                    .contains("are not ours")
            );
        }
        assert_eq!(
            remove_left("coldphase-0-0-none", "coldphase-none"),
            Ok(()),
            "and what is not there is gone"
        );
    }

    #[test]
    fn a_kernel_without_a_queue_is_told_from_other_trouble() {
        let said =
            |text: &str| no_queue(Trouble::Failed(text.into()), "netem delay 10ms").to_string();
        let unknown = said("Error: Specified qdisc kind is unknown.");
        assert!(
            unknown.contains("this kernel has no netem")
                && unknown.contains("CONFIG_NET_SCH_NETEM"),
            "{unknown}"
        );
        assert_eq!(
            said("Error: Exclusivity flag on."),
            "Error: Exclusivity flag on."
        );
    }
}
