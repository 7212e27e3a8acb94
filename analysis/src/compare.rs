//! An engine embedded beside the same engine under its own command line.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use results::Phase;
use serde::Serialize;

use crate::summary::{CellSummary, Summary};
use crate::table::{RULED, controls};
use findings::median::Estimate;
use findings::units::{nanoseconds, percent, three_digits};

/// The two systems of one engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnginePair {
    /// The system that embeds it.
    pub embedded: String,
    /// Its command line.
    pub cli: String,
    /// The version that is embedded.
    pub embedded_version: String,
    /// The command line's.
    pub cli_version: String,
}

impl EnginePair {
    fn name(&self) -> &str {
        self.embedded
            .strip_suffix("-embedded")
            .unwrap_or(&self.embedded)
    }

    /// The versions, and a warning where they are two: then what is compared is two programs.
    fn versions(&self) -> String {
        if self.embedded_version == self.cli_version {
            return format!("both {}", self.cli_version);
        }
        format!(
            "VERSIONS DIFFER: {} embedded, {} on the command line; differences between versions \
                are in every figure",
            self.embedded_version, self.cli_version
        )
    }
}

/// The same work on both sides.
struct Step {
    work: &'static str,
    inside: &'static [Phase],
    outside: &'static [Phase],
}

const STEPS: [Step; 4] = [
    Step {
        work: "process, until it opens the artifact",
        inside: &[Phase::Process, Phase::Engine],
        outside: &[Phase::Spawn, Phase::Init],
    },
    Step {
        work: "read, compile or load, link",
        inside: &[
            Phase::Read,
            Phase::Compile,
            Phase::CacheMiss,
            Phase::CacheHit,
            Phase::Deserialize,
            Phase::DeserializeFile,
            Phase::Validate,
            Phase::Link,
        ],
        outside: &[Phase::Load],
    },
    Step {
        work: "listening → accepted",
        inside: &[],
        outside: &[Phase::Connect],
    },
    Step {
        work: "instantiate, answer",
        inside: &[Phase::Instantiate, Phase::FirstRequest],
        outside: &[Phase::Respond],
    },
];

/// Everything that a person is shown of a comparison, `width` columns wide.
pub fn embedded_vs_cli(summary: &Summary, pairs: &[EnginePair], width: usize) -> String {
    let mut text = String::new();
    for pair in pairs {
        let mut ways: Vec<_> = of_system(summary, &pair.cli)
            .filter_map(|cell| cell.cell.params.get("acquire"))
            .collect();
        ways.sort_unstable();
        ways.dedup();
        for way in ways {
            text.push_str(&one(summary, pair, way, width));
        }
    }
    if text.is_empty() {
        text.push_str(
            "No engine is there both embedded and as a command line: there is nothing to \
                compare.\n",
        );
    }
    text.push_str(&controls(summary));
    text
}

fn of_system<'a>(summary: &'a Summary, system: &'a str) -> impl Iterator<Item = &'a CellSummary> {
    summary
        .cells
        .iter()
        .filter(move |cell| cell.cell.system == system)
}

/// The cell of a system with these parameters, and without any other that is optional.
fn cell<'a>(
    summary: &'a Summary,
    system: &'a str,
    way: &str,
    observer: &str,
    without: Option<&str>,
) -> Option<&'a CellSummary> {
    of_system(summary, system).find(|cell| {
        let param = |key: &str| cell.cell.params.get(key);
        param("acquire") == Some(way)
            && param("observer") == Some(observer)
            && param("without") == without
    })
}

fn sum(cell: Option<&CellSummary>, phases: &[Phase]) -> Option<f64> {
    let times: Vec<_> = cell?
        .phases
        .iter()
        .filter(|phase| phases.contains(&phase.name))
        .map(|phase| phase.time.value)
        .collect();
    (!times.is_empty()).then(|| times.iter().sum())
}

fn shown(ns: Option<f64>) -> String {
    ns.map_or_else(|| "–".to_owned(), nanoseconds)
}

fn estimate(time: Option<Estimate>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| time.to_string())
}

