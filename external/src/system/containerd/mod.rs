//! containerd: the daemon below Docker, through its own API, with the machine's network.
//!
//! What it is the same in as Docker: the snapshotter that makes a writable layer over that of the
//! image, the shim, `runc`. What it does not do: networks, logs through the engine, an image's
//! configuration; the file system of the image is put into a snapshot directly, which is where an
//! image that was pulled would end up.

mod api;
mod container;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use machine::clock::now_ns;
use machine::page_cache::{self, Residency};
use results::record::{Resources, Scenario};
use serde_json::json;
use tokio::runtime::Runtime;
use tonic::Code;
use workloads::Workload;

use self::api::{
    Any, ById, ByKey, Client, CommitSnapshot, Container, Containers, CreateNamespace, CreateTask,
    CreatedTask, Empty, KillTask, ListContainers, Mounts, NAMESPACE, Namespace, OneContainer,
    PrepareSnapshot, SNAPSHOTTER, VersionResponse,
};
use self::container::{Instants, Running};
use super::docker;
use super::hosted::{
    Engine, Hosted, Instance, Order, Place, Prepared, Variant, on_this_thread, programs,
};
use super::{Acquire, Found, Job, Ready, System, Unavailable, oci};
use crate::observe::janitor::Guard;
use machine::usage;

/// The label of everything that is ours.
const LABEL: &str = "coldphase";

/// Keeps the garbage collector from a snapshot that no container refers to yet.
const ROOT_LABEL: &str = "containerd.io/gc.root";

/// The shim that containerd uses unless told otherwise, which Docker names too.
const SHIM: &str = "io.containerd.runc.v2";

/// What the bytes of a container's configuration are.
const SPEC: &str = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

const KILL: u32 = 9;

/// The daemon.
pub(super) struct Containerd;

/// Where it answers: where the usual variable says, in our own Docker engine, or at the usual
/// place.
fn socket() -> Result<PathBuf, Unavailable> {
    let named = std::env::var_os("CONTAINERD_ADDRESS")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let ours = docker::our_folder().map(|folder| folder.join("exec/containerd/containerd.sock"));
    let usual = PathBuf::from("/run/containerd/containerd.sock");
    let candidates: Vec<_> = match named {
        Some(named) => vec![named],
        None => ours.into_iter().chain([usual]).collect(),
    };
    candidates
        .iter()
        .find(|path| path.exists())
        .cloned()
        .ok_or_else(|| {
            let looked: Vec<_> = candidates
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Unavailable {
                reason: format!(
                    "no containerd answers: there is none of {}",
                    looked.join(", ")
                ),
                remedy: docker::REMEDY.to_owned(),
            }
        })
}

impl System for Containerd {
    fn find(&self) -> Result<Found, Unavailable> {
        let socket = socket()?;
        let unavailable = |reason| Unavailable {
            reason,
            remedy: docker::REMEDY.to_owned(),
        };
        let version = on_this_thread(async {
            let client = Client::connect(&socket).await?;
            let version = client.call::<_, VersionResponse>(
                "/containerd.services.version.v1.Version/Version",
                Empty {},
            );
            version.await.map_err(|status| {
                format!("containerd does not tell its version: {}", status.message())
            })
        });
        let version = version
            .and_then(|found| found)
            .map_err(unavailable)?
            .version;
        let sha256 = results::digest::sha256_hex(version.as_bytes());
        Ok(Found {
            program: socket,
            version,
            sha256,
        })
    }

    fn acquires(&self) -> &'static [Acquire] {
        &[]
    }

    fn prepare(&self, _: &Found, _: &Job<'_>) -> Result<Ready, String> {
        Err("a container is started by its engine".to_owned())
    }

    fn hosted(&self) -> Option<&dyn Hosted> {
        Some(self)
    }

    fn tells_milestones(&self) -> bool {
        true
    }
}

