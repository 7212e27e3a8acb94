//! The command lines, and the errors that end the program.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_probe::given::{Folder, Given, Variable, folder_refused};
use host_probe::report::{Cause, Failure};
use host_probe::{exit, limits};
use host_wasmedge::words::{is_trap, words};
use lexopt::Arg::{Long, Short};
use wasmedge_sdk::error::WasmEdgeError;

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
            "it takes a core module for WASI 0.1, as Wasm or as what this version compiled of it; \
                one on WasmEdge's sockets to be served",
        )
    }

    /// What kept an instance of `artifact` from being made: its imports, or what it does when it starts.
    pub(crate) fn not_instantiated(artifact: &Path, error: &WasmEdgeError) -> Self {
        if is_trap(error) {
            return Self::new(
                exit::GUEST,
                format_args!("the guest trapped in its start function: {}", words(error)),
                "it was loaded and then failed by itself",
            );
        }
        Self::unusable(artifact, &words(error))
    }

    /// What kept `artifact` from being run, before it was.
    pub(crate) fn cannot_run(artifact: &Path, failure: &Failure) -> Self {
        match failure.cause {
            Cause::Artifact => Self::unusable(artifact, &failure.reason),
            Cause::Machine => Self::new(exit::of(failure.cause), failure, &machine::limits::hint()),
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

/// The flags without those that give a guest something, and what these give. They may be given
/// several times.
pub(crate) fn given(flags: &[OsString], usage: &str) -> Result<(Vec<OsString>, Given), Error> {
    let (mut others, mut given) = (Vec::new(), Given::default());
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let text = flag.to_str().unwrap_or_default();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if !["--env", "--dir"].contains(&name) {
            others.push(flag.clone());
            continue;
        }
        let next = || flags.next()?.to_str().map(str::to_owned);
        let value = value
            .or_else(next)
            .ok_or_else(|| Error::usage(format_args!("{name} lacks its value"), usage))?;
        let wrong =
            |reason: String| Error::usage(format_args!("{name} `{value}`: {reason}"), usage);
        if name == "--env" {
            given
                .environment
                .push(Variable::parse(&value).map_err(wrong)?);
        } else {
            let folder = Folder::parse(&value).map_err(wrong)?;
            let held = folder.hold();
            given
                .folders
                .push(held.map_err(|error| Error::usage(folder_refused(&folder, &error), usage))?);
        }
    }
    Ok((others, given))
}

/// The path of the artifact among the values of flags.
pub(crate) fn artifact_path(value: Option<OsString>, usage: &str) -> Result<PathBuf, Error> {
    value
        .map(PathBuf::from)
        .ok_or_else(|| Error::usage("--artifact is missing", usage))
}

/// A memory limit in MiB, in bytes.
pub(crate) fn memory_limit(value: Option<OsString>, usage: &str) -> Result<u64, Error> {
    let Some(value) = value else {
        return Ok(limits::MEMORY_BYTES);
    };
    let text = value.to_string_lossy();
    text.parse()
        .ok()
        .and_then(|mebibytes: u64| mebibytes.checked_mul(1024 * 1024))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| Error::usage(format_args!("`{text}` is no number of MiB"), usage))
}

/// A time limit in seconds.
pub(crate) fn time_limit(value: Option<OsString>, usage: &str) -> Result<Duration, Error> {
    /// A day, as for all programs.
    const MOST: f64 = 86_400.0;
    let Some(value) = value else {
        return Ok(limits::TIME);
    };
    let text = value.to_string_lossy();
    text.parse()
        .ok()
        .filter(|seconds| (0.001..=MOST).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| Error::usage(format_args!("`{text}` is no number of seconds"), usage))
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
    fn what_a_guest_is_given_is_taken_out_of_the_flags() {
        let given = |flags: &[&str]| {
            given(
                &flags.iter().map(OsString::from).collect::<Vec<_>>(),
                "usage",
            )
        };
        let flags = ["--one", "a", "--env", "A=b=c", "--dir=/::/x", "--env=C="];
        let (others, found) = given(&flags).unwrap();
        assert_eq!(others, ["--one", "a"].map(OsString::from));
        let variables: Vec<_> = found.environment.iter().map(ToString::to_string).collect();
        assert_eq!(variables, ["A=b=c", "C="]);
        assert_eq!(
            (found.folders[0].guest.as_str(), found.folders[0].writable),
            ("/x", false)
        );
        for wrong in [
            &["--env"][..],
            &["--env", "A"],
            &["--dir", "/nowhere::/x"],
            &["--dir", ""],
        ] {
            assert_eq!(given(wrong).unwrap_err().exit, exit::USAGE, "{wrong:?}");
        }
    }

    #[test]
    fn limits_are_numbers_with_their_defaults() {
        let (mebibytes, seconds) = (
            |text: &str| memory_limit(Some(text.into()), "usage"),
            |text: &str| time_limit(Some(text.into()), "usage"),
        );
        assert_eq!(memory_limit(None, "usage"), Ok(limits::MEMORY_BYTES));
        assert_eq!(time_limit(None, "usage"), Ok(limits::TIME));
        assert_eq!(mebibytes("2"), Ok(2 * 1024 * 1024));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "much", "-1", "0", "99999999999999999"] {
            assert_eq!(mebibytes(wrong).unwrap_err().exit, exit::USAGE, "{wrong}");
        }
        for wrong in ["", "long", "-1", "0", "nan", "inf", "86401"] {
            assert_eq!(seconds(wrong).unwrap_err().exit, exit::USAGE, "{wrong}");
        }
    }
}
