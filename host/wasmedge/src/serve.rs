//! `host-wasmedge serve`: a service on WasmEdge's sockets, served until SIGTERM. `host serve --engine wasmedge` becomes this.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use results::clock::now_ns;
use signal_hook::consts::{SIGINT, SIGTERM};
use wasmedge_sdk::wasi::WasiModule;
use wasmedge_sdk::{Instance, Module, RunMode, Store, Vm};

use crate::start::{configuration, quiet};
use crate::{ARTIFACT_EXIT, GUEST_EXIT, USAGE_EXIT};

const USAGE: &str = "host-wasmedge serve --artifact FILE [--addr IP:PORT] [--acquire interpret|aot] [--memory-limit MIB] \
                     [--milestones FILE]";

struct Options {
    artifact: PathBuf,
    address: String,
    mode: RunMode,
    memory_limit_mib: u64,
    milestones: Option<PathBuf>,
}

/// Serves, or says why not.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let done = parse(arguments).map_err(|reason| (USAGE_EXIT, reason)).and_then(|options| serve(&options));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, reason)) => {
            let _ = writeln!(std::io::stderr(), "error: {reason}");
            ExitCode::from(code)
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Options, String> {
    let usage = |reason: String| format!("{reason}\n  hint: {USAGE}");
    let [serve, flags @ ..] = arguments else { return Err(usage("nothing to do".to_owned())) };
    if serve != "serve" {
        return Err(usage(format!("`{}` is no command", serve.to_string_lossy())));
    }
    let (mut artifact, mut address, mut mode) = (None, "127.0.0.1:0".to_owned(), None);
    let (mut memory_limit_mib, mut milestones) = (1024, None);
    for pair in flags.chunks(2) {
        let [flag, value] = pair else {
            return Err(usage(format!("{} lacks its value", pair[0].to_string_lossy())));
        };
        let text = value.to_string_lossy().into_owned();
        match &*flag.to_string_lossy() {
            "--artifact" => artifact = Some(PathBuf::from(value)),
            "--addr" => {
                text.parse::<std::net::SocketAddr>().map_err(|_| usage(format!("`{text}` is no IP:PORT")))?;
                address = text;
            }
            "--acquire" => {
                mode = Some(match &*text {
                    "interpret" => RunMode::Interpreter,
                    "aot" => RunMode::Aot,
                    _ => return Err(usage(format!("--acquire has no value `{text}`"))),
                });
            }
            "--memory-limit" => {
                memory_limit_mib = text.parse().map_err(|_| usage(format!("`{text}` is no number of MiB")))?;
            }
            "--milestones" => milestones = Some(PathBuf::from(value)),
            other => return Err(usage(format!("there is no flag {other}"))),
        }
    }
    let artifact = artifact.ok_or_else(|| usage("--artifact is missing".to_owned()))?;
    let compiled = artifact.extension().is_some_and(|ending| ending == "so");
    let mode = mode.unwrap_or(if compiled { RunMode::Aot } else { RunMode::Interpreter });
    if compiled != matches!(mode, RunMode::Aot) {
        return Err(usage(format!(
            "{} does not go with that --acquire: a shared library (.so) is compiled code, all else is interpreted",
            artifact.display()
        )));
    }
    Ok(Options { artifact, address, mode, memory_limit_mib, milestones })
}

fn serve(options: &Options) -> Result<(), (u8, String)> {
    let first_statement_ns = now_ns();
    quiet();
    // The guest is inside its own loop and asks nobody: the handler itself ends the process.
    let at_once = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 0, Arc::clone(&at_once))
            .map_err(|error| (1, format!("cannot watch for signals: {error}")))?;
    }
    let file = options.artifact.display();
    let config = configuration(options.mode, Some(options.memory_limit_mib * 1024 * 1024))
        .map_err(|failure| (1, failure.to_string()))?;
    let engine_ns = now_ns();
    let unusable = |error: &dyn std::fmt::Display| {
        (
            ARTIFACT_EXIT,
            format!(
                "cannot use {file}: {error}\n  hint: it takes a module on WasmEdge's sockets, as Wasm or as a .so that this version compiled"
            ),
        )
    };
    std::fs::metadata(&options.artifact).map_err(|error| unusable(&error))?;
    let module = Module::from_file(Some(&config), &options.artifact).map_err(|error| unusable(&error))?;
    let acquired_ns = now_ns();
    let mut wasi = WasiModule::create(Some(vec!["service", &options.address]), None, None)
        .map_err(|error| (1, format!("cannot make a WASI context: {error}")))?;
    let imports: HashMap<String, &mut Instance> = HashMap::from([(wasi.name().to_owned(), wasi.as_mut())]);
    let store = Store::new(Some(&config), imports).map_err(|error| unusable(&error))?;
    let mut vm = Vm::new(store);
    let linked_ns = now_ns();
    vm.register_module(None, module).map_err(|error| unusable(&error))?;
    let instantiated_ns = now_ns();
    if let Some(path) = &options.milestones {
        // All that is known from here: the guest listens, accepts and answers by itself.
        let line = serde_json::json!({
            "engine": "wasmedge", "engine_version": wasmedge_sdk::utils::CoreVersion::version_string(),
            "run_mode": format!("{:?}", config.run_mode()).to_lowercase(), "state": "in the one instance",
            "first_statement_ns": first_statement_ns, "engine_ns": engine_ns, "acquired_ns": acquired_ns,
            "linked_ns": linked_ns, "instantiated_ns": instantiated_ns,
        });
        std::fs::write(path, format!("{line}\n"))
            .map_err(|error| (5, format!("cannot write {}: {error}", path.display())))?;
    }
    let ran = vm.run_func(None, "_start", []);
    drop(vm);
    match (ran, wasi.exit_code()) {
        (Ok(_), 0) => Ok(()),
        (Ok(_), code) => Err((GUEST_EXIT, format!("the guest ended with code {code}; is {} free?", options.address))),
        (Err(error), _) => Err((GUEST_EXIT, format!("the guest trapped: {error}"))),
    }
}
