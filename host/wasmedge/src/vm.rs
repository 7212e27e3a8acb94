//! What every run of a guest is made of: a configuration, code, a WASI context, and the machine
//! that has them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use host_probe::given::{Folder, Given};
use host_probe::report::{Cause, Failure};
use wasmedge_sdk::config::{
    CommonConfigOptions, CompilerConfigOptions, Config, ConfigBuilder, RuntimeConfigOptions,
};
use wasmedge_sdk::error::WasmEdgeError;
use wasmedge_sdk::wasi::WasiModule;
use wasmedge_sdk::{
    Compiler, CompilerOptimizationLevel, CompilerOutputFormat, Instance, LogManager, RunMode,
    Store, Vm,
};

use crate::words::words;

/// A page of Wasm memory.
const PAGE_BYTES: u64 = 64 * 1024;

/// The name of the code that [`compile`] makes, without its ending.
const COMPILED: &str = "code";

/// How much code is optimised that nobody says anything about: as the SDK does by itself. The engine's
/// command line takes one level less.
pub const OPTIMIZATION: CompilerOptimizationLevel = CompilerOptimizationLevel::O3;

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
    build(mode, memory_limit_bytes, OPTIMIZATION)
}

fn build(
    mode: RunMode,
    memory_limit_bytes: Option<u64>,
    optimization: CompilerOptimizationLevel,
) -> Result<Config, Failure> {
    let compiler = CompilerConfigOptions::new()
        .optimization_level(optimization)
        .out_format(CompilerOutputFormat::Native);
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

/// Compiles Wasm into a shared library in `folder`, optimised so much.
///
/// # Errors
/// It does not compile, cannot be written, or brings native code along.
pub fn compile(
    wasm: &[u8],
    folder: &Path,
    optimization: CompilerOptimizationLevel,
) -> Result<PathBuf, Failure> {
    if holds_native_code(wasm) {
        return Err(Failure::new(
            Cause::Artifact,
            "it holds native code in a section `wasmedge`, which would run unchecked in place of \
                what is compiled here",
        ));
    }
    let config = build(RunMode::Aot, None, optimization)?;
    Compiler::new(Some(&config))
        .and_then(|compiler| compiler.compile_from_bytes(wasm, COMPILED, folder))
        .map_err(|error| failure(Cause::Artifact, "it does not compile", &error))
}

/// Whether a module holds code that was compiled elsewhere, in the section that this engine loads
/// where it runs compiled code. What is no module is the compiler's to refuse.
fn holds_native_code(wasm: &[u8]) -> bool {
    const HEADER_BYTES: usize = 8;
    const CUSTOM: u8 = 0;
    let mut rest = wasm.get(HEADER_BYTES..).unwrap_or_default();
    while let Some((&section, after)) = rest.split_first() {
        let Some((contents, after)) = prefixed(after) else {
            return false;
        };
        if section == CUSTOM && prefixed(contents).is_some_and(|(name, _)| name == b"wasmedge") {
            return true;
        }
        rest = after;
    }
    false
}

/// The bytes behind their number, which is in LEB128, and what follows.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length: u64 = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return bytes[at + 1..].split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

/// A WASI context that gives a guest these arguments, its name first, and what it is given besides.
///
/// # Errors
/// The machine has no memory left for it, or a path is one that the engine cannot be told.
pub fn wasi<T: AsRef<str>>(arguments: &[T], given: &Given) -> Result<WasiModule, Failure> {
    let environment: Vec<String> = given.environment.iter().map(ToString::to_string).collect();
    let folders: Vec<String> = given
        .folders
        .iter()
        .map(mapping)
        .collect::<Result<_, _>>()?;
    WasiModule::create(
        Some(arguments.iter().map(AsRef::as_ref).collect()),
        texts(&environment),
        texts(&folders),
    )
    .map_err(|error| failure(Cause::Machine, "cannot make a WASI context", &error))
}

/// Texts as the engine takes them: nothing for none.
fn texts(texts: &[String]) -> Option<Vec<&str>> {
    (!texts.is_empty()).then(|| texts.iter().map(String::as_str).collect())
}

/// A folder as the engine is told it: `guest:host`, and `:readonly` unless the guest may write.
fn mapping(folder: &Folder) -> Result<String, Failure> {
    let Folder {
        host,
        guest,
        writable,
    } = folder;
    // Held folders have such a path.
    let host = host.to_str().filter(|host| !host.contains(':'));
    let host = host.ok_or_else(|| {
        let reason = format!("this engine takes no folder {}", folder.host.display());
        Failure::new(Cause::Machine, reason)
    })?;
    let mode = if *writable { "" } else { ":readonly" };
    Ok(format!("{guest}:{host}{mode}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_a_module_brings_along_is_found_and_not_compiled_over() {
        let header = b"\0asm\x01\0\0\0".as_slice();
        let section = |id: u8, contents: &[u8]| {
            let length = u8::try_from(contents.len()).unwrap();
            // Its length in two bytes, as LEB128 allows.
            [&[id, length | 0x80, 0], contents].concat()
        };
        let module = |sections: &[Vec<u8>]| [header, &sections.concat()].concat();
        let native = section(0, b"\x08wasmedge\x7fELF");
        let (other, types) = (section(0, b"\x04name"), section(1, b"\0"));
        for with in [
            vec![native.clone()],
            vec![other.clone(), types.clone(), native.clone()],
            vec![native.clone(), types.clone()],
        ] {
            let wasm = module(&with);
            assert!(holds_native_code(&wasm));
            let folder = tempfile::tempdir().unwrap();
            let failure = compile(&wasm, folder.path(), OPTIMIZATION).unwrap_err();
            assert_eq!(failure.cause, Cause::Artifact);
        }
        assert!(!holds_native_code(&module(&[other, types])));
        let cut = module(&[native]);
        assert!(!holds_native_code(&cut[..12]));
        for none in [&b""[..], b"\0asm", header, b"text that is no module at all"] {
            assert!(!holds_native_code(none));
        }
    }
}
