//! What a run's record does not keep, and how a run is gone on with whose record lacks it.
//!
//! What is masked is decided in [`results::mask`]. Here it is applied to what is written, and what
//! was masked gets a fingerprint, by which the same is recognised when it is given again.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use results::{Sample, digest, mask};

use crate::{Error, Exit};

/// The credentials of a run that is under way.
#[derive(Debug)]
pub(crate) struct Secrets {
    run: String,
    given: Vec<String>,
}

impl Secrets {
    /// Those in this program's command line.
    pub(crate) fn of(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            given: mask::secrets(&command_line()),
        }
    }

    /// Takes out of a sample's texts what the record does not keep.
    pub(crate) fn mask(&self, sample: &mut Sample) {
        if let Some(reason) = &mut sample.reason {
            *reason = self.text(reason);
        }
        for value in sample.attested.values_mut() {
            if let serde_json::Value::String(text) = value {
                *text = self.text(text);
            }
        }
    }

    fn text(&self, text: &str) -> String {
        mask::reason(&relative_to(&self.run, text), &self.given)
    }
}

/// The command line of this program, as far as it is text.
pub(crate) fn command_line() -> Vec<String> {
    std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect()
}

/// A text in which paths through a run's folder begin with that.
fn relative_to(run: &str, text: &str) -> String {
    let inside = format!("/{run}/");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&inside) {
        let before = &rest[..at];
        let ends =
            |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '(' | '=');
        let begins = before.rfind(ends).map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        let of_path = before[begins..].starts_with('/') || begins == at;
        out.push_str(if of_path { &before[..begins] } else { before });
        out.push_str(if of_path { &inside[1..] } else { &inside });
        rest = &rest[at + inside.len()..];
    }
    out + rest
}

/// What is recorded of something that was masked: by it the same is recognised, by this user only.
///
/// A digest alone would be as good as a password that can be guessed: whoever has the record could
/// try a dictionary. So it is made with a key that is drawn once for a user, and never leaves the
/// user's data folder.
///
/// # Errors
/// The key cannot be read or made.
pub fn fingerprint(masked: &[u8]) -> Result<String, Error> {
    let path = key_file().ok_or_else(|| {
        Error::new(Exit::Results, "there is no home folder to keep a key in").hint(
            "set HOME or XDG_DATA_HOME: a run with masked values is recognised by a key there",
        )
    })?;
    let key = read_or_make(&path).map_err(|error| {
        Error::new(
            Exit::Results,
            format!("the key {} cannot be used: {error}", path.display()),
        )
        .hint("it is a file of 32 bytes that only you may read; without it, runs with masked values cannot be resumed")
    })?;
    Ok(digest::keyed(&key, masked))
}

fn key_file() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")))?;
    Some(data.join("coldphase/key"))
}

/// The key in a file that nobody else can read; made if there is none.
fn read_or_make(path: &Path) -> io::Result<[u8; 32]> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let mut key = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match new {
        Ok(mut file) => {
            file.write_all(&key)?;
            Ok(key)
        }
        // Another run has made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let metadata = file.metadata()?;
    let own = std::fs::metadata("/proc/self")?.uid();
    if !metadata.is_file() || metadata.uid() != own || metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("it is not a file that only you may read"));
    }
    let mut key = [0; 32];
    file.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn paths_in_the_run_are_relative_to_it() {
        let run = "20261123T074200Z-3f9a";
        let relative = |text: &str| relative_to(run, text);
        assert_eq!(
            relative(&format!(
                "cannot read /home/ada/results/raw/{run}/work/x: gone"
            )),
            format!("cannot read {run}/work/x: gone")
        );
        assert_eq!(
            relative("cannot read /home/ada/x"),
            "cannot read /home/ada/x"
        );
        assert_eq!(
            relative(&format!("see {run}/work")),
            format!("see {run}/work")
        );
    }

    #[test]
    fn a_sample_says_nothing_of_what_the_command_line_holds() {
        let secrets = Secrets {
            run: "20261123T074200Z-3f9a".to_owned(),
            given: vec!["hunter2".to_owned()],
        };
        let said = "the guest printed hunter2, see /srv/20261123T074200Z-3f9a/work/log";
        let without = "the guest printed [masked], see 20261123T074200Z-3f9a/work/log";
        let mut sample: Sample = serde_json::from_value(serde_json::json!({
            "schema": 1, "run": "20261123T074200Z-3f9a", "order": 0, "block": 0,
            "cell": { "system": "native", "workload": "hello", "scenario": "code-cold", "params": {} },
            "outcome": "failed", "reason": said, "started_at": "2026-11-23T07:42:01Z",
            "total_ns": null, "residual_ns": null, "phases": [], "resources": {},
            "noise": {}, "requests": null, "artifact_sha256": null,
            "attested": { "brought_back": said, "cache": "miss" },
        }))
        .unwrap();
        secrets.mask(&mut sample);
        assert_eq!(sample.reason.as_deref(), Some(without));
        assert_eq!(sample.attested["brought_back"], without);
        assert_eq!(sample.attested["cache"], "miss");
    }

    #[test]
    fn a_key_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coldphase/key");
        let key = read_or_make(&path).unwrap();
        assert_eq!(read_or_make(&path).unwrap(), key);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            read_or_make(&path).is_err(),
            "somebody else may have read it"
        );
    }
}
