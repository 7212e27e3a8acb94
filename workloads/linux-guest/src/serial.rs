//! What is told to the outside: milestones and text, byte by byte, on the first serial port, beside which the
//! kernel has a console of its own. Nothing is waited for: what is behind the port is a monitor, which takes
//! a byte at once.

use std::arch::asm;
use std::io;

use crate::failed::{Failed, io as failed};

/// What has happened, as a byte that no text has in ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Milestone {
    /// It listens.
    Listening = 0x84,
    /// The first connection is there.
    Accepted = 0x85,
    /// The first answer is handed to the kernel.
    Answered = 0x86,
    /// The first statement of the first program.
    Init = 0x87,
    /// The workload's program was executed.
    Executed = 0x88,
    /// It cannot go on; why is on the console.
    Failed = 0x8f,
}

/// The first serial port.
const PORT: u16 = 0x3f8;

/// What a monitor ends for, by the code that is written: QEMU's `isa-debug-exit`.
const EXIT: u16 = 0xf4;

/// The ports, which this thread may write to.
pub(crate) struct Serial(());

impl Serial {
    /// Has the kernel let this thread write to them.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn open() -> Result<Self, Failed> {
        for port in [PORT, EXIT] {
            allow(port).map_err(failed("the serial port cannot be written to"))?;
        }
        Ok(Self(()))
    }

    /// Tells a milestone.
    pub(crate) fn milestone(&self, milestone: Milestone) {
        write(self, PORT, milestone as u8);
    }

    /// Prints text; what is none of ASCII would be a milestone.
    pub(crate) fn print(&self, text: &[u8]) {
        for byte in text {
            write(self, PORT, if byte.is_ascii() { *byte } else { b'?' });
        }
    }

    /// Ends the machine, if its monitor has a device for that.
    pub(crate) fn end(&self, code: u8) {
        write(self, EXIT, code);
    }
}

/// Writes a byte to one of the ports, as whoever has them may.
#[expect(unsafe_code, reason = "a port has no safe equivalent")]
fn write(_: &Serial, port: u16, byte: u8) {
    // SAFETY: a value of this type is only made once the thread may write to these ports, and none of them
    // touches memory.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack, preserves_flags));
    }
}

#[expect(unsafe_code, reason = "the call has no safe equivalent")]
fn allow(port: u16) -> io::Result<()> {
    // SAFETY: numbers only.
    if unsafe { libc::ioperm(port.into(), 1, 1) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
