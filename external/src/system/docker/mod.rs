//! Docker: containers of images that hold nothing but a workload, through the engine's API.
//!
//! The engine is one that is there already, or that `./setup docker` has started. It lives on between
//! samples, and has run a container before; with `engine=new` it has been started anew and has run
//! none yet.

mod container;
mod engine;
mod generated;
mod image;
mod labels;
mod own_image;
mod proxy;
mod pull;
mod socket;

use std::path::PathBuf;

use bollard::Docker as Client;
use bollard::errors::Error;
use results::record::Scenario;
use results::values::Named as _;
use results::{Param, Params, Skip};
use workloads::{Dialect, Target};

use self::engine::DockerEngine;
pub(super) use self::generated::template;
use self::image::Contents;
pub use self::own_image::image_id;
pub(super) use self::own_image::save;
pub(super) use self::socket::REMEDY;
use self::socket::Socket;
use super::container::{HOST_NETWORK, NO_NETWORK};
use super::managed::{
    Engine, EngineContext, ManagedSystem, NEW_ENGINE, Programs, on_this_thread, programs,
};
use super::native::STATIC;
use super::own_workload::check_guest;
use super::programs::unavailable;
use super::wasmtime::WasmtimeCli;
use super::{
    ADDRESS, Acquire, Adapter, BuildRequest, Estimate, Found, Instancing, LaunchSpec, Unavailable,
    listens, text,
};

/// The parts of an engine that start a container, as it names them.
const PARTS: [&str; 2] = ["containerd", "runc"];

/// The label of everything that is ours. Nothing without it is ever removed.
const LABEL: &str = "coldphase";

/// The oldest version of the API that is understood: that of engine 19.03, from 2019.
const OLDEST_API: (usize, usize) = (1, 40);

/// How long the engine may take for one answer, in seconds: building an image is one.
const ANSWER_S: u64 = 120;

/// The port that a service listens on in a network of its own.
const INSIDE: u16 = 8080;

/// A network of the container's own, reached by published ports.
const BRIDGE: &str = "bridge";

/// The first word of the engine's [`crate::process::cleanup::guard`], before its socket and the
/// owner.
pub(super) const CLEANUP: &str = "docker-objects";

/// Containers of one kind of image.
pub(super) struct Docker {
    /// Whether the image holds Wasmtime's command line and a guest, and not a native program.
    pub(super) wasmtime: bool,
}

impl Adapter for Docker {
    fn name(&self) -> &'static str {
        if self.wasmtime {
            "docker-wasmtime"
        } else {
            "docker"
        }
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let socket = Socket::find()?;
        let wasmtime = self.wasmtime.then(|| WasmtimeCli.find()).transpose()?;
        let unavailable = unavailable(REMEDY);
        let version = on_this_thread(async { version(&connect(&socket)?).await });
        let version = version.and_then(|found| found).map_err(&unavailable)?;
        let sha256 = results::digest::sha256_hex(version.as_bytes());
        Ok(Found {
            program: socket.path,
            version,
            engine_version: wasmtime.map(|found| found.version),
            sha256,
        })
    }

    fn bring_back(&self) -> Result<(), String> {
        engine::bring_back()
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        if self.wasmtime {
            WasmtimeCli.keeps_state()
        } else {
            Ok("memory of the process in the container")
        }
    }

    fn instancings(&self) -> &'static [Instancing] {
        if self.wasmtime {
            WasmtimeCli.instancings()
        } else {
            &[Instancing::PROCESS]
        }
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        if self.wasmtime {
            &[Acquire::Compile, Acquire::DeserializeFile]
        } else {
            &[]
        }
    }

    fn prepare(&self, _: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Err("a container is started by its engine".to_owned())
    }

    /// To remove a container takes longer than what is timed.
    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate::start(310.0)
    }

    fn managed(&self) -> Option<&dyn ManagedSystem> {
        Some(self)
    }

    fn reports_milestones(&self) -> bool {
        !self.wasmtime
    }

    fn check_own(&self, target: &Target) -> Result<(), Skip> {
        if self.wasmtime {
            check_guest(self.name(), Dialect::WasiHttp, false, target)
        } else {
            super::own_image::check(target).map(drop)
        }
    }
}

