//! `import`: figures that another tool took, as a run beside one's own.
//!
//! The run's manifest says that it is foreign. Nothing is made up for it: there is no plan, no
//! machine, no version, no proof of what was cold, and no block that two samples share.

mod hyperfine;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use results::folder::Folder;
use results::manifest::{Build, FOREIGN, Manifest, Order, Origin, Setting, System};
use results::noise::Noise;
use results::run_folder::RunFolder;
use results::{
    Attested, Cell, Outcome, Params, Resources, SCHEMA_VERSION, Sample, Scenario, digest, names,
};
use serde_json::json;

use super::{Error, Exit};

/// The longest file that is read.
const LONGEST: u64 = 256 << 20;

/// The most samples that are taken from one: what a run is read with has the same bound.
const MOST_SAMPLES: usize = 1_000_000;

/// No time is longer: ten days, beyond which no record is read.
const LONGEST_S: f64 = 864_000.0;

/// What wrote the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `hyperfine --export-json`.
    Hyperfine,
    /// A table with a row for each sample.
    Csv,
}

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Self::Hyperfine => "hyperfine",
            Self::Csv => "csv",
        }
    }
}

/// What the file does not say of its figures.
#[derive(Debug, Clone)]
pub struct Meaning {
    /// The workload, where the file names none.
    pub workload: String,
    /// The scenario, where the file names none.
    pub scenario: Scenario,
    /// The parameters of cells, where the file names none.
    pub params: Params,
    /// Which system a command is: each as the file has it, and the name that it gets.
    pub systems: Vec<(String, String)>,
}

/// A run that was made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its folder.
    pub folder: PathBuf,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

/// One figure of a file.
struct Figure {
    /// What was timed: a cell, or a command by its words. All figures of one have it in common: a file may have
    /// a long one and a million times of it.
    what: Rc<What>,
    /// How long it took, in seconds.
    seconds: f64,
    max_rss_bytes: Option<u64>,
    /// Why it does not count, if it does not.
    failed: Option<String>,
}

/// Parameters as exports write them: `key=value`, parted by spaces.
///
/// # Errors
/// What is wrong with them.
pub fn params(text: &str) -> Result<Params, String> {
    table::params(text)
}

/// What a figure is of.
enum What {
    /// A cell of ours.
    Cell(Cell),
    /// A command, or another name, with what else the file says.
    Named {
        command: String,
        /// Whether this is the name of a system already.
        is_name: bool,
        workload: Option<String>,
        scenario: Option<Scenario>,
        params: Params,
    },
}

/// The figures of a file, and what was not read of it.
struct Read {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

/// Makes a run below `raw` of a file.
///
/// # Errors
/// [`Error`] if the file is none of this tool's, which it names with the place in it; or if the run
/// is there already, or cannot be written.
pub fn import(raw: &Path, tool: Tool, path: &Path, meaning: &Meaning) -> Result<Imported, Error> {
    let bytes = contents(path)?;
    let read = match tool {
        Tool::Hyperfine => hyperfine::read(&bytes),
        Tool::Csv => table::read(&bytes),
    };
    let read = read.map_err(|what| {
        Error::new(Exit::Input, format!("{}: {}", path.display(), what.found)).hint(what.hint)
    })?;
    if read.figures.is_empty() {
        return Err(Error::new(
            Exit::Input,
            format!("{}: there is no figure in it", path.display()),
        ));
    }
    let mut notes = read.notes;
    let named = Names::new(&read.figures, meaning)?;
    notes.extend(named.notes());
    let modified = modified(path)?;
    let run = run_name(modified, &bytes);
    let samples = samples(&run, modified, &read.figures, &named, meaning)?;
    let manifest = manifest(&run, modified, tool, path, &bytes, &samples);
    let folder = write(raw, &manifest, &samples)?;
    Ok(Imported { folder, notes })
}

/// Why a file is not what it should be.
struct Wrong {
    found: String,
    hint: &'static str,
}

impl Wrong {
    fn new(found: impl Into<String>, hint: &'static str) -> Self {
        Self {
            found: found.into(),
            hint,
        }
    }
}

/// A time that can be one, in seconds.
fn checked(seconds: f64) -> Result<f64, String> {
    if seconds.is_finite() && (0.0..=LONGEST_S).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(format!("{seconds} s is no time from 0 to ten days"))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        Exit::Input,
        format!("cannot read {}: {error}", path.display()),
    )
    .hint("a regular file of 256 MiB at most")
}

fn contents(path: &Path) -> Result<Vec<u8>, Error> {
    let (folder, name) = parts(path);
    Folder::open(folder)
        .and_then(|folder| folder.read(name, LONGEST))
        .map_err(|error| unreadable(path, &error))
}

/// The folder of a file, and its name there.
fn parts(path: &Path) -> (&Path, &Path) {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let name = path.file_name().map_or(path, Path::new);
    (folder.unwrap_or(Path::new(".")), name)
}

