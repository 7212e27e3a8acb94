//! `host-wasmedge run`: a command run to its end; and `host-wasmedge compile`, which makes the code
//! that it starts fastest from.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use host_probe::settings::{Allocator, Configuration, EngineSettings};
use host_probe::spec::{Destination, Kind, Preparation};
use host_wasmedge::vm::{configuration, machine, quiet, wasi};
use wasmedge_sdk::Module;
use wasmedge_sdk::utils::CoreVersion;

use crate::asked::{Failed, GUEST_EXIT, failed, mode, unusable, values, wrong};
use crate::start::prepare;

const RUN_USAGE: &str = "host-wasmedge run --artifact FILE [--acquire interpret|aot] [-- \
    ARGUMENT...]";
const COMPILE_USAGE: &str = "host-wasmedge compile --artifact FILE --output FILE.so";

/// Does what `arguments` say: `run …`, `compile …` or `--version`. Nothing if they say none of
/// these.
pub(crate) fn perform(arguments: &[OsString]) -> Option<ExitCode> {
    let (first, rest) = arguments.split_first()?;
    let done = match first.to_str()? {
        "--version" => {
            let _ = writeln!(
                std::io::stdout(),
                "WasmEdge {}",
                CoreVersion::version_string()
            );
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

fn run(arguments: &[OsString]) -> Result<ExitCode, Failed> {
    let (ours, theirs) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let [artifact, acquire] = values(ours, ["--artifact", "--acquire"], RUN_USAGE)?;
    let artifact =
        PathBuf::from(artifact.ok_or_else(|| wrong("--artifact is missing", RUN_USAGE))?);
    let mode = mode(&artifact, acquire.as_deref(), RUN_USAGE)?;
    quiet();
    let config = configuration(mode, None).map_err(|error| failed(&artifact, &error))?;
    let module =
        Module::from_file(Some(&config), &artifact).map_err(|error| unusable(&artifact, &error))?;
    let mut words = vec![artifact.to_string_lossy().into_owned()];
    words.extend(
        theirs
            .iter()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    let mut wasi = wasi(&words).map_err(|error| failed(&artifact, &error))?;
    let mut vm = machine(&config, &mut wasi).map_err(|error| failed(&artifact, &error))?;
    vm.register_module(None, module)
        .map_err(|error| unusable(&artifact, &error))?;
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
        return Err(wrong("--artifact or --output is missing", COMPILE_USAGE));
    };
    let engine = EngineSettings {
        allocator: Allocator::OnDemand,
        ..Configuration::BASELINE.engine
    };
    let (file, into) = (PathBuf::from(artifact), Destination::File(output.into()));
    prepare(&Preparation {
        file: file.clone(),
        kind: Kind::Module,
        engine,
        into,
    })
    .map(|()| ExitCode::SUCCESS)
    .map_err(|failure| failed(&file, &failure))
}