fn one(summary: &Summary, pair: &EnginePair, way: &str, width: usize) -> String {
    let of = |system, observer| cell(summary, system, way, observer, None);
    let (own, seen) = (of(&pair.embedded, "own"), of(&pair.embedded, "seccomp"));
    let cli = of(&pair.cli, "seccomp");
    let totals = [of(&pair.embedded, "none"), of(&pair.cli, "none")]
        .map(|cell| cell.and_then(|cell| cell.total));
    let n = cli.map_or(0, |cell| cell.ok);
    let mut text = format!(
        "{}, {way}: http-hello, medians of {n}; {}\n",
        pair.name(),
        pair.versions()
    );
    let mut table = Table::new();
    table
        .load_style(RULED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "the same work",
        "embedded, told by itself",
        "embedded, from outside",
        "command line, from outside",
        "more",
    ]);
    for step in &STEPS {
        let (inside, outside, theirs) = (
            sum(own, step.inside),
            sum(seen, step.outside),
            sum(cli, step.outside),
        );
        let more = theirs.map(|theirs| theirs - inside.unwrap_or(0.0));
        table.add_row([
            step.work.to_owned(),
            shown(inside),
            shown(outside),
            shown(theirs),
            shown(more),
        ]);
    }
    let watched =
        [own, seen, cli].map(|cell| cell.and_then(|cell| cell.total).map(|total| total.value));
    let more = watched[2].zip(watched[0]).map(|(cli, own)| cli - own);
    let [own_total, seen_total, cli_total] = watched.map(shown);
    table.add_row([
        "all, watched".to_owned(),
        own_total,
        seen_total,
        cli_total,
        shown(more),
    ]);
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    text.push_str(&format!("{table}\n"));
    text.push_str(&picture(&[("embedded", own), ("command line", cli)], width));
    text.push_str(&format!(
        "nothing watching: embedded {}, command line {}",
        estimate(totals[0]),
        estimate(totals[1])
    ));
    if let [Some(embedded), Some(cli)] = totals {
        text.push_str(&format!(
            ": {} times as long",
            three_digits(cli.value / embedded.value)
        ));
    }
    text.push('\n');
    text.push_str(&extras(summary, pair, way, totals));
    text.push('\n');
    text
}

/// What stands for everything that a program does beyond beginning and ending.
const WORK: &str = "work";

/// What the command line does more, as far as it can be left out, and what is left unexplained.
fn extras(
    summary: &Summary,
    pair: &EnginePair,
    way: &str,
    totals: [Option<Estimate>; 2],
) -> String {
    let [Some(embedded), Some(cli)] = totals else {
        return String::new();
    };
    let excess = cli.value - embedded.value;
    let mut named = 0.0;
    let mut text = String::new();
    let bare = [&pair.embedded, &pair.cli]
        .map(|system| cell(summary, system, way, "none", Some(WORK))?.total);
    if let [Some(ours), Some(theirs)] = bare {
        let more = theirs.value - ours.value;
        let certain = theirs.is_apart_from(&ours);
        if certain {
            named += more;
        }
        text.push_str(&format!(
            "  its process alone, asked for its version: {}, the embedding program's {}: {} \
                more{}\n",
            nanoseconds(theirs.value),
            nanoseconds(ours.value),
            nanoseconds(more),
            remark(certain)
        ));
    }
    for left_out in of_system(summary, &pair.cli) {
        let param = |key: &str| left_out.cell.params.get(key);
        let (Some(name), Some(time), true) = (
            param("without"),
            left_out.total,
            param("acquire") == Some(way),
        ) else {
            continue;
        };
        if name == WORK {
            continue;
        }
        let saved = cli.value - time.value;
        let certain = time.is_apart_from(&cli)
            && summary
                .noise_floor
                .is_none_or(|floor| saved.abs() / cli.value > floor);
        if certain {
            named += saved;
        }
        text.push_str(&format!(
            "  its {name}: {} less without{}\n",
            nanoseconds(saved),
            remark(certain)
        ));
    }
    let rest = excess - named;
    text.push_str(&format!(
        "  of the command line's {}: {} are what the embedded start takes, {} are named above, {} \
            are in neither; named {}\n",
        nanoseconds(cli.value),
        nanoseconds(embedded.value),
        nanoseconds(named),
        nanoseconds(rest),
        percent(1.0 - rest.abs() / cli.value),
    ));
    text
}

const fn remark(certain: bool) -> &'static str {
    if certain {
        ""
    } else {
        " (not told from noise, and not counted)"
    }
}

/// Both starts on one scale, their steps as letters.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to the width of a terminal"
)]
fn picture(starts: &[(&str, Option<&CellSummary>); 2], width: usize) -> String {
    let all = |cell: &CellSummary| cell.total.map_or(0.0, |total| total.value);
    let longest = starts
        .iter()
        .filter_map(|(_, cell)| cell.map(all))
        .fold(0.0, f64::max);
    let room = width.saturating_sub(28).max(20) as f64;
    let mut text = String::new();
    for (name, cell) in starts {
        let Some(cell) = cell else { continue };
        let bar: String = STEPS
            .iter()
            .zip(['P', 'L', 'c', 'R'])
            .map(|(step, letter)| {
                let ns = sum(Some(cell), step.inside)
                    .or_else(|| sum(Some(cell), step.outside))
                    .unwrap_or(0.0);
                letter
                    .to_string()
                    .repeat((ns / longest * room).round() as usize)
            })
            .collect();
        text.push_str(&format!("  {name:<13} {bar} {}\n", nanoseconds(all(cell))));
    }
    text + "  P process  L read, compile or load, link  c listening → accepted  R instantiate, \
        answer\n"
}
