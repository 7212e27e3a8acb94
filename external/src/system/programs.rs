//! Programs: where they are, what they are, and running them for what they do to files.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use host_probe::trust;
use machine::clock::now_ns;
use machine::processes::Stat;
use results::digest::sha256_file;

use super::{Found, Unavailable, find_program};
use crate::process::{wait_for_end, wait_with_cpu};

/// Runs a program to its end for what it does to files.
pub(super) fn run(program: &Path, arguments: &[String]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    // Some complain where others print what was asked for.
    let mut said = [&output.stderr, &output.stdout]
        .into_iter()
        .map(|it| String::from_utf8_lossy(it));
    let printed = said.find(|it| !it.trim().is_empty());
    let printed = printed.unwrap_or_default();
    Err(format!(
        "`{} {}` failed: {}",
        program.display(),
        arguments.join(" "),
        printed.trim()
    ))
}

/// Waits until a command has ended; one that has not by `until_ns` is killed. Whether it has ended by
/// itself.
pub(super) fn ends_by(child: &mut Child, until_ns: u64) -> bool {
    wait_for_end(child.id(), until_ns);
    // It stays to be waited for: whoever does so is told what it cost.
    let lives = Stat::of(child.id()).is_some_and(|it| it.lives);
    if now_ns() < until_ns || !lives {
        return true;
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// What a command printed that has ended, how it ended, and its CPU time with that of all that it
/// had waited for.
///
/// # Errors
/// What it printed cannot be read, or it was waited for before.
pub(super) fn output_of(mut child: Child) -> io::Result<(Output, Option<u64>)> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    if let Some(pipe) = &mut child.stdout {
        pipe.read_to_end(&mut stdout)?;
    }
    if let Some(pipe) = &mut child.stderr {
        pipe.read_to_end(&mut stderr)?;
    }
    let (status, cpu_ns) = wait_with_cpu(child.id())?;
    let output = Output {
        status,
        stdout,
        stderr,
    };
    Ok((output, cpu_ns))
}

/// Where `./setup` puts a program that it downloads. For root that is a folder of root's: in the home
/// of somebody who has called `sudo`, they could put another in its place.
pub(super) fn installed_by_setup(name: &str) -> Option<PathBuf> {
    if is_root() {
        let program = docker_engine::state().join(name);
        return trust::is_roots(&program).then_some(program);
    }
    let data = std::env::var_os("XDG_DATA_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let data =
        data.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share")))?;
    Some(data.join("coldphase").join(name))
}

/// The program that a variable names, or else the one that `./setup` has installed as `installed`, or
/// else the one of that name on the path. Where the variable names none, no other is taken for it.
///
/// # Errors
/// There is none.
pub(super) fn named_or_installed(variable: &str, installed: &str) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(variable).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if named.is_file() {
            return Ok(named);
        }
        return Err(format!(
            "{variable} names {}, and there is no such program",
            named.display()
        ));
    }
    let name = installed.rsplit('/').next().unwrap_or(installed);
    let candidates: Vec<_> = installed_by_setup(installed).into_iter().collect();
    find_program(name, &candidates).ok_or_else(|| format!("there is no program `{name}`"))
}

/// Whether this process has the rights of root, as the kernel shows it to others.
pub(super) fn is_root() -> bool {
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|this| this.uid() == 0)
}

/// A program with its version and digest.
pub(super) fn found(program: PathBuf, version: String, remedy: &str) -> Result<Found, Unavailable> {
    let sha256 = sha256_file(&program).map_err(|error| Unavailable {
        reason: format!("cannot read {}: {error}", program.display()),
        remedy: remedy.to_owned(),
    })?;
    Ok(Found {
        program,
        version,
        engine_version: None,
        sha256,
    })
}

/// Makes an [`Unavailable`] of a reason, with this remedy.
pub(super) fn unavailable(remedy: &str) -> impl Fn(String) -> Unavailable {
    let remedy = remedy.to_owned();
    move |reason| Unavailable {
        reason,
        remedy: remedy.clone(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_does_not_end_in_time_is_killed() {
        let launch = |seconds: &str| {
            std::process::Command::new("/bin/sleep")
                .arg(seconds)
                .spawn()
        };
        let mut quick = launch("0").unwrap();
        assert!(super::ends_by(&mut quick, u64::MAX));
        assert!(quick.wait().unwrap().success());
        let mut slow = launch("1000").unwrap();
        assert!(!super::ends_by(&mut slow, super::now_ns()));
        assert!(slow.try_wait().unwrap().is_some());
    }
}
