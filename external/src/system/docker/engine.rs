//! The engine in a run: brought up and into the state that a cell's starts find, and given orders.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bollard::Docker as Client;
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use machine::clock::now_ns;
use machine::page_cache::{self, Residency};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use workloads::Workload;

use super::super::hosted::{Engine, Instance, Order, Place, Prepared};
use super::super::{Acquire, Job, listens};
use super::container::{Container, Instants};
use super::image::{self, Image};
use super::socket::{Socket, script};
use super::{INSIDE, LABEL, connect, contents, said, version};
use crate::observe::janitor::Guard;

/// How often an engine that does not answer is started, 100 ms apart.
const REVIVALS: u32 = 50;

/// Where the folder of a container's own account lies in the container.
const ACCOUNT: &str = "/coldphase";

/// An image with the command that is started in it.
#[derive(Debug, Clone)]
struct Made {
    image: Image,
    command: Vec<String>,
    sha256: String,
}

/// One run's view of an engine.
pub(super) struct DockerEngine {
    runtime: Runtime,
    client: Client,
    socket: Socket,
    wasmtime: bool,
    work: PathBuf,
    /// The value of our label, and the beginning of our containers' names.
    owner: String,
    made: HashMap<(Workload, Option<Acquire>), Made>,
    /// Whether it has run a container since it was started last, as far as this run knows.
    has_run: bool,
    used: u64,
    _guard: Guard,
}

