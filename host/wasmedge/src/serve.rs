//! `host-wasmedge serve`: a service on WasmEdge's sockets, served until SIGTERM. `host serve
//! --engine wasmedge` becomes this.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use host_wasmedge::vm::{configuration, machine, quiet, wasi};
use machine::clock::now_ns;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrStorage, sockopt};
use signal_hook::consts::{SIGINT, SIGTERM};
use wasmedge_sdk::utils::CoreVersion;
use wasmedge_sdk::{Module, RunMode};

use crate::asked::{
    self, Failed, GUEST_EXIT, INTERNAL_EXIT, RESULTS_EXIT, failed, unusable, wrong,
};

const USAGE: &str = "host-wasmedge serve --artifact FILE [--addr IP:PORT] [--acquire \
    interpret|aot] [--memory-limit MIB] [--milestones FILE]";

struct Options {
    artifact: PathBuf,
    address: SocketAddr,
    mode: RunMode,
    memory_limit_bytes: u64,
    milestones: Option<PathBuf>,
}

/// Serves, or says why not. `first_statement_ns` is when `main` began.
pub(crate) fn run(arguments: &[OsString], first_statement_ns: u64) -> ExitCode {
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        // If nobody reads, nobody is left to be told.
        let _ = writeln!(std::io::stdout(), "Usage: {USAGE}");
        return ExitCode::SUCCESS;
    }
    match parse(arguments).and_then(|options| serve(&options, first_statement_ns)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, reason)) => {
            let _ = writeln!(std::io::stderr(), "error: {reason}");
            ExitCode::from(code)
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Options, Failed> {
    let [serve, flags @ ..] = arguments else {
        return Err(wrong("nothing to do", USAGE));
    };
    if serve != "serve" {
        return Err(wrong(
            format_args!("`{}` is no command", serve.display()),
            USAGE,
        ));
    }
    let names = [
        "--artifact",
        "--addr",
        "--acquire",
        "--memory-limit",
        "--milestones",
    ];
    let [artifact, address, acquire, memory_limit, milestones] =
        asked::values(flags, names, USAGE)?;
    let artifact = PathBuf::from(artifact.ok_or_else(|| wrong("--artifact is missing", USAGE))?);
    let mode = asked::mode(&artifact, acquire.as_deref(), USAGE)?;
    let text = |value: Option<OsString>, default: &str| {
        value.map_or_else(
            || default.to_owned(),
            |value| value.to_string_lossy().into_owned(),
        )
    };
    let (address, memory_limit) = (text(address, "127.0.0.1:0"), text(memory_limit, "1024"));
    Ok(Options {
        artifact,
        address: address
            .parse()
            .map_err(|_| wrong(format_args!("`{address}` is no IP:PORT"), USAGE))?,
        mode,
        memory_limit_bytes: memory_limit
            .parse()
            .ok()
            .and_then(|mebibytes: u64| mebibytes.checked_mul(1024 * 1024))
            .ok_or_else(|| wrong(format_args!("`{memory_limit}` is no number of MiB"), USAGE))?,
        milestones: milestones.map(PathBuf::from),
    })
}

fn serve(options: &Options, first_statement_ns: u64) -> Result<(), Failed> {
    quiet();
    // The guest is inside its own loop and asks nobody: the handler itself ends the process.
    let at_once = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 0, Arc::clone(&at_once)).map_err(
            |error| {
                (
                    INTERNAL_EXIT,
                    format!("cannot watch for signals: {error}\n  hint: see ulimit -a"),
                )
            },
        )?;
    }
    if options.address.port() != 0 {
        free(options.address)?;
    }
    let file = &options.artifact;
    let config = configuration(options.mode, Some(options.memory_limit_bytes))
        .map_err(|error| failed(file, &error))?;
    let engine_ns = now_ns();
    std::fs::metadata(file).map_err(|error| unusable(file, &error))?;
    let module = Module::from_file(Some(&config), file).map_err(|error| unusable(file, &error))?;
    let acquired_ns = now_ns();
    let mut wasi =
        wasi(&["service", &options.address.to_string()]).map_err(|error| failed(file, &error))?;
    let mut vm = machine(&config, &mut wasi).map_err(|error| failed(file, &error))?;
    let linked_ns = now_ns();
    vm.register_module(None, module)
        .map_err(|error| unusable(file, &error))?;
    let instantiated_ns = now_ns();
    if let Some(path) = &options.milestones {
        // All that is known from here: the guest listens, accepts and answers by itself.
        let line = serde_json::json!({
            "engine": "wasmedge", "engine_version": CoreVersion::version_string(),
            "run_mode": format!("{:?}", config.run_mode()).to_lowercase(), "state": "in the one \
                instance",
            "first_statement_ns": first_statement_ns, "engine_ns": engine_ns, "acquired_ns": acquired_ns,
            "linked_ns": linked_ns, "instantiated_ns": instantiated_ns,
        });
        write_whole(path, &format!("{line}\n")).map_err(|error| {
            let hint = "--milestones FILE needs a folder that exists and is writable";
            (
                RESULTS_EXIT,
                format!("cannot write {}: {error}\n  hint: {hint}", path.display()),
            )
        })?;
    }
    let ran = vm.run_func(None, "_start", []);
    drop(vm);
    let hint = "it is told where to listen in its first argument, and serves until it is ended";
    match (ran, wasi.exit_code()) {
        (Ok(_), 0) => Ok(()),
        (Ok(_), code) => Err((
            GUEST_EXIT,
            format!("the guest ended with code {code}\n  hint: {hint}"),
        )),
        (Err(error), _) => Err((
            GUEST_EXIT,
            format!("the guest trapped: {error}\n  hint: {hint}"),
        )),
    }
}

/// Whether the guest could listen there. It would only say that it could not, in words of its own.
///
/// Bound and not listened on: whoever watches for the port to open is not to see it twice.
fn free(address: SocketAddr) -> Result<(), Failed> {
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
        let hint = "--addr 127.0.0.1:0 takes any free port; `ss -ltnp` shows who has this one";
        (
            INTERNAL_EXIT,
            format!("cannot listen on {address}: {error}\n  hint: {hint}"),
        )
    })
}

/// Whoever waits for the file sees all of it or nothing.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, path)
}
