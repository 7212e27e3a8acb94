//! What a command line asks for, and with which code the program ends when that cannot be had.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::Path;

use host_probe::spec::{Cause, Failure};
use wasmedge_sdk::RunMode;

/// The exit codes are those of `host`: README has the table.
pub(crate) const INTERNAL_EXIT: u8 = 1;
pub(crate) const USAGE_EXIT: u8 = 2;
pub(crate) const ARTIFACT_EXIT: u8 = 3;
pub(crate) const GUEST_EXIT: u8 = 4;
pub(crate) const RESULTS_EXIT: u8 = 5;
pub(crate) const MACHINE_EXIT: u8 = 8;

/// An exit code, and what is said on standard error.
pub(crate) type Failed = (u8, String);

/// A command line that says something impossible.
pub(crate) fn wrong(reason: impl Display, usage: &str) -> Failed {
    (USAGE_EXIT, format!("{reason}\n  hint: {usage}"))
}

/// An artifact that cannot be used.
pub(crate) fn unusable(artifact: &Path, error: &dyn Display) -> Failed {
    let hint = "it takes a core module for WASI 0.1, as Wasm or as a .so that this version \
        compiled; one on WasmEdge's sockets to be served";
    (
        ARTIFACT_EXIT,
        format!("cannot use {}: {error}\n  hint: {hint}", artifact.display()),
    )
}

/// What kept `artifact` from being run, before it was.
pub(crate) fn failed(artifact: &Path, failure: &Failure) -> Failed {
    match failure.cause {
        Cause::Artifact => unusable(artifact, &failure.reason),
        Cause::Machine => (
            MACHINE_EXIT,
            format!("{failure}\n  hint: see ulimit -v and free memory"),
        ),
        _ => (
            INTERNAL_EXIT,
            format!("{failure}\n  hint: this is a fault of the program: please report it"),
        ),
    }
}

/// The values of `names` among flags that each take one, as `--name value` or `--name=value`.
pub(crate) fn values<const N: usize>(
    flags: &[OsString],
    names: [&str; N],
    usage: &str,
) -> Result<[Option<OsString>; N], Failed> {
    let mut values = [const { None }; N];
    let mut rest = flags.iter();
    while let Some(flag) = rest.next() {
        let joined = flag.to_str().and_then(|text| text.split_once('='));
        let name = joined.map_or(flag.as_os_str(), |(name, _)| OsStr::new(name));
        let at = names.iter().position(|known| name == *known);
        let at =
            at.ok_or_else(|| wrong(format_args!("there is no flag {}", name.display()), usage))?;
        let value = joined
            .map(|(_, value)| value.into())
            .or_else(|| rest.next().cloned());
        values[at] = Some(
            value
                .ok_or_else(|| wrong(format_args!("{} lacks its value", name.display()), usage))?,
        );
    }
    Ok(values)
}

/// How the artifact is run: as asked, if its ending, by which the SDK tells compiled code, allows
/// that.
pub(crate) fn mode(
    artifact: &Path,
    acquire: Option<&OsStr>,
    usage: &str,
) -> Result<RunMode, Failed> {
    let compiled = artifact.extension().is_some_and(|ending| ending == "so");
    let asked = match acquire.map(|value| value.to_str().unwrap_or_default()) {
        None => compiled,
        Some("interpret") => false,
        Some("aot") => true,
        Some(other) => {
            return Err(wrong(
                format_args!("--acquire has no value `{other}`"),
                usage,
            ));
        }
    };
    if asked != compiled {
        let reason = "a shared library (.so) is compiled code, and all else is interpreted";
        return Err(wrong(
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

    fn told(flags: &[&str]) -> Result<[Option<OsString>; 2], Failed> {
        values(
            &flags.iter().map(OsString::from).collect::<Vec<_>>(),
            ["--one", "--two"],
            "usage",
        )
    }

    #[test]
    fn flags_are_read_in_both_forms() {
        assert_eq!(
            told(&["--two", "b", "--one=a=c"]),
            Ok([Some("a=c".into()), Some("b".into())])
        );
        assert_eq!(told(&[]), Ok([None, None]));
        assert_eq!(told(&["--one", "a", "--one="]), Ok([Some("".into()), None]));
    }

    #[test]
    fn what_is_wrong_with_flags_is_said() {
        let wrong = |reason: &str| Err((2, format!("{reason}\n  hint: usage")));
        assert_eq!(told(&["--one"]), wrong("--one lacks its value"));
        assert_eq!(told(&["--three", "c"]), wrong("there is no flag --three"));
        assert_eq!(told(&["one", "a"]), wrong("there is no flag one"));
    }

    #[test]
    fn compiled_code_is_told_by_its_ending() {
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
                mode(file, Some(acquire)).unwrap_err().0,
                USAGE_EXIT,
                "{file} {acquire}"
            );
        }
    }
}