impl Hosted for Containerd {
    fn engine(&self, place: Place<'_>) -> Result<Box<dyn Engine>, String> {
        // A thread of its own for the connection: one that nobody looks after for some seconds,
        // while programs are built or other systems are measured, is closed.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| format!("cannot make a runtime: {error}"))?;
        let socket = place.found.program.clone();
        let (work, owner) = place.own("containerd");
        std::fs::create_dir_all(&work)
            .map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        let id = format!("coldphase-{owner}");
        let words = [
            OsStr::new("containerd"),
            socket.as_os_str(),
            OsStr::new(&id),
        ];
        let guard = super::guard(place.janitor, &words)?;
        Ok(Box::new(Daemon {
            runtime,
            client: None,
            socket,
            work,
            id,
            made: HashMap::new(),
            _guard: guard,
        }))
    }

    fn programs(&self, _: &Found) -> Vec<PathBuf> {
        programs(&["containerd", "containerd-shim-runc-v2", "runc"])
    }

    fn variants(&self, _: bool, _: Scenario) -> Vec<Variant> {
        vec![Variant::from([("network".to_owned(), "host".to_owned())])]
    }
}

/// Removes what a killed run left: its container, and its snapshots.
///
/// # Errors
/// What the daemon says.
pub(super) fn remove(socket: &Path, id: &str) -> Result<(), String> {
    let removed = on_this_thread(async {
        let client = Client::connect(socket).await?;
        remove_container(&client, id).await?;
        remove_snapshots(&client, id).await
    });
    oci::remove_groups();
    removed?
}

/// The daemon in a run.
struct Daemon {
    runtime: Runtime,
    client: Option<Client>,
    socket: PathBuf,
    work: PathBuf,
    id: String,
    made: HashMap<Workload, Made>,
    _guard: Guard,
}

/// A workload's file system, in a snapshot.
#[derive(Debug, Clone)]
struct Made {
    snapshot: String,
    program: PathBuf,
    sha256: String,
}

impl Daemon {
    /// A client of a daemon that answers. What a restarted one was told is told again.
    fn client(&mut self) -> Result<Client, String> {
        const VERSION: &str = "/containerd.services.version.v1.Version/Version";
        let known = self.client.clone();
        let socket = self.socket.clone();
        let (client, anew) = self.runtime.block_on(async {
            if let Some(client) = known
                && client
                    .call::<_, VersionResponse>(VERSION, Empty {})
                    .await
                    .is_ok()
            {
                return Ok((client, false));
            }
            let client = Client::connect(&socket).await?;
            let namespace = Namespace {
                name: NAMESPACE.to_owned(),
                labels: HashMap::new(),
            };
            let request = CreateNamespace {
                namespace: Some(namespace),
            };
            let made = client.settle(
                "/containerd.services.namespaces.v1.Namespaces/Create",
                request,
                Code::AlreadyExists,
            );
            made.await
                .map_err(|status| format!("cannot make a namespace: {}", status.message()))?;
            Ok::<_, String>((client, true))
        })?;
        if anew {
            self.client = Some(client.clone());
        }
        Ok(client)
    }

    fn account(&self) -> PathBuf {
        self.work.join("account")
    }

