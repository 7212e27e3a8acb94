//! The append-only file of samples: one JSON object a line, each on disk before the next sample
//! is launched.

mod disk;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use serde::Deserialize;

use self::disk::Disk;
use crate::SCHEMA_VERSION;
use crate::folder::Folder;
use crate::record::Sample;

/// The longest ledger that is read: a hundred thousand samples with large histograms have a third of it.
pub const LONGEST: u64 = 1 << 30;

/// What a ledger held when it was read.
#[derive(Debug, PartialEq)]
pub struct Contents {
    /// The samples, in the order in which they were appended.
    pub samples: Vec<Sample>,
    /// What stood behind the last whole line: the sample that was being written when the writer was
    /// killed.
    pub torn: Option<Torn>,
    /// The length in bytes of the whole lines.
    whole_bytes: u64,
}

/// A last line that was never finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Its number, from 1.
    pub line: usize,
    /// Its length.
    pub bytes: usize,
}

/// Why a ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its error.
        source: io::Error,
    },
    /// A line before the last is not a sample.
    #[error("{} line {line} is not a sample: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's error.
        reason: String,
    },
    /// A line was written by another version.
    #[error("{} line {line} has schema version {found}; this program reads version \
        {SCHEMA_VERSION}", path.display())]
    UnknownSchema {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The version it has.
        found: u64,
    },
}

/// Reads a ledger. One that does not exist yet is empty.
///
/// A line counts as whole when its newline is there: a writer that was killed leaves at most one
/// line without. That line is reported as [`Torn`] and everything before it is kept.
///
/// # Errors
/// [`LedgerError`] if the file cannot be read, a whole line is no sample, or its schema version is
/// unknown.
pub fn read(path: &Path) -> Result<Contents, LedgerError> {
    let bytes = match folder(path).and_then(|(folder, name)| folder.read(name, LONGEST)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => {
            return Err(LedgerError::Io {
                action: "read",
                path: path.to_owned(),
                source,
            });
        }
    };
    let whole = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    let samples = bytes[..whole]
        .split_inclusive(|&byte| byte == b'\n')
        .enumerate()
        .map(|(index, line)| parse(path, index + 1, line))
        .collect::<Result<Vec<_>, _>>()?;
    let rest = bytes.len() - whole;
    let torn = (rest > 0).then_some(Torn {
        line: samples.len() + 1,
        bytes: rest,
    });
    Ok(Contents {
        samples,
        torn,
        whole_bytes: whole as u64,
    })
}

/// The folder of a ledger, opened, and the ledger's name in it.
fn folder(path: &Path) -> io::Result<(Folder, &Path)> {
    let name = Path::new(path.file_name().unwrap_or_default());
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok((Folder::open_itself(folder)?, name))
}

fn parse(path: &Path, line: usize, bytes: &[u8]) -> Result<Sample, LedgerError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u64,
    }
    let corrupt = |error: serde_json::Error| LedgerError::Corrupt {
        path: path.to_owned(),
        line,
        reason: error.to_string(),
    };
    // The version first, alone: a line of another version need not have today's fields.
    let Version { schema } = serde_json::from_slice(bytes).map_err(corrupt)?;
    if schema != u64::from(SCHEMA_VERSION) {
        return Err(LedgerError::UnknownSchema {
            path: path.to_owned(),
            line,
            found: schema,
        });
    }
    serde_json::from_slice(bytes).map_err(corrupt)
}

/// The writing end. There is one at a time: the run folder's lock sees to it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    length: u64,
    disk: Disk,
}

impl Ledger {
    /// Opens the ledger for appending and returns what it already holds. A torn last line is cut off,
    /// so that the next sample does not become its tail.
    ///
    /// # Errors
    /// As [`read`], and if the file cannot be opened for writing.
    pub fn open(path: &Path) -> Result<(Self, Contents), LedgerError> {
        let contents = read(path)?;
        let fail = |action| {
            move |source| LedgerError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        let file = folder(path).and_then(|(folder, name)| folder.file_to_append(name));
        let file = file.map_err(fail("open"))?;
        if contents.torn.is_some() {
            file.set_len(contents.whole_bytes)
                .map_err(fail("cut the torn line off"))?;
        }
        let length = contents.whole_bytes;
        Ok((
            Self {
                path: path.to_owned(),
                disk: Disk::of(&file).map_err(fail("open"))?,
                file,
                length,
            },
            contents,
        ))
    }

    /// Appends one sample, and returns when the disk has it.
    ///
    /// # Errors
    /// As [`Self::write`] and [`Self::settle`].
    pub fn append(&mut self, sample: &Sample) -> Result<(), LedgerError> {
        self.write(sample)?;
        self.settle()
    }

    /// Writes one sample, which everybody can read from then on. That it is still there after a failure of
    /// the power is for [`Self::settle`] to wait for, and that has begun.
    ///
    /// # Errors
    /// [`LedgerError::Io`], for example on a full disk. What had been written of the line is taken
    /// back, so that the ledger ends with a whole line. The same for the sample before, if the disk did not
    /// take that.
    pub fn write(&mut self, sample: &Sample) -> Result<(), LedgerError> {
        self.settle()?;
        let mut line =
            serde_json::to_vec(sample).expect("a sample is plain data: it always serialises");
        line.push(b'\n');
        let (file, bytes) = (&mut self.file, line.len() as u64);
        let written = file.write_all(&line).and_then(|()| self.disk.begin(bytes));
        written.map_err(|source| self.take_back(source))
    }

    /// Whether the disk has everything that was written, or has refused it: then [`Self::settle`] waits for
    /// nothing.
    pub fn is_settled(&mut self) -> bool {
        self.disk.has_answered()
    }

    /// Waits until the disk has everything that was written.
    ///
    /// # Errors
    /// [`LedgerError::Io`]: it does not take the last sample, which is taken back.
    pub fn settle(&mut self) -> Result<(), LedgerError> {
        let settled = self.disk.wait();
        self.length += settled.map_err(|source| self.take_back(source))?;
        Ok(())
    }

    /// Cuts off what comes after the last line that the disk has.
    fn take_back(&self, source: io::Error) -> LedgerError {
        // If this fails too, the next reader meets a torn line and reports it.
        let _ = self.file.set_len(self.length);
        LedgerError::Io {
            action: "append to",
            path: self.path.clone(),
            source,
        }
    }

    /// Checks that the disk has room for more, by taking some. A sample that fails may have failed for want
    /// of it, as all that writes to that disk does, while the rest of a block still holds its line: it would
    /// be recorded as the system's failure, and never measured again.
    ///
    /// # Errors
    /// [`LedgerError::Io`]: there is none.
    pub fn check_room(&self) -> Result<(), LedgerError> {
        /// As long as any line of a sample is, or its log.
        const ROOM: i64 = 1 << 18;
        let written = self.length + self.disk.asked_bytes();
        let length = i64::try_from(written).unwrap_or(i64::MAX - ROOM);
        let keep = FallocateFlags::FALLOC_FL_KEEP_SIZE;
        match fallocate(&self.file, keep, length, ROOM) {
            Err(errno @ (Errno::ENOSPC | Errno::EDQUOT)) => Err(LedgerError::Io {
                action: "append to",
                path: self.path.clone(),
                source: errno.into(),
            }),
            // What cannot be asked of a file system does not speak against it.
            _ => Ok(()),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Whoever has to know whether the disk took it has asked.
        let _ = self.settle();
    }
}
