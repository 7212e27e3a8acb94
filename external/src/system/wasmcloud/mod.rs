//! wasmCloud: a host, `wash host`, that is given workloads over NATS and gets their components out
//! of an OCI registry.
//!
//! A start in it is the start of a host (unless one lives on), an order to it, and the first
//! request:
//!
//! - `spawn`: launch → the host's program is executed. With `infrastructure=new` NATS and the
//!   registry are launched before it, one after the other having become ready, and lie in this
//!   phase; `attested` holds the instants.
//! - `host_ready`: → the host says that it has started. It listens and is connected to NATS by
//!   then, and subscribes to its orders right after.
//! - `schedule`: the order sent → the host's answer that the workload is running. The component is
//!   pulled, or found in the host's cache of images, then compiled and linked. That cache holds
//!   components, never compiled code.
//! - `connect`: → the connection over which the first answer came.
//! - `respond`: → that answer.
//!
//! Where the host lives on, a start begins with `schedule`.
//!
//! **Variants.** `host`: `new` launches one for each sample, `running` leaves one alive between
//! samples. `image`: the host's cache of images is empty (`pulled`) or holds the component
//! (`cached`; the host asks the registry all the same whether it is still the one of that name).
//! `registry`, where it is pulled: `plain`, or `tls` with a certificate that the host was told to trust.
//! `code`, of a host that lives on: it has kept the compiled code of a component that it knows
//! (`kept`), or is given one that it has never seen (`compiled`), as by any new deployment.
//! `infrastructure=new`: NATS and the registry are started within the start, too. `pool=on`: the
//! component may keep an instance between requests. That has an effect on components of WASI 0.3
//! only; ours speak 0.2 and are instantiated for each request all the same. So no variant of a plan
//! has it, and a test fails when that changes.
//!
//! **Who may order** is in [`access`]: a password for orders, room for one host, images by digest from
//! a read-only registry. All programs are confined to the run's folder and their ports.
//!
//! **What is left alone.** Everything listens on the loopback only, the environment is empty but
//! for a home folder of the run's own, and standard input is no terminal: then `wash` looks for no
//! newer version of itself and exports no telemetry. Of all that a start connects to, nothing lies
//! elsewhere. A registry on the loopback is reached over plain HTTP at once, whatever the help of
//! the host's flag for insecure registries says of HTTPS.
//!
//! The program is that of `./setup wasmcloud`, or one that the variable `WASH` names.

mod access;
mod control;
mod engine;
mod host;
mod host_state;
mod installation;
mod instance;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use results::record::Scenario;
use results::values::Lifecycle;
use results::{Params, Skip};
use workloads::{Dialect, Target, Workload};

use super::managed::{self, Engine, EngineContext, ManagedSystem, programs};
use super::own_workload::check_guest;
use super::programs::unavailable;
use super::{
    Acquire, Adapter, BuildRequest, Estimate, Found, Instancing, LaunchSpec, Unavailable,
    find_program, found, listens, named_or_installed, pull,
};

pub use host_state::variants;

/// What mends whatever is missing.
const REMEDY: &str = "`./setup wasmcloud` installs it";

/// The version of `wash` that `./setup wasmcloud` installs, read from the line that it reads.
fn version() -> &'static str {
    let line = include_str!("../../../../setup")
        .lines()
        .find_map(|line| line.strip_prefix("readonly WASH_VERSION="));
    line.expect("setup names the version of wash")
}

/// wasmCloud's host with what it needs around it.
#[derive(Debug)]
pub struct WasmCloud;

/// The programs of a wasmCloud.
#[derive(Debug, Clone)]
struct Programs {
    wash: PathBuf,
    nats: PathBuf,
    registry: PathBuf,
}

impl Programs {
    fn find() -> Result<Self, String> {
        // Debian keeps servers where the path of ordinary users does not lead.
        let servers =
            |name: &str| ["/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
        let missing = |name: &str| format!("there is no program `{name}`");
        Ok(Self {
            wash: named_or_installed("WASH", &format!("wash-{}/wash", version()))?,
            nats: find_program("nats-server", &servers("nats-server"))
                .ok_or_else(|| missing("nats-server"))?,
            registry: pull::find_program()?,
        })
    }
}

impl Adapter for WasmCloud {
    fn name(&self) -> &'static str {
        "wasmcloud"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let unavailable = unavailable(REMEDY);
        let programs = Programs::find().map_err(&unavailable)?;
        let version = version_of(&programs.wash).map_err(&unavailable)?;
        if !version.starts_with("2.") {
            let reason = format!(
                "{} is of version {version}; orders to a host differ before 2",
                programs.wash.display()
            );
            return Err(unavailable(reason));
        }
        let engine_version = engine_version(&programs.wash).map_err(&unavailable)?;
        Ok(Found {
            engine_version,
            ..found(programs.wash, version, REMEDY)?
        })
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Err(
            "its host gives each request of a WASI 0.2 component an instance of its own, and the \
                component imports no store that would outlive it",
        )
    }

