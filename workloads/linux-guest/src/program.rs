//! The workload's program: executed, followed as far as it is asked for, and waited for.

use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;

use crate::command_line::CommandLine;
use crate::failed::{Failed, io as failed};
use crate::serial::{Milestone, Serial};
use crate::tracing::{Progress, follow_me, go_on, mark_calls};

/// What is added to the number of a signal that a program has died of, as shells do.
const SIGNALLED: i32 = 128;

/// The signal of a stop at a call.
const AT_CALL: i32 = libc::SIGTRAP | 0x80;

/// Runs it to its end; its code.
pub(crate) fn run(line: &CommandLine, serial: &Serial) -> Result<u8, Failed> {
    let (printed, output) = io::pipe().map_err(failed("making a pipe"))?;
    let pid = execute(line, output).map_err(failed(format!("executing {}", line.program)))?;
    let passing = thread::spawn(move || pass_on(printed));
    let code = follow(pid, line.address.is_some(), serial);
    let code = code.map_err(failed(format!("following {}", line.program)))?;
    let passed = passing.join();
    passed.unwrap_or_else(|_| Err("what it prints was not passed on".to_owned().into()))?;
    Ok(code)
}

/// Executes it: it stops before its first instruction.
#[expect(
    unsafe_code,
    reason = "what is done between fork and exec must be safe there, which nothing checks"
)]
fn execute(line: &CommandLine, output: io::PipeWriter) -> io::Result<libc::pid_t> {
    // Dropped here, and with it this process's end of the pipe.
    let mut command = Command::new(&line.program);
    command.args(&line.arguments).env_clear();
    command.stdin(Stdio::null()).stdout(output);
    // SAFETY: one system call.
    unsafe { command.pre_exec(follow_me) };
    let child = command.spawn()?;
    libc::pid_t::try_from(child.id()).map_err(io::Error::other)
}

/// Passes on what it prints, to its end.
fn pass_on(mut printed: PipeReader) -> Result<(), Failed> {
    // The right to write to a port is a thread's.
    let serial = Serial::open()?;
    let mut piece = [0; 4096];
    loop {
        match printed.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => serial.print(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed("reading what it prints")(error)),
        }
    }
}

/// Waits for its end, and of a service tells until its first answer how far it has come.
fn follow(pid: libc::pid_t, service: bool, serial: &Serial) -> io::Result<u8> {
    let mut progress = Progress::default();
    let mut executed = false;
    loop {
        let status = wait(pid)?;
        if libc::WIFEXITED(status) {
            return Ok(code(libc::WEXITSTATUS(status)));
        }
        if libc::WIFSIGNALED(status) {
            return Ok(code(SIGNALLED + libc::WTERMSIG(status)));
        }
        let signal = match libc::WSTOPSIG(status) {
            AT_CALL => {
                progress.stopped(pid, serial)?;
                0
            }
            libc::SIGTRAP if !executed => {
                executed = true;
                serial.milestone(Milestone::Executed);
                mark_calls(pid)?;
                0
            }
            signal => signal,
        };
        go_on(pid, service && !progress.is_over(), signal)?;
    }
}

fn code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Waits for its end or its next stop.
#[expect(unsafe_code, reason = "the standard library waits for ends only")]
fn wait(pid: libc::pid_t) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to our variable.
        if unsafe { libc::waitpid(pid, &raw mut status, 0) } == pid {
            return Ok(status);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
