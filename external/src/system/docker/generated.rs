//! What the engine itself gives its OCI runtime for a container: the configuration that the layers
//! below it are given too.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bollard::Docker as Client;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use machine::usage;
use serde_json::Value;
use workloads::Workload;

use super::super::container::HOST_NETWORK;
use super::super::managed::on_this_thread;
use super::super::oci::bundle::{Template, read_configuration};
use super::super::{ADDRESS, BuildRequest, Instancing};
use super::labels::remove_labelled;
use super::socket::{REMEDY, Socket};
use super::{
    CLEANUP, Contents, INSIDE, LABEL, STATIC, connect, contents, describe_error, image, version,
};
use crate::process::cleanup;
use crate::process::reaper::Reaper;

/// What was read already, by the engine's socket and the network: all layers and instances of a run
/// are given the same.
static READ: Mutex<BTreeMap<(PathBuf, String), Template>> = Mutex::new(BTreeMap::new());

/// Has the engine start a container in a network, and reads what it gave its runtime. Once in a
/// process.
///
/// # Errors
/// A sentence with the remedy: no engine answers, it cannot start one, or what it gives its runtime
/// cannot be read here.
pub(in crate::system) fn template(reaper: &Reaper, network: &str) -> Result<Template, String> {
    let socket = Socket::find().map_err(|error| error.to_string())?;
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (socket.path.clone(), network.to_owned());
    if let Some(template) = read.get(&key) {
        return Ok(template.clone());
    }
    let template = ask(reaper, &socket, network)?;
    read.insert(key, template.clone());
    Ok(template)
}

fn ask(reaper: &Reaper, socket: &Socket, network: &str) -> Result<Template, String> {
    if socket.ours {
        super::engine::bring_back()?;
    }
    let build = BuildRequest {
        workload: Workload::HttpHello,
        acquire: None,
        instancing: Instancing::PROCESS,
        own: None,
        left_out: &[],
        folder: Path::new(""),
    };
    // No engine's fault: it is said by itself.
    let files = contents(false, &build)
        .map_err(|reason| format!("{reason} (`{}` builds it)", STATIC.command()))?;
    let owner = format!("{}-bundle", cleanup::owner());
    let words = [
        OsStr::new(CLEANUP),
        socket.path.as_os_str(),
        OsStr::new(&owner),
    ];
    let _guard = cleanup::guard(reaper, &words)?;
    on_this_thread(async {
        let client = connect(socket)?;
        let found = capture(&client, files, &owner, network).await;
        let removed = remove_labelled(&client, &owner).await;
        let found = found.map_err(|reason| {
            format!("the engine's configuration of a container is not known: {reason} ({REMEDY})")
        })?;
        removed.map(|()| found)
    })?
}

async fn capture(
    client: &Client,
    (contents, command): (Contents, Vec<String>),
    owner: &str,
    network: &str,
) -> Result<Template, String> {
    let engine = version(client).await?;
    let image = image::ensure(client, &contents).await?;
    let port = machine::ports::free_port().map_err(|error| format!("no port is free: {error}"))?;
    let address = match network {
        HOST_NETWORK => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        _ => format!("{}:{INSIDE}", Ipv4Addr::UNSPECIFIED),
    };
    let command = command.iter().map(|it| it.replace(ADDRESS, &address));
    let body = ContainerCreateBody {
        image: Some(image.tag),
        cmd: Some(command.collect()),
        labels: Some(HashMap::from([(LABEL.to_owned(), owner.to_owned())])),
        host_config: Some(HostConfig {
            network_mode: Some(network.to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let name = format!("coldphase-{owner}");
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let said = |error: bollard::errors::Error| describe_error(&error);
    client
        .create_container(Some(options), body)
        .await
        .map_err(said)?;
    client.start_container(&name, None).await.map_err(said)?;
    let found = client.inspect_container(&name, None).await.map_err(said)?;
    let pid = found.state.and_then(|state| state.pid);
    let pid = pid
        .and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid > 0);
    let pid = pid.ok_or("its container has no process")?;
    Template::read(&bundle_of(pid).ok_or("its container has no shim")?, engine)
}

/// The bundle of a container, by its first process: the folder that its shim works in, wherever the
/// engine and its containerd keep such.
fn bundle_of(pid: u32) -> Option<PathBuf> {
    Some(PathBuf::from(format!("/proc/{}/cwd", usage::parent(pid)?)))
}

/// The configuration that a container was started with, by its first process.
///
/// # Errors
/// A sentence: the engine keeps none where it could be read.
pub(super) fn configuration_of(pid: u32) -> Result<Value, String> {
    read_configuration(&bundle_of(pid).ok_or("the container has no shim")?)
}