impl DockerEngine {
    pub(super) fn new(wasmtime: bool, place: Place<'_>) -> Result<Self, String> {
        let socket = Socket::find().map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| format!("cannot make a runtime: {error}"))?;
        let (work, owner) = place.own(if wasmtime {
            "docker-wasmtime"
        } else {
            "docker"
        });
        let guard = super::super::guard(
            place.janitor,
            &[
                OsStr::new("docker"),
                socket.path.as_os_str(),
                OsStr::new(&owner),
            ],
        )?;
        std::fs::create_dir_all(&work)
            .map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        let client = {
            let _inside = runtime.enter();
            connect(&socket)?
        };
        let engine = Self {
            runtime,
            client,
            socket,
            wasmtime,
            work,
            owner,
            made: HashMap::new(),
            has_run: false,
            used: 0,
            _guard: guard,
        };
        Ok(engine)
    }

    /// Makes sure that it answers: one of ours that has died is started again.
    fn bring_up(&mut self) -> Result<(), String> {
        let Err(reason) = self.runtime.block_on(version(&self.client)) else {
            return Ok(());
        };
        if !self.socket.ours {
            return Err(format!("{reason}; it is not ours to start"));
        }
        self.has_run = false;
        // One that is being killed takes a moment to die, and until then the script finds it alive.
        for _ in 0..REVIVALS {
            self.order_script("start")
                .map_err(|error| format!("{reason}, and it cannot be brought back: {error}"))?;
            if self.runtime.block_on(version(&self.client)).is_ok() {
                // What it ran when it died could not be removed then.
                return self
                    .runtime
                    .block_on(remove_labelled(&self.client, &self.owner));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(format!("{reason}, and it runs all the same"))
    }

    /// Has the script that knows how our own engine is run do something to it.
    fn order_script(&mut self, word: &str) -> Result<(), String> {
        let script = script();
        let output = Command::new(&script)
            .arg(word)
            .stdin(Stdio::null())
            .output();
        let output = output.map_err(|error| format!("cannot run {}: {error}", script.display()))?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "`{} {word}` failed: {}",
                script.display(),
                told.trim()
            ));
        }
        self.client = {
            let _inside = self.runtime.enter();
            connect(&self.socket)?
        };
        Ok(())
    }

    fn made(&mut self, order: &Order) -> Result<Made, String> {
        let key = (order.workload, order.acquire);
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        let folder = self.work.join(format!(
            "{}-{}",
            order.workload.name(),
            order.acquire.map_or("machine-code", Acquire::name)
        ));
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let job = Job {
            workload: order.workload,
            acquire: order.acquire,
            folder: &folder,
        };
        let (contents, command) = contents(self.wasmtime, &job)?;
        let image = self
            .runtime
            .block_on(image::built(&self.client, &contents))?;
        // The last file is the guest, or the native program.
        let artifact = contents
            .files
            .iter()
            .find(|(inside, _)| inside.as_os_str() == "/app.wasm");
        let (_, artifact) = artifact
            .or(contents.files.first())
            .ok_or("the image is empty")?;
        let sha256 = results::digest::sha256_file(artifact).map_err(|error| error.to_string())?;
        let made = Made {
            image,
            command,
            sha256,
        };
        self.made.insert(key, made.clone());
        Ok(made)
    }

    /// Runs one container, so that the next is not the engine's first.
    fn warm_up(&mut self, order: &Order) -> Result<(), String> {
        if self.has_run {
            return Ok(());
        }
        let port = listens(order.workload)
            .then(machine::ports::free_port)
            .transpose();
        let port = port.map_err(|error| format!("no port is free: {error}"))?;
        let order = Order {
            told: false,
            core: None,
            deadline_ns: now_ns() + 60_000_000_000,
            ..order.clone()
        };
        self.start(&order, port)?.remove()?;
        self.has_run = true;
        Ok(())
    }

    /// The folder that a container writes its own account into.
    fn account(&self) -> PathBuf {
        self.work.join("account")
    }

    /// What the engine is told to create.
    fn body(&self, made: &Made, order: &Order, port: Option<u16>) -> ContainerCreateBody {
        let network = order.variant.get("network").map_or("none", String::as_str);
        let address = match (network, port) {
            ("host", Some(port)) => format!("127.0.0.1:{port}"),
            _ => format!("0.0.0.0:{INSIDE}"),
        };
        let mut command: Vec<_> = made
            .command
            .iter()
            .map(|argument| argument.replace("{address}", &address))
            .collect();
        let mut host = HostConfig {
            network_mode: Some(network.to_owned()),
            cpuset_cpus: order.core.map(|core| core.to_string()),
            ..HostConfig::default()
        };
        let mut exposed = None;
        if let ("bridge", Some(port)) = (network, port) {
            let inside = format!("{INSIDE}/tcp");
            let binding = PortBinding {
                host_ip: Some("127.0.0.1".into()),
                host_port: Some(port.to_string()),
            };
            host.port_bindings = Some(HashMap::from([(inside.clone(), Some(vec![binding]))]));
            exposed = Some(vec![inside]);
        }
        if order.told {
            host.binds = Some(vec![format!("{}:{ACCOUNT}", self.account().display())]);
            command.splice(
                1..1,
                ["--milestones".to_owned(), format!("{ACCOUNT}/milestones")],
            );
        }
        ContainerCreateBody {
            image: Some(made.image.tag.clone()),
            cmd: Some(command),
            labels: Some(HashMap::from([(LABEL.to_owned(), self.owner.clone())])),
            exposed_ports: exposed,
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }
}

