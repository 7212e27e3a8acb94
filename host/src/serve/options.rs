//! The command lines of `host serve` and `host compile`.
//!
//! By hand: a start pays for the parser, and a general one costs a fresh process 100–300 µs of page
//! faults.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use host_probe::settings::{Acquire, Allocator, Engine, Parameter};

use super::command::RunOptions;
use super::error::ServeError;
use super::limits::Limits;

/// What `host serve --help` prints.
pub(super) const SERVE_HELP: &str = "\
Serves a wasi:http component over HTTP/1.1, and starts fast

Usage: host serve --artifact FILE [OPTIONS]

      --artifact FILE        A wasi:http component, or what `host compile` made of one
      --addr IP:PORT         Where to listen [default: 127.0.0.1:0, any free port]
      --acquire HOW          compile, cache_miss, cache_hit, deserialize, deserialize_file
                             [default: deserialize_file if FILE is precompiled, else compile]
      --cache FOLDER         The engine's cache, for cache_miss and cache_hit
      --allocator HOW        on_demand, pooling [default: on_demand]
      --instances HOW        per-request: each request gets an instance of its own;
                             reused: one instance takes requests in turn and keeps its state \
                             [default: per-request]
      --engine NAME          wasmtime, wasmedge [default: wasmtime]
      --threads N            Threads that serve [default: one for each core]
      --max-body BYTES       Larger request bodies are answered 413 [default: 1114112]
      --max-head BYTES       Larger request heads are answered 431 [default: 16384]
      --max-concurrent N     Requests beyond are answered 503 [default: 512]
      --time-limit SECONDS   Requests that take longer are answered 504 [default: 30]
      --write-limit SECONDS  Clients that take nothing of an answer for longer are cut off \
      [default: 10]
      --memory-limit MIB     What one instance may use [default: 1024]
      --milestones FILE      After the first answer, when the start reached what, as one line of \
      JSON

Prints `listening on IP:PORT` when connections are taken. SIGTERM and Ctrl-C let requests in \
flight finish.
";

/// What `host run --help` prints.
pub(super) const RUN_HELP: &str = "\
Runs a command to its end: a core module with _start, or a component that exports wasi:cli/run

Usage: host run --artifact FILE [--acquire HOW] [--cache FOLDER] [-- ARGUMENT...]

      --artifact FILE        The guest, or what `host compile` made of it
      --acquire HOW          compile, cache_miss, cache_hit, deserialize, deserialize_file
                             [default: deserialize_file if FILE is precompiled, else compile]
      --cache FOLDER         The engine's cache, for cache_miss and cache_hit
      --version              The engine's version

The guest gets the arguments and the standard streams; no files, no environment, no network.
";

/// What `host compile --help` prints.
pub(super) const COMPILE_HELP: &str = "\
Compiles a component or a core module ahead of time, for `host serve` and `host run` on this machine

Usage: host compile --artifact FILE --output FILE [--allocator on_demand|pooling]

Only serve precompiled files that you made yourself: they are machine code, and are run unchecked.
";

/// How many requests an instance sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instances {
    /// One: each request gets a fresh instance.
    PerRequest,
    /// All of them, one after another, until one traps or times out.
    Reused,
}

impl Parameter for Instances {
    const KEY: &'static str = "instances";
    const ALL: &'static [Self] = &[Self::PerRequest, Self::Reused];
    fn name(self) -> &'static str {
        match self {
            Self::PerRequest => "per-request",
            Self::Reused => "reused",
        }
    }
}

/// The command line of `host serve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) artifact: PathBuf,
    pub(super) address: SocketAddr,
    pub(super) acquire: Option<Acquire>,
    pub(super) cache: Option<PathBuf>,
    pub(super) allocator: Allocator,
    pub(super) instances: Instances,
    pub(super) threads: Option<NonZeroUsize>,
    pub(super) limits: Limits,
    pub(super) milestones: Option<PathBuf>,
}

/// What a command line of `host serve` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To be told how to ask.
    Help,
    /// To serve, by this program.
    Serve(Box<Options>),
    /// To serve, by the program in which `WasmEdge` is, with these arguments.
    WasmEdge(Vec<OsString>),
}

/// The command line of `host compile`; nothing if it asks for help.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CompileOptions {
    pub(super) artifact: PathBuf,
    pub(super) output: PathBuf,
    pub(super) allocator: Allocator,
}

