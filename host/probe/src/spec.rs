//! What the parent tells the probe, and what the probe tells the parent.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use machine::timeline::Recorded;
use results::record::Resources;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::{Acquire, EngineSettings, Parameter};

/// The argument that makes this program a probe; a [`Spec`] follows it.
pub const PROBE: &str = "__probe";
/// The argument that makes this program hold many instances; a [`Crowd`] follows it.
pub const CROWD: &str = "__crowd";
/// The argument that makes this program prepare compiled code; a [`Preparation`] follows it.
pub const PREPARE: &str = "__prepare";
/// The argument that makes this program do nothing but say when it began: what a launch costs
/// without a probe.
pub const RETURN: &str = "__return";

/// The argument that makes a program say which version of its engine is in it.
pub const VERSION: &str = "__version";

/// One cold start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The file to load: Wasm, or what was precompiled from it.
    pub file: PathBuf,
    /// What the file holds.
    pub kind: Kind,
    /// How its code is acquired.
    pub acquire: Acquire,
    /// The folder of the engine's cache if it has one, or where an engine that compiles into files
    /// puts them.
    pub cache: Option<PathBuf>,
    /// The engine.
    pub engine: EngineSettings,
    /// What the guest is given.
    pub world: World,
    /// What is asked of it.
    pub call: Call,
    /// How long the start may take.
    pub time_limit_ms: u64,
    /// How large memories and tables may become together.
    pub memory_limit_bytes: u64,
}

impl Spec {
    /// The spec as arguments of a process.
    ///
    /// By hand, because a start pays for reading it: JSON took a fresh process 40 µs and postcard
    /// 15, nearly all of it page faults of code that runs once.
    pub fn to_arguments(&self) -> Vec<OsString> {
        fn place<P: Parameter + PartialEq>(value: P) -> char {
            let place = P::ALL
                .iter()
                .position(|one| *one == value)
                .expect("ALL has all values");
            char::from_digit(u32::try_from(place).expect("values are few"), 10)
                .expect("values are few")
        }
        let digits: String = [
            place(self.acquire),
            place(self.engine.allocator),
            place(self.engine.memory_init),
            place(self.engine.compiler),
            place(self.engine.compile_threads),
            place(self.engine.interrupt),
            place(self.kind),
            place(self.world),
        ]
        .iter()
        .collect();
        let mut arguments = vec![
            digits.into(),
            self.time_limit_ms.to_string().into(),
            self.memory_limit_bytes.to_string().into(),
            self.file.clone().into(),
            self.cache.clone().unwrap_or_default().into(),
        ];
        match &self.call {
            Call::Run(guest) => {
                arguments.push("run".into());
                arguments.extend(guest.iter().map(OsString::from));
            }
            Call::Http {
                method,
                target,
                body_hex,
            } => {
                arguments.extend(["http", method, target, body_hex].map(OsString::from));
            }
        }
        arguments
    }

    /// Takes the spec back out of the arguments. Nothing if they are not [`Self::to_arguments`]'.
    pub fn from_arguments(arguments: &mut [OsString]) -> Option<Self> {
        fn at<P: Parameter>(digits: &[u8], place: usize) -> Option<P> {
            P::ALL
                .get(usize::from(digits.get(place)?.wrapping_sub(b'0')))
                .copied()
        }
        let [
            digits,
            time_limit,
            memory_limit,
            file,
            cache,
            what,
            call @ ..,
        ] = arguments
        else {
            return None;
        };
        let digits = digits.as_encoded_bytes();
        let text = |argument: &mut OsString| std::mem::take(argument).into_string().ok();
        let call = match (what.as_encoded_bytes(), call) {
            (b"run", guest) => Call::Run(guest.iter_mut().map(text).collect::<Option<_>>()?),
            (b"http", [method, target, body_hex]) => Call::Http {
                method: text(method)?,
                target: text(target)?,
                body_hex: text(body_hex)?,
            },
            _ => return None,
        };
        Some(Self {
            acquire: at(digits, 0)?,
            engine: EngineSettings {
                allocator: at(digits, 1)?,
                memory_init: at(digits, 2)?,
                compiler: at(digits, 3)?,
                compile_threads: at(digits, 4)?,
                interrupt: at(digits, 5)?,
            },
            kind: at(digits, 6)?,
            world: at(digits, 7)?,
            time_limit_ms: time_limit.to_str()?.parse().ok()?,
            memory_limit_bytes: memory_limit.to_str()?.parse().ok()?,
            file: PathBuf::from(std::mem::take(file)),
            cache: Some(PathBuf::from(std::mem::take(cache)))
                .filter(|cache| !cache.as_os_str().is_empty()),
            call,
        })
    }
}

impl Parameter for Kind {
    const KEY: &'static str = "kind";
    const ALL: &'static [Self] = &[Self::Module, Self::Component];
    fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Component => "component",
        }
    }
}

impl Parameter for World {
    const KEY: &'static str = "world";
    const ALL: &'static [Self] = &[Self::Preview1, Self::Proxy, Self::Full];
    fn name(self) -> &'static str {
        match self {
            Self::Preview1 => "wasi_snapshot_preview1",
            Self::Proxy => "wasi:http/proxy",
            Self::Full => "wasi:cli/imports + wasi:http",
        }
    }
}

/// Many instances of one guest in one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// A start of one of them, from precompiled code.
    pub spec: Spec,
    /// How many.
    pub instances: u32,
    /// Whether each answers a request before all are weighed.
    pub touched: bool,
}

