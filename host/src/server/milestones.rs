//! The milestones of a start.

use std::path::Path;

use host_probe::files;
use host_probe::settings::{Acquire, Allocator, Engine, Interrupt, Named as _};
use results::values::Lifecycle;
use serde_json::json;

use crate::cli::args::ServeArgs;

/// The milestones of a start, on `CLOCK_MONOTONIC` in nanoseconds.
#[derive(Debug)]
pub(super) struct Milestones {
    pub(super) first_statement_ns: u64,
    pub(super) listening_ns: u64,
    /// The executor is there, and the signals that end the server are waited for.
    pub(super) runtime_ns: u64,
    pub(super) engine_ns: u64,
    /// The host functions that most services take are defined.
    pub(super) imports_ns: u64,
    pub(super) acquired_ns: u64,
    pub(super) linked_ns: u64,
    pub(super) first_accepted_ns: Option<u64>,
    pub(super) first_answered_ns: u64,
    pub(super) acquire: Acquire,
    allocator: Allocator,
    interrupt: Interrupt,
    instances: Lifecycle,
}

impl Milestones {
    /// Those of a start that has just reached its first statement.
    pub(super) fn new(first_statement_ns: u64, options: &ServeArgs) -> Self {
        Self {
            first_statement_ns,
            listening_ns: 0,
            runtime_ns: 0,
            engine_ns: 0,
            imports_ns: 0,
            acquired_ns: 0,
            linked_ns: 0,
            first_accepted_ns: None,
            first_answered_ns: 0,
            acquire: Acquire::Compile,
            allocator: options.allocator,
            interrupt: options.interrupt,
            instances: options.instances,
        }
    }

    /// Writes them as one line. Whoever waits for the file sees all of it or nothing.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        let line = json!({
            "first_statement_ns": self.first_statement_ns,
            "listening_ns": self.listening_ns,
            "runtime_ns": self.runtime_ns,
            "engine_ns": self.engine_ns,
            "imports_ns": self.imports_ns,
            "acquired_ns": self.acquired_ns,
            "linked_ns": self.linked_ns,
            "first_accepted_ns": self.first_accepted_ns,
            "first_answered_ns": self.first_answered_ns,
            "engine": Engine::Wasmtime.product(),
            "engine_version": crate::engine::wasmtime::VERSION,
            "acquire": self.acquire.name(),
            "allocator": self.allocator.name(),
            "interrupt": self.interrupt.name(),
            "instances": self.instances.name(),
            "state": match self.instances {
                Lifecycle::PerRequest => "none: every request begins with a fresh instance",
                Lifecycle::Reused => "in the memory of one wasi:http instance, until it traps or \
                    times out",
            },
        });
        files::replace(path, format!("{line}\n").as_bytes())
    }
}
