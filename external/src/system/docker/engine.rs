//! The engine in a run: brought up and into the state that a cell's starts find, and used to
//! start containers.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bollard::Docker as Client;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use docker_engine::EngineError;
use machine::clock::now_ns;
use results::values::{Named as _, PageCache};
use results::{Attested, Evidence, Param, Skip, SkipKind};
use serde_json::json;
use tokio::runtime::Runtime;
use workloads::{Target, Workload};

use super::super::container::{
    HOST_NETWORK, Instants, MILESTONES_FILE, MILESTONES_FOLDER, NO_NETWORK, empty_milestones,
};
use super::super::managed::{
    Engine, EngineContext, Instance, NEW_ENGINE, Preparation, StartRequest, on_this_thread,
};
use super::super::own_image::{ImageArchive, check_free};
use super::super::placeholders::{Values, fill};
use super::super::pull::{Pull, Pulled, Ready, Source};
use super::super::{Acquire, Adapter as _, BuildRequest, Instancing, MILESTONES, listens};
use super::container::{Container, Reach, keep_daemons};
use super::image::{self, Contents, Image};
use super::labels::{labelled, remove_labelled, remove_of_the_dead};
use super::own_image::{self, OwnImage};
use super::pull;
use super::socket::Socket;
use super::{BRIDGE, CLEANUP, Docker, INSIDE, LABEL, connect, contents, describe_error, version};
use crate::process::cleanup;
use crate::process::reaper::Guard;

/// How often an engine that does not answer is started, with so much between.
const REVIVALS: u32 = 50;
const REVIVAL_PAUSE: Duration = Duration::from_millis(100);

/// The steps of a start, as a reason names them.
const CREATE: &str = "create";
const START: &str = "start";

/// An image with the command that is started in it.
#[derive(Debug, Clone)]
struct Made {
    image: Image,
    command: Vec<String>,
    sha256: String,
    contents: Contents,
    /// A person's own image, which is started as it is.
    own: Option<OwnImage>,
    /// What that consists of, where it is pulled.
    archive: Option<ImageArchive>,
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
    made: HashMap<(Workload, Option<Acquire>, Instancing, bool), Made>,
    /// Where images are pulled from.
    source: Source,
    /// What the next start pulls, if it pulls anything.
    ready: Option<Ready>,
    /// Whether it has run a container since it was started last, as far as this run knows.
    has_run: bool,
    used: u64,
    _guard: Guard,
}

/// How long an engine that was being restarted may take until it answers by itself.
const COMING_BACK_NS: u64 = 5_000_000_000;

/// Sees to it that our own engine answers, if there is one: a run that was killed while it restarted
/// it leaves it dead, or on its way. Nothing for somebody else's.
pub(super) fn bring_back() -> Result<(), String> {
    let Some(socket) = Socket::ours() else {
        return Ok(());
    };
    let answers = || {
        on_this_thread(async { version(&connect(&socket)?).await })
            .and_then(|found| found.map(drop))
    };
    // What restarted it may still be at it: two at once would be in each other's way.
    let until_ns = now_ns() + COMING_BACK_NS;
    while now_ns() < until_ns {
        if answers().is_ok() {
            return Ok(());
        }
        std::thread::sleep(REVIVAL_PAUSE);
    }
    docker_engine::start().map_err(|error| format!("{error} ({})", error.remedy()))?;
    for _ in 0..REVIVALS {
        if answers().is_ok() {
            return Ok(());
        }
        std::thread::sleep(REVIVAL_PAUSE);
    }
    answers()
}

