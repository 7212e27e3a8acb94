//! The append-only file of samples: one JSON object a line, each on disk before the next sample
//! begins.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use serde::Deserialize;

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
                file,
                length,
            },
            contents,
        ))
    }

    /// Appends one sample, and returns when the disk has it.
    ///
    /// # Errors
    /// [`LedgerError::Io`], for example on a full disk. What had been written of the line is taken
    /// back, so that the ledger ends with a whole line.
    pub fn append(&mut self, sample: &Sample) -> Result<(), LedgerError> {
        let mut line =
            serde_json::to_vec(sample).expect("a sample is plain data: it always serialises");
        line.push(b'\n');
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // If this fails too, the next reader meets a torn line and reports it.
            let _ = self.file.set_len(self.length);
            return Err(LedgerError::Io {
                action: "append to",
                path: self.path.clone(),
                source,
            });
        }
        self.length += line.len() as u64;
        Ok(())
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
        let length = i64::try_from(self.length).unwrap_or(i64::MAX - ROOM);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::phase::{Phase, PhaseTime};
    use crate::record::{Outcome, Resources, Scenario};
    use crate::{Cell, noise::Noise};

    fn sample(order: u64, reason: Option<String>) -> Sample {
        Sample {
            schema: SCHEMA_VERSION,
            run: "20261123T074200Z-3f9a".into(),
            order,
            block: 0,
            cell: Cell {
                system: "s".into(),
                workload: "w".into(),
                scenario: Scenario::DiskCold,
                params: crate::Params::new(),
            },
            outcome: if reason.is_some() {
                Outcome::Failed
            } else {
                Outcome::Ok
            },
            reason,
            started_at: "2026-11-23T07:42:01.123456Z".into(),
            total_ns: Some(order + 1),
            residual_ns: Some(-3),
            phases: vec![PhaseTime {
                name: Phase::Engine,
                ns: order,
            }],
            resources: Resources::default(),
            noise: Noise::default(),
            requests: None,
            artifact_sha256: None,
            attested: crate::Attested::from([(crate::Evidence::Cache, "miss")]),
        }
    }

    fn written(samples: &[Sample]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let (mut ledger, _) = Ledger::open(&path).unwrap();
        samples
            .iter()
            .for_each(|sample| ledger.append(sample).unwrap());
        (folder, path)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_cut_leaves_a_readable_prefix_that_can_be_continued(
            reasons in prop::collection::vec(prop::option::of(".{0,40}"), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let samples: Vec<_> = (0..).zip(reasons).map(|(order, reason)| sample(order, reason)).collect();
            let (_folder, path) = written(&samples);
            let length = std::fs::read(&path).unwrap().len();
            let cut = cut.index(length + 1);
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut as u64).unwrap();

            let contents = read(&path).unwrap();
            let kept = contents.samples.len();
            prop_assert_eq!(&contents.samples[..], &samples[..kept]);
            prop_assert!(kept == samples.len() || cut < length);
            prop_assert_eq!(contents.torn.is_some(), cut as u64 != contents.whole_bytes);

            let (mut ledger, _) = Ledger::open(&path).unwrap();
            ledger.append(&sample(99, None)).unwrap();
            let mended = read(&path).unwrap();
            prop_assert_eq!(mended.torn, None);
            prop_assert_eq!(mended.samples.len(), kept + 1);
            prop_assert_eq!(mended.samples.last().unwrap().order, 99);
        }
    }

    #[test]
    fn refuses_an_unknown_version_even_with_other_fields() {
        let (_folder, path) = written(&[sample(0, None)]);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"schema\":2,\"brand_new\":true}\n");
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err();
        assert!(
            matches!(
                error,
                LedgerError::UnknownSchema {
                    line: 2,
                    found: 2,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn names_the_line_that_is_no_sample() {
        let (_folder, path) = written(&[sample(0, None)]);
        let text = format!(
            "{}oops\n{}",
            std::fs::read_to_string(&path).unwrap(),
            "{\"sch"
        );
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err();
        assert!(
            matches!(error, LedgerError::Corrupt { line: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_ledger_that_is_not_there_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let contents = read(&folder.path().join("samples.jsonl")).unwrap();
        assert!(contents.samples.is_empty() && contents.torn.is_none());
    }

    #[test]
    fn a_ledger_that_is_a_link_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let (target, path) = (
            folder.path().join("keys"),
            folder.path().join("samples.jsonl"),
        );
        std::fs::write(&target, "a key\nand half of one").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let refused = [read(&path).unwrap_err(), Ledger::open(&path).unwrap_err()];
        for error in refused {
            let LedgerError::Io { source, .. } = error else {
                panic!("{error}");
            };
            assert!(source.to_string().contains("symbolic link"), "{source}");
        }
        assert_eq!(std::fs::read(&target).unwrap(), b"a key\nand half of one");
    }

    #[test]
    fn a_full_disk_is_an_error_and_not_a_lost_sample() {
        // /dev/full takes every open and fails every write with ENOSPC.
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open("/dev/full")
            .unwrap();
        let mut ledger = Ledger {
            path: "/dev/full".into(),
            file,
            length: 0,
        };
        let error = ledger.append(&sample(0, None)).unwrap_err();
        assert!(
            matches!(&error, LedgerError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
            "{error}"
        );
    }
}
