//! The commands: `run`, a command run to its end; `compile`, which makes the code that it starts
//! fastest from; and `serve`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use host_probe::request::{Destination, Kind, Preparation};
use host_probe::settings::Configuration;
use host_probe::{deadline, exit, files};
use host_wasmedge::vm::{OPTIMIZATION, configuration, machine, quiet, wasi};
use host_wasmedge::words::words;
use wasmedge_sdk::CompilerOptimizationLevel;
use wasmedge_sdk::utils::CoreVersion;

use crate::args::{self, Error, values};
use crate::artifact::{self, Artifact};
use crate::serve;
use crate::start::prepare;

const RUN_USAGE: &str = "host-wasmedge run --artifact FILE [--acquire interpret|aot] \
    [--time-limit SECONDS] [--memory-limit MIB] [--env NAME=VALUE]... \
    [--dir HOST[::GUEST][:rw]]... [-- ARGUMENT...]";
const COMPILE_USAGE: &str =
    "host-wasmedge compile --artifact FILE --output FILE.so [--optimize 0|1|2|3]";

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
    let names = ["--artifact", "--acquire", "--time-limit", "--memory-limit"];
    let (own, given) = args::given(own, RUN_USAGE)?;
    let [file, acquire, time, memory] = values(&own, names, RUN_USAGE)?;
    let file = args::artifact_path(file, RUN_USAGE)?;
    let time = args::time_limit(time, RUN_USAGE)?;
    let memory_bytes = args::memory_limit(memory, RUN_USAGE)?;
    let mode = artifact::mode(acquire.as_deref(), RUN_USAGE)?;
    quiet();
    let config = configuration(mode, Some(memory_bytes))
        .map_err(|error| Error::cannot_run(&file, &error))?;
    let mut guest_arguments = vec![file.to_string_lossy().into_owned()];
    guest_arguments.extend(
        of_guest
            .iter()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    let mut wasi =
        wasi(&guest_arguments, &given).map_err(|error| Error::cannot_run(&file, &error))?;
    let mut vm = machine(&config, &mut wasi).map_err(|error| Error::cannot_run(&file, &error))?;
    // Engine and imports come before the artifact is opened, as in the engine's own command line.
    let artifact = Artifact::open(&file, acquire.as_deref(), RUN_USAGE)?;
    let module = artifact.load(&config)?;
    end_in(time);
    vm.register_module(None, module)
        .map_err(|error| Error::not_instantiated(&file, &error))?;
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

/// Has this process end with the guest's exit code and a message when its time is up: nothing in
/// this engine stops a guest.
#[expect(unsafe_code, reason = "signal handlers have no safe interface")]
fn end_in(limit: Duration) {
    extern "C" fn time_is_up(_: libc::c_int) {
        const MESSAGE: &[u8] = b"error: the guest did not end within its time limit\n  hint: \
            --time-limit SECONDS allows more\n";
        // SAFETY: both are async-signal-safe, and the message lives as long as the program.
        unsafe {
            libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
            libc::_exit(exit::GUEST.into());
        }
    }
    let handler = time_is_up as extern "C" fn(libc::c_int);
    // SAFETY: the handler only does what signal-safety(7) allows.
    unsafe { libc::signal(libc::SIGALRM, handler as libc::sighandler_t) };
    deadline::alarm(limit);
}

fn compile_to_file(arguments: &[OsString]) -> Result<u8, Error> {
    let names = ["--artifact", "--output", "--optimize"];
    let [file, output, level] = values(arguments, names, COMPILE_USAGE)?;
    let optimization = optimization(level)?;
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
    let preparation = Preparation {
        file: file.clone(),
        kind: Kind::Module,
        settings: Configuration::BASELINE.settings,
        into,
    };
    prepare(&preparation, optimization)
        .map(|()| 0)
        .map_err(|failure| Error::cannot_run(&file, &failure))
}

/// How much the compiler optimises.
fn optimization(level: Option<OsString>) -> Result<CompilerOptimizationLevel, Error> {
    use CompilerOptimizationLevel::{O0, O1, O2, O3};
    let Some(level) = level else {
        return Ok(OPTIMIZATION);
    };
    match level.to_str() {
        Some("0") => Ok(O0),
        Some("1") => Ok(O1),
        Some("2") => Ok(O2),
        Some("3") => Ok(O3),
        _ => {
            let reason = format_args!("--optimize has no value `{}`", level.display());
            Err(Error::usage(reason, COMPILE_USAGE))
        }
    }
}
