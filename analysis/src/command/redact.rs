//! `--redact`: a run as a stranger may have it. What is measured stays, what says where and by whom
//! goes: paths, the names of the user and of the machine, the values of command lines.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use results::folder::Folder;
use results::manifest::{ArtifactFact, Manifest, Origin, Setting, System};
use results::{mask, run_folder};
use serde_json::Value;

use super::{Bundled, Error, Exit, Format, bundle, export, input, report};

/// What stands in place of what was taken out.
pub(crate) const REDACTED: &str = "[redacted]";

/// The setting of a manifest that says that this was done.
const SETTING: &str = "redacted";

/// Keys of a configuration whose values are chosen from lists of this program's: they name nobody.
const TELLING_NOTHING: &[&str] = &["select", "only", "systems", "workloads", "scenarios"];

/// Puts a run and a report of it into `out/<run>.redacted.tar.gz`, both as a stranger may have them.
///
/// # Errors
/// [`Error`] if there is no such run, or the archive cannot be written.
pub fn bundle_redacted(raw: &Path, out: &Path, name: &str) -> Result<Bundled, Error> {
    with_redacted(raw, name, |copy, run| {
        let processed = copy.with_file_name("processed");
        report(copy, &processed, run, findings::Options::default())?;
        let made = bundle(copy, &processed, run)?;
        let file = format!("{run}.redacted.tar.gz");
        let archive = out.join(&file);
        fs::create_dir_all(out)
            .and_then(|()| {
                let mut from = fs::File::open(&made.path)?;
                let copy = |to: &mut fs::File| io::copy(&mut from, to).map(drop);
                Folder::open(out)?.write_with(&file, copy)
            })
            .map_err(|error| unwritable(&archive, &error))?;
        Ok(Bundled {
            path: archive,
            notes: made.notes,
        })
    })
}

/// Writes one row a sample, as [`export`] does, of a run as a stranger may have it.
///
/// # Errors
/// [`Error`] if there is no such run, or the file cannot be written.
pub fn export_redacted(
    raw: &Path,
    out: &Path,
    name: &str,
    format: Format,
) -> Result<PathBuf, Error> {
    with_redacted(raw, name, |copy, run| export(copy, out, run, format))
}

/// Does something with a folder of runs that has the one run, redacted, and nothing else.
fn with_redacted<T>(
    raw: &Path,
    name: &str,
    work: impl FnOnce(&Path, &str) -> Result<T, Error>,
) -> Result<T, Error> {
    let folder = input::find(raw, name)?;
    // What is taken out stands in there until it is.
    let place = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| unwritable(&std::env::temp_dir(), &error))?;
    let manifest = run_folder::read_manifest(&folder)
        .map_err(|error| Error::new(Exit::Input, error.to_string()))?;
    let run = manifest.run.clone();
    if !run_folder::is_run_name(&run) {
        return Err(Error::new(
            Exit::Input,
            "the manifest does not have the name of a run",
        ));
    }
    let copies = place.path().join("raw");
    let copy = copies.join(&run);
    let names = Names::here();
    let ledger = folder.join("samples.jsonl");
    let unreadable = |error: io::Error| {
        Error::new(
            Exit::Input,
            format!("cannot read {}: {error}", ledger.display()),
        )
    };
    let bytes = Folder::open_itself(&folder)
        .and_then(|it| it.read("samples.jsonl", results::ledger::LONGEST))
        .map_err(unreadable)?;
    let lines = String::from_utf8_lossy(&bytes);
    let manifest = serde_json::to_string_pretty(&names.manifest(manifest))
        .map_err(|error| Error::new(Exit::Internal, error.to_string()))?;
    fs::create_dir_all(&copy)
        .and_then(|()| fs::write(copy.join("manifest.json"), manifest))
        .and_then(|()| fs::write(copy.join("samples.jsonl"), names.ledger(&lines)))
        .map_err(|error| unwritable(&copy, &error))?;
    work(&copies, &run)
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::new(
        Exit::Output,
        format!("cannot write {}: {error}", path.display()),
    )
    .hint("--out names another folder to write to, TMPDIR another one for temporary files")
}

/// The names that are taken out wherever they stand.
#[derive(Debug)]
struct Names(Vec<String>);

impl Names {
    /// Those of the user who redacts, and of the machine: mostly those of who measured.
    fn here() -> Self {
        let user = ["USER", "LOGNAME", "SUDO_USER"]
            .iter()
            .filter_map(|variable| std::env::var(variable).ok());
        let home = std::env::home_dir();
        let home = home.as_deref().and_then(Path::file_name);
        let host = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let all = user
            .chain(home.map(|name| name.to_string_lossy().into_owned()))
            .chain(host.map(|name| name.trim().to_owned()));
        // These are everybody's.
        let telling =
            |name: &String| name.len() > 2 && !["root", "localhost"].contains(&name.as_str());
        Self(all.filter(telling).collect())
    }

    fn manifest(&self, manifest: Manifest) -> Manifest {
        let mut config = manifest.config;
        for (key, setting) in &mut config {
            if !TELLING_NOTHING.contains(&key.as_str()) {
                self.value(&mut setting.value, key == "artifact");
            }
        }
        let done = Setting {
            value: Value::Bool(true),
            origin: Origin::CommandLine,
        };
        config.insert(SETTING.to_owned(), done);
        let systems = manifest.systems.into_iter().map(|system| System {
            unavailable: system.unavailable.map(|reason| self.text(&reason)),
            // What a program of a person's own prints of itself may say anything.
            version: if system.description.is_some() {
                REDACTED.to_owned()
            } else {
                system.version
            },
            ..system
        });
        let artifacts = manifest.artifacts.into_iter().map(|artifact| ArtifactFact {
            path: file_name(&artifact.path),
            ..artifact
        });
        Manifest {
            command_line: command_line(&manifest.command_line),
            config,
            systems: systems.collect(),
            artifacts: artifacts.collect(),
            ..manifest
        }
    }