/// When the file was written: the figures are not younger. No clock is read.
fn modified(path: &Path) -> Result<jiff::Timestamp, Error> {
    let seconds = std::fs::metadata(path)
        .map_err(|error| unreadable(path, &error))?
        .mtime();
    jiff::Timestamp::from_second(seconds).map_err(|error| {
        Error::new(
            Exit::Input,
            format!("{}: its time is none: {error}", path.display()),
        )
        .hint("`touch` gives it one")
    })
}

/// The same file gives the same name.
fn run_name(modified: jiff::Timestamp, bytes: &[u8]) -> String {
    let digest = digest::sha256_hex(bytes);
    format!("{}-{}", modified.strftime("%Y%m%dT%H%M%SZ"), &digest[..4])
}

/// The system that each command is.
struct Names<'a> {
    /// By command: the name, and whether somebody gave it.
    systems: BTreeMap<&'a str, (results::System, bool)>,
}

impl<'a> Names<'a> {
    fn new(figures: &'a [Figure], meaning: &Meaning) -> Result<Self, Error> {
        let mut systems: BTreeMap<&str, (results::System, bool)> = BTreeMap::new();
        let commands = figures.iter().filter_map(|figure| match &*figure.what {
            What::Named {
                command, is_name, ..
            } => Some((command.as_str(), *is_name)),
            What::Cell(_) => None,
        });
        let mut taken = BTreeSet::new();
        for (command, is_name) in commands {
            if systems.contains_key(command) {
                continue;
            }
            let given = meaning.systems.iter().find(|(from, _)| from == command);
            let system = match given {
                Some((_, name)) => system_named(name, Exit::Usage)?,
                None if is_name => system_named(command, Exit::Input)?,
                None => slug(command, &taken),
            };
            taken.insert(system.to_string());
            systems.insert(command, (system, is_name || given.is_some()));
        }
        if let Some((unknown, _)) = meaning
            .systems
            .iter()
            .find(|(from, _)| !systems.contains_key(from.as_str()))
        {
            let known: Vec<_> = systems.keys().map(|name| format!("`{name}`")).collect();
            return Err(Error::new(
                Exit::Usage,
                format!("--system: the file has no command `{unknown}`"),
            )
            .hint(format!("it has {}", known.join(", "))));
        }
        Ok(Self { systems })
    }

    fn notes(&self) -> Vec<String> {
        let slugs = self.systems.iter().filter(|(_, (_, is_given))| !is_given);
        let note = |(command, (system, _)): (&&str, &(results::System, bool))| {
            format!("`{command}` is the system {system}; --system 'COMMAND=NAME' names another")
        };
        slugs.map(note).collect()
    }
}

/// A name that somebody gave a system, a person or a file.
fn system_named(name: &str, exit: Exit) -> Result<results::System, Error> {
    serde_json::from_value(json!(name)).map_err(|error| {
        Error::new(exit, format!("`{name}` is no name of a system: {error}"))
            .hint("names such as native or my-service; --system 'OLD=NEW' renames one")
    })
}

/// A name for a command: its letters, digits and points, with dashes between.
fn slug(command: &str, taken: &BTreeSet<String>) -> results::System {
    let mut name = String::new();
    for letter in command.chars() {
        let kept = if letter.is_ascii_alphanumeric() || "._".contains(letter) {
            letter
        } else {
            '-'
        };
        if kept != '-' || !(name.is_empty() || name.ends_with('-')) {
            name.push(kept);
        }
        if name.len() >= 80 {
            break;
        }
    }
    let mut name = name.trim_matches('-').to_owned();
    // A second name of another system is not meant, and one that two commands have neither.
    if name.is_empty() || taken.contains(&name) || results::System::from(name.as_str()).is_twin() {
        let digest = digest::sha256_hex(command.as_bytes());
        name.push_str(&format!("-{}", &digest[..8]));
    }
    results::System::from(name.trim_start_matches('-'))
}

/// The samples, one after another: in the order of the file, each in a block of its own, since it
/// has none of them in common with another.
fn samples(
    run: &str,
    modified: jiff::Timestamp,
    figures: &[Figure],
    named: &Names<'_>,
    meaning: &Meaning,
) -> Result<Vec<Sample>, Error> {
    names::check(&meaning.workload).map_err(|error| {
        Error::new(
            Exit::Usage,
            format!("--workload: `{}` is no name: {error}", meaning.workload),
        )
    })?;
    let started_at = format!("{modified:.6}");
    let sample = |(order, figure): (usize, &Figure)| {
        let cell = match &*figure.what {
            What::Cell(cell) => cell.clone(),
            What::Named {
                command,
                workload,
                scenario,
                params,
                ..
            } => Cell {
                system: named.systems[command.as_str()].0.clone(),
                workload: workload
                    .as_ref()
                    .unwrap_or(&meaning.workload)
                    .as_str()
                    .into(),
                scenario: scenario.unwrap_or(meaning.scenario),
                params: if params.is_empty() {
                    meaning.params.clone()
                } else {
                    params.clone()
                },
            },
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times are from 0 to ten days"
        )]
        let total_ns = (figure.seconds * 1e9).round() as u64;
        Sample {
            schema: SCHEMA_VERSION,
            run: run.to_owned(),
            order: order as u64,
            block: u32::try_from(order).unwrap_or(u32::MAX),
            cell,
            outcome: figure
                .failed
                .as_ref()
                .map_or(Outcome::Ok, |_| Outcome::Failed),
            reason: figure.failed.clone(),
            started_at: started_at.clone(),
            total_ns: figure.failed.is_none().then_some(total_ns),
            residual_ns: None,
            phases: Vec::new(),
            resources: Resources {
                max_rss_bytes: figure.max_rss_bytes,
                ..Resources::default()
            },
            noise: Noise::default(),
            requests: None,
            artifact_sha256: None,
            attested: Attested::new(),
        }
    };
    Ok(figures.iter().enumerate().map(sample).collect())
}

