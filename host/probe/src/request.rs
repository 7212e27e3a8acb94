//! What a parent process asks of its child, as the child's arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::settings::{Acquire, EngineSettings, Named};

/// The argument that makes this program a probe; a [`Spec`] follows it.
pub const PROBE: &str = "__probe";
/// The argument that makes this program hold many instances; an [`InstanceSet`] follows it.
pub const INSTANCES: &str = "__instances";
/// The argument that makes this program prepare compiled code; a [`Preparation`] follows it.
pub const PREPARE: &str = "__prepare";
/// The argument that makes this program do nothing but report when it began: what a launch costs
/// without a probe.
pub const RETURN: &str = "__return";
/// The argument that makes a program report which version of its engine is in it.
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
    /// How the engine is configured.
    pub settings: EngineSettings,
    /// What the guest is given.
    pub world: World,
    /// The call that the guest must answer.
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
        fn place<P: Named>(value: P) -> char {
            let place = P::ALL
                .iter()
                .position(|one| *one == value)
                .expect("ALL has all values");
            char::from_digit(u32::try_from(place).expect("values are few"), 10)
                .expect("values are few")
        }
        let digits: String = [
            place(self.acquire),
            place(self.settings.allocator),
            place(self.settings.memory_init),
            place(self.settings.compiler),
            place(self.settings.compile_threads),
            place(self.settings.interrupt),
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
        fn at<P: Named>(digits: &[u8], place: usize) -> Option<P> {
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
            settings: EngineSettings {
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

impl Named for Kind {
    const ALL: &'static [Self] = &[Self::Module, Self::Component];
    fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Component => "component",
        }
    }
}

impl Named for World {
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
pub struct InstanceSet {
    /// A start of one of them, from precompiled code.
    pub spec: Spec,
    /// How many.
    pub instances: u32,
    /// Whether each answers a request before memory is measured.
    pub touched: bool,
}

impl InstanceSet {
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

/// Compiled code to be made, outside any timing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preparation {
    /// The Wasm.
    pub file: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// How the engine that will load it is configured.
    pub settings: EngineSettings,
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

/// A call of a guest.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Configuration;

    #[test]
    fn a_spec_survives_as_arguments() {
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
        for (_, values) in crate::settings::parameters() {
            for value in values {
                let Some(configuration) = Configuration::BASELINE.with(value) else {
                    continue;
                };
                for (call, cache) in calls.iter().zip([None, Some("/cache".into()), None]) {
                    let spec = Spec {
                        file: "/some where/x.wasm".into(),
                        kind: Kind::Component,
                        acquire: configuration.acquire,
                        cache,
                        settings: configuration.settings,
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
    fn an_instance_set_survives_as_arguments() {
        let spec = Spec {
            file: "/x".into(),
            kind: Kind::Component,
            acquire: Configuration::BASELINE.acquire,
            cache: None,
            settings: Configuration::BASELINE.settings,
            world: World::Proxy,
            call: Call::Run(vec![]),
            time_limit_ms: 1,
            memory_limit_bytes: 2,
        };
        let set = InstanceSet {
            spec,
            instances: 10_000,
            touched: true,
        };
        assert_eq!(
            InstanceSet::from_arguments(&mut set.to_arguments()),
            Some(set)
        );
        assert_eq!(
            InstanceSet::from_arguments(&mut ["many".into(), "true".into()]),
            None
        );
    }

    #[test]
    fn arguments_that_are_no_spec_are_refused() {
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
