//! An artifact of the user: how it is called, what it is given, and what is expected of it.

use std::path::{Path, PathBuf};

use campaign::call::CallRecord;
use campaign::{Error, Exit, errno};
use host_probe::given::{Folder, Given, Variable, folder_refused};
use results::digest::sha256_file;
use serde::{Deserialize, Serialize};
use workloads::Workload;

use crate::cli::OwnArguments;
use crate::cli::args::hold_folder;
use crate::error::usage;
use crate::source;

/// An artifact of the user, and all that its start takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserArtifact {
    #[serde(with = "path_text")]
    pub(crate) file: PathBuf,
    /// Whether it, or its standard input, was read from a pipe: that cannot be read again.
    #[serde(default)]
    pub(crate) piped: bool,
    /// Its request, and what is expected of it.
    #[serde(flatten)]
    pub(crate) call: CallRecord,
    /// Arguments of a command.
    pub(crate) arguments: Vec<String>,
    /// `NAME=VALUE` each.
    #[serde(default)]
    pub(crate) environment: Vec<String>,
    /// `HOST::GUEST` each, with `:rw` behind it where the guest may write.
    #[serde(default)]
    pub(crate) folders: Vec<String>,
    /// What `wasi:config` tells it: `KEY=VALUE` each.
    #[serde(default)]
    pub(crate) config: Vec<String>,
    /// The file of its standard input.
    #[serde(default)]
    pub(crate) stdin: Option<String>,
    /// The digest of that.
    #[serde(default)]
    pub(crate) stdin_sha256: Option<String>,
    /// Where it is read: there, or in a copy of what can be read once.
    #[serde(skip)]
    pub(crate) stdin_source: Option<PathBuf>,
    /// Its folders, open for as long as this process lives.
    #[serde(skip)]
    pub(crate) held: Vec<Folder>,
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn not_text(path: &Path) -> Error {
    let message = format!("--stdin {}: the path is no text", path.display());
    usage(message, "give a file whose path is UTF-8")
}

impl UserArtifact {
    /// The artifact that is measured, if there is one.
    ///
    /// # Errors
    /// Something of it cannot be used, or nothing is called that is said how to.
    pub(crate) fn asked(arguments: &OwnArguments) -> Result<Option<Self>, Error> {
        match &arguments.artifact {
            Some(file) => Self::new(file, arguments).map(Some),
            None if arguments.says_anything() => Err(usage(
                "what a guest is asked and given goes with --artifact, and none is given",
                "built-in workloads have calls of their own; --artifact FILE measures your own \
                    guest",
            )),
            None => Ok(None),
        }
    }

    /// The artifact at `file`, called and given what a command line says, all of it looked at.
    ///
    /// # Errors
    /// Something of it cannot be used.
    pub(crate) fn new(file: &Path, arguments: &OwnArguments) -> Result<Self, Error> {
        let artifact = Self {
            // Absolute, so that a resumed run finds it from anywhere.
            file: std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()),
            piped: std::fs::metadata(file).is_ok_and(|it| !it.is_file()),
            ..Self::said(arguments)?
        };
        artifact.looked_at()
    }

    /// What a command line says of an artifact besides its file.
    ///
    /// # Errors
    /// It says what cannot be recorded.
    pub(crate) fn said(arguments: &OwnArguments) -> Result<Self, Error> {
        let stdin = arguments.stdin.as_deref();
        let stdin = stdin.map(|path| path.to_str().ok_or_else(|| not_text(path)));
        Ok(Self {
            call: CallRecord::new(arguments.request.as_deref(), &arguments.call)?,
            arguments: arguments.arg.clone(),
            environment: texts(&arguments.given.environment),
            folders: texts(&arguments.given.folders),
            config: texts(&arguments.given.config),
            stdin: stdin.transpose()?.map(str::to_owned),
            ..Self::default()
        })
    }

    /// The same with what it is given made absolute and looked at: a resumed run finds it from
    /// anywhere, and finds out if it is another one.
    ///
    /// # Errors
    /// The body, a folder or the standard input cannot be used, or is not what was recorded.
    pub(crate) fn looked_at(mut self) -> Result<Self, Error> {
        self.call = self.call.with_body_read()?;
        for text in &mut self.folders {
            let folder = parse_folder(text)?;
            self.held.push(hold_folder(&folder)?);
            // A link in its place later on makes it another one.
            let canonical = folder.clone().canonical();
            *text = canonical
                .map_err(|error| usage(folder_refused(&folder, &error), "is it still there?"))?
                .to_string();
        }
        let Some(given) = &self.stdin else {
            return Ok(self);
        };
        let path = std::path::absolute(given).map_err(|error| stdin_unreadable(given, &error))?;
        let source = source::open(&path).map_err(|error| stdin_unreadable(given, &error))?;
        let sha256 = sha256_file(&source.path).map_err(|error| stdin_unreadable(given, &error))?;
        if self.stdin_sha256.as_ref().is_some_and(|it| *it != sha256) {
            return Err(Error::new(
                Exit::Resume,
                format!("{given} is not the standard input that this run began with"),
            )
            .hint("restore the file, or start a new run"));
        }
        self.piped |= source.is_copy;
        let text = path.to_str().map(str::to_owned);
        self.stdin = Some(text.ok_or_else(|| not_text(&path))?);
        self.stdin_source = Some(source.path);
        self.stdin_sha256 = Some(sha256);
        Ok(self)
    }

    /// Whether a run of it can be resumed.
    ///
    /// # Errors
    /// What was read from a pipe cannot be read again.
    pub(crate) fn check_resumable(&self) -> Result<(), Error> {
        if !self.piped {
            return Ok(());
        }
        Err(Error::new(
            Exit::Resume,
            "what this run measures was read from a pipe, and cannot be read again",
        )
        .hint("start a new run, with the artifact and its input in files"))
    }

    /// What it is given besides its call.
    ///
    /// # Errors
    /// A part of it is not what it should be, or is not there.
    pub(crate) fn given(&self) -> Result<Given, Error> {
        let variables = |flag: &str, texts: &[String]| {
            let parse = |text: &String| {
                Variable::parse(text).map_err(|reason| {
                    usage(
                        format!("{flag} `{text}`: {reason}"),
                        "it is recorded as NAME=VALUE",
                    )
                })
            };
            texts.iter().map(parse).collect::<Result<Vec<_>, _>>()
        };
        Ok(Given {
            environment: variables("--env", &self.environment)?,
            folders: self.held.clone(),
            stdin: self.stdin_source.clone(),
            config: variables("--config", &self.config)?,
            ..Given::default()
        })
    }

    /// The file's name as far as it is a name, made different from the name of any built-in
    /// workload.
    pub(crate) fn workload_name(path: &Path) -> String {
        let name = results::Workload::of_file(path.file_name().unwrap_or_default());
        if Workload::from_name(&name).is_some() {
            format!("{name}.wasm")
        } else {
            name.to_string()
        }
    }
}

