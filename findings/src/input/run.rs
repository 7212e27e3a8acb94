//! From a run's folder to its cells.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use results::manifest::Manifest;
use results::{Cell, SCHEMA_VERSION, Sample, digest, run_folder};
use serde::Deserialize;

use super::contradiction::contradiction;
use super::{Damage, Kind, Line, Lines, Load, Point};

/// The two files of a run.
const MANIFEST: &str = "manifest.json";
const LEDGER: &str = "samples.jsonl";

/// How much of the ledger is in memory as text at a time.
const BATCH: usize = 8 << 20;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name: that of its folder.
    pub name: String,
    /// What it was; nothing if the manifest is gone or none.
    pub manifest: Option<Manifest>,
    /// Its cells, in their own order.
    pub cells: Vec<CellData>,
    /// What is wrong with its files, in order of file and line.
    pub damage: Vec<Damage>,
    /// Lines of the ledger that are samples.
    pub samples: u64,
}

/// A cell and its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct CellData {
    /// Its short name, the same in every run and document.
    pub id: String,
    /// The cell.
    pub cell: Cell,
    /// Its samples, in the order in which they were measured.
    pub points: Vec<Point>,
}

impl CellData {
    fn new((cell, mut points): (Cell, Vec<Point>)) -> Self {
        points.sort_by_key(|point| point.order);
        Self {
            id: cell_id(&cell),
            cell,
            points,
        }
    }
}

/// Why there is nothing to analyse at all.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is no such run.
    #[error("there is no run `{run}` in {}", folder.display())]
    NoSuchRun {
        /// What was asked for.
        run: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Its error.
        source: io::Error,
    },
}

/// A short name for a cell, made of what it is: `http-hello-cold-native-1f2e3d4c`.
pub fn cell_id(cell: &Cell) -> String {
    let digest = digest::sha256_hex(cell.to_string().as_bytes());
    format!(
        "{}-{}-{}-{}",
        cell.workload,
        cell.scenario.name(),
        cell.system,
        &digest[..8]
    )
}

impl Run {
    /// The folder of a run below `raw`: `run` is its name, or `latest`. A run whose manifest is
    /// gone has a folder still.
    ///
    /// # Errors
    /// [`InputError::NoSuchRun`].
    pub fn find(raw: &Path, run: &str) -> Result<PathBuf, InputError> {
        let no_such_run = || InputError::NoSuchRun {
            run: run.to_owned(),
            folder: raw.to_owned(),
        };
        let name = if run == "latest" {
            run_folder::resolve(raw, run).map_err(|_| no_such_run())?
        } else {
            run.to_owned()
        };
        let folder = raw.join(&name);
        // A name, not a path: `../elsewhere` is no run of this folder.
        let is_name = !name.contains('/') && !name.is_empty() && name != "." && name != "..";
        let is_run = folder.join(MANIFEST).is_file() || folder.join(LEDGER).is_file();
        (is_name && is_run)
            .then_some(folder)
            .ok_or_else(no_such_run)
    }

    /// A run whose samples are in memory, such as one that was just measured.
    pub fn from_samples(manifest: Option<Manifest>, samples: &[Sample]) -> Self {
        let mut cells: BTreeMap<Cell, Vec<Point>> = BTreeMap::new();
        for (line, sample) in (1_u64..).zip(samples) {
            let load = sample.requests.as_ref().map(|it| Load::decode(it).0);
            cells
                .entry(sample.cell.clone())
                .or_default()
                .push(Point::new(sample.clone(), line, load));
        }
        Self {
            name: samples
                .first()
                .map_or_else(String::new, |it| it.run.clone()),
            manifest,
            cells: cells.into_iter().map(CellData::new).collect(),
            damage: Vec::new(),
            samples: samples.len() as u64,
        }
    }

    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`InputError::Io`] if a file is there and the file system will not give it.
    pub fn read(folder: &Path) -> Result<Self, InputError> {
        let name = folder
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut damage = Vec::new();
        let manifest = manifest(folder, &name, &mut damage);
        let path = folder.join(LEDGER);
        let mut reader = Reader {
            run: &name,
            orders: HashSet::new(),
            cells: BTreeMap::new(),
            damage,
            samples: 0,
        };
        match File::open(&path) {
            Ok(file) => reader
                .read(file)
                .map_err(|source| InputError::Io { path, source })?,
            Err(error) => reader.whole(
                LEDGER,
                Kind::Missing,
                format!("it cannot be opened: {error}"),
            ),
        }
        let Reader {
            cells,
            mut damage,
            samples,
            ..
        } = reader;
        let cells = cells.into_iter().map(CellData::new).collect();
        damage.sort();
        Ok(Self {
            name,
            manifest,
            cells,
            damage,
            samples,
        })
    }
}

fn manifest(folder: &Path, name: &str, damage: &mut Vec<Damage>) -> Option<Manifest> {
    let mut note = |kind, found: String| {
        damage.push(Damage {
            file: MANIFEST.to_owned(),
            line: None,
            kind,
            found,
        });
    };
    if !folder.join(MANIFEST).is_file() {
        note(
            Kind::Missing,
            "it is not there: machine, versions and plan of the run are not known".to_owned(),
        );
        return None;
    }
    match run_folder::read_manifest(folder) {
        Ok(manifest) => {
            if manifest.run != name {
                note(Kind::OtherRun, format!("it is of run `{}`", manifest.run));
            }
            Some(manifest)
        }
        Err(error) => {
            note(Kind::BadManifest, error.to_string());
            None
        }
    }
}

