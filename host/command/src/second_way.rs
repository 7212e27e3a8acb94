//! The phases of a start beside a second way to get them: a plain program over the engine's own
//! interface, which shares nothing with this crate but the clock. Each start of both is a process of
//! its own, and they take turns.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};

use host_probe::given::Given;
use host_probe::limits;
use host_probe::request::{Call, Kind, Spec, World};
use host_probe::settings::{Acquire, EngineSettings};
use machine::Timeline;
use machine::clock::now_ns;
use results::Phase;

use crate::{Engine, start};

/// Steps of a start with the nanoseconds that each took, in their order.
pub type Steps = Vec<(String, u64)>;

/// From the first step's beginning to the answer.
pub const TOTAL: &str = "total";

/// What the program is told that performs one start.
const ONE: &str = "--one";

/// How many starts of each kind, unless a number says so.
const STARTS: usize = 40;

/// One kind of start, in both ways.
pub struct Pair {
    /// What it is called.
    pub name: &'static str,
    /// What `host phases` does.
    pub phased: fn() -> Steps,
    /// The same, written out.
    pub plain: fn() -> Steps,
}

/// The `main` of a program that compares pairs and prints both. `--test` makes one start of each, and a
/// number so many.
pub fn main(pairs: &[Pair]) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = if let [one, name, way] = &arguments[..]
        && one == ONE
    {
        let pair = pairs.iter().find(|pair| pair.name == name);
        pair.map_or(Err(io::ErrorKind::InvalidInput.into()), |pair| {
            let start = if way == "plain" {
                pair.plain
            } else {
                pair.phased
            };
            print_steps(&start())
        })
    } else {
        let number = arguments.iter().find_map(|it| it.parse().ok());
        let test = arguments.iter().any(|it| it == "--test");
        let starts = number.unwrap_or(if test { 1 } else { STARTS });
        pairs.iter().try_for_each(|pair| compare(pair.name, starts))
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stream is no reason to fail.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A start of a command, as `host phases` asks for it.
pub fn spec(file: &Path, arguments: &[&str], acquire: Acquire, settings: EngineSettings) -> Spec {
    Spec {
        file: file.to_owned(),
        kind: Kind::Module,
        acquire,
        cache: None,
        settings,
        world: World::Preview1,
        given: Given::default(),
        call: Call::Run(arguments.iter().map(|it| (*it).to_owned()).collect()),
        time_limit_ms: 60_000,
        memory_limit_bytes: limits::MEMORY_BYTES,
    }
}

/// The phases of one start, and its total.
pub fn phases<E: Engine>(spec: &Spec) -> Steps {
    let began_ns = now_ns();
    let mut timeline = Timeline::new(began_ns);
    let begun = timeline.follow();
    let report = start::<E>(spec, &mut timeline, begun).expect("the guest answers");
    assert_eq!(report.first.code, 0, "{}", report.complaint);
    let started = report.recorded.since(began_ns);
    let started = started.expect("these are the phases of a start");
    // `process` is of no length here: a launch is no part of this.
    let phases = started.phases.iter();
    let phases = phases.filter(|it| it.name.counts() && it.name != Phase::Process);
    phases
        .map(|it| (it.name.name().to_owned(), it.ns))
        .chain([(TOTAL.to_owned(), started.total_ns)])
        .collect()
}

/// A stopwatch for the plain way.
#[derive(Debug)]
pub struct Stopwatch {
    began_ns: u64,
    last_ns: u64,
    steps: Steps,
}

impl Stopwatch {
    /// One that begins to run.
    #[expect(clippy::new_without_default, reason = "reading a clock is no default")]
    pub fn new() -> Self {
        let began_ns = now_ns();
        Self {
            began_ns,
            last_ns: began_ns,
            steps: Vec::with_capacity(16),
        }
    }

    /// The step that ends here.
    pub fn step(&mut self, name: &str) {
        let ended_ns = now_ns();
        self.steps.push((name.to_owned(), ended_ns - self.last_ns));
        self.last_ns = ended_ns;
    }

    /// All steps, and the total, if the last one ended with the answer.
    pub fn stop(mut self) -> Steps {
        self.steps
            .push((TOTAL.to_owned(), self.last_ns - self.began_ns));
        self.steps
    }
}

fn print_steps(steps: &Steps) -> io::Result<()> {
    let mut out = io::stdout().lock();
    steps
        .iter()
        .try_for_each(|(name, ns)| writeln!(out, "{name} {ns}"))
}

fn read_steps(name: &str, way: &str) -> io::Result<Steps> {
    let output = Command::new(env::current_exe()?)
        .args([ONE, name, way])
        .env_clear()
        .output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("{name}, {way}: {errors}")));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let step = |line: &str| {
        let (name, ns) = line.split_once(' ')?;
        Some((name.to_owned(), ns.parse().ok()?))
    };
    Ok(text.lines().filter_map(step).collect())
}

