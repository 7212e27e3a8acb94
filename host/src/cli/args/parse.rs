//! The parser of the commands whose own start is measured.

use std::ffi::OsString;
use std::path::PathBuf;

use campaign::Error;
use campaign::duration::parse_seconds;
use host_probe::given::{Folder, Variable};
use host_probe::limits;
use host_probe::settings::{Acquire, Allocator, Engine, Interrupt, Named as _};
use lexopt::Arg::{Long, Short};
use results::values::Lifecycle;

use super::values::{
    parse_address, parse_bytes, parse_concurrency, parse_head_bytes, parse_mebibytes, parse_named,
    parse_threads,
};
use super::{ANY_PORT, CompileArgs, GivenArgs, Limits, RunArgs, ServeArgs};
use crate::cli::{Command, Parsed};
use crate::error::usage;

/// Parses what follows `serve`. Nothing if it asks for help.
pub(crate) fn parse_serve(arguments: &[OsString]) -> Result<Option<Parsed>, Error> {
    if let Some(others) = without_wasmedge(arguments)? {
        return Ok(Some(Parsed::ServeWithWasmEdge(others)));
    }
    let mut artifact = None;
    let mut args = ServeArgs {
        artifact: PathBuf::new(),
        address: ANY_PORT,
        acquire: None,
        cache: None,
        allocator: Allocator::OnDemand,
        pool: None,
        interrupt: Interrupt::Epoch,
        instances: Lifecycle::PerRequest,
        threads: None,
        limits: Limits::DEFAULT,
        given: GivenArgs::default(),
        milestones: None,
    };
    let (limits, given) = (&mut args.limits, &mut args.given);
    let mut flags = Flags::new("serve", arguments);
    while flags.advance()? {
        if flags.given(given)? {
            continue;
        }
        match flags.flag.as_str() {
            "--help" | "-h" => return Ok(None),
            "--artifact" => artifact = Some(flags.path()?),
            "--addr" => args.address = flags.value(parse_address)?,
            "--acquire" => args.acquire = Some(flags.acquire()?),
            "--cache" => args.cache = Some(flags.path()?),
            "--allocator" => args.allocator = flags.allocator()?,
            "--pool" => args.pool = Some(flags.value(str::parse)?),
            "--interrupt" => args.interrupt = flags.interrupt()?,
            "--instances" => {
                args.instances = flags.value(|text| parse_named(Lifecycle::ALL, text))?;
            }
            // Wasmtime's, or this is not reached.
            "--engine" => _ = flags.path()?,
            "--threads" => args.threads = Some(flags.value(parse_threads)?),
            "--max-body" => limits.body_bytes = flags.value(parse_bytes)?,
            "--max-head" => limits.head_bytes = flags.value(parse_head_bytes)?,
            "--max-concurrent" => limits.concurrent = flags.value(parse_concurrency)?,
            "--time-limit" => limits.time = flags.value(parse_seconds)?,
            "--write-limit" => limits.write_time = flags.value(parse_seconds)?,
            "--read-limit" => limits.read_time = flags.value(parse_seconds)?,
            "--memory-limit" => limits.memory_bytes = flags.value(parse_mebibytes)?,
            "--total-memory" => {
                limits.total_memory_bytes = Some(flags.value(parse_mebibytes)?);
            }
            "--milestones" => args.milestones = Some(flags.path()?),
            _ => return Err(flags.unknown()),
        }
    }
    args.artifact = artifact.ok_or_else(|| flags.missing("--artifact FILE"))?;
    check_cache(args.acquire, args.cache.is_some())?;
    if args.pool.is_some() && args.allocator != Allocator::Pooling {
        return Err(usage(
            "--pool goes with --allocator pooling only",
            "leave it out, or set --allocator pooling",
        ));
    }
    Ok(Some(Parsed::Run(Command::Serve(Box::new(args)))))
}

