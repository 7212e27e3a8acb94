//! What the parent tells the probe, and what the probe tells the parent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use results::record::Resources;
use results::timeline::Recorded;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::{Acquire, EngineSettings};

/// The argument that makes this program a probe; the JSON of a [`Spec`] follows it.
pub(crate) const PROBE: &str = "__probe";
/// The argument that makes this program prepare compiled code; the JSON of a [`Preparation`] follows it.
pub(crate) const PREPARE: &str = "__prepare";
/// The argument that makes this program do nothing but say when it began: what a launch costs without a probe.
pub(crate) const RETURN: &str = "__return";

/// One cold start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The file to load: Wasm, or what was precompiled from it.
    pub(crate) file: PathBuf,
    /// What the file holds.
    pub(crate) kind: Kind,
    /// How its code is acquired.
    pub(crate) acquire: Acquire,
    /// The folder of the engine's cache, if it has one.
    pub(crate) cache: Option<PathBuf>,
    /// The engine.
    pub(crate) engine: EngineSettings,
    /// What the guest is given.
    pub(crate) world: World,
    /// What is asked of it.
    pub(crate) call: Call,
    /// How long the start may take.
    pub(crate) time_limit_ms: u64,
    /// How large one linear memory may become.
    pub(crate) memory_limit_bytes: u64,
}

/// Compiled code to be made, outside any timing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Preparation {
    /// The Wasm.
    pub(crate) file: PathBuf,
    /// What it is.
    pub(crate) kind: Kind,
    /// The engine that will load it.
    pub(crate) engine: EngineSettings,
    /// Where to.
    pub(crate) into: Destination,
}

/// Where prepared code goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Destination {
    /// Into a file of its own.
    File(PathBuf),
    /// Into the engine's cache in this folder.
    Cache(PathBuf),
}

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A core module for WASI preview 1.
    Module,
    /// A component.
    Component,
}

/// The host functions that a guest is linked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum World {
    /// WASI preview 1.
    Preview1,
    /// `wasi:http/proxy`.
    Proxy,
    /// All of WASI 0.2 and `wasi:http`.
    Full,
}

impl World {
    /// The name in the evidence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Preview1 => "wasi_snapshot_preview1",
            Self::Proxy => "wasi:http/proxy",
            Self::Full => "wasi:cli/imports + wasi:http",
        }
    }
}

/// What is asked of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// Run to completion with these arguments, the program's name first.
    Run(Vec<String>),
    /// Handle a request.
    Http {
        /// The method.
        method: String,
        /// Path and query.
        target: String,
        /// The body, in hexadecimal: the guest's bytes need not be text.
        body_hex: String,
    },
}

/// What a guest answered, as the probe saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// HTTP status or exit code.
    pub(crate) code: i64,
    /// Body or standard output, in hexadecimal.
    pub(crate) body_hex: String,
}

/// What the probe reports when its start is over: one line of JSON on its standard output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When what happened.
    pub(crate) recorded: Recorded,
    /// The answer that ended the start.
    pub(crate) first: Answered,
    /// The answer to the same call again, or why there was none; absent for a command, which runs once.
    pub(crate) second: Option<Result<Answered, Failure>>,
    /// What the start cost.
    pub(crate) resources: Resources,
    /// The evidence.
    pub(crate) attested: BTreeMap<String, Value>,
}

/// Why a start or a preparation came to nothing: the other line that a probe can report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Failure {
    /// Whose fault.
    pub(crate) cause: Cause,
    /// One sentence for the user.
    pub(crate) reason: String,
}

/// Whose fault a failed start is: decides the hint and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The machine cannot give what the configuration needs.
    Machine,
    /// The artifact is not what it should be.
    Artifact,
    /// The guest ran and misbehaved.
    Guest,
    /// The guest took too long.
    TimeLimit,
    /// The guest wanted too much memory.
    MemoryLimit,
    /// The harness itself.
    Harness,
}

impl Failure {
    pub(crate) fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self { cause, reason: reason.into() }
    }
}
