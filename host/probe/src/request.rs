//! What a parent process asks of its child, as the child's arguments.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use results::levers::Positions;
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

/// What a parent hands to its child.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The arguments of the process.
    pub arguments: Vec<OsString>,
    /// Its standard input, where the arguments have no room for the call.
    pub input: Option<Vec<u8>>,
}

/// The most of a call that goes into arguments: the kernel takes 128 KiB in one of them, and a
/// quarter of the stack in all. execve(2).
const ARGUMENT_BYTES: usize = 32 * 1024;

/// The argument that says that the call is in the standard input.
const IN_INPUT: &str = "input";

/// What separates the parts of a call in the standard input. No argument can contain it.
const SEPARATOR: u8 = 0;

impl Spec {
    /// The spec as arguments of a process, and a call that is large as its input.
    ///
    /// By hand, because a start pays for reading it: JSON took a fresh process 40 µs and postcard
    /// 15, nearly all of it page faults of code that runs once.
    pub fn to_message(&self) -> Message {
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
            self.settings.pool.to_string().into(),
            self.settings.levers.digits().into(),
            self.time_limit_ms.to_string().into(),
            self.memory_limit_bytes.to_string().into(),
            self.file.clone().into(),
            self.cache.clone().unwrap_or_default().into(),
        ];
        let call = self.call.parts();
        let input = if call.iter().map(|part| part.len()).sum::<usize>() > ARGUMENT_BYTES {
            arguments.push(IN_INPUT.into());
            Some(call.join(&SEPARATOR))
        } else {
            let argument = |part: &[u8]| OsString::from_vec(part.to_vec());
            arguments.extend(call.into_iter().map(argument));
            None
        };
        Message { arguments, input }
    }

    /// Takes the spec back out of the arguments, and the call out of the `input` where it is there.
    /// Nothing if they are not [`Self::to_message`]'s.
    pub fn from_arguments(
        arguments: &mut [OsString],
        input: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Self> {
        fn at<P: Named>(digits: &[u8], place: usize) -> Option<P> {
            P::ALL
                .get(usize::from(digits.get(place)?.wrapping_sub(b'0')))
                .copied()
        }
        let [
            digits,
            pool,
            levers,
            time_limit,
            memory_limit,
            file,
            cache,
            call @ ..,
        ] = arguments
        else {
            return None;
        };
        let digits = digits.as_encoded_bytes();
        let call = if call.len() == 1 && call[0] == IN_INPUT {
            let text = String::from_utf8(input()?).ok()?;
            Call::from_parts(text.split(char::from(SEPARATOR)).map(str::to_owned))?
        } else {
            let text = |argument: &mut OsString| std::mem::take(argument).into_string().ok();
            Call::from_parts(
                call.iter_mut()
                    .map(text)
                    .collect::<Option<Vec<_>>>()?
                    .into_iter(),
            )?
        };
        Some(Self {
            acquire: at(digits, 0)?,
            settings: EngineSettings {
                allocator: at(digits, 1)?,
                memory_init: at(digits, 2)?,
                compiler: at(digits, 3)?,
                compile_threads: at(digits, 4)?,
                interrupt: at(digits, 5)?,
                pool: pool.to_str()?.parse().ok()?,
                levers: Positions::from_digits(levers.to_str()?)?,
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

impl Call {
    const RUN: &str = "run";
    const HTTP: &str = "http";

    fn parts(&self) -> Vec<&[u8]> {
        let parts: Vec<&str> = match self {
            Self::Run(guest) => std::iter::once(Self::RUN)
                .chain(guest.iter().map(String::as_str))
                .collect(),
            Self::Http {
                method,
                target,
                headers,
                body_hex,
            } => [Self::HTTP, method, target, body_hex]
                .into_iter()
                .chain(
                    headers
                        .iter()
                        .flat_map(|(name, value)| [name.as_str(), value]),
                )
                .collect(),
        };
        parts.into_iter().map(str::as_bytes).collect()
    }

    fn from_parts(mut parts: impl Iterator<Item = String>) -> Option<Self> {
        match parts.next()?.as_str() {
            Self::RUN => Some(Self::Run(parts.collect())),
            Self::HTTP => {
                let (method, target, body_hex) = (parts.next()?, parts.next()?, parts.next()?);
                let mut headers = Vec::new();
                while let Some(name) = parts.next() {
                    headers.push((name, parts.next()?));
                }
                Some(Self::Http {
                    method,
                    target,
                    headers,
                    body_hex,
                })
            }
            _ => None,
        }
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
    pub fn to_message(&self) -> Message {
        let Message { arguments, input } = self.spec.to_message();
        let own = [self.instances.to_string(), self.touched.to_string()];
        Message {
            arguments: own
                .map(OsString::from)
                .into_iter()
                .chain(arguments)
                .collect(),
            input,
        }
    }

    /// Takes it back out of the arguments. Nothing if they are not [`Self::to_message`]'s.
    pub fn from_arguments(
        arguments: &mut [OsString],
        input: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Self> {
        let [instances, touched, spec @ ..] = arguments else {
            return None;
        };
        Some(Self {
            instances: instances.to_str()?.parse().ok()?,
            touched: touched.to_str()?.parse().ok()?,
            spec: Spec::from_arguments(spec, input)?,
        })
    }
}

/// Compiled code to be made, outside any timing.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Into a file of its own.
    File(PathBuf),
    /// Into the engine's cache in this folder.
    Cache(PathBuf),
}

impl Preparation {
    const FILE: &str = "file";
    const CACHE: &str = "cache";

    /// As arguments of a process: paths need not be text.
    ///
    /// # Panics
    /// Never: settings are plain data.
    pub fn to_message(&self) -> Message {
        let plain = (self.kind, self.settings);
        let plain = serde_json::to_string(&plain).expect("settings are plain data");
        let (what, path) = match &self.into {
            Destination::File(path) => (Self::FILE, path),
            Destination::Cache(path) => (Self::CACHE, path),
        };
        Message {
            arguments: vec![
                plain.into(),
                self.file.clone().into(),
                what.into(),
                path.clone().into(),
            ],
            input: None,
        }
    }

    /// Takes it back out of the arguments. Nothing if they are not [`Self::to_message`]'s.
    pub fn from_arguments(arguments: &[OsString]) -> Option<Self> {
        let [plain, file, what, path] = arguments else {
            return None;
        };
        let (kind, settings) = serde_json::from_str(plain.to_str()?).ok()?;
        let path = PathBuf::from(path);
        Some(Self {
            file: file.into(),
            kind,
            settings,
            into: match what.to_str()? {
                Self::FILE => Destination::File(path),
                Self::CACHE => Destination::Cache(path),
                _ => return None,
            },
        })
    }
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
        /// Further headers: names and values.
        headers: Vec<(String, String)>,
        /// The body, in hexadecimal: the guest's bytes need not be text.
        body_hex: String,
    },
}

#[cfg(test)]
mod tests;
