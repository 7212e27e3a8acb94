//! What of a cold start still matters at the end of a wire.

use results::{Cell, Sample};

use crate::outside::table;
use crate::paired::{Blocks, Figure, name, with};
use findings::units::{nanoseconds, three_digits};

/// The system that others are compared with.
const BASE: &str = "native";

/// Round trips from the first packet of a connection to the end of a short answer: one opens the
/// connection, one carries request and answer.
const ROUND_TRIPS: f64 = 2.0;

/// The round trip that edge users ask about, in nanoseconds.
const ASKED_NS: f64 = 20e6;

/// Starts over each network beside the loopback. Empty if the run has no networks.
pub fn path(samples: &[Sample]) -> String {
    let blocks = Blocks::of(samples);
    let cells = blocks.cells();
    let over: Vec<&Cell> = cells
        .into_iter()
        .filter(|cell| cell.scenario.starts() && cell.params.contains_key("path"))
        .collect();
    let is_delayed = over.iter().any(|cell| cell.params.contains_key("delay_ms"));
    let mut lines = Vec::new();
    for cell in &over {
        let Some(total) = blocks.median(cell, Figure::Total) else {
            continue;
        };
        let loopback = with(
            cell,
            &[("path", None), ("delay_ms", None), ("rate_mbit", None)],
        );
        let native = |cell: &Cell| blocks.median(&native(cell), Figure::Total);
        let ratio = |total: Option<f64>, of: Option<f64>| {
            total.zip(of).map_or_else(String::new, |(total, of)| {
                format!("{}×", three_digits(total / of))
            })
        };
        let more = blocks.more(cell, &loopback, Figure::Total);
        let near = blocks.median(&loopback, Figure::Total);
        let mut line = vec![
            name(cell),
            link(cell),
            nanoseconds(total),
            ratio(Some(total), native(cell)),
        ];
        line.extend([
            near.map_or_else(String::new, nanoseconds),
            ratio(near, native(&loopback)),
        ]);
        line.extend(more.map_or_else(|| [String::new(), String::new()], |more| more.shown()));
        line.push(more.map_or_else(String::new, |more| more.n.to_string()));
        if !is_delayed {
            let far = |total: f64| total + ROUND_TRIPS * ASKED_NS;
            line.extend([
                nanoseconds(far(total)),
                ratio(Some(far(total)), native(cell).map(far)),
            ]);
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut head = vec![
        "start",
        "network",
        "total",
        "of native",
        "loopback",
        "of native",
        "more",
        "95 % interval",
        "n",
    ];
    let mut title =
        "the network: starts whose client sits in another network namespace, beside the same over \
            the loopback"
            .to_owned();
    if !is_delayed {
        head.extend(["at 20 ms", "of native"]);
        title.push_str(
            "; no delay was measured, so \"at 20 ms\" is arithmetic: two round trips more, one to \
                connect and one to ask",
        );
    }
    table(&title, &head, lines.into_iter())
}

/// The native system's cell over the same network.
fn native(cell: &Cell) -> Cell {
    Cell {
        system: BASE.into(),
        ..with(cell, &[("acquire", None), ("network", None)])
    }
}

fn link(cell: &Cell) -> String {
    let mut words = vec!["veth".to_owned()];
    words.extend(
        cell.params
            .get("delay_ms")
            .map(|ms| format!("{ms} ms each way")),
    );
    words.extend(
        cell.params
            .get("rate_mbit")
            .map(|rate| format!("{rate} Mbit/s")),
    );
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired::fake::{sample, service};

    #[test]
    fn a_wire_makes_starts_alike() {
        let mut samples = Vec::new();
        for block in 0..6 {
            for (system, total) in [("native", 2_000_000), ("wasmtime-cli", 10_000_000)] {
                samples.push(sample(service(system, &[]), block, total));
                samples.push(sample(
                    service(system, &[("path", "veth")]),
                    block,
                    total + 100_000,
                ));
            }
        }
        let text = path(&samples);
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with("wasmtime-cli"))
            .unwrap();
        // 10.1 and 2.1 ms, and 50.1 and 42.1 with two round trips of 20 ms.
        assert!(
            line.contains("4.81×")
                && line.contains("+100 µs")
                && line.contains("50.1 ms")
                && line.contains("1.19×"),
            "{text}"
        );
        assert!(text.contains("is arithmetic"), "{text}");
    }

    #[test]
    fn what_was_measured_with_a_delay_needs_no_arithmetic() {
        let slow = [("path", "veth"), ("delay_ms", "10")];
        let samples: Vec<_> = (0..6)
            .map(|block| sample(service("native", &slow), block, 42_000_000))
            .collect();
        let text = path(&samples);
        assert!(
            text.contains("10 ms each way") && !text.contains("arithmetic"),
            "{text}"
        );
        assert_eq!(path(&[]), "");
    }
}