fn manifest(
    run: &str,
    modified: jiff::Timestamp,
    tool: Tool,
    path: &Path,
    bytes: &[u8],
    samples: &[Sample],
) -> Manifest {
    let mut counts: BTreeMap<&Cell, u32> = BTreeMap::new();
    for sample in samples {
        *counts.entry(&sample.cell).or_default() += 1;
    }
    let systems: BTreeSet<&results::System> = counts.keys().map(|cell| &cell.system).collect();
    let unknown = || "unknown".to_owned();
    let file = parts(path).1.to_string_lossy().into_owned();
    let foreign = Setting {
        value: json!({
            "tool": tool.name(),
            "file": file,
            "sha256": digest::sha256_hex(bytes),
        }),
        origin: Origin::CommandLine,
    };
    Manifest {
        schema: SCHEMA_VERSION,
        run: run.to_owned(),
        created_at: format!("{modified:.6}"),
        command_line: ["analysis", "import", tool.name(), &file]
            .map(str::to_owned)
            .to_vec(),
        config: BTreeMap::from([(FOREIGN.to_owned(), foreign)]),
        order: Order::default(),
        seed: 0,
        samples_per_cell: counts.values().copied().max().unwrap_or(0),
        systems: systems
            .into_iter()
            .map(|name| System {
                name: name.to_string(),
                version: unknown(),
                engine_version: None,
                sha256: None,
                unavailable: None,
                description: None,
            })
            .collect(),
        cells: counts.into_keys().cloned().collect(),
        commit: None,
        dirty: None,
        build: Build {
            profile: unknown(),
            opt_level: unknown(),
            debug_assertions: false,
            target: unknown(),
            rustc: unknown(),
            sha256: unknown(),
        },
        machine: results::machine::Machine::default(),
        artifacts: Vec::new(),
    }
}

/// Writes the run: samples first, the manifest last, so that what was interrupted is no run.
fn write(raw: &Path, manifest: &Manifest, samples: &[Sample]) -> Result<PathBuf, Error> {
    let path = raw.join(&manifest.run);
    if path.exists() {
        return Err(
            Error::new(Exit::Output, format!("{} is there already", path.display()))
                .hint("the same file makes the same run; remove the folder to import it anew"),
        );
    }
    let unwritable = |error: &dyn std::fmt::Display| {
        Error::new(Exit::Output, error.to_string()).hint("--in names another folder of runs")
    };
    let folder = RunFolder::create(raw, &manifest.run).map_err(|error| unwritable(&error))?;
    let mut lines = Vec::new();
    for sample in samples {
        serde_json::to_writer(&mut lines, sample)
            .expect("a sample is plain data: it always serialises");
        lines.push(b'\n');
    }
    Folder::open_itself(folder.path())
        .and_then(|opened| {
            opened.write_with("samples.jsonl", |file| {
                file.write_all(&lines)?;
                file.sync_all()
            })
        })
        .map_err(|error| {
            unwritable(&format!(
                "cannot write {}: {error}",
                folder.ledger().display()
            ))
        })?;
    folder.begin(manifest).map_err(|error| unwritable(&error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_becomes_a_name_that_no_other_has() {
        let mut taken = BTreeSet::new();
        let first = slug("sleep 0.1", &taken);
        assert_eq!(first, "sleep-0.1");
        taken.insert(first.to_string());
        let second = slug("sleep  0.1", &taken);
        assert!(
            second.starts_with("sleep-0.1-") && second != first,
            "{second}"
        );
        for odd in ["", "///", "native-aa", "größe \u{1b}[31m `x`"] {
            let name = slug(odd, &taken);
            assert!(!name.is_twin(), "{name}");
            let read: Result<results::System, _> = serde_json::from_value(json!(name.as_str()));
            assert!(read.is_ok(), "{odd:?} became {name:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert_eq!(checked(0.5), Ok(0.5));
        for seconds in [f64::NAN, f64::INFINITY, -0.1, 1e9] {
            assert!(checked(seconds).is_err(), "{seconds}");
        }
    }
}
