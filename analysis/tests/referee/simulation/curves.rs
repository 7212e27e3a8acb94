//! What one more instance takes, where the spread grows with their number.

use campaign::schedule::Planned;
use results::names::{Attested, Evidence, Param};
use results::noise::Noise;
use results::record::Resources;
use results::{Cell, Outcome, SCHEMA_VERSION, Sample};

use super::pages::{RUN, findings};
use super::plans::plan;
use super::run::Simulated;
use super::tally::{Share, Table};
use crate::support::{Draw, manifest, whole};

/// What is there for any number of instances, and what one more takes, in bytes.
const FOR_ANY: f64 = 30e6;
const EACH: f64 = 10e6;

/// How memory spreads about its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// By the same number of bytes for any number of instances.
    Even,
    /// In proportion to their number.
    Growing,
}

fn sample(planned: &Planned, spread: Spread, draw: &mut Draw) -> Sample {
    let n: f64 = planned
        .cell
        .params
        .get(Param::Instances)
        .and_then(|n| n.parse().ok())
        .expect("density has instances");
    let sd = match spread {
        Spread::Even => 2e6,
        Spread::Growing => 0.08 * EACH * n,
    };
    let bytes = whole(FOR_ANY + EACH * n + sd * draw.normal());
    let mut attested = Attested::new();
    attested.insert(Evidence::PssBytes, bytes);
    Sample {
        schema: SCHEMA_VERSION,
        run: RUN.to_owned(),
        order: planned.order,
        block: planned.block,
        cell: planned.cell.clone(),
        outcome: Outcome::Ok,
        reason: None,
        started_at: "2026-11-25T09:00:00.000000Z".to_owned(),
        total_ns: Some(whole(n * 2.25e6)),
        residual_ns: None,
        phases: Vec::new(),
        resources: Resources::default(),
        noise: Noise::default(),
        requests: None,
        artifact_sha256: None,
        attested,
    }
}

/// How often the interval of what one more instance takes holds what it truly takes.
pub fn covered(cells: &[Cell], samples: u32, spread: Spread, runs: u64, seed: u64) -> Share {
    let mut share = Share::default();
    for run in 0..runs {
        let plan = plan(cells, samples, seed + run);
        let mut draw = Draw::new((seed + run).wrapping_mul(0x9E37_79B9));
        let order = plan.order();
        let samples = order.iter().map(|it| sample(it, spread, &mut draw));
        let simulated = Simulated {
            samples: samples.collect(),
            manifest: manifest(RUN, plan.cells, plan.samples_per_cell, plan.seed),
        };
        let page = findings(&simulated);
        for density in page["density"].as_array().into_iter().flatten() {
            let interval = &density["memory"]["slope_interval"];
            let ends = interval["low"].as_f64().zip(interval["high"].as_f64());
            share.count(ends.is_some_and(|(low, high)| low <= EACH && EACH <= high));
        }
    }
    share
}

/// Coverage by spread and number.
pub fn table(cells: &[Cell], runs: u64, seed: u64) {
    let mut table = Table::printed(
        &format!("What one more instance takes: coverage of the slope's interval, {runs} runs"),
        &["spread", "n", "coverage"],
    );
    for (name, spread) in [
        ("the same for all numbers", Spread::Even),
        ("grows with the number", Spread::Growing),
    ] {
        for samples in [3, 7] {
            let share = covered(cells, samples, spread, runs, seed);
            table.row(&[name.to_owned(), samples.to_string(), share.text()]);
        }
    }
}
