//! The control of `external compare embedded-vs-cli`: the program `host`, linked as the engine's command
//! line is, to be loaded at any address; and, if asked to, doing first what that does before anything
//! else.
//!
//! A second link of the same objects. What it takes longer than `host` is the price of its relocations.

use std::ffi::OsString;
use std::process::ExitCode;

use wasmtime::{Config, Engine, Memory, MemoryType, Store};

/// The first argument that has it look for the address space of a pool.
const POOL_PROBE: &str = "--pool-probe";

fn main() -> ExitCode {
    machine::signals::establish();
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments
        .get(1)
        .is_some_and(|argument| argument == POOL_PROBE)
    {
        arguments.remove(1);
        let _there = probe_pool();
    }
    host::enter(arguments)
}

/// What `wasmtime serve` does whichever allocator it is then told to use: it makes an engine and reserves
/// 42 bits of address space, to find out whether a pool can be had. The steps are those of
/// `use_pooling_allocator_by_default` in wasmtime-cli 48, `src/commands/serve.rs`.
fn probe_pool() -> bool {
    const BITS: u32 = 42;
    const PAGE_BITS: u32 = 16;
    let mut config = Config::new();
    config.wasm_memory64(true);
    config.memory_reservation(1 << BITS);
    let Ok(engine) = Engine::new(&config) else {
        return false;
    };
    let mut store = Store::new(&engine, ());
    let memory = MemoryType::new64(0, Some(1 << (BITS - PAGE_BITS)));
    Memory::new(&mut store, memory).is_ok()
}