/// Starts in turns, and the medians of each step in both ways.
fn compare(name: &str, starts: usize) -> io::Result<()> {
    let mut all: BTreeMap<(usize, String), [Vec<u64>; 2]> = BTreeMap::new();
    for round in 0..starts {
        // Each goes first in half of the rounds.
        for turn in 0..2 {
            let way = (round + turn) % 2;
            let steps = read_steps(name, ["phased", "plain"][way])?;
            for (step, ns) in steps {
                // The order of the phases is that of the first start.
                let known = all.keys().find(|(_, known)| *known == step).cloned();
                let key = known.unwrap_or((all.len(), step));
                all.entry(key).or_default()[way].push(ns);
            }
        }
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{name}, {starts} starts each, µs: median (quartiles)\n{:18}{:>26}{:>26}  phases / plain",
        "step", "host phases", "plain"
    )?;
    for ((_, step), ways) in &mut all {
        let [phased, plain] = ways.each_mut().map(|of| Quartiles::new(of));
        let ratio = phased.middle / plain.middle;
        writeln!(out, "{step:18}{phased:>26}{plain:>26}  {ratio:.3}")?;
    }
    writeln!(out)
}

/// Quartiles in microseconds.
struct Quartiles {
    lower: f64,
    middle: f64,
    upper: f64,
}

impl Quartiles {
    fn new(values: &mut [u64]) -> Self {
        values.sort_unstable();
        let at = |part: usize| {
            let index = values.len().saturating_sub(1) * part;
            // Between two values, their mean.
            let [low, high] = [index / 4, index.div_ceil(4)];
            let value = |at: usize| values.get(at).map_or(f64::NAN, |ns| *ns as f64 / 1000.0);
            f64::midpoint(value(low), value(high))
        };
        Self {
            lower: at(1),
            middle: at(2),
            upper: at(3),
        }
    }
}

impl std::fmt::Display for Quartiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            lower,
            middle,
            upper,
        } = self;
        f.pad(&format!("{middle:.1} ({lower:.1}–{upper:.1})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_the_values_around_them() {
        let mut values = [4_000, 1_000, 3_000, 2_000, 5_000];
        assert_eq!(Quartiles::new(&mut values).to_string(), "3.0 (2.0–4.0)");
        assert_eq!(
            Quartiles::new(&mut values[..2]).to_string(),
            "1.5 (1.5–1.5)"
        );
        assert_eq!(
            Quartiles::new(&mut values[..1]).to_string(),
            "1.0 (1.0–1.0)"
        );
    }

    #[test]
    fn a_stopwatch_has_its_steps_and_their_sum() {
        let mut watch = Stopwatch::new();
        watch.step("one");
        watch.step("two");
        let steps = watch.stop();
        let names: Vec<_> = steps.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["one", "two", TOTAL]);
        assert_eq!(steps[2].1, steps[0].1 + steps[1].1);
    }
}