impl DockerEngine {
    pub(super) fn new(wasmtime: bool, context: EngineContext<'_>) -> Result<Self, String> {
        let socket = Socket::find().map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| format!("cannot make a runtime: {error}"))?;
        let (work, owner) = context.own(if wasmtime {
            "docker-wasmtime"
        } else {
            "docker"
        });
        let guard = cleanup::guard(
            context.reaper,
            &[
                OsStr::new(CLEANUP),
                socket.path.as_os_str(),
                OsStr::new(&owner),
            ],
        )?;
        std::fs::create_dir_all(&work)
            .map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        let source = Source::new(&work, context.reaper, (LABEL, owner.clone()));
        let client = {
            let _inside = runtime.enter();
            connect(&socket)?
        };
        if socket.ours {
            // One that does not answer yet has nothing that runs; the next run looks again.
            let _ = runtime.block_on(remove_of_the_dead(&client));
        }
        let engine = Self {
            runtime,
            client,
            socket,
            wasmtime,
            work,
            owner,
            made: HashMap::new(),
            source,
            ready: None,
            has_run: false,
            used: 0,
            _guard: guard,
        };
        Ok(engine)
    }

    /// Makes sure that it answers: one of ours that has died is started again. Its version.
    fn bring_up(&mut self) -> Result<String, String> {
        let reason = match self.runtime.block_on(version(&self.client)) {
            Ok(version) => return Ok(version),
            Err(reason) => reason,
        };
        if !self.socket.ours {
            return Err(format!("{reason}; it is not ours to start"));
        }
        self.has_run = false;
        // One that is being killed takes a moment to die, and until then it is found alive.
        for _ in 0..REVIVALS {
            self.have(docker_engine::start)
                .map_err(|error| format!("{reason}, and it cannot be brought back: {error}"))?;
            if let Ok(version) = self.runtime.block_on(version(&self.client)) {
                // What it ran when it died could not be removed then.
                let removed = remove_labelled(&self.client, &self.owner);
                return self.runtime.block_on(removed).map(|()| version);
            }
            std::thread::sleep(REVIVAL_PAUSE);
        }
        Err(format!("{reason}, and it runs all the same"))
    }

    /// Has our own engine started, or started anew.
    fn have(
        &mut self,
        act: impl FnOnce() -> Result<Vec<String>, EngineError>,
    ) -> Result<(), String> {
        act().map_err(|error| format!("{error} ({})", error.remedy()))?;
        self.client = {
            let _inside = self.runtime.enter();
            connect(&self.socket)?
        };
        Ok(())
    }

    /// Keeps an engine of ours on the core that the request says, or lets it have all again: what
    /// it starts for a container runs where it runs itself. That of somebody else is let be, and
    /// the evidence says so.
    fn keep_on_core(&self, core: Option<usize>) -> Result<(), String> {
        if !self.socket.ours {
            return Ok(());
        }
        keep_daemons(&self.socket.path, core)
    }

    fn made(&mut self, request: &StartRequest) -> Result<Made, String> {
        let instancing = Instancing::from_params(&request.variant);
        let docker = Docker {
            wasmtime: self.wasmtime,
        };
        let instancing = instancing.unwrap_or_else(|| docker.usual_instancing(request.workload));
        let pulls = Pull::parse(&request.variant).is_some();
        let key = (request.workload, request.acquire, instancing, pulls);
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        if let (false, Some(target)) = (self.wasmtime, request.workload.own()) {
            let made = self.made_of_own(target, pulls)?;
            self.made.insert(key, made.clone());
            return Ok(made);
        }
        let folder = self.work.join(format!(
            "{}-{}-{}",
            request.workload.name(),
            request.acquire.map_or("machine-code", Acquire::name),
            instancing.name()
        ));
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let build = BuildRequest {
            workload: request.workload,
            acquire: request.acquire,
            instancing,
            own: None,
            left_out: &[],
            folder: &folder,
        };
        let (contents, command) = contents(self.wasmtime, &build)?;
        // What is pulled is built in its registry.
        let image = if pulls {
            Image {
                tag: String::new(),
                files: Vec::new(),
            }
        } else {
            self.runtime
                .block_on(image::ensure(&self.client, &contents))?
        };
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
            contents,
            archive: None,
            own: None,
        };
        self.made.insert(key, made.clone());
        Ok(made)
    }

    fn made_of_own(&self, target: &'static Target, pulls: bool) -> Result<Made, String> {
        let own = self
            .runtime
            .block_on(own_image::ensure(&self.client, target))?;
        let archive = pulls.then(|| own.archive(&self.work)).transpose()?;
        // What is pulled is unpacked elsewhere.
        let image = if pulls {
            Image {
                files: Vec::new(),
                ..own.image.clone()
            }
        } else {
            own.image.clone()
        };
        Ok(Made {
            archive,
            image,
            command: Vec::new(),
            sha256: own.sha256.clone(),
            contents: Contents {
                // As registries take it: names of persons' workloads may hold anything.
                name: format!("own-{}", &own.sha256[..12.min(own.sha256.len())]),
                files: Vec::new(),
            },
            own: Some(own),
        })
    }

    /// Has an image in its registry, if the start pulls one.
    fn prepare_pull(&mut self, request: &StartRequest, made: &Made) -> Result<Attested, String> {
        // Of another registry it would be the same layers.
        self.remove_pulled()?;
        self.ready = None;
        let Some(pull) = Pull::parse(&request.variant) else {
            return Ok(Attested::new());
        };
        let contents = &made.contents;
        let pulled = match &made.archive {
            Some(archive) => Pulled::Own(archive),
            None => Pulled::Files(&contents.files),
        };
        let ready = self.source.ready(pull, &contents.name, &pulled)?;
        let attested = ready.evidence();
        self.ready = Some(ready);
        self.remove_pulled()?;
        Ok(attested)
    }

    /// Removes what the last start has pulled: what it is pulled into is the engine's, and the next image that is
    /// pulled, of whatever system, may have layers in common with it.
    fn remove_pulled(&self) -> Result<(), String> {
        match &self.ready {
            Some(ready) => self
                .runtime
                .block_on(pull::remove(&self.client, &ready.reference)),
            None => Ok(()),
        }
    }

    /// Pulls the image of a start, if it is to: the clock before.
    fn pull(&self) -> Result<Option<u64>, String> {
        let Some(ready) = &self.ready else {
            return Ok(None);
        };
        let began_ns = now_ns();
        let pulled = pull::pull(&self.client, &ready.reference);
        let pulled = self.runtime.block_on(pulled)?;
        let layers = pulled.layers();
        if layers != ready.image.layers {
            return Err(format!(
                "not what its cell says: the engine fetched and unpacked {layers} of {} layers \
                    ({pulled})",
                ready.image.layers
            ));
        }
        Ok(Some(began_ns))
    }

    /// Runs one container, so that the next is not the engine's first.
    fn warm_up(&mut self, request: &StartRequest) -> Result<(), String> {
        if self.has_run {
            return Ok(());
        }
        let port = listens(request.workload)
            .then(machine::ports::free_port)
            .transpose();
        let port = port.map_err(|error| format!("no port is free: {error}"))?;
        let request = StartRequest {
            own_milestones: false,
            core: None,
            deadline_ns: now_ns() + 60_000_000_000,
            ..request.clone()
        };
        self.start(&request, port)?.remove()?;
        self.has_run = true;
        Ok(())
    }

    /// The folder that a container writes its own milestones into.
    fn milestones_folder(&self) -> PathBuf {
        self.work.join("milestones")
    }

    /// The container that the engine is to create.
    fn body(&self, made: &Made, request: &StartRequest, port: Option<u16>) -> ContainerCreateBody {
        let network = request.variant.get(Param::Network).unwrap_or(NO_NETWORK);
        let inside = made.own.as_ref().map_or(INSIDE, OwnImage::inside);
        let address = match (network, port) {
            (HOST_NETWORK, Some(port)) => SocketAddr::new(request.address, port),
            _ => SocketAddr::from((Ipv4Addr::UNSPECIFIED, inside)),
        };
        let values = Values::address(address);
        let mut command: Vec<_> = made
            .command
            .iter()
            .map(|argument| fill(argument, &values))
            .collect();
        let mut host = HostConfig {
            network_mode: Some(network.to_owned()),
            cpuset_cpus: request.core.map(|core| core.to_string()),
            ..HostConfig::default()
        };
        let mut exposed = None;
        if let (BRIDGE, Some(port)) = (network, port) {
            let inside = format!("{inside}/tcp");
            let binding = PortBinding {
                host_ip: Some(request.address.to_string()),
                host_port: Some(port.to_string()),
            };
            host.port_bindings = Some(HashMap::from([(inside.clone(), Some(vec![binding]))]));
            exposed = Some(vec![inside]);
        }
        if let Some(own) = &made.own {
            host.binds = Some(own.binds());
        }
        if request.own_milestones {
            host.binds = Some(vec![format!(
                "{}:{MILESTONES_FOLDER}",
                self.milestones_folder().display()
            )]);
            command.splice(
                1..1,
                [
                    MILESTONES.to_owned(),
                    format!("{MILESTONES_FOLDER}/{MILESTONES_FILE}"),
                ],
            );
        }
        ContainerCreateBody {
            image: Some(made.image.tag.clone()),
            cmd: match &made.own {
                Some(own) => own.command(&values),
                None => Some(command),
            },
            env: made.own.as_ref().map(|own| own.environment(&values)),
            labels: Some(HashMap::from([(LABEL.to_owned(), self.owner.clone())])),
            exposed_ports: exposed,
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }
}

