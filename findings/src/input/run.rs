//! From a run's folder to its cells.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use results::folder::Folder;
use results::manifest::Manifest;
use results::names::FileName;
use results::{Cell, Sample, digest, ledger, names, run_folder, text};

use super::latencies::{Counted, Pool};
use super::reader::Reader;
use super::{Damage, Kind, Load, Point};

/// The two files of a run.
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const LEDGER: &str = "samples.jsonl";

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
    /// The latencies of all those that count.
    pub latencies: Counted,
}

/// The samples of a cell, while more may come.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    points: Vec<Point>,
    latencies: Pool,
}

impl Gathered {
    /// Adds a sample, and the latencies of its requests.
    pub(super) fn add(&mut self, point: Point, latencies: &[(u64, u64)]) {
        if point.is_good() {
            self.latencies.add(latencies);
        }
        self.points.push(point);
    }

    /// In how many numbers latencies are kept.
    pub(super) fn kept(&self) -> usize {
        self.latencies.kept()
    }
}

impl CellData {
    fn new((cell, gathered): (Cell, Gathered)) -> Self {
        let mut points = gathered.points;
        points.sort_by_key(|point| point.order);
        Self {
            id: cell_id(&cell),
            cell,
            points,
            latencies: gathered.latencies.into_counted(),
        }
    }
}

/// Why there is nothing to analyse at all.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is no such run.
    #[error("there is no run `{}` in {}", text::line(run), folder.display())]
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
    let name = format!(
        "{}-{}-{}-{}",
        cell.workload,
        cell.scenario.name(),
        cell.system,
        &digest[..8]
    );
    FileName::of(&name).to_string()
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
        let is_name = names::check(&name).is_ok() && name != "." && name != "..";
        // Whatever it is that has the name of a file of a run: what is wrong with it is told of the run.
        let has = |file| folder.join(file).symlink_metadata().is_ok();
        (is_name && (has(MANIFEST) || has(LEDGER)))
            .then_some(folder)
            .ok_or_else(no_such_run)
    }

    /// A run whose samples are in memory, such as one that was just measured.
    pub fn from_samples(manifest: Option<Manifest>, samples: &[Sample]) -> Self {
        let mut cells: BTreeMap<Cell, Gathered> = BTreeMap::new();
        for (line, sample) in (1_u64..).zip(samples) {
            let decoded = sample.requests.as_ref().map(Load::decode);
            let (load, latencies) = decoded.map(|it| (it.load, it.latencies)).unzip();
            let point = Point::new(sample.clone(), line, load);
            let gathered = cells.entry(sample.cell.clone()).or_default();
            gathered.add(point, &latencies.unwrap_or_default());
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
        let opened = Folder::open_itself(folder).map_err(|source| InputError::Io {
            path: folder.to_owned(),
            source,
        })?;
        let mut reader = Reader::new(&name);
        let manifest = reader.manifest(folder);
        match opened.file(LEDGER, u64::MAX) {
            Ok(file) => {
                let length = file.metadata().map_or(0, |found| found.len());
                let path = folder.join(LEDGER);
                let read = reader.read(file.take(ledger::LONGEST));
                read.map_err(|source| InputError::Io { path, source })?;
                reader.note_length(length);
            }
            Err(error) => reader.whole(
                LEDGER,
                Kind::Missing,
                format!("it cannot be opened: {error}"),
            ),
        }
        let (cells, damage, samples) = reader.end();
        let cells = cells.into_iter().map(CellData::new).collect();
        Ok(Self {
            name,
            manifest,
            cells,
            damage,
            samples,
        })
    }
}
