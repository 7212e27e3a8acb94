//! The OCI runtimes: how each is found and told, and in what it departs from the others.

use std::path::PathBuf;

use results::values::{Named as _, Parameter as _, Platform};
use results::{Attested, Evidence, Param, Params};
use serde_json::json;

use super::super::container::{HOST_NETWORK, without_a_bridge};
use super::super::managed::StartRequest;
use super::super::{find_program, named_or_installed};

/// An OCI runtime.
#[derive(Debug, Clone, Copy)]
pub(in crate::system) struct Product {
    /// Its name in cells.
    pub(in crate::system) name: &'static str,
    /// Its program.
    program: &'static str,
    /// Of a program that `./setup` builds: the variable that names another one, and where it is put.
    built: Option<(&'static str, &'static str)>,
    /// What installs it.
    pub(in crate::system) remedy: &'static str,
    /// About how long a start takes, with what is done before and after it, in milliseconds.
    pub(in crate::system) start_ms: f64,
    /// The ways in which it intercepts system calls, the usual one first; none of a runtime that
    /// leaves them to the kernel.
    platforms: &'static [Platform],
    /// The parts of the engine's configuration that it takes and does not apply.
    not_applied: &'static [&'static str],
}

pub(in crate::system) const RUNC: Product = Product {
    name: "runc",
    program: "runc",
    built: None,
    remedy: "`./setup docker` installs it",
    start_ms: 100.0,
    platforms: &[],
    not_applied: &[],
};

pub(in crate::system) const CRUN: Product = Product {
    name: "crun",
    program: "crun",
    ..RUNC
};

pub(in crate::system) const YOUKI: Product = Product {
    name: "youki",
    program: "youki",
    built: Some(("YOUKI", "youki-0.7.0/youki")),
    remedy: "`./setup youki` builds it",
    // By what the kernel lists as mounted in it; only that of version 1 could be looked at.
    not_applied: &["mounts: /sys/fs/cgroup (its hierarchies of version 1 can be written to)"],
    ..RUNC
};

/// Not the platform `kvm`: where the machine's virtualisation is not that of the processor, it
/// waits for ever.
pub(in crate::system) const GVISOR: Product = Product {
    name: "gvisor",
    program: "runsc",
    remedy: "`./setup gvisor` installs it",
    start_ms: 500.0,
    platforms: &[Platform::Systrap, Platform::Ptrace],
    // What its log of such a start says. Filters are for calls of the program's that its own kernel
    // takes; what that may call of the machine's is filtered by a list of its own.
    not_applied: &[
        "linux.seccomp",
        "linux.resources.devices",
        "process.noNewPrivileges (always true)",
        "mounts: mqueue",
    ],
    ..RUNC
};

impl Product {
    /// Its program on this machine.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn find(&self) -> Result<PathBuf, String> {
        match self.built {
            Some((variable, installed)) => named_or_installed(variable, installed),
            None => find_program(self.program, &[])
                .ok_or_else(|| format!("there is no program `{}`", self.program)),
        }
    }

    /// Whether a kernel of its own stands between a container and the machine's. Its first process
    /// is that kernel then, with a clock of its own.
    pub(super) const fn is_sandbox(&self) -> bool {
        !self.platforms.is_empty()
    }

    /// What its every command begins with, for what a start is to be.
    pub(super) fn flags(&self, request: &StartRequest) -> Vec<String> {
        if !self.is_sandbox() {
            return Vec::new();
        }
        let network = request.variant.get(Param::Network).unwrap_or(HOST_NETWORK);
        let platform = request.variant.get(Platform::PARAM);
        let platform = platform.unwrap_or_else(|| self.platforms[0].name());
        vec![
            format!("--platform={platform}"),
            format!("--network={network}"),
        ]
    }

    /// The variants of a start: its networks, and on each further platform these again.
    pub(super) fn variants(&self, service: bool) -> Vec<Params> {
        let networks = without_a_bridge(service);
        if !self.is_sandbox() {
            return networks;
        }
        let on = |platform: &Platform| {
            let platform = *platform;
            networks.clone().into_iter().map(move |mut variant| {
                variant.insert(Platform::PARAM, platform.name());
                variant
            })
        };
        self.platforms.iter().flat_map(on).collect()
    }

    /// Whether a variant is of the platform that it is used on unless told otherwise.
    pub(super) fn is_usual(&self, variant: &Params) -> bool {
        let platform = variant.get(Platform::PARAM);
        platform.is_none_or(|it| {
            self.platforms
                .first()
                .is_some_and(|usual| usual.name() == it)
        })
    }

    /// Evidence of what it leaves out of the configuration that all are given.
    pub(super) fn attested(&self) -> Attested {
        if self.not_applied.is_empty() {
            return Attested::new();
        }
        Attested::from([(Evidence::ConfigurationNotApplied, json!(self.not_applied))])
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use results::values::PageCache;
    use workloads::Workload;

    use super::*;

    fn request(variant: Params) -> StartRequest {
        StartRequest {
            workload: Workload::Hello,
            acquire: None,
            variant,
            page_cache: PageCache::Hot,
            own_milestones: false,
            core: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            deadline_ns: 0,
        }
    }

    #[test]
    fn a_sandbox_has_each_network_on_each_platform_and_the_usual_one_first() {
        let variants = GVISOR.variants(false);
        assert_eq!(variants.len(), 4);
        let usual = variants.iter().filter(|it| GVISOR.is_usual(it));
        assert_eq!(usual.count(), 2);
        assert!(variants[..2].iter().all(|it| GVISOR.is_usual(it)));
        let flags: Vec<_> = variants
            .into_iter()
            .map(|variant| GVISOR.flags(&request(variant)).join(" "))
            .collect();
        assert_eq!(
            flags,
            [
                "--platform=systrap --network=host",
                "--platform=systrap --network=none",
                "--platform=ptrace --network=host",
                "--platform=ptrace --network=none",
            ]
        );
        assert_eq!(GVISOR.variants(true).len(), 2);
    }

    #[test]
    fn what_leaves_calls_to_the_kernel_has_no_platform() {
        for product in [RUNC, CRUN, YOUKI] {
            assert!(!product.is_sandbox());
            assert_eq!(product.variants(false), without_a_bridge(false));
            assert!(product.variants(true).iter().all(|it| product.is_usual(it)));
            assert!(product.flags(&request(Params::new())).is_empty());
        }
        assert!(RUNC.attested().is_empty() && CRUN.attested().is_empty());
        assert!(!YOUKI.attested().is_empty() && !GVISOR.attested().is_empty());
    }
}
