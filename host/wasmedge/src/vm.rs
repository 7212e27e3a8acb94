//! What every run of a guest is made of: a configuration, code, a WASI context, and the machine
//! that has them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use host_probe::report::{Cause, Failure};
use wasmedge_sdk::config::{
    CommonConfigOptions, CompilerConfigOptions, Config, ConfigBuilder, RuntimeConfigOptions,
};
use wasmedge_sdk::error::WasmEdgeError;
use wasmedge_sdk::wasi::WasiModule;
use wasmedge_sdk::{Compiler, CompilerOutputFormat, Instance, LogManager, RunMode, Store, Vm};

use crate::words::words;

/// A page of Wasm memory.
const PAGE_BYTES: u64 = 64 * 1024;

/// The name of the code that [`compile`] makes, without its ending.
const COMPILED: &str = "code";

/// A machine that has its imports: an instance can be made in it.
pub type Machine<'a> = Vm<'a, Instance>;

/// The engine logs to standard output, among what the guest prints and what is reported there: it
/// does not from now on.
pub fn quiet() {
    LogManager::log_off();
}

/// A configuration for a mode, with a bound on the guest's memory.
///
/// # Errors
/// The machine has no memory left for it.
pub fn configuration(mode: RunMode, memory_limit_bytes: Option<u64>) -> Result<Config, Failure> {
    let compiler = CompilerConfigOptions::new().out_format(CompilerOutputFormat::Native);
    let mut builder = ConfigBuilder::new(CommonConfigOptions::default().run_mode(mode))
        .with_compiler_config(compiler);
    if let Some(bytes) = memory_limit_bytes {
        let pages = u32::try_from(bytes / PAGE_BYTES)
            .unwrap_or(u32::MAX)
            .min(65_536);
        builder = builder.with_runtime_config(RuntimeConfigOptions::new().max_memory_pages(pages));
    }
    builder
        .build()
        .map_err(|error| failure(Cause::Machine, "cannot make a configuration", &error))
}

/// Compiles Wasm into a shared library in `folder`.
///
/// # Errors
/// It does not compile, or cannot be written.
pub fn compile(wasm: &[u8], folder: &Path) -> Result<PathBuf, Failure> {
    let config = configuration(RunMode::Aot, None)?;
    Compiler::new(Some(&config))
        .and_then(|compiler| compiler.compile_from_bytes(wasm, COMPILED, folder))
        .map_err(|error| failure(Cause::Artifact, "it does not compile", &error))
}

/// A WASI context that gives a guest these arguments, its name first; no files and no environment.
///
/// # Errors
/// The machine has no memory left for it.
pub fn wasi<T: AsRef<str>>(arguments: &[T]) -> Result<WasiModule, Failure> {
    WasiModule::create(
        Some(arguments.iter().map(AsRef::as_ref).collect()),
        None,
        None,
    )
    .map_err(|error| failure(Cause::Machine, "cannot make a WASI context", &error))
}

/// A store with the WASI context for its only import, and the machine around it.
///
/// # Errors
/// The engine's own.
pub fn machine<'a>(config: &Config, wasi: &'a mut WasiModule) -> Result<Machine<'a>, Failure> {
    let imports: HashMap<String, &mut Instance> =
        HashMap::from([(wasi.name().to_owned(), wasi.as_mut())]);
    let store = Store::new(Some(config), imports)
        .map_err(|error| failure(Cause::Artifact, "it does not link", &error))?;
    Ok(Vm::new(store))
}

fn failure(cause: Cause, what: &str, error: &WasmEdgeError) -> Failure {
    Failure::new(cause, format!("{what}: {}", words(error)))
}
