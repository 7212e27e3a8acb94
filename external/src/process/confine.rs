//! What a launched program may reach: the files that it needs, its own folder, its own ports.
//!
//! Servers that take orders, and run what they are told to, are launched with it: one that obeys
//! the wrong person can then do no more than what it was launched for. It holds for ordinary users
//! and for root alike, since it asks for no right that either lacks.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, NetPort, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope,
    path_beneath_rules,
};
use nix::errno::Errno;

/// What every program reads: libraries, what the system says of itself, names and certificates.
/// Nobody's home, and none of the files in which the system keeps secrets.
const READABLE: &[&str] = &[
    "/bin",
    "/lib",
    "/lib64",
    "/sbin",
    "/usr",
    "/proc",
    "/sys",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/ssl",
];

/// The newest rules that are asked for. A kernel that knows fewer enforces those.
const RULES: ABI = ABI::V6;

/// Capabilities that a confined program of root's keeps: the owner of the folder that it works in
/// may be somebody else. What it may open is bounded all the same.
const KEPT: [u32; 2] = [1, 2];

/// What a program may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// The folder below which it may do everything.
    pub folder: PathBuf,
    /// The port that it may listen on.
    pub listens: Option<u16>,
    /// The ports that it may connect to.
    pub connects: Vec<u16>,
}

/// A confinement that a child can put on, between fork and exec.
#[derive(Debug)]
pub(super) struct Prepared {
    rules: Option<RulesetCreated>,
    root: bool,
}

/// Whether this kernel bounds what a program may open.
pub fn enforced() -> bool {
    abi().is_some()
}

impl Confinement {
    /// Everything that needs memory or opens files is done here, before the fork.
    pub(super) fn prepare(&self, program: &Path) -> io::Result<Prepared> {
        let rules = self.rules(program).map_err(io::Error::other)?;
        Ok(Prepared {
            rules: Some(rules),
            root: std::fs::metadata("/proc/self")?.uid() == 0,
        })
    }

    fn rules(&self, program: &Path) -> Result<RulesetCreated, RulesetError> {
        let read = AccessFs::from_read(RULES);
        let ports = |ports: &[u16], access: AccessNet| -> Vec<Result<NetPort, RulesetError>> {
            ports
                .iter()
                .map(|port| Ok(NetPort::new(*port, access)))
                .collect()
        };
        let listens: Vec<_> = self.listens.into_iter().collect();
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(RULES))?
            .handle_access(AccessNet::from_all(RULES))?
            .scope(Scope::from_all(RULES))?
            .create()?
            .add_rules(path_beneath_rules(READABLE, read))?
            .add_rules(path_beneath_rules([program], read))?
            .add_rules(path_beneath_rules(
                ["/dev/null"],
                AccessFs::from_file(RULES),
            ))?
            .add_rules(path_beneath_rules(
                [&self.folder],
                AccessFs::from_all(RULES),
            ))?
            .add_rules(ports(&listens, AccessNet::BindTcp))?
            .add_rules(ports(&self.connects, AccessNet::ConnectTcp))
    }
}

impl Prepared {
    /// Puts it on. Nothing takes it off again, and what the program starts wears it too.
    pub(super) fn put_on(&mut self) -> io::Result<()> {
        if self.root {
            drop_capabilities()?;
        }
        let Some(rules) = self.rules.take() else {
            return Ok(());
        };
        // Its own error would need memory to say more.
        rules
            .restrict_self()
            .map(drop)
            .map_err(|_| io::Error::from_raw_os_error(libc::EPERM))
    }
}

/// Leaves a program of root's the rights of an owner of files. Those that it has are those that it
/// may have once it is executed.
#[expect(unsafe_code, reason = "there is no safe call that drops a capability")]
fn drop_capabilities() -> io::Result<()> {
    for capability in (0..64).filter(|capability| !KEPT.contains(capability)) {
        // SAFETY: numbers only, no memory.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        if dropped != 0 {
            // Past the last one that this kernel has.
            return match Errno::last() {
                Errno::EINVAL => Ok(()),
                error => Err(error.into()),
            };
        }
    }
    Ok(())
}

/// The version of the kernel's rules, if it has any.
#[expect(
    unsafe_code,
    reason = "the crate that makes rules does not say what the kernel knows"
)]
fn abi() -> Option<i64> {
    const VERSION: u32 = 1;
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the kernel reads no memory and makes nothing.
    let abi =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    (abi > 0).then_some(abi)
}

#[cfg(test)]
mod tests {
    use super::super::Launch;
    use super::*;
    use machine::clock::now_ns;

    fn confined(folder: &Path, script: &str) -> (Option<i32>, String) {
        let mut launch = Launch::new("/bin/sh", folder, folder.join("log"));
        launch.arguments = vec!["-c".into(), script.into()];
        launch.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
        launch.confinement = Some(Confinement {
            folder: folder.to_owned(),
            listens: None,
            connects: Vec::new(),
        });
        let mut running = launch.launch().unwrap();
        let end = running.wait_end(now_ns() + 10_000_000_000).unwrap();
        (end.code, running.log_tail())
    }

    #[test]
    fn a_confined_program_reads_and_writes_in_its_folder_and_nowhere_else() {
        assert!(enforced(), "a kernel without Landlock cannot run this test");
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
        std::fs::create_dir(&inside).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "secret").unwrap();
        let (code, said) = confined(
            &inside,
            "echo hello > file && cat file && cat /etc/hosts >/dev/null",
        );
        assert_eq!((code, said.as_str()), (Some(0), "hello"));
        for attempt in [
            "cat ../outside/secret",
            "echo x > ../outside/new",
            "ls ../outside",
            "cat /etc/shadow",
        ] {
            let (code, said) = confined(&inside, attempt);
            assert!(
                code != Some(0) && said.contains("ermission denied"),
                "{attempt}: {said}"
            );
        }
        assert!(!outside.join("new").exists());
    }

    #[test]
    fn a_confined_program_connects_to_no_port_that_is_not_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (code, said) = confined(
            folder.path(),
            &format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"),
        );
        assert!(
            code != Some(0) && said.contains("ermission denied"),
            "{said}"
        );
    }
}
