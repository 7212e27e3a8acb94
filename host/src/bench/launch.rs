//! The parent's side: one child, from its launch to its end.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;

use super::isolation;
use super::programs::is_this;
use host_probe::limits::{REPORT_BYTES, quote};
use host_probe::report::{Cause, Failure};
use host_probe::request::Message;

/// A child that has ended.
pub(crate) struct Finished<T> {
    /// The clock right before the launch.
    pub(crate) launched_ns: u64,
    /// The clock when its end was seen.
    pub(crate) ended_ns: u64,
    /// What it reported.
    pub(crate) report: Result<T, Failure>,
}

/// Runs a program as a child with this request and its arguments, and waits for its report.
///
/// The child gets no environment, no input but the message's, and a process group of its own: an interrupt on the
/// terminal stops the campaign between two samples and not a sample in the middle. Nothing here
/// keeps `Command` from `posix_spawn`, whose `vfork` does not copy the parent's page tables.
pub(crate) fn run<T: DeserializeOwned>(
    program: &Path,
    request: &str,
    message: &Message,
    time_limit: Duration,
) -> Finished<T> {
    let mut command = Command::new(program);
    command
        .arg(request)
        .args(&message.arguments)
        .env_clear()
        .process_group(0);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let called_ns = now_ns();
    let launched = input(message.input.as_deref()).and_then(|input| {
        command.stdin(input);
        // This program's guests have no sockets; those of WasmEdge's have real ones.
        if is_this(program) {
            isolation::launch_here(command)
        } else {
            isolation::launch(command)
        }
    });
    let (launched_ns, report) = match launched {
        Ok((launched_ns, child)) => (launched_ns, read_report(child, time_limit)),
        Err(error) => {
            let reason = format!("cannot start a process: {error}");
            (called_ns, Err(Failure::new(Cause::Machine, reason)))
        }
    };
    Finished {
        launched_ns,
        ended_ns: now_ns(),
        report,
    }
}

/// What a child reads: a file in memory, which it finds whole however late it looks. A pipe would
/// have to be filled while the child starts.
fn input(bytes: Option<&[u8]>) -> io::Result<Stdio> {
    let Some(bytes) = bytes else {
        return Ok(Stdio::null());
    };
    let mut file = File::from(memfd_create(c"call", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

fn read_report<T: DeserializeOwned>(mut child: Child, time_limit: Duration) -> Result<T, Failure> {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let read = read_streams(&mut child, time_limit, &mut output, &mut errors);
    if read != Ok(Read::Complete) {
        let _ = child.kill();
    }
    let status = child
        .wait()
        .map_err(|error| Failure::new(Cause::Machine, error.to_string()))?;
    match read {
        Ok(Read::Complete) => {}
        Ok(Read::TimedOut) => {
            return Err(Failure::new(
                Cause::TimeLimit,
                "the start did not end and was killed",
            ));
        }
        Ok(Read::TooMuch) => {
            return Err(Failure::new(Cause::Guest, "the guest's answer is too long"));
        }
        Err(error) => {
            return Err(Failure::new(
                Cause::Machine,
                format!("cannot read a process's output: {error}"),
            ));
        }
    }
    serde_json::from_slice::<Result<T, Failure>>(&output)
        .unwrap_or_else(|_| Err(no_report(status, &errors)))
}

/// Why a child ended without a report, as far as that can be known.
fn no_report(status: ExitStatus, errors: &[u8]) -> Failure {
    let of_machine = lacks_memory(status, errors);
    let errors = quote(errors);
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
            format!(
                "the start was killed from outside, perhaps for lack of memory or by a limit{errors}"
            ),
        ),
        Some(Signal::SIGXCPU) => Failure::new(
            Cause::Machine,
            format!("the start was killed by the limit of its CPU time{errors}"),
        ),
        _ if of_machine => Failure::new(
            Cause::Machine,
            format!("the start found too little of the machine ({status}){errors}"),
        ),
        Some(signal) => Failure::new(
            Cause::Harness,
            format!("the start died of {signal}{errors}"),
        ),
        None => Failure::new(
            Cause::Harness,
            format!("the start ended without a report ({status}){errors}"),
        ),
    }
}

/// Whether a child ended for lack of memory, addresses or threads, before it could report that: in
/// the dynamic linker, which then exits with 127, or where its runtime gives up. Neither has another
/// way to say so than its words, which are those of the C and the Rust standard libraries.
fn lacks_memory(status: ExitStatus, errors: &[u8]) -> bool {
    const WORDS: [&[u8]; 5] = [
        b"memory allocation of",
        b"Cannot allocate memory",
        b"cannot allocate memory",
        b"failed to map segment",
        b"Resource temporarily unavailable",
    ];
    let said = |words: &[u8]| errors.windows(words.len()).any(|window| window == words);
    // Nothing of a guest's is on a thread's own stack beyond what the engine allows it.
    let of_stack = said(b"has overflowed its stack") && machine::limits::stack_is_small();
    !status.success() && (of_stack || WORDS.iter().any(|words| said(words)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Complete,
    TimedOut,
    TooMuch,
}

/// Reads both streams to their ends. The parent sleeps in the kernel meanwhile: no thread of it
/// competes with the child.
fn read_streams(
    child: &mut Child,
    time_limit: Duration,
    output: &mut Vec<u8>,
    errors: &mut Vec<u8>,
) -> Result<Read, nix::Error> {
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let deadline =
        now_ns().saturating_add(u64::try_from(time_limit.as_nanos()).unwrap_or(u64::MAX));
    while stdout.is_some() || stderr.is_some() {
        let left_ms = deadline.saturating_sub(now_ns()).div_ceil(1_000_000);
        if left_ms == 0 {
            return Ok(Read::TimedOut);
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
        if out_ready && at_end(stdout.as_mut(), output) {
            stdout = None;
        }
        if err_ready && at_end(stderr.as_mut(), errors) {
            stderr = None;
        }
        if output.len().max(errors.len()) > REPORT_BYTES {
            return Ok(Read::TooMuch);
        }
    }
    Ok(Read::Complete)
}

/// Reads what is available. Returns whether that was the end, or cannot be read any more.
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
