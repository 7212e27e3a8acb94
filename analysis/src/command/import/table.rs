//! A table with a row for each sample: what `export --format csv` writes, or any other with a name
//! and a time in each row.

use std::rc::Rc;

use csv::StringRecord;
use results::scenario::Scenario;
use results::{Params, names};
use serde_json::{Map, Value};

use super::{Figure, MOST_SAMPLES, Read, What, Wrong, checked};

const HINT: &str = "the first row names columns: `system` or `command`, a time in one of `total_ns`, \
    `ns`, `us`, `ms`, `s` or `seconds`, and if you like `workload`, `scenario`, `params` \
    (`key=value key=value`), `outcome`, `max_rss_bytes`";

/// Columns that are times, and how many of their unit are a second.
const TIMES: [(&str, f64); 6] = [
    ("total_ns", 1e9),
    ("ns", 1e9),
    ("us", 1e6),
    ("ms", 1e3),
    ("s", 1.0),
    ("seconds", 1.0),
];

/// Columns that say what was timed.
const NAMES: [&str; 2] = ["system", "command"];

/// Where the columns are.
struct Columns {
    name: usize,
    /// Whether these are names of systems already.
    is_name: bool,
    time: (usize, f64),
    workload: Option<usize>,
    scenario: Option<usize>,
    params: Option<usize>,
    outcome: Option<usize>,
    max_rss_bytes: Option<usize>,
    unread: Vec<String>,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, Wrong> {
        let at = |name: &str| header.iter().position(|column| column.trim() == name);
        let known = |column: &str| {
            let others = ["workload", "scenario", "params", "outcome", "max_rss_bytes"];
            NAMES.contains(&column)
                || others.contains(&column)
                || TIMES.iter().any(|(name, _)| *name == column)
        };
        let mut times = TIMES
            .iter()
            .filter_map(|(name, factor)| Some((at(name)?, *factor)));
        let Some(time) = times.next() else {
            let what = match at("mean") {
                Some(_) => {
                    "it has means, and no row for each sample: hyperfine's JSON has every time"
                }
                None => "no column is a time",
            };
            return Err(Wrong::new(what, HINT));
        };
        if times.next().is_some() {
            return Err(Wrong::new("two columns are times", HINT));
        }
        let name = NAMES.iter().find_map(|name| at(name));
        Ok(Self {
            name: name.ok_or_else(|| Wrong::new("no column says what was timed", HINT))?,
            is_name: at("system").is_some(),
            time,
            workload: at("workload"),
            scenario: at("scenario"),
            params: at("params"),
            outcome: at("outcome"),
            max_rss_bytes: at("max_rss_bytes"),
            unread: header
                .iter()
                .map(str::trim)
                .filter(|column| !known(column))
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// Every row, in the order of the file.
pub(super) fn read(bytes: &[u8]) -> Result<Read, Wrong> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader
        .headers()
        .map_err(|error| Wrong::new(error.to_string(), HINT))?
        .clone();
    let columns = Columns::find(&header)?;
    let (mut figures, mut under_load) = (Vec::new(), 0);
    for row in reader.records() {
        let row = row.map_err(|error| Wrong::new(error.to_string(), HINT))?;
        let line = row.position().map_or(0, csv::Position::line);
        if figures.len() >= MOST_SAMPLES {
            return Err(Wrong::new(
                format!("line {line}: there are more than a million rows"),
                "import it in parts",
            ));
        }
        match figure(&row, &columns) {
            Ok(Row::Figure(figure)) => figures.push(figure),
            Ok(Row::NotBegun) => {}
            Ok(Row::UnderLoad) => under_load += 1,
            Err(error) => return Err(Wrong::new(format!("line {line}: {error}"), HINT)),
        }
    }
    let mut notes = Vec::new();
    if !columns.unread.is_empty() {
        let unread = columns.unread.join(", ");
        notes.push(format!("columns that were not read: {unread}"));
    }
    if under_load > 0 {
        notes.push(format!(
            "{under_load} rows are of no start, and were not read: times of starts are what a table has"
        ));
    }
    Ok(Read { figures, notes })
}

/// What a row is.
enum Row {
    Figure(Figure),
    /// It was skipped where it was measured.
    NotBegun,
    /// It is of a scenario that has no start.
    UnderLoad,
}

fn figure(row: &StringRecord, columns: &Columns) -> Result<Row, String> {
    let field = |at: Option<usize>| {
        let field = at.and_then(|at| row.get(at)).map(str::trim);
        field.filter(|field| !field.is_empty())
    };
    let failed = match field(columns.outcome) {
        None | Some("ok") => None,
        Some("skipped") => return Ok(Row::NotBegun),
        Some("failed") => Some("it failed where it was measured".to_owned()),
        Some(other) => return Err(format!("`{other}` is none of ok, failed, skipped")),
    };
    let scenario = field(columns.scenario).map(scenario).transpose()?;
    if scenario.is_some_and(|scenario| !scenario.starts()) {
        return Ok(Row::UnderLoad);
    }
    let (at, a_second) = columns.time;
    let seconds = match field(Some(at)) {
        // What failed has no total.
        None if failed.is_some() => 0.0,
        None => return Err("there is no time".to_owned()),
        Some(text) => {
            let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
            checked(number / a_second)?
        }
    };
    let command = field(Some(columns.name)).ok_or("nothing says what was timed")?;
    let workload = field(columns.workload).map(str::to_owned);
    if let Some(workload) = &workload {
        names::check(workload).map_err(|error| format!("the workload: {error}"))?;
    }
    let bytes = field(columns.max_rss_bytes).map(|text| {
        text.parse()
            .map_err(|_| format!("`{text}` is no number of bytes"))
    });
    Ok(Row::Figure(Figure {
        what: Rc::new(What::Named {
            command: command.to_owned(),
            is_name: columns.is_name,
            workload,
            scenario,
            params: field(columns.params).map_or_else(|| Ok(Params::new()), params)?,
        }),
        seconds,
        max_rss_bytes: bytes.transpose()?,
        failed,
    }))
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::from_name(name).ok_or_else(|| {
        let known = Scenario::ALL.map(Scenario::name).join(", ");
        format!("`{name}` is no scenario; there are {known}")
    })
}

/// Parameters as exports write them, parted by spaces.
pub(super) fn params(text: &str) -> Result<Params, String> {
    let pairs: Result<Map<String, Value>, String> = text
        .split_whitespace()
        .map(|pair| {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}` is no key=value"))?;
            Ok((key.to_owned(), value.into()))
        })
        .collect();
    serde_json::from_value(pairs?.into()).map_err(|error| format!("`{text}`: {error}"))
}
