//! `host-wasmedge serve`: a service on WasmEdge's sockets, served until SIGTERM. `host serve
//! --engine wasmedge` becomes this.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use host_probe::given::Given;
use host_probe::settings::Engine;
use host_probe::{exit, files};
use host_wasmedge::vm::{configuration, machine, quiet, wasi};
use host_wasmedge::words::words;
use machine::clock::now_ns;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrStorage, sockopt};
use signal_hook::consts::{SIGINT, SIGTERM};
use wasmedge_sdk::RunMode;
use wasmedge_sdk::utils::CoreVersion;

use crate::args::{self, Error};
use crate::artifact::{self, Artifact};

pub(crate) const USAGE: &str = "host-wasmedge serve --artifact FILE [--addr IP:PORT] [--acquire \
    interpret|aot] [--memory-limit MIB] [--env NAME=VALUE]... [--dir HOST[::GUEST][:rw]]... \
    [--milestones FILE]";

struct Options {
    file: PathBuf,
    acquire: Option<OsString>,
    mode: RunMode,
    address: SocketAddr,
    memory_limit_bytes: u64,
    given: Given,
    milestones: Option<PathBuf>,
}

/// Serves with these flags, until the guest ends. `first_statement_ns` is when `main` began.
pub(crate) fn run(flags: &[OsString], first_statement_ns: u64) -> Result<u8, Error> {
    serve(&parse(flags)?, first_statement_ns).map(|()| 0)
}

fn parse(flags: &[OsString]) -> Result<Options, Error> {
    let names = [
        "--artifact",
        "--addr",
        "--acquire",
        "--memory-limit",
        "--milestones",
    ];
    let (flags, given) = args::given(flags, USAGE)?;
    let [artifact, address, acquire, memory_limit, milestones] =
        args::values(&flags, names, USAGE)?;
    let file = args::artifact_path(artifact, USAGE)?;
    let milestones = milestones.map(PathBuf::from);
    if let Some(path) = milestones.as_deref().filter(|it| files::is_same(it, &file)) {
        return Err(Error::usage(
            format_args!("--milestones {} is the artifact itself", path.display()),
            USAGE,
        ));
    }
    let address = address.map_or_else(
        || "127.0.0.1:0".to_owned(),
        |value| value.to_string_lossy().into_owned(),
    );
    Ok(Options {
        address: address
            .parse()
            .map_err(|_| Error::usage(format_args!("`{address}` is no IP:PORT"), USAGE))?,
        memory_limit_bytes: args::memory_limit(memory_limit, USAGE)?,
        milestones,
        given,
        mode: artifact::mode(acquire.as_deref(), USAGE)?,
        acquire,
        file,
    })
}

fn serve(options: &Options, first_statement_ns: u64) -> Result<(), Error> {
    quiet();
    end_on_signals()?;
    if options.address.port() != 0 {
        check_free(options.address)?;
    }
    let file = &options.file;
    let config = configuration(options.mode, Some(options.memory_limit_bytes))
        .map_err(|error| Error::cannot_run(file, &error))?;
    let engine_ns = now_ns();
    let mut wasi = wasi(&["service", &options.address.to_string()], &options.given)
        .map_err(|error| Error::cannot_run(file, &error))?;
    let mut vm = machine(&config, &mut wasi).map_err(|error| Error::cannot_run(file, &error))?;
    let imports_ns = now_ns();
    // Engine and imports come before the artifact is opened, as in the engine's own command line.
    let artifact = Artifact::open(file, options.acquire.as_deref(), USAGE)?;
    let module = artifact.load(&config)?;
    let acquired_ns = now_ns();
    vm.register_module(None, module)
        .map_err(|error| Error::not_instantiated(file, &error))?;
    let instantiated_ns = now_ns();
    if let Some(path) = &options.milestones {
        // All that is known from here: the guest listens, accepts and answers by itself.
        let line = serde_json::json!({
            "engine": Engine::WasmEdge.product(),
            "engine_version": CoreVersion::version_string(),
            "run_mode": format!("{:?}", config.run_mode()).to_lowercase(),
            "state": "in the one instance",
            "first_statement_ns": first_statement_ns,
            "engine_ns": engine_ns,
            "imports_ns": imports_ns,
            "acquired_ns": acquired_ns,
            "instantiated_ns": instantiated_ns,
        });
        write_milestones(path, &line)?;
    }
    let ran = vm.run_func(None, "_start", []);
    drop(vm);
    let misbehaved = |message: String| {
        let hint = "it gets the address to listen on as its first argument, and serves until it \
            is ended";
        Err(Error::new(exit::GUEST, message, hint))
    };
    match (ran, wasi.exit_code()) {
        (Ok(_), 0) => Ok(()),
        (Ok(_), code) => misbehaved(format!("the guest ended with code {code}")),
        (Err(error), _) => misbehaved(format!("the guest trapped: {}", words(&error))),
    }
}

/// The guest is inside its own loop and cannot be asked to stop: the handler itself ends the
/// process.
fn end_on_signals() -> Result<(), Error> {
    let at_once = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 0, Arc::clone(&at_once)).map_err(
            |error| {
                Error::new(
                    exit::INTERNAL,
                    format_args!("cannot watch for signals: {error}"),
                    "see ulimit -a",
                )
            },
        )?;
    }
    Ok(())
}

/// Checks that the guest can listen there: it would only print that it cannot, in its own words.
///
/// Bound and not listened on: whoever watches for the port to open is not to see it twice.
fn check_free(address: SocketAddr) -> Result<(), Error> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let bind = || {
        let socket = socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        socket::setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        socket::bind(
            std::os::fd::AsRawFd::as_raw_fd(&socket),
            &SockaddrStorage::from(address),
        )
    };
    bind().map_err(|error| {
        Error::new(
            exit::INTERNAL,
            format_args!("cannot listen on {address}: {error}"),
            "--addr 127.0.0.1:0 takes any free port; `ss -ltnp` shows who has this one",
        )
    })
}

/// Writes the milestones. Whoever waits for the file sees all of it or nothing.
fn write_milestones(path: &Path, line: &serde_json::Value) -> Result<(), Error> {
    files::replace(path, format!("{line}\n").as_bytes()).map_err(|error| {
        Error::new(
            exit::RESULTS,
            format_args!("cannot write {}: {error}", path.display()),
            "--milestones FILE needs a folder that exists and is writable",
        )
    })
}
