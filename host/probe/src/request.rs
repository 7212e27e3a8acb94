//! What a parent process asks of its child, as the child's arguments.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use results::levers::Positions;
use serde::{Deserialize, Serialize};

use crate::given::Given;
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
    /// The host functions that the guest is linked with.
    pub world: World,
    /// What the guest is given besides its call.
    pub given: Given,
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
            place(self.settings.translation),
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
        let parts = [self.given.parts(), self.call.parts()].concat();
        let input = if parts.iter().map(|part| part.len()).sum::<usize>() > ARGUMENT_BYTES {
            arguments.push(IN_INPUT.into());
            let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
            Some(parts.join(&SEPARATOR))
        } else {
            arguments.extend(parts);
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
            parts @ ..,
        ] = arguments
        else {
            return None;
        };
        let digits = digits.as_encoded_bytes();
        let (given, call) = if parts.len() == 1 && parts[0] == IN_INPUT {
            let input = input()?;
            let parts = input.split(|byte| *byte == SEPARATOR);
            from_parts(parts.map(|part| OsString::from_vec(part.to_vec())))?
        } else {
            from_parts(parts.iter_mut().map(std::mem::take))?
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
                translation: at(digits, 8)?,
            },
            kind: at(digits, 6)?,
            world: at(digits, 7)?,
            time_limit_ms: time_limit.to_str()?.parse().ok()?,
            memory_limit_bytes: memory_limit.to_str()?.parse().ok()?,
            file: PathBuf::from(std::mem::take(file)),
            cache: Some(PathBuf::from(std::mem::take(cache)))
                .filter(|cache| !cache.as_os_str().is_empty()),
            given,
            call,
        })
    }
}

/// What a guest is given, and its call.
fn from_parts(mut parts: impl Iterator<Item = OsString>) -> Option<(Given, Call)> {
    let mut given = Given::default();
    loop {
        let first = parts.next()?;
        let first = first.to_str()?;
        if let Some(call) = Call::from_parts(first, &mut parts) {
            return Some((given, call?));
        }
        if !given.take(first, &mut parts)? {
            return None;
        }
    }
}

impl Call {
    const RUN: &str = "run";
    const HTTP: &str = "http";
    const HTTP_WITH_HEADERS: &str = "http+headers";

    fn parts(&self) -> Vec<OsString> {
        let parts: Vec<&str> = match self {
            Self::Run(guest) => std::iter::once(Self::RUN)
                .chain(guest.iter().map(String::as_str))
                .collect(),
            Self::Http {
                method,
                target,
                headers,
                body_hex,
                keeps_headers,
            } => {
                let what = if *keeps_headers {
                    Self::HTTP_WITH_HEADERS
                } else {
                    Self::HTTP
                };
                let headers = headers.iter();
                [what, method, target, body_hex]
                    .into_iter()
                    .chain(headers.flat_map(|(name, value)| [name.as_str(), value]))
                    .collect()
            }
        };
        parts.into_iter().map(OsString::from).collect()
    }

    /// The call of the rest, if it `first` says that there is one; nothing in that, if it is broken.
    #[expect(
        clippy::option_option,
        reason = "not a call, and a broken one, are two things"
    )]
    fn from_parts(first: &str, rest: &mut impl Iterator<Item = OsString>) -> Option<Option<Self>> {
        let mut rest = rest.map(OsString::into_string);
        match first {
            Self::RUN => {
                let arguments: Result<Vec<_>, _> = rest.collect();
                Some(arguments.ok().map(Self::Run))
            }
            Self::HTTP | Self::HTTP_WITH_HEADERS => {
                let mut http = || {
                    let mut next = || rest.next()?.ok();
                    let (method, target, body_hex) = (next()?, next()?, next()?);
                    let mut headers = Vec::new();
                    while let Some(name) = rest.next() {
                        headers.push((name.ok()?, rest.next()?.ok()?));
                    }
                    Some(Self::Http {
                        method,
                        target,
                        headers,
                        body_hex,
                        keeps_headers: first == Self::HTTP_WITH_HEADERS,
                    })
                };
                Some(http())
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
        /// Whether the headers of its answer are reported: somebody expects something of them.
        keeps_headers: bool,
    },
}

#[cfg(test)]
mod tests;
