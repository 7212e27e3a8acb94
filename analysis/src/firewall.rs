//! What a firewall in front of a service costs: each level beside none, block by block.

use results::{Cell, Sample};

use crate::outside::table;
use crate::paired::{Blocks, Difference, Figure, name, with};
use findings::units::{nanoseconds, percent};

/// The parameter that says how much of a firewall there is, and its value for none.
const KEY: &str = "firewall";
const OFF: &str = "off";

/// What begins the names of the evidence that holds counted packets, one a link.
const PACKETS: &str = "firewall_packets";

/// Rules that packets go through in vain, as a level's name tells; none have to be gone through at
/// the baseline.
fn rules(level: &str) -> u64 {
    level
        .strip_prefix("rules:")
        .and_then(|rules| rules.parse().ok())
        .unwrap_or(0)
}

/// The curves of a run's firewalls: for each cell and figure, by how much it is more behind each
/// level than behind none, from samples of the same block. Empty if the run has no levels.
pub fn firewall(samples: &[Sample]) -> String {
    let blocks = Blocks::of(samples);
    let cells = blocks.cells();
    let bases: Vec<&Cell> = cells
        .iter()
        .copied()
        .filter(|cell| cell.params.get(KEY).is_some_and(|level| level == OFF))
        .filter(|cell| {
            cells.iter().any(|other| {
                other.params.get(KEY) != cell.params.get(KEY) && level_of(other, cell).is_some()
            })
        })
        .collect();
    let mut lines = Vec::new();
    for base in bases {
        let mut levels: Vec<_> = cells
            .iter()
            .filter_map(|cell| Some((level_of(cell, base)?, *cell)))
            .collect();
        levels.sort_by_key(|(level, _)| rules(level));
        let figures: &[Figure] = if base.scenario.starts() {
            &[Figure::Total]
        } else {
            &[Figure::Latency(0.5), Figure::Latency(0.99)]
        };
        for &figure in figures {
            let name = format!("{} {}", name(base), figure.name());
            let Some(off) = blocks.median(base, figure) else {
                continue;
            };
            lines.push(vec![
                name,
                OFF.to_owned(),
                String::new(),
                nanoseconds(off),
                String::new(),
                String::new(),
                String::new(),
            ]);
            let control = blocks.control(base, figure);
            let mut row = |level: &str, packets: String, more: Option<Difference>| {
                let (Some(more), is_control) = (more, level.starts_with(OFF)) else {
                    return;
                };
                let [value, ends] = more.shown();
                // Without an A/A pair nobody knows how much of it is noise.
                let doubt = if control.is_none() { ", no A/A" } else { "" };
                let part = if more.is_one_beside(control.as_ref().filter(|_| !is_control)) {
                    format!("{}{doubt}", percent(more.value / off))
                } else {
                    "not told from none".to_owned()
                };
                lines.push(vec![
                    String::new(),
                    level.to_owned(),
                    packets,
                    value,
                    ends,
                    more.n.to_string(),
                    part,
                ]);
            };
            row("off (A/A)", String::new(), control);
            for (level, cell) in &levels {
                row(
                    level,
                    packets(samples, cell),
                    blocks.more(cell, base, figure),
                );
            }
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let title = "the firewall: medians behind none, and by how much more behind each level in the \
        same block; rules:N are so many rules that every packet goes through in vain; a \
        difference whose interval meets that of the A/A pair is none";
    table(
        title,
        &[
            "cell",
            "level",
            "packets",
            "median",
            "95 % interval",
            "n",
            "of off",
        ],
        lines.into_iter(),
    )
}

/// The level of a cell that is `base` in everything else.
fn level_of<'a>(cell: &'a Cell, base: &Cell) -> Option<&'a str> {
    let level = cell.params.get(KEY).filter(|level| *level != OFF)?;
    (with(cell, &[(KEY, Some(OFF))]) == *base).then_some(level)
}

/// How many packets the rules counted of a sample on all links, in the middle.
fn packets(samples: &[Sample], cell: &Cell) -> String {
    let of = samples.iter().filter(|sample| sample.cell == *cell);
    let counted = of.filter_map(|sample| {
        let on_links = sample
            .attested
            .iter()
            .filter(|(key, _)| key.name().starts_with(PACKETS))
            .map(|(_, packets)| packets.as_u64());
        on_links.sum::<Option<u64>>().filter(|packets| *packets > 0)
    });
    let counted: Vec<_> = counted.collect();
    findings::median::median(&counted)
        .map_or_else(String::new, |packets| format!("{:.0}", packets.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired::fake::{sample, service};

    #[test]
    fn each_level_is_told_by_its_differences_within_blocks() {
        let mut samples = Vec::new();
        for block in 0..8 {
            // The machine gets slower and slower; the difference within a block stays.
            let off = 1_000_000 + u64::from(block) * 100_000;
            for (system, level, ns) in [
                ("native", OFF, off),
                ("native-aa", OFF, off + 500),
                ("native", "rules:1000", off + 70_000),
                ("native", "rules:10", off + 700),
            ] {
                samples.push(sample(service(system, &[(KEY, level)]), block, ns));
            }
        }
        let text = firewall(&samples);
        let lines: Vec<_> = text.lines().collect();
        let at = |what: &str| {
            lines
                .iter()
                .position(|line| line.contains(what))
                .unwrap_or_else(|| panic!("{what}: {text}"))
        };
        assert!(
            lines[at("rules:1000")].contains("+70.0 µs") && lines[at("rules:1000")].contains('8'),
            "{text}"
        );
        assert!(lines[at("off (A/A)")].contains("+500 ns"), "{text}");
        assert!(
            at("off (A/A)") < at("rules:10 ") && at("rules:10 ") < at("rules:1000"),
            "in order: {text}"
        );
    }

    #[test]
    fn a_run_without_levels_says_nothing() {
        let samples: Vec<_> = (0..8)
            .map(|block| sample(service("native", &[]), block, 1))
            .collect();
        assert_eq!(firewall(&samples), "");
        let samples: Vec<_> = (0..8)
            .map(|block| sample(service("native", &[(KEY, OFF)]), block, 1))
            .collect();
        assert_eq!(firewall(&samples), "");
    }
}
