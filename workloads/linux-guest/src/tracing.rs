//! Following a program's system calls until it has given its first answer, by ptrace(2): the program is the one
//! that runs without a guest, and does not tell by itself. Afterwards it runs as if nobody had followed it.

use std::io;
use std::mem::{MaybeUninit, size_of};

use crate::serial::{Milestone, Serial};

/// An argument that says nothing, as wide as the call reads it.
const NOTHING: usize = 0;

/// A system call, of those that tell something.
#[derive(Debug, Clone, Copy)]
struct Call {
    number: i64,
    /// Its first argument: the descriptor.
    descriptor: i64,
}

/// How far a program has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    call: Option<Call>,
    listening: bool,
    /// The first connection.
    connection: Option<i64>,
    answered: bool,
}

impl Progress {
    /// Whether there is nothing more to see.
    pub(crate) const fn is_over(&self) -> bool {
        self.answered
    }

    /// A call begins.
    fn begins(&mut self, call: Call) {
        self.call = Some(call);
    }

    /// The call that began last has returned; what that means.
    fn returned(&mut self, value: i64) -> Option<Milestone> {
        let call = self.call.take()?;
        if value < 0 {
            return None;
        }
        match call.number {
            libc::SYS_listen if !self.listening => {
                self.listening = true;
                Some(Milestone::Listening)
            }
            libc::SYS_accept | libc::SYS_accept4 if self.connection.is_none() => {
                self.connection = Some(value);
                Some(Milestone::Accepted)
            }
            libc::SYS_write | libc::SYS_writev | libc::SYS_sendto | libc::SYS_sendmsg
                if self.connection == Some(call.descriptor) && !self.answered =>
            {
                self.answered = true;
                Some(Milestone::Answered)
            }
            _ => None,
        }
    }

    /// Takes a stop of the program's at a call.
    pub(crate) fn stopped(&mut self, pid: libc::pid_t, serial: &Serial) -> io::Result<()> {
        let info = call_info(pid)?;
        match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: this is the member that a stop at an entry has.
                #[expect(unsafe_code, reason = "the member of a union")]
                let entry = unsafe { info.u.entry };
                self.begins(Call {
                    number: entry.nr.cast_signed(),
                    descriptor: entry.args[0].cast_signed(),
                });
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => {
                // SAFETY: this is the member that a stop at an exit has.
                #[expect(unsafe_code, reason = "the member of a union")]
                let value = unsafe { info.u.exit.sval };
                if let Some(milestone) = self.returned(value) {
                    serial.milestone(milestone);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[expect(unsafe_code, reason = "the call has no safe equivalent")]
fn call_info(pid: libc::pid_t) -> io::Result<libc::ptrace_syscall_info> {
    let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    // SAFETY: the kernel writes at most as many bytes as it is told that there are, and any bytes are a
    // value of this type.
    let (got, info) = unsafe {
        let size = size_of::<libc::ptrace_syscall_info>();
        let got = libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid, size, info.as_mut_ptr());
        (got, info.assume_init())
    };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(info)
}

/// Has this process followed by its parent: between fork and exec.
#[expect(unsafe_code, reason = "the call has no safe equivalent")]
pub(crate) fn follow_me() -> io::Result<()> {
    // SAFETY: numbers only.
    done(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, NOTHING, NOTHING) })
}

/// Has stops at calls be told from those for a signal.
#[expect(unsafe_code, reason = "the call has no safe equivalent")]
pub(crate) fn mark_calls(pid: libc::pid_t) -> io::Result<()> {
    // SAFETY: numbers only.
    done(unsafe {
        let options = libc::c_long::from(libc::PTRACE_O_TRACESYSGOOD);
        libc::ptrace(libc::PTRACE_SETOPTIONS, pid, NOTHING, options)
    })
}

/// Lets it go on, to its next call or, followed no longer, to its end, with a signal that it was stopped for.
#[expect(unsafe_code, reason = "the call has no safe equivalent")]
pub(crate) fn go_on(pid: libc::pid_t, followed: bool, signal: i32) -> io::Result<()> {
    let how = if followed {
        libc::PTRACE_SYSCALL
    } else {
        libc::PTRACE_DETACH
    };
    // SAFETY: numbers only.
    done(unsafe { libc::ptrace(how, pid, NOTHING, libc::c_long::from(signal)) })
}

fn done(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What calls in this order mean.
    fn told(calls: &[(i64, i64, i64)]) -> Vec<Milestone> {
        let mut progress = Progress::default();
        let mut told = Vec::new();
        for &(number, descriptor, value) in calls {
            progress.begins(Call { number, descriptor });
            told.extend(progress.returned(value));
        }
        told
    }

    #[test]
    fn the_first_of_each_is_told_and_no_attempt() {
        let eagain = -i64::from(libc::EAGAIN);
        let calls = [
            (libc::SYS_write, 1, 9),
            (libc::SYS_listen, 5, 0),
            (libc::SYS_accept4, 5, eagain),
            (libc::SYS_accept4, 5, 7),
            (libc::SYS_write, 1, 9),
            (libc::SYS_writev, 7, eagain),
            (libc::SYS_writev, 7, 80),
            (libc::SYS_writev, 7, 80),
            (libc::SYS_accept4, 5, 8),
        ];
        let all = [
            Milestone::Listening,
            Milestone::Accepted,
            Milestone::Answered,
        ];
        assert_eq!(told(&calls), all);
    }
}
