//! The parent's side: one child, from its launch to its end.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;

use host_probe::spec::{Cause, Failure};

/// The most that a child may report: an answer in hexadecimal and its evidence. More would be kept
/// in memory for nothing.
const MAX_REPORT_BYTES: usize = 64 * 1024 * 1024;

/// A child that has ended.
pub(crate) struct Ended<T> {
    /// The clock right before the launch.
    pub(crate) launched_ns: u64,
    /// The clock when its end was seen.
    pub(crate) seen_ns: u64,
    /// What it reported.
    pub(crate) reported: Result<T, Failure>,
}

/// Runs a program as a child that does `what` with `input`, and waits for its report.
///
/// The child gets no environment and no input, and a process group of its own: an interrupt on the
/// terminal stops the campaign between two samples and not a sample in the middle. Nothing here
/// keeps `Command` from `posix_spawn`, whose `vfork` does not copy the parent's page tables.
pub(crate) fn run<T: DeserializeOwned>(
    program: &Path,
    what: &str,
    input: &[OsString],
    patience: Duration,
) -> Ended<T> {
    let mut command = Command::new(program);
    command.arg(what).args(input).env_clear().process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let launched_ns = now_ns();
    let reported = command
        .spawn()
        .map_err(|error| Failure::new(Cause::Machine, format!("cannot start a process: {error}")))
        .and_then(|child| report(child, patience));
    Ended {
        launched_ns,
        seen_ns: now_ns(),
        reported,
    }
}

fn report<T: DeserializeOwned>(mut child: Child, patience: Duration) -> Result<T, Failure> {
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let heard = listen(&mut child, patience, &mut said, &mut complained);
    if heard != Ok(Heard::All) {
        let _ = child.kill();
    }
    let status = child
        .wait()
        .map_err(|error| Failure::new(Cause::Machine, error.to_string()))?;
    match heard {
        Ok(Heard::All) => {}
        Ok(Heard::TooLong) => {
            return Err(Failure::new(
                Cause::TimeLimit,
                "the start did not end and was killed",
            ));
        }
        Ok(Heard::TooMuch) => {
            return Err(Failure::new(Cause::Guest, "the guest's answer is too long"));
        }
        Err(error) => {
            return Err(Failure::new(
                Cause::Machine,
                format!("cannot listen to a process: {error}"),
            ));
        }
    }
    serde_json::from_slice::<Result<T, Failure>>(&said)
        .unwrap_or_else(|_| Err(no_report(status, &complained)))
}

/// A child that ended without a report: what can be said about it.
fn no_report(status: ExitStatus, complained: &[u8]) -> Failure {
    let words = String::from_utf8_lossy(complained);
    let words = if words.trim().is_empty() {
        String::new()
    } else {
        format!("; it said: {}", words.trim())
    };
    let signal = status
        .signal()
        .and_then(|signal| Signal::try_from(signal).ok());
    match signal {
        Some(Signal::SIGALRM) => Failure::new(
            Cause::TimeLimit,
            "the guest did not answer within its time limit",
        ),
        Some(Signal::SIGKILL) => Failure::new(
            Cause::Machine,
            format!("the start was killed from outside, perhaps for lack of memory{words}"),
        ),
        Some(signal) => Failure::new(Cause::Harness, format!("the start died of {signal}{words}")),
        None => Failure::new(
            Cause::Harness,
            format!("the start ended without a report ({status}){words}"),
        ),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    All,
    TooLong,
    TooMuch,
}

/// Reads both streams to their ends. The parent sleeps in the kernel meanwhile: no thread of it
/// competes with the child.
fn listen(
    child: &mut Child,
    patience: Duration,
    said: &mut Vec<u8>,
    complained: &mut Vec<u8>,
) -> Result<Heard, nix::Error> {
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let deadline = now_ns().saturating_add(u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX));
    while stdout.is_some() || stderr.is_some() {
        let left_ms = deadline.saturating_sub(now_ns()).div_ceil(1_000_000);
        if left_ms == 0 {
            return Ok(Heard::TooLong);
        }
        let wait = PollTimeout::from(u16::try_from(left_ms).unwrap_or(u16::MAX));
        let (out_ready, err_ready) = {
            let mut fds: Vec<_> = [
                stdout.as_ref().map(|pipe| pipe.as_fd()),
                stderr.as_ref().map(|pipe| pipe.as_fd()),
            ]
            .into_iter()
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
            match poll(&mut fds, wait) {
                Err(nix::Error::EINTR) => continue,
                other => other?,
            };
            let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
            let out_ready = stdout.is_some() && ready.next().unwrap_or(false);
            (out_ready, stderr.is_some() && ready.next().unwrap_or(false))
        };
        if out_ready && at_end(stdout.as_mut(), said) {
            stdout = None;
        }
        if err_ready && at_end(stderr.as_mut(), complained) {
            stderr = None;
        }
        if said.len().max(complained.len()) > MAX_REPORT_BYTES {
            return Ok(Heard::TooMuch);
        }
    }
    Ok(Heard::All)
}

/// Reads what is there. Whether that was the end, or cannot be read any more.
fn at_end(pipe: Option<&mut impl io::Read>, into: &mut Vec<u8>) -> bool {
    let mut piece = vec![0; 64 * 1024];
    match pipe.map(|pipe| pipe.read(&mut piece)) {
        Some(Ok(n)) if n > 0 => {
            into.extend_from_slice(&piece[..n]);
            false
        }
        Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => false,
        _ => true,
    }
}
