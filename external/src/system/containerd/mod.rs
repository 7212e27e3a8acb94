//! containerd: the daemon below Docker, through its own API, without a network of its making.
//!
//! What it is the same in as Docker: the snapshotter that makes a writable layer over that of the
//! image, the shim, `runc`. What it does not do: networks, logs through the engine, an image's
//! configuration; the file system of the image is put into a snapshot directly, which is where an
//! image that was pulled would end up.

mod api;
mod container;
mod daemon;
mod pull;
mod removal;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use results::record::Scenario;
use results::{Params, Skip};
use workloads::Target;

use self::api::{Client, Empty, VERSION, VersionResponse};
use self::daemon::Daemon;
use super::container::without_a_bridge;
use super::managed::{Engine, EngineContext, ManagedSystem, Programs, on_this_thread, programs};
use super::oci::bundle::{NETWORKS, Templates};
use super::programs::unavailable;
use super::pull::{Source, variants as variants_pulled};
use super::{
    Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, Unavailable, docker, oci,
};
use crate::process::cleanup;

/// The label of everything that is ours.
const LABEL: &str = "coldphase";

/// Keeps the garbage collector from a snapshot that no container refers to yet.
const ROOT_LABEL: &str = "containerd.io/gc.root";

/// The first word of the daemon's [`cleanup::guard`], before its socket and the container.
pub(super) const CLEANUP: &str = "containerd-objects";

/// The labels of our containers and snapshots.
fn labels() -> HashMap<String, String> {
    [LABEL, ROOT_LABEL]
        .map(|label| (label.to_owned(), "1".to_owned()))
        .into()
}

/// The daemon.
pub(super) struct Containerd;

/// Where it answers: where the usual variable says, in our own Docker engine, or at the usual
/// place.
fn socket() -> Result<PathBuf, Unavailable> {
    let named = std::env::var_os("CONTAINERD_ADDRESS")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let ours = docker_engine::containerd_socket();
    let usual = PathBuf::from("/run/containerd/containerd.sock");
    let candidates: Vec<_> = match named {
        Some(named) => vec![named],
        None => vec![ours, usual],
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

impl Adapter for Containerd {
    fn name(&self) -> &'static str {
        "containerd"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        // What it starts is what an engine would have it start.
        docker::find()?;
        let socket = socket()?;
        let unavailable = unavailable(docker::REMEDY);
        let version = on_this_thread(async {
            let client = Client::connect(&socket).await?;
            let version = client.call::<_, VersionResponse>(VERSION, Empty {});
            version.await.map_err(|status| {
                format!("containerd does not say its version: {}", status.message())
            })
        });
        let version = version
            .and_then(|found| found)
            .map_err(&unavailable)?
            .version;
        let sha256 = results::digest::sha256_hex(version.as_bytes());
        Ok(Found {
            program: socket,
            version,
            engine_version: None,
            sha256,
        })
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &[]
    }

    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate::start(200.0)
    }

    fn prepare(&self, _: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Err("a container is started by its engine".to_owned())
    }

    fn managed(&self) -> Option<&dyn ManagedSystem> {
        Some(self)
    }

    fn reports_milestones(&self) -> bool {
        true
    }

    fn check_own(&self, target: &Target) -> Result<(), Skip> {
        oci::check_own(target)
    }
}

impl ManagedSystem for Containerd {
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String> {
        // A thread of its own for the connection: one that nobody looks after for some seconds,
        // while programs are built or other systems are measured, is closed.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| format!("cannot make a runtime: {error}"))?;
        let socket = context.found.program.clone();
        let (work, owner) = context.own("containerd");
        std::fs::create_dir_all(&work)
            .map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        let id = format!("coldphase-{owner}");
        let words = [OsStr::new(CLEANUP), socket.as_os_str(), OsStr::new(&id)];
        let guard = cleanup::guard(context.reaper, &words)?;
        let source = Source::new(&work, context.reaper, (LABEL, owner));
        let templates = Templates::new(&work.join(daemon::FILES), |network| {
            docker::template(context.reaper, network)
        })?;
        Ok(Box::new(Daemon {
            runtime,
            client: None,
            socket,
            version: context.found.version.clone(),
            templates,
            work,
            id,
            made: HashMap::new(),
            source,
            ready: None,
            _guard: guard,
        }))
    }

    fn programs(&self, _: &Found) -> Programs {
        Programs {
            started: programs(&["containerd-shim-runc-v2", "runc"]),
            live_on: programs(&["containerd"]),
        }
    }

    fn variants(&self, service: bool, scenario: Scenario) -> Vec<Params> {
        match scenario {
            Scenario::ImageCold => without_a_bridge(service)
                .first()
                .map_or_else(Vec::new, variants_pulled),
            _ => without_a_bridge(service),
        }
    }

    fn usual_variants(&self, _: bool, scenario: Scenario) -> usize {
        if scenario.multiplies() || scenario == Scenario::ImageCold {
            1
        } else {
            NETWORKS.len()
        }
    }

    fn reaches_any_address(&self) -> bool {
        true
    }
}

/// Removes what a killed run left: its container, and its snapshots.
///
/// # Errors
/// What the daemon says.
pub(super) fn remove(socket: &Path, id: &str) -> Result<(), String> {
    let removed = on_this_thread(async {
        let client = Client::connect(socket).await?;
        removal::remove_container(&client, id).await?;
        removal::remove_snapshots(&client, id).await?;
        pull::remove_of(&client, id).await
    });
    oci::remove_groups();
    removed?
}
