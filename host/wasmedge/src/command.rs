//! `host-wasmedge run`: a command run to its end; and `host-wasmedge compile`, which makes the code that it starts fastest from.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use host_probe::settings::{Allocator, Configuration, EngineSettings};
use host_probe::spec::{Destination, Kind, Preparation};
use wasmedge_sdk::utils::CoreVersion;
use wasmedge_sdk::wasi::WasiModule;
use wasmedge_sdk::{Instance, Module, RunMode, Store, Vm};

use crate::start::{configuration, prepare, quiet};
use crate::{ARTIFACT_EXIT, GUEST_EXIT, USAGE_EXIT};

const RUN_USAGE: &str = "host-wasmedge run --artifact FILE [--acquire interpret|aot] [-- ARGUMENT...]";
const COMPILE_USAGE: &str = "host-wasmedge compile --artifact FILE --output FILE.so";

/// Does what `arguments` say: `run …`, `compile …` or `--version`. Nothing if they say none of these.
pub(crate) fn perform(arguments: &[OsString]) -> Option<ExitCode> {
    let (first, rest) = arguments.split_first()?;
    let done = match first.to_str()? {
        "--version" => {
            let _ = writeln!(std::io::stdout(), "WasmEdge {}", CoreVersion::version_string());
            Ok(ExitCode::SUCCESS)
        }
        "run" => run(rest),
        "compile" => compile(rest),
        _ => return None,
    };
    Some(done.unwrap_or_else(|(code, reason)| {
        let _ = writeln!(std::io::stderr(), "error: {reason}");
        ExitCode::from(code)
    }))
}

type Failed = (u8, String);

/// The values of `names` among flags that each take one.
fn values<const N: usize>(flags: &[OsString], names: [&str; N], usage: &str) -> Result<[Option<OsString>; N], Failed> {
    let wrong = |reason: String| (USAGE_EXIT, format!("{reason}\n  hint: {usage}"));
    let mut values = [const { None }; N];
    for pair in flags.chunks(2) {
        let [flag, value] = pair else { return Err(wrong(format!("{} lacks its value", pair[0].display()))) };
        let at = names.iter().position(|name| flag == name);
        let at = at.ok_or_else(|| wrong(format!("there is no flag {}", flag.display())))?;
        values[at] = Some(value.clone());
    }
    Ok(values)
}

fn run(arguments: &[OsString]) -> Result<ExitCode, Failed> {
    let (ours, theirs) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let [artifact, acquire] = values(ours, ["--artifact", "--acquire"], RUN_USAGE)?;
    let usage = |reason: &str| (USAGE_EXIT, format!("{reason}\n  hint: {RUN_USAGE}"));
    let artifact = PathBuf::from(artifact.ok_or_else(|| usage("--artifact is missing"))?);
    let compiled = artifact.extension().is_some_and(|ending| ending == "so");
    let mode = match acquire.as_ref().map(|value| value.to_str().unwrap_or_default()) {
        None if compiled => RunMode::Aot,
        None | Some("interpret") => RunMode::Interpreter,
        Some("aot") => RunMode::Aot,
        Some(_) => return Err(usage("--acquire takes interpret or aot")),
    };
    if compiled != matches!(mode, RunMode::Aot) {
        return Err(usage("a shared library (.so) is compiled code, all else is interpreted"));
    }
    quiet();
    let config = configuration(mode, None).map_err(|failure| (1, failure.to_string()))?;
    let unusable =
        |error: &dyn std::fmt::Display| (ARTIFACT_EXIT, format!("cannot use {}: {error}", artifact.display()));
    let module = Module::from_file(Some(&config), &artifact).map_err(|error| unusable(&error))?;
    let mut words = vec![artifact.to_string_lossy().into_owned()];
    words.extend(theirs.iter().map(|word| word.to_string_lossy().into_owned()));
    let mut wasi = WasiModule::create(Some(words.iter().map(String::as_str).collect()), None, None)
        .map_err(|error| (1, format!("cannot make a WASI context: {error}")))?;
    let imports: HashMap<String, &mut Instance> = HashMap::from([(wasi.name().to_owned(), wasi.as_mut())]);
    let store = Store::new(Some(&config), imports).map_err(|error| unusable(&error))?;
    let mut vm = Vm::new(store);
    vm.register_module(None, module).map_err(|error| unusable(&error))?;
    let ran = vm.run_func(None, "_start", []);
    drop(vm);
    match ran {
        Ok(_) => Ok(u8::try_from(wasi.exit_code()).unwrap_or(1).into()),
        Err(error) => Err((GUEST_EXIT, format!("the guest trapped: {error}"))),
    }
}

fn compile(arguments: &[OsString]) -> Result<ExitCode, Failed> {
    let [artifact, output] = values(arguments, ["--artifact", "--output"], COMPILE_USAGE)?;
    let (Some(artifact), Some(output)) = (artifact, output) else {
        return Err((USAGE_EXIT, format!("--artifact or --output is missing\n  hint: {COMPILE_USAGE}")));
    };
    let engine = EngineSettings { allocator: Allocator::OnDemand, ..Configuration::BASELINE.engine };
    let into = Destination::File(output.into());
    prepare(&Preparation { file: artifact.into(), kind: Kind::Module, engine, into })
        .map(|()| ExitCode::SUCCESS)
        .map_err(|failure| (ARTIFACT_EXIT, failure.to_string()))
}
