//! `export`: one row a sample, for whoever has tools of their own; or the figures of a run in the
//! form of another tool.

mod exchange;
mod openmetrics;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use results::{Outcome, Phase};

use super::{Error, Exit, input};
use crate::publish;
use findings::input::{CellData, Point, Run};
use findings::{Facts, Measure};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text, fields parted by commas. RFC 4180.
    Csv,
    /// Columns, as Apache Parquet has them, not compressed.
    Parquet,
    /// What `hyperfine --export-json` writes, of starts.
    Hyperfine,
    /// Bencher's metric format.
    Bencher,
    /// github-action-benchmark's `customSmallerIsBetter`.
    Github,
    /// OpenMetrics' text.
    Openmetrics,
}

impl Format {
    /// The file that it is written to.
    const fn file(self) -> &'static str {
        match self {
            Self::Csv => "samples.csv",
            Self::Parquet => "samples.parquet",
            Self::Hyperfine => "hyperfine.json",
            Self::Bencher => "bencher.json",
            Self::Github => "github-benchmark.json",
            Self::Openmetrics => "openmetrics.txt",
        }
    }
}

/// A column: its name and a value for each row.
struct Column<'a> {
    name: String,
    values: Values<'a>,
}

enum Values<'a> {
    Text(Vec<Option<&'a str>>),
    Whole(Vec<Option<i64>>),
}

/// Writes a run below `raw` into a file of this form in `out/<run>/`.
///
/// # Errors
/// [`Error`] if there is no such run, or the file cannot be written.
pub fn export(raw: &Path, out: &Path, name: &str, format: Format) -> Result<PathBuf, Error> {
    let run = input::read(&input::find(raw, name)?)?;
    let bytes = match format {
        Format::Csv | Format::Parquet => rows(&run, format)?,
        Format::Hyperfine => exchange::hyperfine(&Facts::compute(&run)),
        Format::Bencher => exchange::bencher(&Facts::compute(&run)),
        Format::Github => exchange::github(&Facts::compute(&run)),
        Format::Openmetrics => openmetrics::text(&run.name, &Facts::compute(&run)),
    };
    Ok(publish::write_beside(
        out,
        &run.name,
        format.file(),
        &bytes,
    )?)
}

/// One row a sample.
fn rows(run: &Run, format: Format) -> Result<Vec<u8>, Error> {
    let params: Vec<String> = run.cells.iter().map(params).collect();
    let columns = columns(run, &params);
    if format == Format::Csv {
        return Ok(csv(&columns));
    }
    parquet(&columns).map_err(|error| {
        let message = format!("cannot write {}: {error}", format.file());
        Error::new(Exit::Output, message)
    })
}

fn params(data: &CellData) -> String {
    data.cell
        .params
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A sample with its cell and the cell's parameters as one text.
type Sampled<'a> = (&'a CellData, &'a str, &'a Point);

