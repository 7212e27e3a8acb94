//! What keeping state costs: the endpoint that counts beside the one that only says hello, block by
//! block.

use std::collections::BTreeSet;

use results::{Cell, Sample};

use crate::outside::{name_of, table};
use crate::paired::{Blocks, Figure};
use findings::units::{nanoseconds, percent};

/// The workload that keeps state, and the one that answers as shortly without.
const STATEFUL: &str = "http-state";
const STATELESS: &str = "http-hello";

/// By how much a request that counts takes longer, and a start of a service that will count; by
/// what means the count is kept, and which systems keep none. Empty if the run has nothing of it.
pub(crate) fn tables(samples: &[Sample]) -> String {
    let blocks = Blocks::of(samples);
    let mut lines = Vec::new();
    for cell in blocks
        .cells()
        .into_iter()
        .filter(|cell| cell.workload == STATEFUL)
    {
        let base = Cell {
            workload: STATELESS.into(),
            ..cell.clone()
        };
        let starts = cell.scenario.starts();
        let figures: &[Figure] = if starts {
            &[Figure::Total]
        } else {
            &[Figure::Latency(0.5), Figure::Latency(0.99)]
        };
        for &figure in figures {
            let (Some(of_base), Some(more)) = (
                blocks.median(&base, figure),
                blocks.more(cell, &base, figure),
            ) else {
                continue;
            };
            let control = blocks.control(&base, figure);
            let part = more.value / of_base;
            let verdict = if more.is_one_beside(control.as_ref()) {
                percent(part)
            } else {
                "not told from none".into()
            };
            let [value, ends] = more.shown();
            let what = format!(
                "{}, {} {}",
                name_of(cell),
                cell.scenario.name(),
                figure.name()
            );
            lines.push(vec![
                what,
                means(samples, cell),
                nanoseconds(of_base),
                value,
                ends,
                more.n.to_string(),
                verdict,
            ]);
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let title = "state: the endpoint that counts beside the one that does not, in the same block; \
        each service was made to count 200 from 10 clients first, and lost none. One instance \
        that takes all requests also saves making one for each";
    let head = [
        "system",
        "kept in",
        STATELESS,
        "more by",
        "95 % interval",
        "n",
        "of it",
    ];
    table(title, &head, lines.into_iter()) + &without(samples)
}

/// By what means the samples of a cell kept their state; starts are not asked for it.
fn means(samples: &[Sample], cell: &Cell) -> String {
    let of_system = samples
        .iter()
        .filter(|sample| sample.cell.system == cell.system);
    let mut told = of_system.filter_map(|sample| sample.attested.get("state")?.as_str());
    told.next().unwrap_or("–").to_owned()
}

/// The systems that cannot, and why.
fn without(samples: &[Sample]) -> String {
    let reason = |sample: &Sample| {
        let reason = sample.reason.as_deref()?;
        (sample.cell.workload == STATEFUL && reason.contains("keep state"))
            .then(|| format!("{}: {reason}\n", sample.cell.system))
    };
    let reasons: BTreeSet<_> = samples.iter().filter_map(reason).collect();
    reasons.into_iter().collect::<String>() + "\n"
}

#[cfg(test)]
mod tests {
    use results::record::Outcome;

    use super::*;
    use crate::paired::fake::{sample, service};

    #[test]
    fn what_counting_costs_is_told_within_blocks() {
        let mut samples = Vec::new();
        for block in 0..8 {
            let hello = 1_000_000 + u64::from(block) * 100_000;
            let (stateless, mut stateful) = (service("native", &[]), service("native", &[]));
            stateful.workload = STATEFUL.to_owned();
            samples.push(sample(stateless, block, hello));
            samples.push(sample(stateful, block, hello + 40_000));
        }
        let mut refused = samples[1].clone();
        refused.cell.system = "wasmtime-cli".to_owned();
        (refused.outcome, refused.reason) = (
            Outcome::Skipped,
            Some("it cannot keep state: none".to_owned()),
        );
        samples.push(refused);
        let text = tables(&samples);
        assert!(
            text.contains("+40.0 µs") && text.contains("wasmtime-cli: it cannot keep state"),
            "{text}"
        );
        assert_eq!(tables(&samples[..1]), "");
    }
}
