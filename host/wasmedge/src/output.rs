//! What a guest prints. The engine hands a guest the process's own descriptors, so those are
//! exchanged before the start: the report goes where standard output went, and what the guest
//! prints is kept in memory or read as it comes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{dup, dup2_stderr, dup2_stdout, pipe};

/// The most of a guest's output that is kept. More fails the start: a cut answer would be a wrong
/// one.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The descriptors of a start.
pub(crate) struct Output {
    /// Where the report goes.
    pub(crate) report: File,
    /// Both of the guest's streams, or the reading end of its standard output.
    kept: File,
}

impl Output {
    /// Of a command: kept in memory until it has ended.
    pub(crate) fn for_command() -> io::Result<Self> {
        let report = File::from(dup(io::stdout().as_fd())?);
        let kept = File::from(memfd_create(c"guest-output", MFdFlags::MFD_CLOEXEC)?);
        dup2_stdout(&kept)?;
        silence_errors()?;
        Ok(Self { report, kept })
    }

    /// Of a service: a pipe whose reader learns when it listens.
    pub(crate) fn for_service() -> io::Result<Self> {
        let report = File::from(dup(io::stdout().as_fd())?);
        let (reader, writer): (OwnedFd, OwnedFd) = pipe()?;
        dup2_stdout(&writer)?;
        silence_errors()?;
        Ok(Self {
            report,
            kept: File::from(reader),
        })
    }

    /// The end from which a service's output is read.
    pub(crate) fn reader(&self) -> io::Result<File> {
        self.kept.try_clone()
    }

    /// What a command printed.
    pub(crate) fn printed(&mut self) -> io::Result<Vec<u8>> {
        let mut printed = Vec::new();
        self.kept.rewind()?;
        (&self.kept).take(MAX_BYTES + 1).read_to_end(&mut printed)?;
        if printed.len() as u64 > MAX_BYTES {
            return Err(io::Error::other("the guest printed more than 16 MiB"));
        }
        Ok(printed)
    }
}

/// Standard output is nowhere from now on.
pub(crate) fn close_standard_output() -> io::Result<()> {
    Ok(dup2_stdout(File::options().write(true).open("/dev/null")?)?)
}

/// What a guest or the engine complains about is not its answer.
fn silence_errors() -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    Ok(dup2_stderr(&nowhere)?)
}
