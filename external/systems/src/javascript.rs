//! Runtimes of JavaScript, each once with its own SHA-256 and once with one that is JavaScript too.

use super::{Family, Kind, Known, Marker, look};

const fn isolate(
    name: &'static str,
    label: &'static str,
    colour: &'static str,
    computes: bool,
) -> Known {
    Known {
        name,
        label,
        kind: Kind::Isolate,
        family: Family::Isolate,
        engine: None,
        usual: &[],
        look: look(colour, Marker::Circle, computes),
    }
}

pub(super) const KNOWN: [Known; 8] = [
    isolate("workerd", "workerd", "vermilion", false),
    isolate("bun", "Bun", "orange", false),
    isolate("deno", "Deno", "blue", false),
    isolate("node", "Node.js", "green", false),
    isolate(
        "workerd-plain-sha",
        "workerd, SHA-256 in JavaScript",
        "vermilion",
        true,
    ),
    isolate(
        "bun-plain-sha",
        "Bun, SHA-256 in JavaScript",
        "orange",
        true,
    ),
    isolate(
        "deno-plain-sha",
        "Deno, SHA-256 in JavaScript",
        "blue",
        true,
    ),
    isolate(
        "node-plain-sha",
        "Node.js, SHA-256 in JavaScript",
        "green",
        true,
    ),
];
