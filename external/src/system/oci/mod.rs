//! Containers without an engine: what the layers below Docker start, of the same native programs.
//!
//! [`runtime`] is an OCI runtime alone, from a bundle that lies unpacked; [`super::containerd`] is
//! the daemon above it. Both are given the configuration that is made here, so that the layers
//! differ in nothing else.

pub(super) mod caller;
mod container;
pub(super) mod runtime;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use workloads::Workload;

use super::container::{MILESTONES_FILE, MILESTONES_FOLDER};
use super::managed::StartRequest;
use super::{MILESTONES, call_arguments, listens};

/// The parent of our control groups, in every hierarchy.
pub(super) const GROUPS: &str = "coldphase";

/// What Docker leaves to a container of the rights of root, too.
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// The configuration of a container, after the runtime specification 1.0.2: a native program in the
/// machine's own network, in namespaces of its own for everything else. `root` is the root file
/// system, relative to the bundle or absolute; `milestones` is the folder that it writes its
/// milestones into, if the request says so.
pub(super) fn configuration(
    request: &StartRequest,
    id: &str,
    root: &str,
    milestones: &Path,
    port: Option<u16>,
) -> Value {
    let mut arguments = vec![format!("/{}", super::native::program_of(request.workload))];
    let mut mounts = mounts();
    if request.own_milestones {
        arguments.extend([
            MILESTONES.to_owned(),
            format!("{MILESTONES_FOLDER}/{MILESTONES_FILE}"),
        ]);
        mounts.push(json!({
            "destination": MILESTONES_FOLDER, "type": "bind", "source": milestones, "options": ["rbind", "rw"],
        }));
    }
    arguments.extend(arguments_of(request.workload, port));
    let mut resources = json!({"devices": [{"allow": false, "access": "rwm"}]});
    if let Some(core) = request.core {
        resources["cpu"] = json!({"cpus": core.to_string()});
    }
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": arguments,
            "env": ["PATH=/"],
            "cwd": "/",
            "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES},
            "noNewPrivileges": true,
        },
        "root": {"path": root, "readonly": true},
        "hostname": "coldphase",
        "mounts": mounts,
        "linux": {
            "cgroupsPath": format!("/{GROUPS}/{id}"),
            "resources": resources,
            "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}

fn arguments_of(workload: Workload, port: Option<u16>) -> Vec<String> {
    let mut arguments = call_arguments(workload);
    if listens(workload) {
        arguments.extend(port.map(|port| format!("127.0.0.1:{port}")));
    }
    arguments
}

/// What `runc spec` gives every container, too.
fn mounts() -> Vec<Value> {
    vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc"}),
        json!({
            "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        }),
        json!({
            "destination": "/dev/pts", "type": "devpts", "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        }),
        json!({
            "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
            "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        }),
        json!({
            "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
            "options": ["nosuid", "noexec", "nodev"],
        }),
        json!({
            "destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
        }),
    ]
}

/// Lays out a root file system of nothing but a program, and the folders that mounts go to.
pub(super) fn lay_out(root: &Path, workload: Workload) -> Result<PathBuf, String> {
    let name = super::native::program_of(workload);
    let built = super::native::STATIC.program(name)?;
    let copy = || {
        for folder in [
            "proc",
            "dev",
            "sys",
            MILESTONES_FOLDER.trim_start_matches('/'),
        ] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        link_or_copy(&built, &root.join(name))
    };
    copy().map_err(|error| format!("cannot lay out {}: {error}", root.display()))?;
    Ok(root.join(name))
}

/// Programs that were laid out before, by what they are copies of.
static LAID_OUT: Mutex<BTreeMap<PathBuf, Vec<PathBuf>>> = Mutex::new(BTreeMap::new());

/// A copy of the run's own, which all containers of it have in common as they would have a layer of
/// an image: what each had a file of its own for would be in memory as often.
fn link_or_copy(built: &Path, to: &Path) -> std::io::Result<()> {
    let mut laid_out = LAID_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = std::fs::remove_file(to);
    let copies = laid_out.entry(built.to_owned()).or_default();
    // One each for mounts that files cannot be linked across, such as an engine's own folder. Some
    // are gone with their run.
    if copies
        .iter()
        .any(|copy| std::fs::hard_link(copy, to).is_ok())
    {
        return Ok(());
    }
    std::fs::copy(built, to)?;
    copies.push(to.to_owned());
    Ok(())
}

/// Removes the parents of our control groups, which are nobody else's and go if nothing is in them.
pub(super) fn remove_groups() {
    let Ok(hierarchies) = std::fs::read_dir("/sys/fs/cgroup") else {
        return;
    };
    let roots = hierarchies
        .flatten()
        .map(|entry| entry.path())
        .chain([Path::new("/sys/fs/cgroup").to_owned()]);
    roots.for_each(|root| drop(std::fs::remove_dir(root.join(GROUPS))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use results::Params;
    use results::values::PageCache;

    #[test]
    fn a_container_is_what_the_request_says() {
        let mut request = StartRequest {
            workload: Workload::HttpHello,
            acquire: None,
            variant: Params::new(),
            page_cache: PageCache::Hot,
            own_milestones: true,
            core: Some(1),
            deadline_ns: 0,
        };
        let made = configuration(
            &request,
            "x-1",
            "rootfs",
            Path::new("/work/milestones"),
            Some(80),
        );
        let arguments = json!([
            "/native-http",
            "--milestones",
            "/coldphase/milestones",
            "127.0.0.1:80"
        ]);
        assert_eq!(made["process"]["args"], arguments);
        assert_eq!(made["linux"]["cgroupsPath"], "/coldphase/x-1");
        assert_eq!(made["linux"]["resources"]["cpu"]["cpus"], "1");
        let networks = made["linux"]["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .any(|space| space["type"] == "network");
        assert!(!networks, "its network is the machine's");
        request.own_milestones = false;
        request.workload = Workload::CpuHash;
        let plain = configuration(
            &request,
            "x-1",
            "rootfs",
            Path::new("/work/milestones"),
            None,
        );
        assert!(
            plain["process"]["args"]
                .as_array()
                .unwrap()
                .iter()
                .all(|argument| argument != "--milestones")
        );
        let count = |value: &Value| value["mounts"].as_array().unwrap().len();
        assert_eq!(count(&plain) + 1, count(&made));
    }
}