impl ManagedSystem for Docker {
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String> {
        Ok(Box::new(DockerEngine::new(self.wasmtime, context)?))
    }

    fn programs(&self, _: &Found) -> Programs {
        Programs {
            started: programs(&[
                "docker-proxy",
                "docker-init",
                "containerd-shim-runc-v2",
                "runc",
            ]),
            live_on: programs(&["dockerd", "containerd"]),
        }
    }

    /// A published port goes through a bridge, and then by translation of addresses or the engine's
    /// proxy; the machine's own network has none of them. Without a way out only a command is of
    /// use.
    fn variants(&self, service: bool, scenario: Scenario) -> Vec<Params> {
        let networks: &[&str] = if service {
            &[BRIDGE, HOST_NETWORK]
        } else {
            &[BRIDGE, HOST_NETWORK, NO_NETWORK]
        };
        let networks = networks.iter().copied();
        let mut variants: Vec<_> = networks
            .map(|network| Params::from([(Param::Network, network)]))
            .collect();
        match scenario {
            Scenario::ImageCold => variants = super::pull::variants(&variants[0]),
            Scenario::DiskCold => {
                let mut first = variants[0].clone();
                first.insert(Param::Engine, NEW_ENGINE);
                variants.push(first);
            }
            _ => {}
        }
        variants
    }

    /// What a network costs is asked of Docker everywhere, but of several instances at once it is
    /// their number that is compared, and of a runtime in the image it is the runtime. An engine that
    /// is started anew takes as long as ten starts.
    fn usual_variants(&self, service: bool, scenario: Scenario) -> usize {
        if self.wasmtime || scenario.multiplies() || scenario == Scenario::ImageCold {
            return 1;
        }
        let variants = self.variants(service, scenario);
        let is_running = |variant: &&Params| !variant.contains_key(Param::Engine);
        variants.iter().filter(is_running).count()
    }

    fn reaches_any_address(&self) -> bool {
        true
    }

    fn container_port(&self, variant: &Params) -> Option<u16> {
        variant.is(Param::Network, BRIDGE).then_some(INSIDE)
    }
}

/// Whether an engine can be reached at all.
///
/// # Errors
/// There is none.
pub(super) fn find() -> Result<(), Unavailable> {
    Socket::find().map(drop)
}

/// A client of the engine. Connects with the first request.
fn connect(socket: &Socket) -> Result<Client, String> {
    let path = socket.path.display();
    Client::connect_with_unix(
        &socket.path.to_string_lossy(),
        ANSWER_S,
        bollard::API_DEFAULT_VERSION,
    )
    .map_err(|error| format!("cannot connect to {path}: {}", describe_error(&error)))
}

/// The engine's version, once it is certain that it is understood.
async fn version(client: &Client) -> Result<String, String> {
    let version = client
        .version()
        .await
        .map_err(|error| format!("the engine does not answer: {}", describe_error(&error)))?;
    let api = version.api_version.unwrap_or_default();
    let number = |part: Option<&str>| {
        part.and_then(|part| part.parse::<usize>().ok())
            .unwrap_or(0)
    };
    let mut parts = api.split('.');
    if (number(parts.next()), number(parts.next())) < OLDEST_API {
        let (major, minor) = OLDEST_API;
        return Err(format!(
            "the engine speaks version {api} of its API, and {major}.{minor} is the oldest \
                understood"
        ));
    }
    // Whose versions the engine's says nothing of: what it has do the work.
    let parts = version.components.into_iter().flatten();
    let parts = parts.filter(|part| PARTS.contains(&part.name.as_str()));
    let parts = parts.map(|part| format!("{} {}", part.name, part.version));
    let own = version.version.unwrap_or_else(|| "unknown".to_owned());
    Ok(std::iter::once(own)
        .chain(parts)
        .collect::<Vec<_>>()
        .join(", "))
}

