//! Records with any numbers at all: no form of a report prints what is no number, and no figure that cannot
//! be.

#[path = "support/mod.rs"]
mod support;

use analysis::document::{Block, Document, Figure, latex, markdown};
use campaign::run::Format;
use findings::input::Run;
use findings::{Findings, Options};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};
use results::names::Evidence;
use results::record::{RequestOfSequence, Requests, Series};
use results::{Sample, latency};
use summary::{Style, View};
use support::{Draw, Shape};

/// A number of a record: what records have, and where arithmetic ends.
fn number(draw: &mut Draw) -> Option<u64> {
    let small = draw.next() % 1_000;
    Some(match draw.next() % 12 {
        0 => return None,
        1 => 0,
        2 => 1,
        3 => u64::MAX,
        4 => i64::MAX.unsigned_abs(),
        5 => 1 << 53,
        6 => u64::from(u32::MAX),
        7 => small,
        8 => small * 1_000,
        9 => small * 1_000_000_000,
        _ => draw.next() % (1 << (draw.next() % 64)),
    })
}

/// The requests of a sample with some numbers in place of what was measured: at times in accord with each
/// other, which is what passes as a record.
fn requests(draw: &mut Draw) -> Requests {
    let ok = number(draw).unwrap_or(0);
    let failed = if draw.next().is_multiple_of(2) {
        0
    } else {
        number(draw).unwrap_or(0)
    };
    let mut histogram = latency::empty();
    let recorded = ok.min(40);
    (0..recorded).for_each(|_| latency::count(&mut histogram, number(draw).unwrap_or(0)));
    let has_histogram = recorded == ok && !draw.next().is_multiple_of(4);
    Requests {
        sent: ok.wrapping_add(failed),
        ok,
        failed,
        dropped: number(draw).unwrap_or(0),
        late: number(draw).unwrap_or(0),
        wall_ns: number(draw).unwrap_or(0),
        latency_hdr: has_histogram.then(|| latency::encode(&histogram)),
        series: (draw.next().is_multiple_of(8)).then(|| Series {
            window_ns: number(draw).unwrap_or(0),
            answers: vec![ok],
            latency_sum_ns: vec![number(draw).unwrap_or(0)],
        }),
        by_request: (draw.next().is_multiple_of(8)).then(|| {
            let (one, other) = (
                number(draw).unwrap_or(0),
                ok.wrapping_sub(number(draw).unwrap_or(0)),
            );
            let request = |ok| RequestOfSequence {
                name: "GET /".to_owned(),
                ok,
                failed,
                latency_hdr: None,
            };
            vec![request(one), request(other)]
        }),
    }
}

/// Puts numbers in the place of some of a sample's.
fn change(sample: &mut Sample, draw: &mut Draw) {
    let mut chance = |one_in: u64| draw.next().is_multiple_of(one_in);
    let (total, phases, load, used, evidence) =
        (chance(4), chance(6), chance(3), chance(3), chance(3));
    if total {
        sample.total_ns = number(draw);
    }
    if phases {
        sample.phases.clear();
        sample.residual_ns = None;
    }
    if load && sample.requests.is_some() {
        sample.requests = Some(requests(draw));
    }
    if used {
        let resources = &mut sample.resources;
        resources.cpu_ns = number(draw);
        resources.pss_bytes = number(draw);
        resources.max_rss_bytes = number(draw);
        resources.core_wait_ns = number(draw);
        sample.noise.steal_ns = number(draw);
        sample.noise.others_cpu_ns = number(draw);
        sample.noise.capacity_ns = number(draw);
    }
    if evidence {
        for key in [
            Evidence::PssBytes,
            Evidence::ShimPssBytes,
            Evidence::EnginePssBytes,
            Evidence::PrivateBytes,
            Evidence::AvailableBytes,
            Evidence::AvailableBeforeBytes,
            Evidence::PageTablesBytes,
            Evidence::ReadyNs,
            Evidence::StartLastNs,
            Evidence::GeneratorCpuNs,
            Evidence::ConnectResolutionNs,
            Evidence::FirewallPackets,
            Evidence::QuietWaitNs,
        ] {
            if draw.next().is_multiple_of(2) {
                sample.attested.insert(key, number(draw));
            }
        }
    }
}