/// Reads the command line of `host serve`.
pub(super) fn serve(arguments: &[OsString]) -> Result<Asked, ServeError> {
    if let Some(others) = for_wasmedge(arguments)? {
        return Ok(Asked::WasmEdge(others));
    }
    let mut artifact = None;
    let mut options = Options {
        artifact: PathBuf::new(),
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        acquire: None,
        cache: None,
        allocator: Allocator::OnDemand,
        instances: Instances::PerRequest,
        threads: None,
        limits: Limits::default(),
        milestones: None,
    };
    let mut flags = Flags {
        arguments,
        command: "serve",
    };
    while let Some(flag) = flags.next()? {
        match flag.name {
            "--help" | "-h" => return Ok(Asked::Help),
            "--artifact" => artifact = Some(flags.path(&flag)?),
            "--addr" => {
                options.address =
                    flags.parsed(&flag, "an IP address and a port, such as 127.0.0.1:8080")?
            }
            "--acquire" => {
                options.acquire = Some(flags.one_of(&flag, Acquire::of(Engine::Wasmtime))?)
            }
            "--cache" => options.cache = Some(flags.path(&flag)?),
            "--allocator" => options.allocator = flags.one_of(&flag, Allocator::ALL)?,
            "--instances" => options.instances = flags.one_of(&flag, Instances::ALL)?,
            "--engine" => drop(flags.value(&flag)?),
            "--threads" => options.threads = Some(flags.parsed(&flag, "a number from 1")?),
            "--max-body" => options.limits.body_bytes = flags.parsed(&flag, "a number of bytes")?,
            "--max-head" => {
                options.limits.head_bytes = flags.at_least(&flag, Limits::LEAST_HEAD_BYTES)?
            }
            "--max-concurrent" => options.limits.concurrent = flags.at_least(&flag, 1)?,
            "--time-limit" => options.limits.time = flags.seconds(&flag)?,
            "--write-limit" => options.limits.write_time = flags.seconds(&flag)?,
            "--memory-limit" => options.limits.memory_bytes = flags.mebibytes(&flag)?,
            "--milestones" => options.milestones = Some(flags.path(&flag)?),
            _ => return Err(flags.unknown(&flag)),
        }
    }
    options.artifact = artifact.ok_or_else(|| flags.missing("--artifact FILE"))?;
    cache_fits(options.acquire, options.cache.is_some())?;
    Ok(Asked::Serve(Box::new(options)))
}

/// A cache is named if and only if it is used.
fn cache_fits(acquire: Option<Acquire>, named: bool) -> Result<(), ServeError> {
    match (acquire, named) {
        (Some(Acquire::CacheHit | Acquire::CacheMiss), false) => Err(ServeError::usage(
            "--acquire cache_hit and cache_miss need a cache",
            "--cache FOLDER says where the engine keeps it",
        )),
        (Some(Acquire::CacheHit | Acquire::CacheMiss), true) | (_, false) => Ok(()),
        (_, true) => Err(ServeError::usage(
            "--cache goes with --acquire cache_hit or cache_miss only",
            "leave it out, or say --acquire cache_hit",
        )),
    }
}

/// Reads the command line of `host compile`.
pub(super) fn compile(arguments: &[OsString]) -> Result<Option<CompileOptions>, ServeError> {
    let (mut artifact, mut output, mut allocator) = (None, None, Allocator::OnDemand);
    let mut flags = Flags {
        arguments,
        command: "compile",
    };
    while let Some(flag) = flags.next()? {
        match flag.name {
            "--help" | "-h" => return Ok(None),
            "--artifact" => artifact = Some(flags.path(&flag)?),
            "--output" => output = Some(flags.path(&flag)?),
            "--allocator" => allocator = flags.one_of(&flag, Allocator::ALL)?,
            _ => return Err(flags.unknown(&flag)),
        }
    }
    let artifact = artifact.ok_or_else(|| flags.missing("--artifact FILE"))?;
    let output = output.ok_or_else(|| flags.missing("--output FILE"))?;
    Ok(Some(CompileOptions {
        artifact,
        output,
        allocator,
    }))
}

/// What a command line of `host run` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AskedToRun {
    /// To be told how to ask.
    Help,
    /// To be told the engine's version.
    Version,
    /// To run.
    Run(RunOptions),
}

/// Reads the command line of `host run`.
pub(super) fn run(arguments: &[OsString]) -> Result<AskedToRun, ServeError> {
    let (mut artifact, mut acquire, mut cache) = (None, None, None);
    let (ours, theirs) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let mut flags = Flags {
        arguments: ours,
        command: "run",
    };
    while let Some(flag) = flags.next()? {
        match flag.name {
            "--help" | "-h" => return Ok(AskedToRun::Help),
            "--version" => return Ok(AskedToRun::Version),
            "--artifact" => artifact = Some(flags.path(&flag)?),
            "--acquire" => acquire = Some(flags.one_of(&flag, Acquire::of(Engine::Wasmtime))?),
            "--cache" => cache = Some(flags.path(&flag)?),
            _ => return Err(flags.unknown(&flag)),
        }
    }
    let artifact = artifact.ok_or_else(|| flags.missing("--artifact FILE"))?;
    cache_fits(acquire, cache.is_some())?;
    Ok(AskedToRun::Run(RunOptions {
        artifact,
        acquire,
        cache,
        arguments: theirs.to_vec(),
    }))
}

