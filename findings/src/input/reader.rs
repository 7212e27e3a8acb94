//! From the text of a run's two files to samples, and to what is wrong with them. Whoever wrote the files
//! has a say in neither how much memory that takes nor how long.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufReader, Read};
use std::path::Path;

use results::manifest::Manifest;
use results::{Cell, SCHEMA_VERSION, Sample, ledger, run_folder, text};
use serde::Deserialize;
use serde_json::Value;

use super::contradiction::wrong;
use super::run::{Gathered, LEDGER, MANIFEST};
use super::{Counted, Damage, Decoded, Kind, Line, Lines, Load, Point};

/// How much of the ledger is in memory as text at a time: so many bytes, and no more lines than that even
/// if each of them is of a sample with all the latencies that there can be.
const BATCH: usize = 8 << 20;
const BATCH_LINES: usize = 256;

/// Bounds of what is read. Whoever writes a run by hand can make more of all of it than any run has, and
/// whatever is done with a run takes its share of memory and time for each.
const MOST_LINES: u64 = 2_000_000;
const MOST_CELLS: usize = 4_096;
const MOST_DAMAGE: usize = 1_000;
/// Different latencies of all cells together: 16 bytes each.
const MOST_LATENCIES: usize = 32_000_000;

/// A manifest of which every text is one that can be shown. Names in it are checked when it is read.
fn shown(manifest: &Manifest) -> Option<Manifest> {
    fn clean(value: &mut Value) {
        match value {
            Value::String(words) => *words = text::line(words).into_owned(),
            Value::Array(values) => values.iter_mut().for_each(clean),
            Value::Object(fields) => {
                let cleaned = std::mem::take(fields).into_iter().map(|(key, mut value)| {
                    clean(&mut value);
                    (text::line(&key).into_owned(), value)
                });
                *fields = cleaned.collect();
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(manifest).ok()?;
    clean(&mut value);
    serde_json::from_value(value).ok()
}

/// A line after it was understood, or what is wrong with it.
struct Parsed {
    line: u64,
    result: Result<(Box<Sample>, Option<Decoded>), (Kind, String)>,
}

pub(super) struct Reader<'a> {
    run: &'a str,
    orders: HashSet<u64>,
    cells: BTreeMap<Cell, Gathered>,
    damage: Vec<Damage>,
    /// What is wrong beyond what is kept of it.
    further: u64,
    samples: u64,
    /// In how many numbers the latencies of all cells are kept.
    latencies: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(run: &'a str) -> Self {
        Self {
            run,
            orders: HashSet::new(),
            cells: BTreeMap::new(),
            damage: Vec::new(),
            further: 0,
            samples: 0,
            latencies: 0,
        }
    }

    pub(super) fn whole(&mut self, file: &str, kind: Kind, found: impl AsRef<str>) {
        self.damaged(file, None, kind, found.as_ref());
    }

    fn note(&mut self, line: u64, kind: Kind, found: impl AsRef<str>) {
        self.damaged(LEDGER, Some(line), kind, found.as_ref());
    }

    fn damaged(&mut self, file: &str, line: Option<u64>, kind: Kind, found: &str) {
        if self.damage.len() >= MOST_DAMAGE {
            self.further += 1;
            return;
        }
        self.damage.push(Damage {
            file: file.to_owned(),
            line,
            kind,
            // A parser quotes what it does not understand.
            found: text::line(found).into_owned(),
        });
    }

    pub(super) fn manifest(&mut self, folder: &Path) -> Option<Manifest> {
        if folder.join(MANIFEST).symlink_metadata().is_err() {
            self.whole(
                MANIFEST,
                Kind::Missing,
                "it is not there: machine, versions and plan of the run are not known",
            );
            return None;
        }
        match run_folder::read_manifest(folder) {
            Ok(manifest) => {
                if manifest.run != self.run {
                    let found = format!("it is of run `{}`", manifest.run);
                    self.whole(MANIFEST, Kind::OtherRun, found);
                }
                shown(&manifest)
            }
            Err(error) => {
                self.whole(MANIFEST, Kind::BadManifest, error.to_string());
                None
            }
        }
    }

    /// Whether the ledger is longer than what was read of it.
    pub(super) fn note_length(&mut self, length: u64) {
        if length > ledger::LONGEST {
            let found = format!(
                "it has {length} bytes, of which the first {} are read",
                ledger::LONGEST
            );
            self.whole(LEDGER, Kind::TooMuch, found);
        }
    }

    /// The cells, what is wrong in the order of the files, and how many samples there are.
    pub(super) fn end(self) -> (BTreeMap<Cell, Gathered>, Vec<Damage>, u64) {
        let mut damage = self.damage;
        damage.sort();
        if self.further > 0 {
            damage.push(Damage {
                file: LEDGER.to_owned(),
                line: None,
                kind: Kind::TooMuch,
                found: format!("{} more things are wrong with it", self.further),
            });
        }
        (self.cells, damage, self.samples)
    }

    /// Line by line, in batches: those of one batch are understood by two threads while their order
    /// is kept.
    pub(super) fn read(&mut self, file: impl Read) -> io::Result<()> {
        let mut lines = (1_u64..).zip(Lines::new(BufReader::with_capacity(1 << 20, file)));
        let mut more = true;
        while more {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            more = false;
            for (number, line) in lines.by_ref() {
                if number > MOST_LINES {
                    let found = format!("it has more lines than the {MOST_LINES} that are read");
                    self.whole(LEDGER, Kind::TooMuch, found);
                    break;
                }
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
                if bytes >= BATCH || batch.len() >= BATCH_LINES {
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
        let Parsed { line, result } = parsed;
        let (sample, decoded) = match result {
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
        if self.cells.len() >= MOST_CELLS && !self.cells.contains_key(&sample.cell) {
            let found = format!("its cell is one more than the {MOST_CELLS} that are read");
            return self.note(line, Kind::TooMuch, found);
        }
        let (load, latencies) = self.look_at(line, decoded);
        if let Some(wrong) = wrong(&sample, load.as_ref()) {
            self.note(line, Kind::Contradiction, wrong.found);
            if wrong.is_impossible {
                return;
            }
        }
        self.samples += 1;
        let gathered = self.cells.entry(sample.cell.clone()).or_default();
        let before = gathered.kept();
        gathered.add(Point::new(*sample, line, load), &latencies);
        self.latencies = (self.latencies + gathered.kept()).saturating_sub(before);
    }

    /// What there is of a sample's requests, within the bounds of what is kept.
    fn look_at(&mut self, line: u64, decoded: Option<Decoded>) -> (Option<Load>, Counted) {
        let Some(decoded) = decoded else {
            return (None, Counted::new());
        };
        let Decoded {
            mut load,
            mut latencies,
            wrong,
        } = decoded;
        if let Some(found) = wrong {
            self.note(line, Kind::BadHistogram, found);
        }
        if self.latencies.saturating_add(latencies.len()) > MOST_LATENCIES {
            load.forget_latencies();
            latencies = Counted::new();
            let found = "the run has more different latencies than are read";
            self.note(line, Kind::BadHistogram, found);
        }
        (Some(load), latencies)
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
    let decoded = sample.requests.as_ref().map(Load::decode);
    Parsed {
        line,
        result: Ok((Box::new(sample), decoded)),
    }
}