/// A run of which every sample was changed, and what a reader makes of it.
fn changed(seed: u64) -> Findings {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 3 + u32::try_from(seed % 6).unwrap(),
        requests: 20 + seed % 200,
        // A seed is printed, and may have any number of digits.
        seed: seed % 1_000_000,
        ..Shape::small("20261125T120000Z-00aa")
    };
    let path = support::write(folder.path(), &shape);
    let mut samples = results::ledger::read(&path.join("samples.jsonl"))
        .unwrap()
        .samples;
    let mut draw = Draw::new(seed);
    samples.iter_mut().for_each(|it| change(it, &mut draw));
    let manifest = support::manifest(shape.run, support::cells(&shape), shape.samples, shape.seed);
    let path = support::write_samples(folder.path(), &manifest, samples);
    let options = Options {
        objectives: vec!["cold p95 < 20ms, memory < 10MB".to_owned()],
    };
    Findings::from_run(&Run::read(&path).unwrap(), options)
}

/// What no text for people holds: words for what is no number, and numbers of more digits than any figure
/// of a machine has.
fn no_number(text: &str) -> Option<String> {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    let words = text.split(|it: char| !is_part(it));
    let is_none = |word: &&str| matches!(*word, "NaN" | "nan" | "inf" | "Infinity" | "infinity");
    let named = words.clone().find(is_none).map(str::to_owned);
    let is_long = |word: &&str| word.len() > 15 && word.chars().all(|it| it.is_ascii_digit());
    let long = text
        .split(|it: char| !it.is_ascii_digit() && it != ',')
        .map(|number| number.replace(',', ""))
        .find(|number| is_long(&number.as_str()));
    named
        .or(long)
        .or_else(|| text.contains('∞').then(|| "∞".to_owned()))
}

/// Columns that hold parts of a whole, which is 100 %.
const PARTS: [&str; 2] = ["generator", "of it waiting"];

/// Every figure of a table that cannot be.
fn impossible(document: &Document) -> Vec<String> {
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let tables = blocks.filter_map(|block| match block {
        Block::Table(table) | Block::Figure(Figure { table, .. }) => Some(table),
        _ => None,
    });
    let mut found = Vec::new();
    for table in tables {
        for row in &table.rows {
            for (column, field) in table.columns.iter().zip(&row.fields) {
                let name = column.title.as_str();
                let told = || format!("{}: {name}: {field}", table.caption);
                let part = field
                    .strip_suffix(" %")
                    .and_then(|it| it.parse::<f64>().ok());
                if PARTS.contains(&name) && part.is_some_and(|part| part > 100.0) {
                    found.push(told());
                }
                found.extend(no_number(field).map(|_| told()));
            }
        }
    }
    found
}

fn check(seed: u64) {
    let found = changed(seed);
    let document = analysis::report(&found);
    assert_eq!(impossible(&document), Vec::<String>::new(), "seed {seed}");
    let plain = Style {
        width: 200,
        colour: false,
    };
    let all = |format| summary::format(&found, format, View::Suite, plain);
    let texts = [
        ("markdown", markdown(&document)),
        ("LaTeX", latex(&document)),
        ("terminal", all(Format::Table)),
        ("CSV", all(Format::Csv)),
    ];
    for (form, text) in &texts {
        // Numbers for machines are in nanoseconds, of which a year has seventeen digits.
        let is_for_people = |line: &&str| {
            // What is said of a damaged line quotes it.
            (*form != "CSV" || line.contains('N') || line.contains("inf"))
                && !line.contains("Damaged input")
        };
        for line in text.lines().filter(is_for_people) {
            assert_eq!(no_number(line), None, "seed {seed}, {form}: {line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        // The same in each run: what a new seed finds is for whoever looks for it.
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]
    #[test]
    fn no_form_prints_what_is_no_number_or_cannot_be(seed: u64) {
        check(seed);
    }
}
