//! The commands: `run`, a command run to its end; `compile`, which makes the code that it starts
//! fastest from; and `serve`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use host_probe::request::{Destination, Kind, Preparation};
use host_probe::settings::Configuration;
use host_probe::{exit, files};
use host_wasmedge::vm::{configuration, machine, quiet, wasi};
use host_wasmedge::words::words;
use wasmedge_sdk::Module;
use wasmedge_sdk::utils::CoreVersion;

use crate::args::{Error, artifact, mode, values};
use crate::serve;
use crate::start::prepare;

const RUN_USAGE: &str = "host-wasmedge run --artifact FILE [--acquire interpret|aot] [-- \
    ARGUMENT...]";
const COMPILE_USAGE: &str = "host-wasmedge compile --artifact FILE --output FILE.so";

/// Runs the command line, without the program's name. Returns the exit code. `first_statement_ns`
/// is when `main` began.
pub(crate) fn run(arguments: &[OsString], first_statement_ns: u64) -> Result<u8, Error> {
    let help = |argument: &OsString| argument == "--help" || argument == "-h";
    match arguments {
        [run, rest @ ..] if run == "run" => run_command(rest),
        [compile, rest @ ..] if compile == "compile" => compile_to_file(rest),
        [version, ..] if version == "--version" => {
            print(&format!("WasmEdge {}", CoreVersion::version_string()));
            Ok(0)
        }
        _ if arguments.iter().any(help) => {
            print(&format!("Usage: {}", serve::USAGE));
            Ok(0)
        }
        [serve, flags @ ..] if serve == "serve" => serve::run(flags, first_statement_ns),
        [other, ..] => Err(Error::usage(
            format_args!("`{}` is no command", other.display()),
            serve::USAGE,
        )),
        [] => Err(Error::usage("there is no command", serve::USAGE)),
    }
}

fn print(line: &str) {
    // A closed stream is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn run_command(arguments: &[OsString]) -> Result<u8, Error> {
    let separator = arguments.iter().position(|argument| argument == "--");
    let (own, of_guest) = match separator {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let [file, acquire] = values(own, ["--artifact", "--acquire"], RUN_USAGE)?;
    let file = artifact(file, RUN_USAGE)?;
    let mode = mode(&file, acquire.as_deref(), RUN_USAGE)?;
    quiet();
    let config = configuration(mode, None).map_err(|error| Error::cannot_run(&file, &error))?;
    let module = Module::from_file(Some(&config), &file)
        .map_err(|error| Error::unusable(&file, &words(&error)))?;
    let mut guest_arguments = vec![file.to_string_lossy().into_owned()];
    guest_arguments.extend(
        of_guest
            .iter()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    let mut wasi = wasi(&guest_arguments).map_err(|error| Error::cannot_run(&file, &error))?;
    let mut vm = machine(&config, &mut wasi).map_err(|error| Error::cannot_run(&file, &error))?;
    vm.register_module(None, module)
        .map_err(|error| Error::unusable(&file, &words(&error)))?;
    let ran = vm.run_func(None, "_start", []);
    drop(vm);
    match ran {
        Ok(_) => Ok(u8::try_from(wasi.exit_code()).unwrap_or(1)),
        Err(error) => Err(Error {
            exit: exit::GUEST,
            message: format!("the guest trapped: {}", words(&error)),
        }),
    }
}

fn compile_to_file(arguments: &[OsString]) -> Result<u8, Error> {
    let [file, output] = values(arguments, ["--artifact", "--output"], COMPILE_USAGE)?;
    let (Some(file), Some(output)) = (file, output) else {
        return Err(Error::usage(
            "--artifact or --output is missing",
            COMPILE_USAGE,
        ));
    };
    let (file, into) = (PathBuf::from(file), Destination::File(output.into()));
    if let Destination::File(output) = &into
        && files::is_same(&file, output)
    {
        return Err(Error::usage(
            format_args!("--output {} is the artifact itself", output.display()),
            COMPILE_USAGE,
        ));
    }
    prepare(&Preparation {
        file: file.clone(),
        kind: Kind::Module,
        settings: Configuration::BASELINE.settings,
        into,
    })
    .map(|()| 0)
    .map_err(|failure| Error::cannot_run(&file, &failure))
}