    /// A value of the configuration. Of a call, nothing is left.
    fn value(&self, value: &mut Value, is_call: bool) {
        match value {
            Value::String(text) if is_call && !text.contains('/') => REDACTED.clone_into(text),
            Value::String(text) => *text = self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|it| {
                if is_call && it.is_string() {
                    *it = REDACTED.into();
                } else {
                    self.value(it, is_call);
                }
            }),
            Value::Object(fields) => {
                for (key, field) in fields {
                    if is_call && key != "file" && field.is_string() {
                        *field = REDACTED.into();
                    } else {
                        self.value(field, is_call);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The samples. A line that is none is left out: nobody knows what it says.
    fn ledger(&self, lines: &str) -> String {
        let read = |line: &str| serde_json::from_str::<Value>(line).ok();
        let mut out = String::new();
        for mut sample in lines.lines().filter_map(read) {
            if let Some(Value::String(reason)) = sample.get_mut("reason") {
                *reason = self.text(reason);
            }
            if let Some(Value::Object(attested)) = sample.get_mut("attested") {
                attested.values_mut().for_each(|it| self.value(it, false));
            }
            out.push_str(&sample.to_string());
            out.push('\n');
        }
        out
    }

    /// A text without paths, names and credentials.
    fn text(&self, text: &str) -> String {
        let named = self.0.iter().fold(mask::reason(text, &[]), |text, name| {
            mask::replace_folder(&text, name, REDACTED)
        });
        without_paths(&named)
    }
}

/// The program and its command; of what follows the names of options.
fn command_line(arguments: &[String]) -> Vec<String> {
    let is_command = |word: &str| word.bytes().all(|it| it.is_ascii_lowercase() || it == b'-');
    let mut in_options = false;
    let mut is_carried = false;
    let mut redacted = Vec::new();
    for (position, argument) in arguments.iter().enumerate() {
        in_options |= argument.starts_with('-');
        redacted.push(match argument.split_once('=') {
            _ if position == 0 => file_name(argument),
            _ if is_carried => REDACTED.to_owned(),
            Some((option, _)) if option.starts_with("--") => format!("{option}={REDACTED}"),
            None if argument.starts_with("--") => argument.clone(),
            None if !in_options && is_command(argument) => argument.clone(),
            _ => REDACTED.to_owned(),
        });
        is_carried = !is_carried && mask::CARRIERS.contains(&argument.as_str());
    }
    redacted
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// A text in which of each path, absolute or in a home, only the last name is left.
fn without_paths(text: &str) -> String {
    let ends = |letter: char| {
        letter.is_whitespace()
            || matches!(letter, '"' | '\'' | '`' | '(' | ')' | ',' | ';' | ':' | '=')
    };
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(ends) {
        let end = word.len()
            - word
                .chars()
                .next_back()
                .filter(|it| ends(*it))
                .map_or(0, char::len_utf8);
        let (word, end) = word.split_at(end);
        let is_path = word.starts_with('/') || word.starts_with("~/");
        if is_path && word.len() > 1 && !word.starts_with("//") {
            out.push_str("[path]/");
            out.push_str(&file_name(word));
        } else {
            out.push_str(word);
        }
        out.push_str(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_command_line_only_what_is_this_programs_is_left() {
        let line = |text: &str| {
            let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            command_line(&words).join(" ")
        };
        assert_eq!(
            line(
                "/home/ada/target/release/host phases --artifact /home/ada/x.wasm --arg=-v --request GET"
            ),
            "host phases --artifact [redacted] --arg=[redacted] --request [redacted]"
        );
        // What is handed on to a guest looks like an option of ours and is none.
        assert_eq!(
            line("host run --artifact x.wasm --arg --customer-acme --arg --arg --env A=b"),
            "host run --artifact [redacted] --arg [redacted] --arg [redacted] --env [redacted]"
        );
    }

    #[test]
    fn texts_lose_paths_and_names() {
        let names = Names(vec!["ada".to_owned(), "workstation".to_owned()]);
        assert_eq!(
            names.text(
                "cannot read /home/ada/x/y.wasm: ada@workstation says \"/tmp/z\"; see http://h/p"
            ),
            "cannot read [path]/y.wasm: [redacted]@[redacted] says \"[path]/z\"; see http://h/p"
        );
        assert_eq!(names.text("adamant"), "adamant");
    }

    #[test]
    fn of_a_call_nothing_is_left_but_the_name_of_the_file() {
        let names = Names(Vec::new());
        let mut call = serde_json::json!({
            "file": "~/work/secret/x.wasm", "request": "GET /internal", "expect": null,
            "arguments": ["-v", "/x"], "fingerprint": "00",
        });
        names.value(&mut call, true);
        assert_eq!(
            call,
            serde_json::json!({
                "file": "[path]/x.wasm", "request": REDACTED, "expect": null,
                "arguments": [REDACTED, REDACTED], "fingerprint": REDACTED,
            })
        );
    }

    #[test]
    fn a_line_that_is_no_sample_is_left_out() {
        let names = Names(Vec::new());
        let lines = "{\"reason\":\"no /home/ada/x\",\"total_ns\":7}\nnot JSON /home/ada\n";
        assert_eq!(
            names.ledger(lines),
            "{\"reason\":\"no [path]/x\",\"total_ns\":7}\n"
        );
    }
}
