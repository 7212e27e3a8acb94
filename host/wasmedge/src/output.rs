//! What a guest prints. The engine hands a guest the process's own descriptors, so those are
//! exchanged before the start: the report goes where standard output went, and what the guest
//! prints is kept in memory or read as it comes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use host_probe::limits::{OUTPUT_BYTES, QUOTED_BYTES, quote, too_much};
use host_probe::report::{Cause, Failure};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{dup, dup2_stderr, dup2_stdin, dup2_stdout, pipe};

/// The descriptors of a start.
pub(crate) struct Output {
    /// Where the report goes.
    pub(crate) report: File,
    /// The guest's standard output, or the reading end of it.
    kept: File,
    /// Its standard error.
    errors: File,
}

impl Output {
    /// Of a command: kept in memory until it has ended.
    pub(crate) fn for_command() -> io::Result<Self> {
        let report = File::from(dup(io::stdout().as_fd())?);
        let kept = File::from(memfd_create(c"guest-output", MFdFlags::MFD_CLOEXEC)?);
        dup2_stdout(&kept)?;
        let errors = keep_errors()?;
        Ok(Self {
            report,
            kept,
            errors,
        })
    }

    /// Of a service: a pipe whose reader learns when it listens.
    pub(crate) fn for_service() -> io::Result<Self> {
        let report = File::from(dup(io::stdout().as_fd())?);
        let (reader, writer): (OwnedFd, OwnedFd) = pipe()?;
        dup2_stdout(&writer)?;
        let errors = keep_errors()?;
        Ok(Self {
            report,
            kept: File::from(reader),
            errors,
        })
    }

    /// The same descriptors, for another thread.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            report: self.report.try_clone()?,
            kept: self.kept.try_clone()?,
            errors: self.errors.try_clone()?,
        })
    }

    /// The end from which a service's output is read.
    pub(crate) fn reader(&self) -> io::Result<File> {
        self.kept.try_clone()
    }

    /// What a command printed.
    ///
    /// # Errors
    /// It printed more than is kept.
    pub(crate) fn printed(&mut self) -> Result<Vec<u8>, Failure> {
        let lost = |error: io::Error| Failure::new(Cause::Machine, error.to_string());
        for (file, did) in [
            (&self.kept, "printed to its standard output"),
            (&self.errors, "printed to its standard error"),
        ] {
            if file.metadata().map_err(lost)?.len() > OUTPUT_BYTES as u64 {
                return Err(Failure::new(Cause::OutputLimit, too_much(did)));
            }
        }
        let mut printed = Vec::new();
        self.kept
            .rewind()
            .and_then(|()| self.kept.read_to_end(&mut printed))
            .map_err(lost)?;
        Ok(printed)
    }

    /// The end of what the guest printed to its standard error, as a reason quotes it.
    pub(crate) fn complaint(&self) -> String {
        let mut tail = vec![0; QUOTED_BYTES];
        let length = self.errors.metadata().map_or(0, |it| it.len());
        let from = length.saturating_sub(QUOTED_BYTES as u64);
        // What cannot be read explains nothing.
        let read = self.errors.read_at(&mut tail, from).unwrap_or(0);
        quote(&tail[..read])
    }
}

/// The guest reads this file.
pub(crate) fn read_from(file: &Path) -> io::Result<()> {
    Ok(dup2_stdin(File::open(file)?)?)
}

/// Standard output is nowhere from now on.
pub(crate) fn close_standard_output() -> io::Result<()> {
    Ok(dup2_stdout(File::options().write(true).open("/dev/null")?)?)
}

/// What a guest or the engine complains about is not its answer, but may explain why there is none.
fn keep_errors() -> io::Result<File> {
    let kept = File::from(memfd_create(c"guest-errors", MFdFlags::MFD_CLOEXEC)?);
    dup2_stderr(&kept)?;
    Ok(kept)
}

/// Has the kernel refuse what a guest prints beyond the limit, and one byte more, by which it shows:
/// files in memory take memory. From here on no file of this process may be larger.
pub(crate) fn limit() -> io::Result<()> {
    // The signal that comes with the refusal would end the process.
    #[expect(unsafe_code, reason = "dispositions have no safe interface")]
    // SAFETY: an ignored signal runs no handler.
    unsafe {
        signal(Signal::SIGXFSZ, SigHandler::SigIgn)?;
    }
    let most = OUTPUT_BYTES as u64 + 1;
    Ok(setrlimit(Resource::RLIMIT_FSIZE, most, most)?)
}
