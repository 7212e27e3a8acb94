//! The daemon in a run: connected to, and used to make snapshots and containers.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use machine::clock::now_ns;
use machine::{cores, usage};
use results::record::Resources;
use results::{Attested, Evidence, Param, Skip};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tonic::{Code, Status};
use workloads::Workload;

use super::super::container::{HOST_NETWORK, Instants, MILESTONES_FILE, empty_milestones};
use super::super::managed::{Engine, Instance, Preparation, StartRequest};
use super::super::oci::bundle::{Place, Templates};
use super::super::oci::{self, Root};
use super::super::pull::{Pull, Pulled, Ready, Source};
use super::api::{
    self, Any, ById, Client, CommitSnapshot, Container, Containers, CreateNamespace, CreateTask,
    CreatedTask, Empty, ListContainers, Mounts, NAMESPACE, Namespace, OneContainer,
    PrepareSnapshot, SNAPSHOTTER, VERSION, VersionResponse,
};
use super::container::Running;
use super::removal::{remove_container, remove_snapshot, remove_snapshots};
use super::{labels, pull};
use crate::process::reaper::Guard;

/// The shim that containerd uses unless told otherwise, which Docker names too.
const SHIM: &str = "io.containerd.runc.v2";

/// What the bytes of a container's configuration are.
const SPEC: &str = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

const PREPARE_SNAPSHOT: &str = "/containerd.services.snapshots.v1.Snapshots/Prepare";
const CREATE_CONTAINER: &str = "/containerd.services.containers.v1.Containers/Create";
const CREATE_TASK: &str = "/containerd.services.tasks.v1.Tasks/Create";
const START_TASK: &str = "/containerd.services.tasks.v1.Tasks/Start";

/// The daemon in a run.
pub(super) struct Daemon {
    pub(super) runtime: Runtime,
    pub(super) client: Option<Client>,
    pub(super) socket: PathBuf,
    pub(super) version: String,
    pub(super) templates: Templates,
    pub(super) work: PathBuf,
    pub(super) id: String,
    pub(super) made: HashMap<Workload, Made>,
    /// Where images are pulled from.
    pub(super) source: Source,
    /// What the next start pulls, if it pulls anything.
    pub(super) ready: Option<Ready>,
    pub(super) _guard: Guard,
}

/// The folder of the files that are mounted into containers, in that of the daemon's.
pub(super) const FILES: &str = "files";

/// A workload's file system, in a snapshot.
#[derive(Debug, Clone)]
pub(super) struct Made {
    snapshot: String,
    root: Root,
}

