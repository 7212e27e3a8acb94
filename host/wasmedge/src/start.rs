//! WasmEdge: one cold start, from configuration to teardown.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use host_probe::report::{Answered, Cause, Failure, Report};
use host_probe::request::{Call, Destination, Preparation, Spec};
use host_probe::resources::{self, Usage};
use host_probe::settings::Acquire;
use host_probe::{child, deadline, mapped};
use host_wasmedge::vm::{Machine, OPTIMIZATION, compile, configuration, machine, quiet, wasi};
use host_wasmedge::words::words;
use machine::Timeline;
use machine::timeline::Begun;
use results::{Attested, Evidence, Phase};
use serde_json::Value;
use wasmedge_sdk::config::Config;
use wasmedge_sdk::error::WasmEdgeError;
use wasmedge_sdk::{CompilerOptimizationLevel, Module, RunMode};

use crate::loopback;
use crate::output::{self, Output};

/// Where a service under test is to listen, and how many answers it gives before it returns.
const SERVICE: [&str; 2] = ["127.0.0.1:0", "2"];

/// Performs one cold start and reports it.
pub(crate) fn probe(spec: &Spec, first_statement_ns: u64) -> ExitCode {
    let mut timeline = Timeline::new(first_statement_ns);
    // Exchanging the process's descriptors is something that this engine needs done: it is its to
    // pay for.
    let begun = timeline.begin();
    quiet();
    let output = match spec.call {
        Call::Run(_) => Output::for_command(),
        Call::Http { .. } => Output::for_service(),
    };
    let output = output.and_then(|output| {
        // The message has been read out of it.
        spec.given
            .stdin
            .as_deref()
            .map_or(Ok(()), output::read_from)?;
        Ok(output)
    });
    match output {
        Ok(mut output) => {
            let report = start(spec, &mut timeline, begun, &mut output)
                .map_err(|failure| explained(failure, &output));
            child::respond_to(output.report, &report)
        }
        Err(error) => {
            child::respond::<Report>(&Err(unable("cannot redirect its standard streams", &error)))
        }
    }
}

/// A failure with what the guest said of it.
fn explained(mut failure: Failure, output: &Output) -> Failure {
    if failure.cause == Cause::Guest {
        failure.reason.push_str(&output.complaint());
    }
    failure
}

fn start(
    spec: &Spec,
    timeline: &mut Timeline,
    begun: Begun,
    output: &mut Output,
) -> Result<Report, Failure> {
    // Nothing in this engine stops a guest that runs too long.
    deadline::alarm(Duration::from_millis(spec.time_limit_ms));
    let config = configuration(run_mode(spec.acquire), Some(spec.memory_limit_bytes))?;
    timeline.end(Phase::Engine, begun);

    let (module, code) = acquire(spec, &config, timeline)?;
    let arguments = arguments(&spec.call);

    // One object holds store, WASI context and imports: there is no `store` apart from `link`.
    let begun = timeline.begin();
    let mut wasi = wasi(&arguments, &spec.given)?;
    let mut vm = machine(&config, &mut wasi)?;
    output::limit().map_err(|error| unable("cannot limit its output", &error))?;
    timeline.end(Phase::Link, begun);

    let begun = timeline.begin();
    let instantiated = vm.register_module(None, module).map(|_| ());
    timeline.end(Phase::Instantiate, begun);
    instantiated.map_err(|error| guest("it cannot be instantiated", &error))?;

    let answered = match spec.call {
        Call::Run(_) => run(&mut vm, output, timeline)?,
        Call::Http { .. } => serve(&mut vm, output, &spec.call, timeline)?,
    };
    let mut resources = answered.used.resources();
    resources.pss_bytes = resources::pss_bytes();
    let mut attested = attest(&config, &code);
    attested.extend(answered.attested);
    let begun = timeline.begin();
    drop(vm);
    let mut first = answered.first;
    if let Call::Run(_) = spec.call {
        // Only the WASI context knows it, and the store borrowed that until now.
        first.code = wasi.exit_code().into();
    }
    drop(wasi);
    timeline.end(Phase::Teardown, begun);
    Ok(Report {
        recorded: timeline.recorded(),
        first,
        complaint: output.complaint(),
        second: answered.second.map(Ok),
        resources,
        attested,
    })
}

