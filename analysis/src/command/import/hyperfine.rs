//! What `hyperfine --export-json` writes.

use std::collections::BTreeMap;
use std::rc::Rc;

use results::{Cell, ledger};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Figure, MOST_SAMPLES, Read, What, Wrong, checked};

const HINT: &str = "`hyperfine --export-json FILE` writes it";

/// The longest command that is read, in bytes.
const LONGEST_COMMAND: usize = 64 << 10;

/// The part of it that is read. What else there is follows from the times.
#[derive(Deserialize)]
struct Document {
    results: Vec<Timed>,
}

#[derive(Deserialize)]
struct Timed {
    command: String,
    times: Option<Vec<f64>>,
    memory_usage_byte: Option<Vec<u64>>,
    #[serde(default)]
    exit_codes: Vec<Option<i64>>,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
}

/// Every time of every command, in the order of the file.
pub(super) fn read(bytes: &[u8]) -> Result<Read, Wrong> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| Wrong::new(format!("it is nothing of hyperfine's: {error}"), HINT))?;
    let (mut figures, mut record_bytes) = (Vec::new(), 0);
    for (at, result) in document.results.into_iter().enumerate() {
        let length = result.command.len();
        if length > LONGEST_COMMAND {
            let what = format!(
                "results[{at}]: its command has {length} bytes, and at most {LONGEST_COMMAND} are read"
            );
            return Err(Wrong::new(what, HINT));
        }
        let place = |what: &str| format!("results[{at}] (`{}`): {what}", result.command);
        let Some(times) = &result.times else {
            return Err(Wrong::new(place("it has no `times`"), HINT));
        };
        if figures.len() + times.len() > MOST_SAMPLES {
            return Err(Wrong::new(
                place("it has more than a million times"),
                "import it in parts",
            ));
        }
        let what = cell(&result.parameters).map_or_else(
            || What::Named {
                command: result.command.clone(),
                is_name: false,
                workload: None,
                scenario: None,
                params: results::Params::new(),
            },
            What::Cell,
        );
        if let What::Cell(cell) = &what {
            // Each sample of the run says of which cell it is.
            record_bytes = (cell.to_string().len() as u64)
                .saturating_mul(times.len() as u64)
                .saturating_add(record_bytes);
            if record_bytes > ledger::LONGEST {
                let what = "the run would be longer than what is read of one";
                return Err(Wrong::new(place(what), "import it in parts"));
            }
        }
        let what = Rc::new(what);
        for (run, seconds) in times.iter().enumerate() {
            let seconds = checked(*seconds)
                .map_err(|error| Wrong::new(place(&format!("times[{run}]: {error}")), HINT))?;
            figures.push(Figure {
                what: Rc::clone(&what),
                seconds,
                max_rss_bytes: memory(&result, run),
                failed: failure(&result.exit_codes, run),
            });
        }
    }
    Ok(Read {
        figures,
        notes: Vec::new(),
    })
}

/// hyperfine writes 0 where it could not tell.
fn memory(result: &Timed, run: usize) -> Option<u64> {
    let all = result.memory_usage_byte.as_ref()?;
    all.get(run).copied().filter(|bytes| *bytes > 0)
}

/// Why a time does not count: the command failed, or was killed by a signal.
fn failure(exit_codes: &[Option<i64>], run: usize) -> Option<String> {
    match exit_codes.get(run)? {
        Some(0) => None,
        Some(code) => Some(format!("the command ended with exit code {code}")),
        None => Some("the command was ended by a signal".to_owned()),
    }
}

/// The cell that a result is of, if this program wrote it: its parameters have all that a cell is.
fn cell(parameters: &BTreeMap<String, Value>) -> Option<Cell> {
    let part = |name: &str| parameters.get(name).cloned();
    let is_part = |name: &str| ["system", "workload", "scenario"].contains(&name);
    let params: Map<String, Value> = parameters
        .iter()
        .filter(|(name, _)| !is_part(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let cell = serde_json::json!({
        "system": part("system")?,
        "workload": part("workload")?,
        "scenario": part("scenario")?,
        "params": params,
    });
    serde_json::from_value(cell).ok()
}
