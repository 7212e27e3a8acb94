//! What this process may do: namespaces, watching system calls, open files, addresses.

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use super::finding::Finding;
use super::finding::Severity::{Bad, Good, Note, Warning};
use super::root::Root;

/// Tries to make a network namespace, and leaves none behind.
///
/// # Errors
/// What the kernel says.
pub(super) fn try_network_namespace() -> Result<(), Errno> {
    // On a thread of its own: unshare(2) moves only the thread that calls it, and the namespace
    // ends with that. Called on this one, it would cut the rest of the program off from its
    // loopback.
    let thread = std::thread::Builder::new().spawn(|| unshare(CloneFlags::CLONE_NEWNET));
    thread
        .map_err(|_| Errno::EAGAIN)?
        .join()
        .unwrap_or(Err(Errno::UnknownErrno))
}

/// Whether a service can have a network of its own.
pub(super) fn namespaces(root: Root, tried: Result<(), Errno>) -> Finding {
    let Err(errno) = tried else {
        return Finding::new(
            "namespaces",
            Good,
            "a network namespace can be made",
            "A service can be measured over a network, in a namespace of its own (--path veth).",
        );
    };
    let effect = "What needs a network of its own (--path veth) is skipped, with this reason.";
    let is = |name: &str, value: u64| root.number(&format!("proc/sys/{name}")) == Some(value);
    let for_users = !is("user/max_user_namespaces", 0)
        && !is("kernel/unprivileged_userns_clone", 0)
        && !is("kernel/apparmor_restrict_unprivileged_userns", 1);
    let remedy = if errno != Errno::EPERM {
        "the kernel needs CONFIG_NET_NS, and /proc/sys/user/max_net_namespaces above what is in use"
    } else if for_users {
        "run as root; or in a user namespace, where you are: unshare --map-root-user --net COMMAND"
    } else {
        "run as root; in a container also with the capability SYS_ADMIN (docker's --cap-add \
            SYS_ADMIN)"
    };
    Finding::new(
        "namespaces",
        Warning,
        format!("no network namespace: {}", errno.desc()),
        effect,
    )
    .remedy(remedy)
}

/// Whether a system's own system calls can date its milestones.
pub(super) fn observer(available: &Result<(), String>) -> Finding {
    match available {
        Ok(()) => Finding::new(
            "observer",
            Good,
            "seccomp user notification works",
            "A start from outside is divided into phases where the process opens its artifact, \
                listens and accepts.",
        ),
        Err(why) => Finding::new(
            "observer",
            Bad,
            why,
            "Milestones between launch and first answer cannot be seen: the phases init, load and \
                connect of systems from outside cannot be had.",
        )
        .remedy("Linux 5.5 or later; in a container, --security-opt seccomp=unconfined"),
    }
}

/// How many files and connections a process may have open.
pub(super) fn open_files(root: Root) -> Option<Finding> {
    let limits = root.text("proc/self/limits")?;
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    // `unlimited` is the other thing that may stand there.
    let mut limits = limit
        .split_whitespace()
        .map(|limit| limit.parse().unwrap_or(u64::MAX));
    let (soft, hard) = (limits.next()?, limits.next()?);
    if soft >= 4096 {
        let effect = "Room for all connections of a load and for many instances.";
        return Some(Finding::new(
            "open files",
            Good,
            format!("up to {soft}"),
            effect,
        ));
    }
    let severity = if soft >= 1024 { Note } else { Warning };
    let effect = "Connections of a load and instances of a density sample take one each, or more: \
        beyond the limit they fail.";
    let remedy = match hard {
        hard if hard >= 4096 => format!("ulimit -n {}", hard.min(65_536)),
        _ => "raise the hard limit: /etc/security/limits.conf, systemd's LimitNOFILE=, docker's \
            --ulimit"
            .to_owned(),
    };
    Some(Finding::new("open files", severity, format!("up to {soft}"), effect).remedy(remedy))
}

/// Whether every process gets addresses of its own.
pub(super) fn address_layout(root: Root) -> Option<Finding> {
    let randomised: u64 = root.number("proc/sys/kernel/randomize_va_space")?;
    Some(if randomised == 0 {
        Finding::new(
            "address layout",
            Warning,
            "the same for every process",
            "All samples of a program share one layout of memory: a lucky one looks like a \
                difference between systems, and repeating does not help.",
        )
        .remedy("echo 2 | sudo tee /proc/sys/kernel/randomize_va_space")
    } else {
        Finding::new(
            "address layout",
            Good,
            "random for each process",
            "Lucky and unlucky layouts of memory average out over samples.",
        )
    })
}