/// Parses what follows `run`. Nothing if it asks for help.
pub(crate) fn parse_run(arguments: &[OsString]) -> Result<Option<Parsed>, Error> {
    let separator = arguments.iter().position(|argument| argument == "--");
    let (own, of_guest) = match separator {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let (mut artifact, mut acquire, mut cache) = (None, None, None);
    let (mut time, mut memory_bytes) = (limits::TIME, limits::MEMORY_BYTES);
    let mut given = GivenArgs::default();
    let mut flags = Flags::new("run", own);
    while flags.advance()? {
        if flags.given(&mut given)? {
            continue;
        }
        match flags.flag.as_str() {
            "--help" | "-h" => return Ok(None),
            "--version" | "-V" => return Ok(Some(Parsed::EngineVersion)),
            "--artifact" => artifact = Some(flags.path()?),
            "--acquire" => acquire = Some(flags.acquire()?),
            "--cache" => cache = Some(flags.path()?),
            "--time-limit" => time = flags.value(parse_seconds)?,
            "--memory-limit" => memory_bytes = flags.value(parse_mebibytes)?,
            _ => return Err(flags.unknown()),
        }
    }
    let artifact = artifact.ok_or_else(|| flags.missing("--artifact FILE"))?;
    check_cache(acquire, cache.is_some())?;
    Ok(Some(Parsed::Run(Command::Run(Box::new(RunArgs {
        artifact,
        acquire,
        cache,
        time,
        memory_bytes,
        given,
        arguments: of_guest.to_vec(),
    })))))
}

/// Parses what follows `compile`. Nothing if it asks for help.
pub(crate) fn parse_compile(arguments: &[OsString]) -> Result<Option<Parsed>, Error> {
    let (mut artifact, mut output, mut allocator) = (None, None, Allocator::OnDemand);
    let mut interrupt = None;
    let mut flags = Flags::new("compile", arguments);
    while flags.advance()? {
        match flags.flag.as_str() {
            "--help" | "-h" => return Ok(None),
            "--artifact" => artifact = Some(flags.path()?),
            "--output" => output = Some(flags.path()?),
            "--allocator" => allocator = flags.allocator()?,
            "--interrupt" => interrupt = Some(flags.interrupt()?),
            _ => return Err(flags.unknown()),
        }
    }
    let artifact = artifact.ok_or_else(|| flags.missing("--artifact FILE"))?;
    let output = output.ok_or_else(|| flags.missing("--output FILE"))?;
    Ok(Some(Parsed::Run(Command::Compile(CompileArgs {
        artifact,
        output,
        allocator,
        interrupt,
    }))))
}

/// A cache is named if and only if it is used.
fn check_cache(acquire: Option<Acquire>, named: bool) -> Result<(), Error> {
    match (acquire, named) {
        (Some(Acquire::CacheHit | Acquire::CacheMiss), false) => Err(usage(
            "--acquire cache_hit and cache_miss need a cache",
            "--cache FOLDER sets the folder in which the engine keeps it",
        )),
        (Some(Acquire::CacheHit | Acquire::CacheMiss), true) | (_, false) => Ok(()),
        (_, true) => Err(usage(
            "--cache goes with --acquire cache_hit or cache_miss only",
            "leave it out, or set --acquire cache_hit",
        )),
    }
}

/// All arguments but the engine's name, if that is `WasmEdge`'s: which of them are valid is for its
/// program to decide.
fn without_wasmedge(arguments: &[OsString]) -> Result<Option<Vec<OsString>>, Error> {
    let mut others = Vec::new();
    let mut engine = Engine::Wasmtime;
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
        let known = Engine::serving().find(|engine| engine.product() == name);
        engine = known.ok_or_else(|| {
            let names: Vec<_> = Engine::serving().map(Engine::product).collect();
            usage(
                format!("--engine: `{name}` is no engine"),
                format!("it is one of {}", names.join(", ")),
            )
        })?;
    }
    Ok((engine == Engine::WasmEdge).then_some(others))
}

/// The flags of a command line.
struct Flags {
    parser: lexopt::Parser,
    command: &'static str,
    /// The one that was read last, as it is written.
    flag: String,
}

impl Flags {
    fn new(command: &'static str, arguments: &[OsString]) -> Self {
        Self {
            parser: lexopt::Parser::from_args(arguments.to_vec()),
            command,
            flag: String::new(),
        }
    }

    /// Goes on to the next flag. Returns whether there is one.
    fn advance(&mut self) -> Result<bool, Error> {
        self.flag = match self.parser.next() {
            Ok(Some(Long(name))) => format!("--{name}"),
            Ok(Some(Short(letter))) => format!("-{letter}"),
            Ok(Some(lexopt::Arg::Value(value))) => {
                let message = format!("unexpected argument {}", value.display());
                return Err(usage(message, self.help()));
            }
            Ok(None) => return Ok(false),
            Err(error) => return Err(usage(error.to_string(), self.help())),
        };
        Ok(true)
    }

    fn argument(&mut self) -> Result<OsString, Error> {
        self.parser
            .value()
            .map_err(|_| usage(format!("{} needs a value", self.flag), self.help()))
    }

    fn path(&mut self) -> Result<PathBuf, Error> {
        let value = self.argument()?;
        if value.is_empty() {
            return Err(usage(format!("{} needs a path", self.flag), self.help()));
        }
        Ok(value.into())
    }

    /// The flag's value, parsed.
    fn value<T>(&mut self, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Error> {
        let value = self.argument()?;
        let text = value
            .to_str()
            .ok_or_else(|| usage(format!("{}: the value is no text", self.flag), self.help()))?;
        parse(text)
            .map_err(|reason| usage(format!("{}: `{text}`: {reason}", self.flag), self.help()))
    }

    fn acquire(&mut self) -> Result<Acquire, Error> {
        self.value(|text| parse_named(Engine::Wasmtime.acquire_modes(), text))
    }

    fn allocator(&mut self) -> Result<Allocator, Error> {
        self.value(|text| parse_named(Allocator::ALL, text))
    }

    /// Whether the flag gives the guest something, which it then does.
    fn given(&mut self, given: &mut GivenArgs) -> Result<bool, Error> {
        match self.flag.as_str() {
            "--env" => given.environment.push(self.value(Variable::parse)?),
            "--dir" => given.folders.push(self.value(Folder::parse)?),
            "--config" => given.config.push(self.value(Variable::parse)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn interrupt(&mut self) -> Result<Interrupt, Error> {
        self.value(|text| parse_named(Interrupt::ALL, text))
    }

    fn unknown(&self) -> Error {
        usage(format!("unknown flag {}", self.flag), self.help())
    }

    fn missing(&self, what: &str) -> Error {
        usage(format!("{what} is missing"), self.help())
    }

    fn help(&self) -> String {
        format!("`host {} --help` lists all flags", self.command)
    }
}