impl Crowd {
    /// As arguments of a process.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            self.instances.to_string().into(),
            self.touched.to_string().into(),
        ];
        arguments.extend(self.spec.to_arguments());
        arguments
    }

    /// Takes it back out of the arguments. Nothing if they are not [`Self::to_arguments`]'.
    pub fn from_arguments(arguments: &mut [OsString]) -> Option<Self> {
        let [instances, touched, spec @ ..] = arguments else {
            return None;
        };
        Some(Self {
            instances: instances.to_str()?.parse().ok()?,
            touched: touched.to_str()?.parse().ok()?,
            spec: Spec::from_arguments(spec)?,
        })
    }
}

/// What a process takes of the machine's memory, in bytes. What the kernel does not tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Its proportional share of what it maps.
    pub pss_bytes: Option<u64>,
    /// What it shares with nobody.
    pub private_bytes: Option<u64>,
    /// The kernel's tables of its pages, which are in neither.
    pub page_tables_bytes: Option<u64>,
}

/// What came of a [`Crowd`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CrowdReport {
    /// From the first instance's beginning to the last one's being ready, in nanoseconds.
    pub started_ns: u64,
    /// Of that, the last instance's store and instantiation.
    pub last_start_ns: u64,
    /// Before the first instance.
    pub base: Memory,
    /// With all of them.
    pub full: Memory,
    /// Mappings of the process with all of them.
    pub mappings: u64,
    /// What they answered afterwards, each different answer with how many gave it.
    pub answers: Vec<(Answered, u64)>,
    /// How long that took, in nanoseconds.
    pub answers_ns: u64,
    /// What all of it has cost.
    pub resources: Resources,
}

/// Compiled code to be made, outside any timing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preparation {
    /// The Wasm.
    pub file: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// The engine that will load it.
    pub engine: EngineSettings,
    /// Where to.
    pub into: Destination,
}

/// Where prepared code goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// Into a file of its own.
    File(PathBuf),
    /// Into the engine's cache in this folder.
    Cache(PathBuf),
}

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A core module for WASI preview 1.
    Module,
    /// A component.
    Component,
}

/// The host functions that a guest is linked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum World {
    /// WASI preview 1.
    Preview1,
    /// `wasi:http/proxy`.
    Proxy,
    /// All of WASI 0.2 and `wasi:http`.
    Full,
}

/// What is asked of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
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
pub struct Answered {
    /// HTTP status or exit code.
    pub code: i64,
    /// Body or standard output, in hexadecimal.
    pub body_hex: String,
}

/// What the probe reports when its start is over: one line of JSON on its standard output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// When what happened.
    pub recorded: Recorded,
    /// The answer that ended the start.
    pub first: Answered,
    /// The answer to the same call again, or why there was none; absent for a command, which runs
    /// once.
    pub second: Option<Result<Answered, Failure>>,
    /// What the start cost.
    pub resources: Resources,
    /// The evidence.
    pub attested: BTreeMap<String, Value>,
}

/// Why a start or a preparation came to nothing: the other line that a probe can report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// Whose fault.
    pub cause: Cause,
    /// One sentence for the user.
    pub reason: String,
}

/// Whose fault a failed start is: decides the hint and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
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
    /// A failure of `cause`, said in one sentence.
    pub fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self {
            cause,
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Configuration, Value};

    #[test]
    fn a_spec_survives_the_way_to_the_probe() {
        let http = Call::Http {
            method: "POST".into(),
            target: "/a b".into(),
            body_hex: "00ff".into(),
        };
        let calls = [
            Call::Run(vec![]),
            Call::Run(vec!["name".into(), String::new(), "--x".into()]),
            http,
        ];
        for (key, values) in crate::settings::parameters() {
            for value in values {
                let value = Value::parse(&format!("{key}={value}")).unwrap();
                let Some(configuration) = Configuration::BASELINE.with(value) else {
                    continue;
                };
                for (call, cache) in calls.iter().zip([None, Some("/cache".into()), None]) {
                    let spec = Spec {
                        file: "/some where/x.wasm".into(),
                        kind: Kind::Component,
                        acquire: configuration.acquire,
                        cache,
                        engine: configuration.engine,
                        world: World::Full,
                        call: call.clone(),
                        time_limit_ms: 30_000,
                        memory_limit_bytes: u64::MAX,
                    };
                    assert_eq!(Spec::from_arguments(&mut spec.to_arguments()), Some(spec));
                }
            }
        }
    }

    #[test]
    fn a_crowd_survives_the_way_to_the_probe() {
        let spec = Spec {
            file: "/x".into(),
            kind: Kind::Component,
            acquire: Configuration::BASELINE.acquire,
            cache: None,
            engine: Configuration::BASELINE.engine,
            world: World::Proxy,
            call: Call::Run(vec![]),
            time_limit_ms: 1,
            memory_limit_bytes: 2,
        };
        let crowd = Crowd {
            spec,
            instances: 10_000,
            touched: true,
        };
        assert_eq!(
            Crowd::from_arguments(&mut crowd.to_arguments()),
            Some(crowd)
        );
        assert_eq!(
            Crowd::from_arguments(&mut ["many".into(), "true".into()]),
            None
        );
    }

    #[test]
    fn what_is_no_spec_is_refused() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for wrong in [
            "",
            "00000000 1 1 f c",
            "00000000 1 1 f c walk",
            "90000000 1 1 f c run",
            "0000 1 1 f c run",
            "00000000 x 1 f c run",
        ] {
            assert_eq!(Spec::from_arguments(&mut words(wrong)), None, "{wrong}");
        }
    }
}