    /// The workload's snapshot. Its key begins with the run's name, so that a killed run's are
    /// found.
    fn made(&mut self, workload: Workload, client: &Client) -> Result<Made, String> {
        if let Some(made) = self.made.get(&workload) {
            return Ok(made.clone());
        }
        // First: a build takes longer than a snapshot should be half made.
        super::native::STATIC.program(super::native::program_of(workload))?;
        let snapshot = format!("{}-{}", self.id, workload.name());
        let mounts = self.runtime.block_on(async {
            // One of a run before this, of a process with the same name: there is none, unless a
            // test has been here.
            let _ = remove_snapshot(client, &snapshot).await;
            let key = format!("{snapshot}-making");
            let request = PrepareSnapshot {
                snapshotter: SNAPSHOTTER.to_owned(),
                key: key.clone(),
                parent: String::new(),
                labels: labels(),
            };
            let mounts: Mounts = client
                .call(
                    "/containerd.services.snapshots.v1.Snapshots/Prepare",
                    request,
                )
                .await?;
            Ok::<_, tonic::Status>(mounts)
        });
        let mounts =
            mounts.map_err(|status| format!("cannot prepare a snapshot: {}", status.message()))?;
        // A snapshot without a parent is one folder, which is mounted where a container wants it.
        let folder = mounts
            .mounts
            .first()
            .filter(|mount| mount.kind == "bind")
            .map(|mount| PathBuf::from(&mount.source));
        let folder = folder.ok_or("the snapshotter does not keep a first snapshot in a folder")?;
        let program = oci::lay_out(&folder, workload)?;
        let request = CommitSnapshot {
            snapshotter: SNAPSHOTTER.to_owned(),
            name: snapshot.clone(),
            key: format!("{snapshot}-making"),
            labels: labels(),
        };
        let commit = client.call::<_, Empty>(
            "/containerd.services.snapshots.v1.Snapshots/Commit",
            request,
        );
        self.runtime
            .block_on(commit)
            .map_err(|status| format!("cannot commit a snapshot: {}", status.message()))?;
        let sha256 = results::digest::sha256_file(&program).map_err(|error| error.to_string())?;
        let made = Made {
            snapshot,
            program,
            sha256,
        };
        self.made.insert(workload, made.clone());
        Ok(made)
    }

    /// The daemon's own process, with what it has cost until now.
    fn daemon(&self) -> BTreeMap<String, (u32, Resources)> {
        let Ok(pid) = usage::peer(&self.socket) else {
            return BTreeMap::new();
        };
        BTreeMap::from([("containerd".to_owned(), (pid, usage::of_processes(&[pid])))])
    }
}

fn labels() -> HashMap<String, String> {
    HashMap::from([
        (LABEL.to_owned(), "1".to_owned()),
        (ROOT_LABEL.to_owned(), "1".to_owned()),
    ])
}

impl Engine for Daemon {
    fn prepare(&mut self, order: &Order) -> Result<Prepared, String> {
        let client = self.client()?;
        let made = self.made(order.workload, &client)?;
        let _ = std::fs::remove_dir_all(self.account());
        std::fs::create_dir_all(self.account())
            .map_err(|error| format!("cannot make a folder: {error}"))?;
        let wanted = if order.evicted {
            Residency::Evicted
        } else {
            Residency::Hot
        };
        let resident = pages::put(&made.program, wanted)?.resident;
        let attested = BTreeMap::from([("pages_resident".to_owned(), json!(resident))]);
        Ok(Prepared {
            sha256: made.sha256,
            attested,
        })
    }

    fn start(
        &mut self,
        order: &Order,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let client = self
            .client
            .clone()
            .ok_or("containerd was not asked for anything yet")?;
        let made = self.made(order.workload, &client)?;
        let before = self.daemon();
        // The shim writes both streams to the first one's file, whatever the second one's is.
        let printed = self.work.join("printed");
        let _ = std::fs::remove_file(&printed);
        let spec = oci::configuration(order, &self.id, "rootfs", &self.account(), port).to_string();
        let id = self.id.clone();
        let container = Container {
            id: id.clone(),
            labels: labels(),
            runtime: Some(api::Runtime {
                name: SHIM.to_owned(),
            }),
            spec: Some(Any {
                type_url: SPEC.to_owned(),
                value: spec.into_bytes(),
            }),
            snapshotter: SNAPSHOTTER.to_owned(),
            snapshot_key: id.clone(),
        };
        let stdout = format!("file://{}", printed.display());
        let stderr = stdout.clone();
        let instants = self.runtime.block_on(async {
            let launched_ns = now_ns();
            let request = PrepareSnapshot {
                snapshotter: SNAPSHOTTER.to_owned(),
                key: id.clone(),
                parent: made.snapshot,
                // No container refers to it for some milliseconds, in which the garbage collector
                // may come by.
                labels: labels(),
            };
            let rootfs: Mounts = client
                .call(
                    "/containerd.services.snapshots.v1.Snapshots/Prepare",
                    request,
                )
                .await?;
            let request = OneContainer {
                container: Some(container),
            };
            let _: OneContainer = client
                .call(
                    "/containerd.services.containers.v1.Containers/Create",
                    request,
                )
                .await?;
            let request = CreateTask {
                container_id: id.clone(),
                rootfs: rootfs.mounts,
                stdout,
                stderr,
            };
            let task: CreatedTask = client
                .call("/containerd.services.tasks.v1.Tasks/Create", request)
                .await?;
            let created_ns = now_ns();
            let _: CreatedTask = client
                .call(
                    "/containerd.services.tasks.v1.Tasks/Start",
                    ById { id: id.clone() },
                )
                .await?;
            Ok::<_, tonic::Status>((
                Instants {
                    launched_ns,
                    created_ns,
                    started_ns: now_ns(),
                },
                task.pid,
            ))
        });
        let account = order.told.then(|| self.account().join(oci::MILESTONES));
        match instants {
            Ok((instants, pid)) => Ok(Box::new(Running {
                runtime: &self.runtime,
                client,
                id: self.id.clone(),
                pid,
                instants,
                account,
                printed,
                before,
                looked_ns: now_ns(),
                removed: false,
            })),
            Err(status) => {
                let _ = self.runtime.block_on(remove_container(&client, &self.id));
                Err(format!(
                    "containerd cannot start the container: {}",
                    status.message()
                ))
            }
        }
    }