/// All columns; the rows stand in the run's order.
fn columns<'a>(run: &'a Run, params: &'a [String]) -> Vec<Column<'a>> {
    let mut rows: Vec<Sampled<'a>> = run
        .cells
        .iter()
        .zip(params)
        .flat_map(|(data, params)| {
            data.points
                .iter()
                .map(move |point| (data, params.as_str(), point))
        })
        .collect();
    rows.sort_by_key(|(_, _, point)| point.order);
    let text = |name: &str, value: &dyn Fn(&Sampled<'a>) -> Option<&'a str>| Column {
        name: name.to_owned(),
        values: Values::Text(rows.iter().map(value).collect()),
    };
    let whole = |name: &str, value: &dyn Fn(&Point) -> Option<i64>| Column {
        name: name.to_owned(),
        values: Values::Whole(rows.iter().map(|(_, _, point)| value(point)).collect()),
    };
    let large = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    let mut columns = vec![
        whole("order", &|point| large(Some(point.order))),
        whole("block", &|point| Some(i64::from(point.block))),
        whole("session", &|point| Some(i64::from(point.session))),
        text("cell", &|(data, ..)| Some(&data.id)),
        text("system", &|(data, ..)| Some(&data.cell.system)),
        text("workload", &|(data, ..)| Some(&data.cell.workload)),
        text("scenario", &|(data, ..)| Some(data.cell.scenario.name())),
        text("params", &|(_, params, _)| Some(params)),
        text("outcome", &|(.., point)| Some(outcome(point.outcome))),
        text("reason", &|(.., point)| point.reason.as_deref()),
        text("noisy", &|(.., point)| point.noisy),
        whole("total_ns", &|point| large(point.total_ns)),
        whole("residual_ns", &|point| point.residual_ns),
    ];
    for phase in Phase::ALL {
        if rows
            .iter()
            .any(|(.., point)| point.phase_ns(phase).is_some())
        {
            columns.push(whole(&format!("phase_{}_ns", phase.name()), &|point| {
                large(point.phase_ns(phase))
            }));
        }
    }
    columns.extend([
        whole("cpu_ns", &|point| large(point.resources.cpu_ns)),
        whole("max_rss_bytes", &|point| {
            large(point.resources.max_rss_bytes)
        }),
        whole("minor_faults", &|point| large(point.resources.minor_faults)),
        whole("major_faults", &|point| large(point.resources.major_faults)),
        whole("voluntary_switches", &|point| {
            large(point.resources.voluntary_switches)
        }),
        whole("involuntary_switches", &|point| {
            large(point.resources.involuntary_switches)
        }),
    ]);
    for measure in [
        Measure::PssBytes,
        Measure::PrivateBytes,
        Measure::ReadyNs,
        Measure::StartLastNs,
    ] {
        columns.push(whole(measure.name(), &|point| rounded(measure.read(point))));
    }
    columns.extend([
        whole("requests_sent", &|point| {
            large(point.load.as_ref().map(|load| load.sent))
        }),
        whole("requests_ok", &|point| {
            large(point.load.as_ref().map(|load| load.ok))
        }),
        whole("requests_failed", &|point| {
            large(point.load.as_ref().map(|load| load.failed))
        }),
        whole("requests_dropped", &|point| {
            large(point.load.as_ref().map(|load| load.dropped))
        }),
        whole("requests_late", &|point| {
            large(point.load.as_ref().map(|load| load.late))
        }),
        whole("requests_wall_ns", &|point| {
            large(point.load.as_ref().map(|load| load.wall_ns))
        }),
    ]);
    for measure in [
        Measure::RequestNs,
        Measure::P50Ns,
        Measure::P90Ns,
        Measure::P95Ns,
        Measure::P99Ns,
    ] {
        columns.push(whole(&format!("latency_{}", measure.name()), &|point| {
            rounded(measure.read(point))
        }));
    }
    columns
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float keeps to the range of the integer"
)]
fn rounded(value: Option<f64>) -> Option<i64> {
    value
        .filter(|value| value.is_finite())
        .map(|value| value.round() as i64)
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
    }
}

impl Column<'_> {
    fn len(&self) -> usize {
        match &self.values {
            Values::Text(values) => values.len(),
            Values::Whole(values) => values.len(),
        }
    }

    fn field(&self, row: usize) -> String {
        match &self.values {
            Values::Text(values) => values[row].unwrap_or_default().to_owned(),
            Values::Whole(values) => {
                values[row].map_or_else(String::new, |value| value.to_string())
            }
        }
    }
}

/// What is not known is an empty field.
fn csv(columns: &[Column<'_>]) -> Vec<u8> {
    let rows = 0..columns.first().map_or(0, Column::len);
    let fields = |row: usize| columns.iter().map(move |column| column.field(row));
    let names = columns.iter().map(|column| column.name.as_str());
    summary::csv(names, rows.map(fields))
}

/// What is not known is null. One group of rows, written column by column.
fn parquet(columns: &[Column<'_>]) -> Result<Vec<u8>, ParquetError> {
    let field = |column: &Column<'_>| {
        let builder = match column.values {
            Values::Text(_) => Type::primitive_type_builder(&column.name, Physical::BYTE_ARRAY)
                .with_logical_type(Some(LogicalType::String)),
            Values::Whole(_) => Type::primitive_type_builder(&column.name, Physical::INT64),
        };
        builder
            .with_repetition(Repetition::OPTIONAL)
            .build()
            .map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(
        Type::group_type_builder("sample")
            .with_fields(fields)
            .build()?,
    );
    // The library's own version would make two builds of this program write different bytes.
    let properties = Arc::new(
        WriterProperties::builder()
            .set_created_by("coldphase analysis".to_owned())
            .build(),
    );
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = writer.next_row_group()?;
    for column in columns {
        let Some(mut open) = group.next_column()? else {
            break;
        };
        match &column.values {
            Values::Text(values) => {
                let there: Vec<ByteArray> = values
                    .iter()
                    .flatten()
                    .map(|text| ByteArray::from(text.as_bytes().to_vec()))
                    .collect();
                open.typed::<ByteArrayType>()
                    .write_batch(&there, Some(&levels(values)), None)?;
            }
            Values::Whole(values) => {
                let there: Vec<i64> = values.iter().copied().flatten().collect();
                open.typed::<Int64Type>()
                    .write_batch(&there, Some(&levels(values)), None)?;
            }
        }
        open.close()?;
    }
    group.close()?;
    writer.into_inner()
}

/// 1 where there is a value, 0 where there is none.
fn levels<T>(values: &[Option<T>]) -> Vec<i16> {
    values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect()
}