/// Creates a container and starts it: when the engine had done what, and its name for it.
///
/// # Errors
/// Which step failed, and why.
async fn create_and_start(
    client: &Client,
    name: &str,
    body: ContainerCreateBody,
) -> Result<(Instants, String), (&'static str, Error)> {
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let launched_ns = now_ns();
    let created = client
        .create_container(Some(options), body)
        .await
        .map_err(|error| (CREATE, error))?;
    let created_ns = now_ns();
    client
        .start_container(name, None)
        .await
        .map_err(|error| (START, error))?;
    let instants = Instants {
        pulling_ns: None,
        launched_ns,
        created_ns,
        started_ns: now_ns(),
    };
    Ok((instants, created.id))
}

impl Engine for DockerEngine {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let version = self.bring_up()?;
        let made = self.made(request)?;
        if let (HOST_NETWORK, Some(port)) = (network_of(request), fixed_port(&made)) {
            check_free(port)?;
        }
        let pulled = self.prepare_pull(request, &made)?;
        if request.variant.is(Param::Engine, NEW_ENGINE) {
            if !self.socket.ours {
                let reason = format!(
                    "with engine=new a start is the first one after the engine's, and the engine \
                        at {} is not ours to restart",
                    self.socket.path.display()
                );
                return Err(Skip::new(SkipKind::NotPermitted, reason)
                    .remedy("`./setup docker` starts one that is, with DOCKER_HOST unset"));
            }
            self.have(docker_engine::restart)?;
            self.has_run = false;
        } else {
            self.warm_up(request)?;
            self.remove_pulled()?;
        }
        self.keep_on_core(request.core)?;
        empty_milestones(self.milestones_folder())?;
        let mut attested = Attested::from([
            (Evidence::Image, json!(made.image.tag)),
            (Evidence::EngineVersion, json!(version)),
            (Evidence::EngineIsOurs, json!(self.socket.ours)),
            (Evidence::FirstContainerOfTheEngine, json!(!self.has_run)),
        ]);
        attested.extend(pulled);
        attested.extend(place_pages(&made.image.files, request)?);
        let fixed = fixed_port(&made).filter(|_| network_of(request) == HOST_NETWORK);
        Ok(Preparation {
            sha256: made.sha256,
            attested,
            fixed_port: fixed,
        })
    }

    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let mut made = self.made(request)?;
        if let Some(ready) = &self.ready {
            made.image.tag.clone_from(&ready.reference);
        }
        let body = self.body(&made, request, port);
        self.used += 1;
        let name = format!("coldphase-{}-{}", self.owner, self.used);
        let before = super::container::daemons(&self.socket.path);
        let pulling_ns = self.pull()?;
        let started = self
            .runtime
            .block_on(create_and_start(&self.client, &name, body));
        let milestones = request
            .own_milestones
            .then(|| self.milestones_folder().join(MILESTONES_FILE));
        let mut container = Container::new(
            &self.runtime,
            &self.client,
            name,
            milestones,
            before,
            Reach {
                network: request
                    .variant
                    .get(Param::Network)
                    .unwrap_or(NO_NETWORK)
                    .to_owned(),
                address: request.address,
                port,
                fixed: fixed_port(&made).filter(|_| network_of(request) == HOST_NETWORK),
            },
        );
        self.has_run = true;
        match started {
            Ok((instants, id)) => {
                container.instants = Instants {
                    pulling_ns,
                    ..instants
                };
                container.id = Some(id);
                Ok(Box::new(container))
            }
            Err((step, error)) => {
                let tail = match step {
                    START => container.log_tail(),
                    _ => String::new(),
                };
                let tail = if tail.is_empty() {
                    tail
                } else {
                    format!("; the end of its log: {tail:?}")
                };
                Err(format!(
                    "the engine cannot {step} the container: {}{tail}",
                    describe_error(&error)
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
            return self.remove_pulled();
        }
        // That is this sample's failure, and must not be the next one's too.
        let removed = self
            .runtime
            .block_on(remove_labelled(&self.client, &self.owner));
        let removed = removed.and_then(|()| self.remove_pulled());
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
        let _ = self.keep_on_core(None);
        let _ = self.remove_pulled();
        let _ = self
            .runtime
            .block_on(remove_labelled(&self.client, &self.owner));
    }
}

fn network_of(request: &StartRequest) -> &str {
    request.variant.get(Param::Network).unwrap_or(NO_NETWORK)
}

/// The port that a person's own image listens on whatever it is told.
fn fixed_port(made: &Made) -> Option<u16> {
    made.own.as_ref().and_then(|own| own.port)
}

/// Brings the files of an image into the state that the start finds, if the engine keeps them where
/// they can be found.
fn place_pages(files: &[PathBuf], request: &StartRequest) -> Result<Attested, Skip> {
    if files.is_empty() {
        // Proof is what makes a sample cold; a warm one needs none.
        return if request.page_cache == PageCache::Hot {
            Ok(Attested::new())
        } else {
            let reason = "the engine does not keep the image's files where this process can put \
                them out of the page cache";
            Err(Skip::new(SkipKind::NotPermitted, reason)
                .remedy("be root, and use the storage driver overlay2"))
        };
    }
    let resident: Result<Vec<_>, _> = files.iter().map(|file| request.place_pages(file)).collect();
    let resident: Option<usize> = resident?.into_iter().sum();
    Ok(Attested::from([(Evidence::PagesResident, json!(resident))]))
}