/// What an error of the engine means, with what to do where that is known.
fn describe_error(error: &Error) -> String {
    let text = match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        other => {
            // The outermost error alone often says no more than that something failed.
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(inner) = source {
                text.push_str(&format!(": {inner}"));
                source = inner.source();
            }
            text
        }
    };
    let text = text.trim();
    let hints = [
        (
            "ermission denied",
            "its socket may not be opened: be root, or a member of the socket's group",
        ),
        ("No such file or directory", REMEDY),
        ("Connection refused", REMEDY),
        (
            "port is already allocated",
            "another container or process has the port",
        ),
        (
            "address already in use",
            "another container or process has the port",
        ),
        (
            "is already in use by container",
            "remove the container of that name",
        ),
        (
            "no space left on device",
            "free some of the disk that the engine keeps its data on",
        ),
        (
            "No such image",
            "it was removed while the suite ran; the next run builds it again",
        ),
    ];
    match hints.iter().find(|(sign, _)| text.contains(sign)) {
        Some((_, hint)) => format!("{text} ({hint})"),
        None => text.to_owned(),
    }
}

/// Removes all containers with this value of the label: for the reaper, after a kill.
///
/// The engine may be starting anew, and it may still create what the killed run had ordered: it is
/// looked until nothing has been found for a while.
///
/// # Errors
/// The engine does not answer in time, or cannot remove one.
pub(super) fn remove_all(socket: PathBuf, owner: &str) -> Result<(), String> {
    let client = connect(&Socket {
        path: socket,
        ours: false,
    })?;
    on_this_thread(async {
        labels::remove_until_none_come(&client, owner).await?;
        pull::remove_of(&client, owner).await
    })?
}

/// The files of an image and its command; `{address}` in it stands for where a service listens.
fn contents(wasmtime: bool, build: &BuildRequest<'_>) -> Result<(Contents, Vec<String>), String> {
    if wasmtime {
        wasmtime_image(build)
    } else {
        native_image(build)
    }
}

fn native_image(build: &BuildRequest<'_>) -> Result<(Contents, Vec<String>), String> {
    let program = super::native::program_of(build.workload);
    let server = STATIC.program(program)?;
    let inside = format!("/{program}");
    let mut command = vec![inside.clone()];
    command.extend(super::call_arguments(build.workload));
    if listens(build.workload) {
        command.push(ADDRESS.to_owned());
    }
    Ok((
        Contents {
            name: program.to_owned(),
            files: vec![(inside.into(), server)],
        },
        command,
    ))
}

/// Wasmtime with the shared libraries that it names, and the guest: as people put a runtime into an
/// image.
fn wasmtime_image(build: &BuildRequest<'_>) -> Result<(Contents, Vec<String>), String> {
    let found = WasmtimeCli.find().map_err(|error| error.to_string())?;
    let spec = WasmtimeCli.prepare(&found, build)?;
    let artifact = spec.artifact.ok_or("Wasmtime has no artifact")?;
    let (outside, inside) = (text(&artifact), "/app.wasm");
    let mut command = vec!["/wasmtime".to_owned()];
    command.extend(spec.arguments.iter().map(|argument| {
        if *argument == outside {
            inside.to_owned()
        } else {
            argument.clone()
        }
    }));
    let mut files = vec![
        ("/wasmtime".into(), found.program.clone()),
        (inside.into(), artifact),
    ];
    let ldd = super::find_program("ldd", &[]).ok_or("there is no program `ldd`")?;
    let libraries = super::run(&ldd, &[text(&found.program)])?;
    let paths = libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from);
    files.extend(paths.map(|path| (path.clone(), path)));
    let mode = build.acquire.map_or("", Acquire::name).replace('_', "-");
    Ok((
        Contents {
            name: format!("wasmtime-{}-{mode}", build.workload.name()),
            files,
        },
        command,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let server = |message: &str| {
            describe_error(&Error::DockerResponseServerError {
                status_code: 500,
                message: message.into(),
            })
        };
        assert!(
            server("Bind for 127.0.0.1:80 failed: port is already allocated")
                .ends_with("has the port)")
        );
        assert!(server("write /x: no space left on device").contains("free some of the disk"));
        let denied = std::io::Error::from_raw_os_error(13);
        assert!(describe_error(&Error::IOError { err: denied }).contains("be root"));
        assert_eq!(server("something else"), "something else");
    }
}