    fn clean(&mut self) -> Result<(), String> {
        let Some(client) = self.client.clone() else {
            return Ok(());
        };
        let request = ListContainers {
            filters: vec![format!("id=={}", self.id)],
        };
        let left = client.call::<_, Containers>(
            "/containerd.services.containers.v1.Containers/List",
            request,
        );
        // A daemon that does not answer is found by the next preparation.
        match self.runtime.block_on(left) {
            Ok(found) if !found.containers.is_empty() => {
                Err("its container is still there".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(client) = self.client.clone() {
            let _ = self.runtime.block_on(remove_container(&client, &self.id));
            let _ = self.runtime.block_on(remove_snapshots(&client, &self.id));
        }
        oci::remove_groups();
    }
}

/// Kills and removes a container with its task and its writable layer, whatever there is of them.
async fn remove_container(client: &Client, id: &str) -> Result<(), String> {
    let gone = Code::NotFound;
    let wrong = |status: tonic::Status| {
        format!(
            "containerd cannot remove the container {id}: {}",
            status.message()
        )
    };
    let by_id = || ById { id: id.to_owned() };
    let kill = KillTask {
        container_id: id.to_owned(),
        signal: KILL,
        all: true,
    };
    // One that has ended already is not to be killed, which is told in more than one way.
    let _ = client
        .call::<_, Empty>("/containerd.services.tasks.v1.Tasks/Kill", kill)
        .await;
    let _ = client
        .call::<_, api::Waited>("/containerd.services.tasks.v1.Tasks/Wait", by_id())
        .await;
    client
        .settle("/containerd.services.tasks.v1.Tasks/Delete", by_id(), gone)
        .await
        .map_err(wrong)?;
    client
        .settle(
            "/containerd.services.containers.v1.Containers/Delete",
            by_id(),
            gone,
        )
        .await
        .map_err(wrong)?;
    remove_snapshot(client, id).await
}

async fn remove_snapshot(client: &Client, key: &str) -> Result<(), String> {
    let request = ByKey {
        snapshotter: SNAPSHOTTER.to_owned(),
        key: key.to_owned(),
    };
    let removed = client.settle(
        "/containerd.services.snapshots.v1.Snapshots/Remove",
        request,
        Code::NotFound,
    );
    removed.await.map_err(|status| {
        format!(
            "containerd cannot remove the snapshot {key}: {}",
            status.message()
        )
    })
}

/// Removes the workloads' snapshots of a run.
async fn remove_snapshots(client: &Client, id: &str) -> Result<(), String> {
    for workload in Workload::ALL {
        remove_snapshot(client, &format!("{id}-{}", workload.name())).await?;
        remove_snapshot(client, &format!("{id}-{}-making", workload.name())).await?;
    }
    Ok(())
}