impl Daemon {
    /// A client of a daemon that answers. One that was restarted is set up again.
    fn client(&mut self) -> Result<Client, String> {
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
            let made = client.call_until(
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

    fn milestones_folder(&self) -> PathBuf {
        self.work.join("milestones")
    }

    /// The workload's snapshot. Its key begins with the run's name, so that a killed run's are
    /// found.
    fn made(&mut self, workload: Workload, client: &Client) -> Result<Made, String> {
        if let Some(made) = self.made.get(&workload) {
            return Ok(made.clone());
        }
        // First: a build takes longer than a snapshot should be half made.
        if workload.own().is_none() {
            let program = super::super::native::program_of(workload);
            super::super::native::STATIC.program(program)?;
        }
        // By number: a person's own workload may be called anything.
        let snapshot = format!("{}-w{}", self.id, self.made.len());
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
            let mounts: Mounts = client.call(PREPARE_SNAPSHOT, request).await?;
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
        let root = Root::lay_out(&folder, workload, &self.work)?;
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
        let made = Made { snapshot, root };
        self.made.insert(workload, made.clone());
        Ok(made)
    }

    /// Where the daemon reads who signed a registry's certificate.
    fn hosts(&self) -> PathBuf {
        self.work.join("hosts")
    }

    /// Has an image in its registry, if the start pulls one, and nothing of it in the daemon.
    fn prepare_pull(&mut self, request: &StartRequest, root: &Root) -> Result<Attested, String> {
        self.remove_pulled()?;
        let Some(pull) = Pull::parse(&request.variant) else {
            return Ok(Attested::new());
        };
        let native = super::super::native::program_of(request.workload);
        let files = root.files.iter().take(1).cloned();
        let files: Vec<_> = files
            .map(|it| (PathBuf::from(format!("/{native}")), it))
            .collect();
        let (name, pulled) = match &root.own {
            // As registries take it: names of persons' workloads may hold anything.
            Some(own) => (
                format!("own-{}", &own.sha256[..12]),
                Pulled::Own(&own.archive),
            ),
            None => (native.to_owned(), Pulled::Files(&files)),
        };
        let ready = self.source.ready(pull, &name, &pulled)?;
        pull::trust(&self.hosts(), &ready)?;
        let attested = ready.evidence();
        self.ready = Some(ready);
        Ok(attested)
    }

    /// Removes what the last start has pulled.
    fn remove_pulled(&mut self) -> Result<(), String> {
        match (self.ready.take(), &self.client) {
            (Some(ready), Some(client)) => self.runtime.block_on(pull::remove(client, &ready)),
            _ => Ok(()),
        }
    }

    /// The daemon's own process, with what it has cost until now.
    fn daemon(&self) -> BTreeMap<String, (u32, Resources)> {
        let Ok(pid) = usage::peer(&self.socket) else {
            return BTreeMap::new();
        };
        BTreeMap::from([("containerd".to_owned(), (pid, usage::of_daemon(pid)))])
    }
}

impl Daemon {
    /// Keeps a daemon of our own engine on the core that the request says, or lets it have all
    /// again: what it starts for a container runs where it runs itself. Somebody else's is let be,
    /// and the evidence says so.
    fn keep_on_core(&self, core: Option<usize>) -> Result<(), String> {
        if !docker_engine::is_ours(&self.socket) {
            return Ok(());
        }
        let pid = usage::peer(&self.socket)
            .map_err(|error| format!("containerd's process is not known: {error}"))?;
        let allowed = core.map_or_else(cores::allowed, |core| vec![core]);
        cores::keep(&[pid], &allowed)
            .map_err(|error| format!("containerd cannot be kept on cores {allowed:?}: {error}"))
    }

    /// What containerd keeps of a container.
    fn definition(&self, spec: &Value) -> Container {
        Container {
            id: self.id.clone(),
            labels: labels(),
            runtime: Some(api::Runtime {
                name: SHIM.to_owned(),
            }),
            spec: Some(Any {
                type_url: SPEC.to_owned(),
                value: spec.to_string().into_bytes(),
            }),
            snapshotter: SNAPSHOTTER.to_owned(),
            snapshot_key: self.id.clone(),
        }
    }
}

/// Starts a container with a layer of its own over a snapshot: when the daemon did what, and the
/// container's process.
async fn launch(
    client: &Client,
    container: Container,
    parent: String,
    printed: &Path,
) -> Result<(Instants, u32), Status> {
    let id = container.id.clone();
    let output = format!("file://{}", printed.display());
    let launched_ns = now_ns();
    let layer = PrepareSnapshot {
        snapshotter: SNAPSHOTTER.to_owned(),
        key: id.clone(),
        parent,
        // No container refers to it for some milliseconds, in which the garbage collector may come
        // by.
        labels: labels(),
    };
    let rootfs: Mounts = client.call(PREPARE_SNAPSHOT, layer).await?;
    let definition = OneContainer {
        container: Some(container),
    };
    let _: OneContainer = client.call(CREATE_CONTAINER, definition).await?;
    let task = CreateTask {
        container_id: id.clone(),
        rootfs: rootfs.mounts,
        stdout: output.clone(),
        stderr: output,
    };
    let task: CreatedTask = client.call(CREATE_TASK, task).await?;
    let created_ns = now_ns();
    let _: CreatedTask = client.call(START_TASK, ById { id }).await?;
    let instants = Instants {
        pulling_ns: None,
        launched_ns,
        created_ns,
        started_ns: now_ns(),
    };
    Ok((instants, task.pid))
}

impl Engine for Daemon {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let client = self.client()?;
        let made = self.made(request.workload, &client)?;
        self.keep_on_core(request.core)?;
        empty_milestones(self.milestones_folder())?;
        let mut attested = self.prepare_pull(request, &made.root)?;
        attested.extend(made.root.prepare(request)?);
        attested.extend(self.templates.attested(request)?);
        attested.insert(Evidence::EngineVersion, json!(self.version));
        Ok(Preparation {
            fixed_port: made.root.fixed_port(),
            sha256: made.root.sha256,
            attested,
        })
    }

    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let client = self
            .client
            .clone()
            .ok_or("containerd has not been connected to")?;
        let made = self.made(request.workload, &client)?;
        let before = self.daemon();
        // The shim writes both streams to the first one's file, whatever the second one's is.
        let printed = self.work.join("printed");
        let _ = std::fs::remove_file(&printed);
        let process = made.root.process(request, port);
        let place = Place {
            process: process.as_ref(),
            id: &self.id,
            root: "rootfs",
            files: &self.work.join(FILES),
            milestones: &self.milestones_folder(),
        };
        let configuration = self.templates.configuration(request, place, port)?;
        let network = request.variant.get(Param::Network).unwrap_or(HOST_NETWORK);
        let container = self.definition(&configuration);
        let (mut parent, mut pulling_ns) = (made.snapshot, None);
        if let Some(ready) = &self.ready {
            pulling_ns = Some(now_ns());
            let hosts = self.hosts();
            let pulled = pull::pull(&client, ready, &hosts, &self.id);
            self.runtime.block_on(pulled)?;
            parent.clone_from(&ready.image.chain_id);
        }
        let started = launch(&client, container, parent, &printed);
        match self.runtime.block_on(started) {
            Ok((instants, pid)) => Ok(Box::new(Running {
                runtime: &self.runtime,
                client,
                id: self.id.clone(),
                pid,
                instants: Instants {
                    pulling_ns,
                    ..instants
                },
                network: network.to_owned(),
                configuration,
                address: request.address,
                fixed: made.root.fixed_port(),
                milestones: request
                    .own_milestones
                    .then(|| self.milestones_folder().join(MILESTONES_FILE)),
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
            // What the next image has in common with it would not be pulled.
            Ok(_) => self.remove_pulled(),
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.keep_on_core(None);
        if let Some(client) = self.client.clone() {
            let _ = self.runtime.block_on(remove_container(&client, &self.id));
            let _ = self.runtime.block_on(remove_snapshots(&client, &self.id));
            let _ = self.runtime.block_on(pull::remove_of(&client, &self.id));
        }
        oci::remove_groups();
    }
}