/// A line after it was understood, or what is wrong with it.
struct Parsed {
    line: u64,
    result: Result<(Box<Sample>, Option<Load>), (Kind, String)>,
    wrong_histogram: Option<String>,
}

struct Reader<'a> {
    run: &'a str,
    orders: HashSet<u64>,
    cells: BTreeMap<Cell, Vec<Point>>,
    damage: Vec<Damage>,
    samples: u64,
}

impl Reader<'_> {
    fn whole(&mut self, file: &str, kind: Kind, found: String) {
        self.damage.push(Damage {
            file: file.to_owned(),
            line: None,
            kind,
            found,
        });
    }

    fn note(&mut self, line: u64, kind: Kind, found: String) {
        self.damage.push(Damage {
            file: LEDGER.to_owned(),
            line: Some(line),
            kind,
            found,
        });
    }

    /// Line by line, in batches: those of one batch are understood by two threads while their order
    /// is kept.
    fn read(&mut self, file: File) -> io::Result<()> {
        let mut lines = (1_u64..).zip(Lines::new(BufReader::with_capacity(1 << 20, file)));
        let mut more = true;
        while more {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            more = false;
            for (number, line) in lines.by_ref() {
                match line? {
                    Line::Whole(text) => {
                        bytes += text.len();
                        batch.push((number, text));
                    }
                    Line::Torn(bytes) => self.note(
                        number,
                        Kind::Torn,
                        format!("{bytes} bytes without a newline"),
                    ),
                    Line::TooLong(bytes) => {
                        self.note(
                            number,
                            Kind::TooLong,
                            format!("{bytes} bytes, more than any sample has"),
                        );
                    }
                }
                if bytes >= BATCH {
                    more = true;
                    break;
                }
            }
            for parsed in parse_all(&batch) {
                self.take(parsed);
            }
        }
        Ok(())
    }

    fn take(&mut self, parsed: Parsed) {
        let Parsed {
            line,
            result,
            wrong_histogram,
        } = parsed;
        let (sample, load) = match result {
            Ok(understood) => understood,
            Err((kind, found)) => return self.note(line, kind, found),
        };
        if sample.run != self.run {
            self.note(
                line,
                Kind::OtherRun,
                format!("the sample is of run `{}`", sample.run),
            );
        }
        if !self.orders.insert(sample.order) {
            self.note(
                line,
                Kind::DuplicateOrder,
                format!(
                    "order {} is there already; this one is left out",
                    sample.order
                ),
            );
            return;
        }
        if let Some(found) = wrong_histogram {
            self.note(line, Kind::BadHistogram, found);
        }
        if let Some(found) = contradiction(&sample, load.as_ref()) {
            self.note(line, Kind::Contradiction, found);
        }
        self.samples += 1;
        let point_cell = sample.cell.clone();
        self.cells
            .entry(point_cell)
            .or_default()
            .push(Point::new(*sample, line, load));
    }
}

/// Understands lines, in two halves at once.
fn parse_all(batch: &[(u64, Vec<u8>)]) -> Vec<Parsed> {
    let parse_some = |lines: &[(u64, Vec<u8>)]| {
        lines
            .iter()
            .map(|(line, text)| parse(*line, text))
            .collect::<Vec<_>>()
    };
    let (one, two) = batch.split_at(batch.len() / 2);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| parse_some(two));
        let mut all = parse_some(one);
        all.extend(second.join().expect("understanding a line does not panic"));
        all
    })
}

fn parse(line: u64, text: &[u8]) -> Parsed {
    #[derive(Deserialize)]
    struct Version {
        schema: u64,
    }
    let bad = |kind, found: String| Parsed {
        line,
        result: Err((kind, found)),
        wrong_histogram: None,
    };
    // The sample first, since nearly all lines are one. Only if it is none, the version alone says
    // whether it is another's.
    let sample: Sample = match serde_json::from_slice(text) {
        Ok(sample) => sample,
        Err(error) => {
            let version = serde_json::from_slice::<Version>(text)
                .ok()
                .map(|version| version.schema);
            return match version.filter(|version| *version != u64::from(SCHEMA_VERSION)) {
                Some(version) => bad(
                    Kind::WrongSchema,
                    format!("version {version}; this program reads {SCHEMA_VERSION}"),
                ),
                None => bad(Kind::NoSample, format!("not a sample: {error}")),
            };
        }
    };
    if sample.schema != SCHEMA_VERSION {
        return bad(
            Kind::WrongSchema,
            format!(
                "version {}; this program reads {SCHEMA_VERSION}",
                sample.schema
            ),
        );
    }
    let (load, wrong_histogram) = sample.requests.as_ref().map(Load::decode).unzip();
    Parsed {
        line,
        result: Ok((Box::new(sample), load)),
        wrong_histogram: wrong_histogram.flatten(),
    }
}
