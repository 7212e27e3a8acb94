//! The command lines, and the errors that end the program.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use host_probe::exit;
use host_probe::report::{Cause, Failure};
use host_probe::settings::{Acquire, Named as _};
use lexopt::Arg::{Long, Short};
use machine::limits;
use wasmedge_sdk::RunMode;

/// What ends the program: an exit code, and a message on standard error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) exit: u8,
    pub(crate) message: String,
}

impl Error {
    pub(crate) fn new(exit: u8, message: impl Display, hint: &str) -> Self {
        Self {
            exit,
            message: format!("{message}\n  hint: {hint}"),
        }
    }

    /// A command line that asks for something impossible.
    pub(crate) fn usage(message: impl Display, usage: &str) -> Self {
        Self::new(exit::USAGE, message, usage)
    }

    /// An artifact that cannot be used.
    pub(crate) fn unusable(artifact: &Path, error: &dyn Display) -> Self {
        Self::new(
            exit::ARTIFACT,
            format_args!("cannot use {}: {error}", artifact.display()),
            "it takes a core module for WASI 0.1, as Wasm or as a .so that this version compiled; \
                one on WasmEdge's sockets to be served",
        )
    }

    /// What kept `artifact` from being run, before it was.
    pub(crate) fn cannot_run(artifact: &Path, failure: &Failure) -> Self {
        match failure.cause {
            Cause::Artifact => Self::unusable(artifact, &failure.reason),
            Cause::Machine => Self::new(exit::of(failure.cause), failure, &limits::hint()),
            Cause::Harness => Self::new(
                exit::of(failure.cause),
                failure,
                "this is a fault of the program: please report it",
            ),
            _ => Self::new(
                exit::of(failure.cause),
                failure,
                "it was loaded and then failed by itself",
            ),
        }
    }
}

/// The values of `names` among flags that each take one, as `--name value` or `--name=value`.
pub(crate) fn values<const N: usize>(
    flags: &[OsString],
    names: [&str; N],
    usage: &str,
) -> Result<[Option<OsString>; N], Error> {
    let mut values = [const { None }; N];
    let mut parser = lexopt::Parser::from_args(flags.to_vec());
    loop {
        let flag = match parser.next() {
            Ok(None) => return Ok(values),
            Ok(Some(Long(name))) => format!("--{name}"),
            Ok(Some(Short(letter))) => format!("-{letter}"),
            Ok(Some(lexopt::Arg::Value(value))) => value.to_string_lossy().into_owned(),
            Err(error) => return Err(Error::usage(error, usage)),
        };
        let position = names.iter().position(|known| flag == *known);
        let position =
            position.ok_or_else(|| Error::usage(format_args!("there is no flag {flag}"), usage))?;
        let value = parser
            .value()
            .map_err(|_| Error::usage(format_args!("{flag} lacks its value"), usage))?;
        values[position] = Some(value);
    }
}

/// The artifact among the values of flags.
pub(crate) fn artifact(value: Option<OsString>, usage: &str) -> Result<PathBuf, Error> {
    value
        .map(PathBuf::from)
        .ok_or_else(|| Error::usage("--artifact is missing", usage))
}

/// How the artifact is run: as requested, if its ending, by which the SDK recognises compiled code,
/// allows it.
pub(crate) fn mode(
    artifact: &Path,
    acquire: Option<&OsStr>,
    usage: &str,
) -> Result<RunMode, Error> {
    let compiled = artifact.extension().is_some_and(|ending| ending == "so");
    let invalid = |name: &str| Error::usage(format_args!("--acquire has no value `{name}`"), usage);
    let requested = match acquire.map(|value| value.to_str().unwrap_or_default()) {
        None => compiled,
        Some(name) => match Acquire::from_name(name) {
            Some(Acquire::Interpret) => false,
            Some(Acquire::Aot) => true,
            _ => return Err(invalid(name)),
        },
    };
    if requested != compiled {
        let reason = "a shared library (.so) is compiled code, and all else is interpreted";
        return Err(Error::usage(
            format_args!(
                "{} does not go with that --acquire: {reason}",
                artifact.display()
            ),
            usage,
        ));
    }
    Ok(if compiled {
        RunMode::Aot
    } else {
        RunMode::Interpreter
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(flags: &[&str]) -> Result<[Option<OsString>; 2], Error> {
        values(
            &flags.iter().map(OsString::from).collect::<Vec<_>>(),
            ["--one", "--two"],
            "usage",
        )
    }

    #[test]
    fn flags_are_read_in_both_forms() {
        assert_eq!(
            parsed(&["--two", "b", "--one=a=c"]),
            Ok([Some("a=c".into()), Some("b".into())])
        );
        assert_eq!(parsed(&[]), Ok([None, None]));
        assert_eq!(
            parsed(&["--one", "a", "--one="]),
            Ok([Some("".into()), None])
        );
    }

    #[test]
    fn a_wrong_flag_is_named() {
        let wrong = |reason: &str| Err(Error::usage(reason, "usage"));
        assert_eq!(parsed(&["--one"]), wrong("--one lacks its value"));
        assert_eq!(parsed(&["--three", "c"]), wrong("there is no flag --three"));
        assert_eq!(parsed(&["one", "a"]), wrong("there is no flag one"));
    }

    #[test]
    fn compiled_code_is_recognised_by_its_ending() {
        let mode = |file: &str, acquire: Option<&str>| {
            mode(Path::new(file), acquire.map(OsStr::new), "usage")
        };
        assert!(matches!(mode("x.so", None), Ok(RunMode::Aot)));
        assert!(matches!(
            mode("x.wasm", Some("interpret")),
            Ok(RunMode::Interpreter)
        ));
        for (file, acquire) in [
            ("x.so", "interpret"),
            ("x.wasm", "aot"),
            ("x.wasm", "compile"),
        ] {
            assert_eq!(
                mode(file, Some(acquire)).unwrap_err().exit,
                exit::USAGE,
                "{file} {acquire}"
            );
        }
    }
}