/// A folder as a record keeps it.
fn parse_folder(text: &str) -> Result<Folder, Error> {
    let hint =
        "`--dir HOST::GUEST` opens a folder to be read, `--dir HOST::GUEST:rw` to be written";
    Folder::parse(text).map_err(|reason| usage(format!("--dir `{text}`: {reason}"), hint))
}

fn stdin_unreadable(file: &str, error: &std::io::Error) -> Error {
    let hint = errno::hint(error).unwrap_or("--stdin takes a file that can be read");
    usage(
        format!("cannot read the standard input {file}: {error}"),
        hint,
    )
}

/// A path in JSON: as text, or where it is none as its bytes in hexadecimal.
mod path_text {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text {
        Text(String),
        Bytes { bytes_hex: String },
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        let text = path.to_str().map_or_else(
            || Text::Bytes {
                bytes_hex: hex::encode(path.as_os_str().as_bytes()),
            },
            |text| Text::Text(text.to_owned()),
        );
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        match Text::deserialize(deserializer)? {
            Text::Text(text) => Ok(text.into()),
            Text::Bytes { bytes_hex } => hex::decode(bytes_hex)
                .map(|bytes| OsString::from_vec(bytes).into())
                .map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_no_text_survives_in_a_manifest() {
        use std::os::unix::ffi::OsStringExt as _;
        let named = |name: &[u8]| UserArtifact {
            file: std::ffi::OsString::from_vec(name.to_vec()).into(),
            ..UserArtifact::default()
        };
        for name in [&b"/a b.wasm"[..], b"/caf\xe9.wasm"] {
            let text = serde_json::to_string(&named(name)).unwrap();
            assert_eq!(
                serde_json::from_str::<UserArtifact>(&text).unwrap(),
                named(name)
            );
        }
    }

    #[test]
    fn what_a_guest_is_given_is_looked_at_at_the_door() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in");
        std::fs::write(&file, "input").unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let artifact = UserArtifact {
            environment: vec!["A=b".into()],
            folders: vec![format!("{}::/data:rw", folder.path().display())],
            config: vec!["k=v".into()],
            stdin: Some(text(&file)),
            ..UserArtifact::default()
        };
        let looked_at = artifact.clone().looked_at().unwrap();
        let given = looked_at.given().unwrap();
        assert_eq!(given.environment[0].to_string(), "A=b");
        assert!(given.folders[0].writable);
        assert_eq!(given.stdin.as_deref(), Some(file.as_path()));
        assert!(!looked_at.piped);

        std::fs::write(&file, "another").unwrap();
        assert_eq!(looked_at.looked_at().unwrap_err().exit, Exit::Resume);
        let wrong = |change: fn(&mut UserArtifact, String)| {
            let mut wrong = artifact.clone();
            change(&mut wrong, text(&file));
            let error = wrong.looked_at().and_then(|it| it.given()).unwrap_err();
            assert_eq!(error.exit, Exit::Usage, "{error}");
            error.to_string()
        };
        let error = wrong(|it, file| it.folders = vec![file]);
        assert!(error.contains("ot a directory"), "{error}");
        let error = wrong(|it, _| it.folders = vec!["/nowhere::/x".into()]);
        assert!(error.contains("cannot open /nowhere"), "{error}");
        let error = wrong(|it, _| it.stdin = Some("/nowhere/in".into()));
        assert!(error.contains("standard input /nowhere/in"), "{error}");
        let error = wrong(|it, _| it.environment = vec!["PATH".into()]);
        assert!(error.contains("--env `PATH`"), "{error}");
    }
}
