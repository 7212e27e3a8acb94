//! A network namespace with a link to the machine's.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::{Block, CLEANUP, Link, LinkError, NAME, own_addresses};
use crate::process::reaper::{Guard, Reaper};
use crate::process::{NetworkNamespace, cleanup};
use machine::programs;

/// Where they lie on Debian, where the path of ordinary users does not lead.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The namespace's end of a link: named after us too, so that an address is known to be ours from
/// either end.
const INSIDE: &str = "coldphase-in";

/// A namespace that services can be launched in, or requests come from. The last of its copies takes it away when it is
/// dropped.
#[derive(Debug, Clone)]
pub struct LinkedNamespace(Arc<Made>);

#[derive(Debug)]
struct Made {
    block: Block,
    namespace: NetworkNamespace,
    _guard: Option<Guard>,
}

impl LinkedNamespace {
    /// Makes one, with a link to it. If this process is killed, the reaper removes both.
    ///
    /// # Errors
    /// Why there can be none here. Nothing is left then.
    pub fn make(link: Link, reaper: Option<&Reaper>) -> Result<Self, LinkError> {
        let block = free_block()?;
        let (name, device) = (
            format!("{NAME}{}-{}", cleanup::owner(), block.0),
            block.device(),
        );
        let words = [CLEANUP, &name, &device].map(OsStr::new);
        // Guarded before there is anything, so that no kill comes between.
        let guard = reaper
            .map(|reaper| cleanup::guard(reaper, &words))
            .transpose()
            .map_err(LinkError::Failed)?;
        let made = make_link(link, block, &name).and_then(|()| {
            NetworkNamespace::open(&name).map_err(|error| {
                LinkError::Failed(format!("the namespace {name} cannot be opened: {error}"))
            })
        });
        match made {
            Ok(namespace) => Ok(Self(Arc::new(Made {
                block,
                namespace,
                _guard: guard,
            }))),
            Err(error) => {
                // The first error is the one to report.
                let _ = remove_left(&name, &device);
                Err(error)
            }
        }
    }

    /// The address that services in it have.
    pub fn address(&self) -> IpAddr {
        self.0.block.services_end().into()
    }

    /// The address that the machine has for what is in it.
    pub fn outside(&self) -> IpAddr {
        self.0.block.machines_end().into()
    }
}

impl Deref for LinkedNamespace {
    type Target = NetworkNamespace;

    fn deref(&self) -> &NetworkNamespace {
        &self.0.namespace
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = remove_left(self.namespace.name(), &self.block.device());
    }
}

/// Makes the namespace and its link.
fn make_link(link: Link, block: Block, name: &str) -> Result<(), LinkError> {
    let device = block.device();
    ip(&format!("netns add {name}"))?;
    ip(&format!(
        "link add {device} type veth peer name {INSIDE} netns {name}"
    ))?;
    for (of, device, address) in [
        (String::new(), device.as_str(), block.machines_end()),
        (format!("-n {name} "), INSIDE, block.services_end()),
    ] {
        ip(&format!("{of}address add {address}/30 dev {device}"))?;
        ip(&format!("{of}link set {device} up"))?;
        if let Some(queue) = link.queue() {
            let held = run("tc", &format!("{of}qdisc add dev {device} root {queue}"));
            held.map_err(|error| no_queue(error, &queue))?;
        }
    }
    ip(&format!("-n {name} link set lo up"))
}

/// That the kernel cannot do it, if that is what tc has message.
fn no_queue(error: LinkError, queue: &str) -> LinkError {
    let LinkError::Failed(message) = error else {
        return error;
    };
    if ![
        "qdisc kind is unknown",
        "qdisc not found",
        "No such file or directory",
    ]
    .iter()
    .any(|sign| message.contains(sign))
    {
        return LinkError::Failed(message);
    }
    let (kind, what) = if queue.starts_with("netem") {
        ("netem", "a delay")
    } else {
        ("tbf", "a rate")
    };
    LinkError::NoQueue {
        kind,
        what,
        message,
    }
}

/// A block of addresses that nobody on this machine has. Two suites that look at once begin at
/// different ones.
fn free_block() -> Result<Block, LinkError> {
    let taken = own_addresses();
    let first = u16::try_from(std::process::id() * 8 % u32::from(Block::ALL)).unwrap_or(0);
    let mut blocks = (0..Block::ALL).map(|n| Block((first + n) % Block::ALL));
    blocks
        .find(|block| !taken.contains(&block.machines_end()))
        .ok_or(LinkError::Full)
}

fn ip(words: &str) -> Result<(), LinkError> {
    run("ip", words)
}

fn run(program: &'static str, words: &str) -> Result<(), LinkError> {
    output(program, words).map(drop)
}

/// Runs a program to its end: what it printed.
fn output(program: &'static str, words: &str) -> Result<String, LinkError> {
    let folders = FOLDERS.map(|folder| PathBuf::from(folder).join(program));
    let path = programs::find(program, &folders).ok_or(LinkError::NoProgram(program))?;
    let output = Command::new(path)
        .args(words.split_whitespace())
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let output =
        output.map_err(|error| LinkError::Failed(format!("cannot run {program}: {error}")))?;
    let message = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else if message.contains("Operation not permitted") || message.contains("Permission denied") {
        Err(LinkError::Denied)
    } else {
        Err(LinkError::Failed(format!(
            "`{program} {words}` failed: {}",
            message.trim()
        )))
    }
}

/// Removes a namespace and the machine's end of its link: for the reaper too. What is not there is
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
    // It is made first and removed last: without it, a device of that name is another suite's.
    if !NetworkNamespace::exists(name) {
        return Ok(());
    }
    // The link first: a namespace lives on as long as a process in it does.
    if is_joined(name, device) {
        ip(&format!("link delete {device}")).map_err(|error| error.to_string())?;
    }
    ip(&format!("netns delete {name}")).map_err(|error| error.to_string())
}

/// Whether the other end of a device is in a namespace. Two suites may try the same name at once,
/// and the one that was late has no device.
fn is_joined(name: &str, device: &str) -> bool {
    let number = std::fs::read_to_string(Path::new("/sys/class/net").join(device).join("ifindex"));
    let Ok(number) = number else { return false };
    let inside = output("ip", &format!("-n {name} -o link show {INSIDE}"));
    inside.is_ok_and(|text| text.contains(&format!("{INSIDE}@if{}:", number.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_others_are_never_removed() {
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
    fn a_kernel_without_a_queue_is_distinguished_from_other_errors() {
        let message =
            |text: &str| no_queue(LinkError::Failed(text.into()), "netem delay 10ms").to_string();
        let unknown = message("Error: Specified qdisc kind is unknown.");
        assert!(
            unknown.contains("this kernel has no netem")
                && unknown.contains("CONFIG_NET_SCH_NETEM"),
            "{unknown}"
        );
        assert_eq!(
            message("Error: Exclusivity flag on."),
            "Error: Exclusivity flag on."
        );
    }
}