/// The result of the first call.
struct Outcome {
    first: Answered,
    second: Option<Answered>,
    used: Usage,
    attested: Attested,
}

fn run(
    vm: &mut Machine<'_>,
    output: &mut Output,
    timeline: &mut Timeline,
) -> Result<Outcome, Failure> {
    let begun = timeline.begin();
    let ran = vm.run_func(None, "_start", []);
    timeline.end(Phase::FirstRequest, begun);
    timeline.answered();
    let used = Usage::now();
    let printed = output.printed()?;
    ran.map_err(|error| guest("the guest trapped", &error))?;
    let first = Answered {
        code: 0,
        body_hex: hex::encode(printed),
        headers: Vec::new(),
    };
    Ok(Outcome {
        first,
        second: None,
        used,
        attested: Attested::new(),
    })
}

/// Runs a service on this thread, and calls it from another one.
fn serve(
    vm: &mut Machine<'_>,
    output: &Output,
    call: &Call,
    timeline: &mut Timeline,
) -> Result<Outcome, Failure> {
    let reader = output
        .reader()
        .map_err(|error| unable("cannot read from the guest", &error))?;
    let output = output
        .try_clone()
        .map_err(|error| unable("cannot report", &error))?;
    let call = call.clone();
    let begun = timeline.begin();
    let client = std::thread::spawn(move || {
        loopback::exchange(reader, &call).unwrap_or_else(|failure| fail_at_once(output, failure))
    });
    let ran = vm.run_func(None, "_start", []);
    if let Err(error) = ran {
        // Reported first: the client only learns that nobody listens.
        return Err(guest("the guest trapped", &error));
    }
    // A guest that ended before it listened: its reader must see the end of the pipe.
    output::close_standard_output().map_err(|error| unable("cannot close its output", &error))?;
    let exchanged = client
        .join()
        .map_err(|_| Failure::new(Cause::Harness, "the client panicked"))?;
    timeline.record(Phase::FirstRequest, begun.at_ns(), exchanged.first_ns);
    timeline.answered_at(exchanged.first_ns);
    timeline.record(
        Phase::SecondRequest,
        exchanged.again_ns,
        exchanged.second_ns,
    );
    let since = |ns: u64| Value::from(ns.saturating_sub(begun.at_ns()));
    let attested = Attested::from([
        // Not a call into the guest, as elsewhere: the guest's own start-up and its socket are in
        // it.
        (
            Evidence::FirstRequest,
            "_start → listen → accept → answer, over loopback".into(),
        ),
        (Evidence::ListeningAfterNs, since(exchanged.listening_ns)),
        (Evidence::ConnectedAfterNs, since(exchanged.connected_ns)),
    ]);
    Ok(Outcome {
        first: exchanged.first,
        second: Some(exchanged.second),
        used: exchanged.used,
        attested,
    })
}

/// The guest waits for requests that will not come: nothing but the end of the process stops it.
#[expect(
    clippy::exit,
    reason = "the main thread is inside the guest, and no other call ends it"
)]
fn fail_at_once(output: Output, failure: Failure) -> ! {
    let failure = explained(failure, &output);
    child::respond_to::<Report>(output.report, &Err(failure));
    std::process::exit(1);
}