/// All arguments but the engine's name, if that is `WasmEdge`'s: what is right among them is for
/// its program to say.
fn for_wasmedge(arguments: &[OsString]) -> Result<Option<Vec<OsString>>, ServeError> {
    let mut others = Vec::new();
    let mut found = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        let name = match (text, text.strip_prefix("--engine=")) {
            ("--engine", _) => rest
                .next()
                .and_then(|name| name.to_str())
                .unwrap_or_default(),
            (_, Some(name)) => name,
            (_, None) => {
                others.push(argument.clone());
                continue;
            }
        };
        found = match name {
            "wasmtime" => false,
            "wasmedge" => true,
            _ => {
                let message = format!("--engine: `{name}` is no engine");
                return Err(ServeError::usage(
                    message,
                    "it is one of wasmtime, wasmedge",
                ));
            }
        };
    }
    Ok(found.then_some(others))
}

/// The flags that are left to read.
struct Flags<'a> {
    arguments: &'a [OsString],
    command: &'static str,
}

/// A flag, with its value if that was joined to it by `=`.
struct Flag<'a> {
    name: &'a str,
    joined: Option<&'a str>,
}

impl<'a> Flags<'a> {
    fn next(&mut self) -> Result<Option<Flag<'a>>, ServeError> {
        let Some((first, rest)) = self.arguments.split_first() else {
            return Ok(None);
        };
        self.arguments = rest;
        let text = first.to_str().unwrap_or_default();
        if !text.starts_with('-') {
            let message = format!("unexpected argument {}", first.display());
            return Err(ServeError::usage(message, self.help()));
        }
        Ok(Some(match text.split_once('=') {
            Some((name, value)) => Flag {
                name,
                joined: Some(value),
            },
            None => Flag {
                name: text,
                joined: None,
            },
        }))
    }

    fn value(&mut self, flag: &Flag<'a>) -> Result<&'a OsStr, ServeError> {
        if let Some(value) = flag.joined {
            return Ok(OsStr::new(value));
        }
        let Some((value, rest)) = self.arguments.split_first() else {
            return Err(ServeError::usage(
                format!("{} needs a value", flag.name),
                self.help(),
            ));
        };
        self.arguments = rest;
        Ok(value)
    }

    fn path(&mut self, flag: &Flag<'a>) -> Result<PathBuf, ServeError> {
        let value = self.value(flag)?;
        if value.is_empty() {
            return Err(ServeError::usage(
                format!("{} needs a path", flag.name),
                self.help(),
            ));
        }
        Ok(value.into())
    }

    fn parsed<T: std::str::FromStr>(
        &mut self,
        flag: &Flag<'a>,
        what: &str,
    ) -> Result<T, ServeError> {
        let value = self.value(flag)?;
        let wrong = || {
            let message = format!("{}: `{}` is not {what}", flag.name, value.display());
            ServeError::usage(message, self.help())
        };
        value
            .to_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(wrong)
    }

    fn at_least(&mut self, flag: &Flag<'a>, least: usize) -> Result<usize, ServeError> {
        let number: usize = self.parsed(flag, "a whole number")?;
        if number < least {
            let message = format!("{}: {number} is too small", flag.name);
            return Err(ServeError::usage(message, format!("the least is {least}")));
        }
        Ok(number)
    }

    fn seconds(&mut self, flag: &Flag<'a>) -> Result<Duration, ServeError> {
        const MOST: f64 = 86_400.0;
        let seconds: f64 = self.parsed(flag, "a number of seconds")?;
        if seconds > 0.0 && seconds <= MOST {
            return Ok(Duration::from_secs_f64(seconds));
        }
        let message = format!("{}: {seconds} is out of bounds", flag.name);
        Err(ServeError::usage(
            message,
            format!("more than 0 and at most {MOST} seconds"),
        ))
    }

    fn mebibytes(&mut self, flag: &Flag<'a>) -> Result<u64, ServeError> {
        let mebibytes: u64 = self.parsed(flag, "a number of MiB")?;
        mebibytes
            .checked_mul(1024 * 1024)
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| {
                ServeError::usage(
                    format!("{}: {mebibytes} MiB is out of bounds", flag.name),
                    "the least is 1",
                )
            })
    }

    fn one_of<P: Parameter>(&mut self, flag: &Flag<'a>, all: &[P]) -> Result<P, ServeError> {
        let value = self.value(flag)?;
        all.iter()
            .copied()
            .find(|one| value == one.name())
            .ok_or_else(|| {
                let names: Vec<_> = all.iter().map(|one| one.name()).collect();
                let message = format!("{}: `{}` is no value", flag.name, value.display());
                ServeError::usage(message, format!("it is one of {}", names.join(", ")))
            })
    }

    fn unknown(&self, flag: &Flag<'a>) -> ServeError {
        ServeError::usage(format!("unknown flag {}", flag.name), self.help())
    }

    fn missing(&self, what: &str) -> ServeError {
        ServeError::usage(format!("{what} is missing"), self.help())
    }

    fn help(&self) -> String {
        format!("`host {} --help` lists all flags", self.command)
    }
}

#[cfg(test)]
mod tests;