impl Engine for DockerEngine {
    fn prepare(&mut self, order: &Order) -> Result<Prepared, String> {
        self.bring_up()?;
        let made = self.made(order)?;
        if order.cold {
            if !self.socket.ours {
                return Err(format!(
                    "a cold start is the first one after the engine's, and the engine at {} is \
                        not ours to restart; `./setup docker` starts one that is, with \
                        DOCKER_HOST unset",
                    self.socket.path.display()
                ));
            }
            self.order_script("restart")?;
            self.has_run = false;
        } else {
            self.warm_up(order)?;
        }
        let _ = std::fs::remove_dir_all(self.account());
        std::fs::create_dir_all(self.account())
            .map_err(|error| format!("cannot make a folder: {error}"))?;
        let mut attested = BTreeMap::from([
            ("image".to_owned(), json!(made.image.tag)),
            ("engine_is_ours".to_owned(), json!(self.socket.ours)),
            (
                "first_container_of_the_engine".to_owned(),
                json!(!self.has_run),
            ),
        ]);
        attested.extend(residency(&made.image.files, order.evicted)?);
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
        let made = self.made(order)?;
        let body = self.body(&made, order, port);
        self.used += 1;
        let name = format!("coldphase-{}-{}", self.owner, self.used);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let before = super::container::daemons(&self.socket.path);
        let (runtime, client) = (&self.runtime, &self.client);
        let instants = runtime.block_on(async {
            let launched_ns = now_ns();
            let created = client
                .create_container(Some(options), body)
                .await
                .map_err(|error| ("create", error))?;
            let created_ns = now_ns();
            client
                .start_container(&name, None)
                .await
                .map_err(|error| ("start", error))?;
            Ok((
                Instants {
                    launched_ns,
                    created_ns,
                    started_ns: now_ns(),
                },
                created.id,
            ))
        });
        let account = order.told.then(|| self.account().join("milestones"));
        let mut container = Container::new(&self.runtime, &self.client, name, account, before);
        self.has_run = true;
        match instants {
            Ok((instants, id)) => {
                (container.instants, container.id) = (instants, Some(id));
                Ok(Box::new(container))
            }
            Err((what, error)) => {
                let tail = if what == "start" {
                    container.log_tail()
                } else {
                    String::new()
                };
                let tail = if tail.is_empty() {
                    tail
                } else {
                    format!("; the end of its log: {tail:?}")
                };
                Err(format!(
                    "the engine cannot {what} the container: {}{tail}",
                    said(&error)
                ))
            }
        }
    }

    fn clean(&mut self) -> Result<(), String> {
        // An engine that does not answer has no containers that run; the next preparation finds out
        // what is to be done.
        let Ok(left) = self.runtime.block_on(labelled(&self.client, &self.owner)) else {
            return Ok(());
        };
        if left.is_empty() {
            return Ok(());
        }
        // That is this sample's failure, and must not be the next one's too.
        let removed = self
            .runtime
            .block_on(remove_labelled(&self.client, &self.owner));
        let removed = removed.map_or_else(
            |reason| format!("; {reason}"),
            |()| "; they are removed now".to_owned(),
        );
        Err(format!(
            "containers of the sample were left: {}{removed}",
            left.join(", ")
        ))
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        let _ = self
            .runtime
            .block_on(remove_labelled(&self.client, &self.owner));
    }
}

/// Puts the files of an image into or out of the page cache, if the engine keeps them where they
/// can be found.
fn residency(files: &[PathBuf], evicted: bool) -> Result<BTreeMap<String, Value>, String> {
    if files.is_empty() {
        // Proof is what makes a sample cold; a warm one needs none.
        return if evicted {
            Err(
                "the engine does not keep the image's files where this process can put them out \
                    of the page cache; be root, and use the storage driver overlay2"
                    .to_owned(),
            )
        } else {
            Ok(BTreeMap::new())
        };
    }
    let wanted = if evicted {
        Residency::Evicted
    } else {
        Residency::Hot
    };
    let put = |file: &PathBuf| pages::put(Path::new(file), wanted).map(|put| put.resident);
    let resident: Result<Vec<_>, _> = files.iter().map(put).collect();
    Ok(BTreeMap::from([(
        "pages_resident".to_owned(),
        json!(resident?.iter().sum::<usize>()),
    )]))
}

/// The containers with this value of our label, running or not.
async fn labelled(client: &Client, owner: &str) -> Result<Vec<String>, String> {
    let filters = HashMap::from([("label", vec![format!("{LABEL}={owner}")])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let found = client
        .list_containers(Some(options))
        .await
        .map_err(|error| said(&error))?;
    Ok(found
        .into_iter()
        .filter_map(|container| container.id)
        .collect())
}

/// Removes the containers with this value of our label.
pub(super) async fn remove_labelled(client: &Client, owner: &str) -> Result<(), String> {
    let mut trouble = None;
    for id in labelled(client, owner).await? {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        if let Err(error) = client.remove_container(&id, Some(options)).await {
            trouble = Some(format!(
                "cannot remove the container {id}: {}",
                said(&error)
            ));
        }
    }
    trouble.map_or(Ok(()), Err)
}