    fn instancings(&self) -> &'static [Instancing] {
        // Its host decides on the pool; nothing of an order does.
        const EACH: Instancing = Instancing {
            lifecycle: Lifecycle::PerRequest,
            pool: None,
        };
        &[EACH]
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &[]
    }

    fn lacks(&self, scenario: Scenario) -> Option<&'static str> {
        (scenario == Scenario::CodeCold).then_some(
            "it keeps no compiled code on disk and compiles in each new host, so they would be \
                those of warm-disk",
        )
    }

    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate::start(200.0)
    }

    fn prepare(&self, _: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Err(
            "wasmCloud is no program that is launched and answers: it runs workloads in a host"
                .to_owned(),
        )
    }

    fn supports(&self, workload: Workload) -> bool {
        listens(workload)
    }

    fn check_own(&self, target: &Target) -> Result<(), Skip> {
        check_guest(self.name(), Dialect::WasiHttp, false, target)
    }

    fn managed(&self) -> Option<&dyn ManagedSystem> {
        Some(self)
    }
}

impl ManagedSystem for WasmCloud {
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String> {
        let programs = Programs::find().map_err(|reason| format!("{reason}: {REMEDY}"))?;
        let programs = Programs {
            wash: context.found.program.clone(),
            ..programs
        };
        Ok(Box::new(engine::Lattice::new(
            installation::Installation::new(programs, context.work, context.reaper)?,
        )))
    }

    fn shares_engine(&self) -> bool {
        true
    }

    fn programs(&self, found: &Found) -> managed::Programs {
        managed::Programs {
            started: vec![found.program.clone()],
            live_on: programs(&["nats-server", "docker-registry"]),
        }
    }

    fn variants(&self, _: bool, scenario: Scenario) -> Vec<Params> {
        variants(scenario)
    }
}

/// What a program says its version is: the last word of the first line, without a `v`.
///
/// It runs in a home of its own: `wash` makes folders in the one that it is given, whatever its
/// command.
fn version_of(program: &Path) -> Result<String, String> {
    let home = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| format!("cannot make a folder for temporary files: {error}"))?;
    let mut command = Command::new(program);
    command
        .arg("--version")
        .env_clear()
        .env("HOME", home.path())
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let version = printed
        .lines()
        .next()
        .and_then(|line| line.rsplit([' ', ':']).next())
        .filter(|_| output.status.success());
    let version = version
        .ok_or_else(|| format!("`{} --version` does not say its version", program.display()))?;
    Ok(version.trim_start_matches('v').to_owned())
}

/// The version of Wasmtime in the program, which it has no option to say: where its crate panics, the
/// program names the file of the source, and that lies in a folder with the crate's name and version.
/// Nothing where there is no such name, or there are several versions.
///
/// # Errors
/// The program cannot be read.
fn engine_version(program: &Path) -> Result<Option<String>, String> {
    let bytes = std::fs::read(program)
        .map_err(|error| format!("cannot read {}: {error}", program.display()))?;
    Ok(crate_version(&bytes, "wasmtime"))
}

/// The only version of a crate whose source files are named in these bytes: `/NAME-VERSION/src/`.
fn crate_version(bytes: &[u8], name: &str) -> Option<String> {
    let before = format!("/{name}-");
    let mut found: Option<&[u8]> = None;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        let Some(rest) = bytes[at..].strip_prefix(before.as_bytes()) else {
            continue;
        };
        let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let length = rest.iter().position(|byte| !is_version(byte))?;
        let (version, rest) = rest.split_at(length);
        if version.is_empty() || !rest.starts_with(b"/src/") {
            continue;
        }
        if found.is_some_and(|known| known != version) {
            return None;
        }
        found = Some(version);
    }
    found.map(|version| String::from_utf8_lossy(version).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_crate_is_that_of_the_folder_of_its_source() {
        let of = |text: &str| crate_version(text.as_bytes(), "wasmtime");
        let path = |version| format!("\0/x/wasmtime-{version}/src/a.rs\0");
        assert_eq!(of(&path("48.0.3")), Some("48.0.3".to_owned()));
        assert_eq!(of("/wasmtime-wasi-48.0.3/src/a.rs"), None);
        assert_eq!(of("/wasmtime-48.0.3.crate "), None);
        assert_eq!(
            of(&(path("48.0.3") + &path("48.0.3"))),
            Some("48.0.3".to_owned())
        );
        assert_eq!(
            of(&(path("48.0.3") + &path("49.0.0"))),
            None,
            "which one runs is not known"
        );
    }

    #[test]
    fn the_version_is_an_exact_one() {
        assert_eq!(version().split('.').count(), 3, "{}", version());
    }
}
