//! About how long starts take: for `--list` and nothing else.

use host_probe::settings::{CompileThreads, Compiler, Engine};

use super::plan::Start;
use super::target::Target;

/// About how long a start takes, in milliseconds. The constants are medians of a `full` run on two
/// cores at 2.9 GHz, rounded up.
pub(crate) fn estimate_ms(start: &Start, targets: &[Target]) -> f64 {
    const LAUNCH_PREPARE_WAIT_APPEND_MS: f64 = 17.0;
    let kilobytes = targets[start.target].bytes as f64 / 1000.0;
    if start.configuration.engine == Engine::WasmEdge {
        // Its shared libraries alone are 100 MB to map and relocate.
        return if start.configuration.compiles() {
            100.0 + 35.0 * kilobytes
        } else {
            60.0
        };
    }
    if start.configuration.engine.only_interprets() {
        return LAUNCH_PREPARE_WAIT_APPEND_MS;
    }
    let compile_ms = match (
        start.configuration.settings.compiler,
        start.configuration.settings.compile_threads,
    ) {
        _ if !start.configuration.compiles() => 0.0,
        (Compiler::Winch | Compiler::Singlepass, _) => 0.25 * kilobytes,
        (Compiler::CraneliftNone, _) => 0.5 * kilobytes,
        (Compiler::Cranelift, CompileThreads::Parallel) => 0.7 * kilobytes,
        (Compiler::Cranelift, CompileThreads::Single) => 1.2 * kilobytes,
    };
    LAUNCH_PREPARE_WAIT_APPEND_MS + compile_ms
}