/// `read` and the one phase that turns bytes into something to run. Also the file whose machine
/// code must be mapped.
fn acquire(
    spec: &Spec,
    config: &Config,
    timeline: &mut Timeline,
) -> Result<(Module, PathBuf), Failure> {
    if spec.acquire == Acquire::Aot {
        let module = timeline
            .time(Phase::DeserializeFile, || {
                Module::from_file(Some(config), &spec.file)
            })
            .map_err(|error| artifact("it does not load", &error))?;
        return Ok((module, spec.file.clone()));
    }
    let bytes = timeline.time(Phase::Read, || read(&spec.file))?;
    if spec.acquire == Acquire::Compile {
        let folder = spec
            .cache
            .as_deref()
            .ok_or_else(|| Failure::new(Cause::Harness, "no folder to compile into"))?;
        return timeline.time(Phase::Compile, || {
            let file = compile(&bytes, folder, OPTIMIZATION)?;
            let module = Module::from_file(Some(config), &file)
                .map_err(|error| artifact("compiled code does not load", &error))?;
            Ok((module, file))
        });
    }
    let module = timeline
        .time(Phase::Validate, move || {
            Module::from_bytes(Some(config), bytes)
        })
        .map_err(|error| artifact("it is not valid here", &error))?;
    Ok((module, spec.file.clone()))
}

/// Makes compiled code, optimised so much, outside any timing.
pub(crate) fn prepare(
    preparation: &Preparation,
    optimization: CompilerOptimizationLevel,
) -> Result<(), Failure> {
    let Destination::File(path) = &preparation.into else {
        return Err(Failure::new(Cause::Harness, "this engine has no cache"));
    };
    quiet();
    let io = |error: std::io::Error| unable("cannot keep compiled code", &error);
    // On the file's own file system, so that it can be renamed there; under a name that nobody has or can
    // foresee, and nobody else's to write to: what is made in it will be run.
    let beside = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = tempfile::Builder::new()
        .prefix(".coldphase-")
        .tempdir_in(beside.unwrap_or_else(|| Path::new(".")))
        .map_err(io)?;
    let bytes = read(&preparation.file)?;
    let file = compile(&bytes, folder.path(), optimization)?;
    std::fs::rename(file, path).map_err(io)?;
    folder.close().map_err(io)
}

const fn run_mode(acquire: Acquire) -> RunMode {
    match acquire {
        Acquire::Compile | Acquire::Aot => RunMode::Aot,
        _ => RunMode::Interpreter,
    }
}

/// The evidence: what the configuration holds, and whether machine code out of `code` is mapped
/// into this process.
fn attest(config: &Config, code: &Path) -> Attested {
    let mode = match config.run_mode() {
        RunMode::Interpreter => "interpreter",
        RunMode::Jit => "jit",
        RunMode::Aot => "aot",
    };
    let mut found = Attested::from([
        (
            Evidence::EngineVersion,
            Value::from(wasmedge_sdk::utils::CoreVersion::version_string()),
        ),
        (Evidence::RunMode, mode.into()),
    ]);
    if let Ok(maps) = mapped::lines() {
        let file = mapped::name(code);
        let executable = |line: &str| {
            line.split(' ')
                .nth(1)
                .is_some_and(|mode| mode.starts_with("r-x"))
        };
        let mapped = maps
            .lines()
            .any(|line| executable(line) && line.ends_with(&file));
        found.insert(Evidence::CodeMapped, mapped);
    }
    found
}

/// The guest's arguments, its name first.
fn arguments(call: &Call) -> Vec<String> {
    match call {
        Call::Run(arguments) => arguments.clone(),
        Call::Http { .. } => std::iter::once("service")
            .chain(SERVICE)
            .map(str::to_owned)
            .collect(),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        Failure::new(
            Cause::Artifact,
            format!("cannot read {}: {error}", file.display()),
        )
    })
}

fn artifact(what: &str, error: &WasmEdgeError) -> Failure {
    Failure::new(Cause::Artifact, format!("{what}: {}", words(error)))
}

fn guest(what: &str, error: &WasmEdgeError) -> Failure {
    Failure::new(Cause::Guest, format!("{what}: {}", words(error)))
}

fn unable(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Cause::Machine, format!("{what}: {error}"))
}
