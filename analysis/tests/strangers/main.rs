//! Run folders that strangers made, through every command: nothing outside of the report's folder is read
//! into it or written, nothing hangs, panics or takes the machine's memory, nothing acts upon a terminal,
//! and no page runs a script or fetches anything.
//!
//! `COLDPHASE_STRANGERS=200` tries so many; `COLDPHASE_STRANGERS_SEED` begins elsewhere.

#![expect(clippy::print_stderr, reason = "a long test reports how far it is")]

#[path = "../browser/chromium.rs"]
#[allow(dead_code, reason = "pages are looked at in one way only")]
mod chromium;
mod mutate;
mod payloads;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use campaign::{Exit, Programs};
use chromium::Chromium;
use findings::input::Run;
use findings::{Findings, Options};
use machine::clock::now_ns;
use mutate::Place;
use results::record::Scenario;
use results::text;
use serde_json::json;
use support::{Draw, Shape};

const RUN: &str = "20261125T120000Z-00aa";
const OTHER: &str = "20261125T130000Z-00bb";

/// What no file of a report may hold, and no command print.
const SECRET: &str = "TOP-SECRET-0b9e";

/// How much memory a command may map, in KiB; how long it may compute and how long it may wait, in seconds.
/// Beside a compiler a command waits, and is not slow for that.
const MEMORY_KIB: u64 = 2_500_000;
const CPU_SECONDS: u64 = 60;
const SECONDS: u64 = 400;

/// Folders of one run: `raw`, `out` and the reader's `own`, so deep that `../../../..` stays within.
struct World {
    base: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            base: tempfile::tempdir().unwrap(),
        };
        for name in ["out", "own/folder"] {
            fs::create_dir_all(world.at(name)).unwrap();
        }
        for name in ["own/keys", "own/manifest.json", "own/report.md"] {
            fs::write(world.at(name), format!("{SECRET}\n")).unwrap();
        }
        for (run, seed) in [(RUN, 7), (OTHER, 9)] {
            let shape = Shape {
                samples: 2,
                requests: 30,
                scenarios: vec![Scenario::DiskCold, Scenario::Throughput, Scenario::Density],
                seed,
                ..Shape::small(run)
            };
            support::write(&world.at("raw"), &shape);
        }
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.base.path().join("a/b/c/d").join(name)
    }

    /// Everything but what is in `out`, and the folder of baselines, but not what is in that; nor when it came to the folder
    /// that it is in.
    fn look(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        look(self.base.path(), &self.at("out"), &mut found);
        let baselines = self.at("baselines");
        found.remove(&baselines);
        found.remove(baselines.parent().unwrap());
        found
    }
}

fn look(folder: &Path, except: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, data) = (entry.path(), entry.metadata().unwrap());
        let modified = (data.mtime(), data.mtime_nsec());
        let state = format!("{:?} {} {modified:?}", data.file_type(), data.len());
        if path == except {
            continue;
        }
        if data.is_dir() {
            look(&path, except, found);
        }
        found.insert(path, state);
    }
}

/// A command with bounds, over the folders of a world.
fn analysis(world: &World, arguments: &[&str]) -> Output {
    let bounded = format!(
        "ulimit -v {MEMORY_KIB}; ulimit -t {CPU_SECONDS}; exec timeout -s KILL {SECONDS} \"$@\""
    );
    let mut program = Command::new("sh");
    program.args(["-c", &bounded, "sh", env!("CARGO_BIN_EXE_analysis")]);
    program.args(arguments);
    program.arg("--in").arg(world.at("raw"));
    program.arg("--out").arg(world.at("out"));
    program.output().unwrap()
}

/// Every command that reads a run. Baselines stand beside the runs, and what is kept there is removed again.
const COMMANDS: [&[&str]; 19] = [
    &[
        "report",
        RUN,
        "--objective",
        "disk-cold p95 < 20ms, memory < 10MB",
    ],
    &["verify", RUN],
    &["bundle", RUN],
    &["export", RUN],
    &["export", RUN, "--format", "parquet"],
    &["compare", RUN, OTHER],
    &["compare", OTHER, RUN],
    &["compare", RUN, OTHER, "--format", "markdown"],
    &["plan", RUN, "--samples", "10"],
    &["bundle", RUN, "--redact"],
    &["export", RUN, "--redact"],
    &["export", RUN, "--format", "hyperfine"],
    &["export", RUN, "--format", "bencher"],
    &["export", RUN, "--format", "github"],
    &["export", RUN, "--format", "openmetrics"],
    &["baseline", "save", "kept", RUN],
    &["baseline", "list"],
    &["compare", "--baseline", "kept", OTHER],
    &["baseline", "remove", "kept"],
];

/// Runs every command over a run; what is wrong with one is told with `what`.
fn try_all(world: &World, what: &str) {
    let before = world.look();
    let thesis = world.at("out/latest/thesis.tex");
    let has_thesis = thesis.exists();
    for arguments in COMMANDS {
        let began = now_ns();
        let output = analysis(world, arguments);
        let took = now_ns() - began;
        let code = output.status.code();
        let [printed, said] = [&output.stdout, &output.stderr]
            .map(|bytes| String::from_utf8(bytes.clone()).unwrap_or("not UTF-8 \u{1b}".into()));
        let told = format!("{what}: {arguments:?}: {code:?} after {took} ns\n{said}");
        let is_known = Exit::table_of(Programs::Analysis)
            .any(|(exit, _)| exit != Exit::Internal && code == Some(exit.code().into()));
        assert!(is_known && !said.contains("panicked"), "{told}");
        let is_quiet = |it: char| it == '\n' || text::is_printable(it);
        assert!(
            printed.chars().chain(said.chars()).all(is_quiet),
            "{told:?}\n{printed:?}"
        );
        assert!(
            !printed.contains(SECRET) && !said.contains(SECRET),
            "{told}"
        );
        if arguments.contains(&"markdown") {
            acts_not(&marks_of(&printed), "md", &told);
        }
    }
    let after = world.look();
    for (path, state) in &after {
        assert_eq!(
            before.get(path),
            Some(state),
            "{what}: {} changed",
            path.display()
        );
    }
    assert_eq!(before.len(), after.len(), "{what}: something is gone");
    assert!(!has_thesis || thesis.exists(), "{what}: the thesis is gone");
    published(&world.at("out"), what);
}

/// What was written holds nothing of the reader's, and no form carries on what acts in it.
fn published(folder: &Path, what: &str) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            published(&path, what);
        }
        if !kind.is_file() {
            continue;
        }
        let mut bytes = fs::read(&path).unwrap();
        if path.extension().is_some_and(|it| it == "gz") {
            bytes = unpacked(&bytes, what);
        }
        let mut words = String::from_utf8_lossy(&bytes);
        let told = format!("{what}: {}", path.display());
        assert!(!words.contains(SECRET), "{told} holds what is the reader's");
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        let ending = name.rsplit('.').next().unwrap_or_default();
        if ending == "md" {
            words = marks_of(&words).into();
        }
        acts_not(&words, ending, &told);
    }
}

/// Nothing in a file with this ending does anything where it is read.
fn acts_not(words: &str, ending: &str, told: &str) {
    let acting: &[&str] = match ending {
        "md" => &[
            "<script",
            "<img",
            "<iframe",
            "](http",
            "](javascript",
            "![x]",
            " http://",
        ],
        "tex" => &["\\input{", "\\write18", "\\immediate"],
        "svg" => &["<script", "onload=", "href="],
        "html" => &[
            "<img",
            "<iframe",
            "<base",
            "<script>document",
            "javascript:document.title='pwned')\"",
        ],
        "csv" => &[
            "\n=", ",=", "\n\"=", ",\"=", "\n@", ",@", "\n\"@", ",\"@", "\n+", ",+", "\n\"+",
            ",\"+",
        ],
        _ => &[],
    };
    for act in acting {
        let is_shown = ending == "svg" && words.contains(&format!("{act}&"));
        assert!(!words.contains(act) || is_shown, "{told} has {act}");
    }
}

/// What of a Markdown text may be markup: neither what is within code nor what a backslash precedes.
fn marks_of(text: &str) -> String {
    let mut rest = text;
    let mut marks = String::new();
    while let Some(at) = rest.find(['`', '\\']) {
        marks.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            let mut after = escaped.chars();
            after.next();
            // What was escaped still stands between its neighbours.
            marks.push('\\');
            rest = after.as_str();
            continue;
        }
        let fence = &rest[..rest.len() - rest.trim_start_matches('`').len()];
        rest = &rest[fence.len()..];
        // Code ends at as many backticks in a row as it began with.
        let mut from = 0;
        while let Some(found) = rest[from..].find(fence) {
            let end = from + found;
            let row = rest[end..].len() - rest[end..].trim_start_matches('`').len();
            from = end + row;
            if row == fence.len() {
                break;
            }
        }
        rest = &rest[from..];
    }
    marks.push_str(rest);
    marks
}

#[test]
fn only_what_may_act_is_looked_at() {
    for (text, marks) in [
        (r"a \[i\](http\://x) b", r"a \i\(http\//x) b"),
        ("a [i](http://x)", "a [i](http://x)"),
        ("a `[i](http://x)` b", "a  b"),
        ("``a`[i](http://x)`` [c](http://x)", " [c](http://x)"),
        (r"\`[i](http://x)\`", r"\[i](http://x)\"),
        (r"`a\` [i](http://x)", " [i](http://x)"),
    ] {
        assert_eq!(marks_of(text), marks);
    }
}

/// The contents of an archive: regular files below the run's name, and nothing else.
fn unpacked(bytes: &[u8], what: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        assert!(
            entry.header().entry_type().is_file(),
            "{what}: the archive has a link"
        );
        let path = entry.path().unwrap().into_owned();
        assert!(path.starts_with(RUN), "{what}: {}", path.display());
        // A hole of a terabyte is not packed.
        entry.take(64 << 20).read_to_end(&mut all).unwrap();
    }
    all
}

/// What a program prints at the end of a run, of samples like these.
fn summarised(world: &World, what: &str) {
    use summary::View;
    let Ok(run) = Run::read(&world.at("raw").join(RUN)) else {
        return;
    };
    let findings = Findings::from_run(&run, Options::default());
    let style = summary::Style {
        width: 120,
        colour: false,
    };
    for view in [View::Suite, View::EnginePairs, View::Duel, View::ColdStart] {
        let shown = summary::render(&findings, view, style);
        let is_quiet = |it: char| it == '\n' || text::is_printable(it);
        assert!(shown.chars().all(is_quiet), "{what}: {shown:?}");
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |it| it.parse().unwrap())
}

#[test]
fn no_run_folder_harms_who_reads_it() {
    let n = number("COLDPHASE_STRANGERS", mutate::KINDS as u64);
    let first = number("COLDPHASE_STRANGERS_SEED", 1);
    let pages = tempfile::tempdir().unwrap();
    for seed in first..first + n {
        let world = World::new();
        let [raw, out, own] = ["raw", "out", "own"].map(|name| world.at(name));
        let place = Place {
            raw: &raw,
            out: &out,
            own: &own,
            run: RUN,
        };
        let done = mutate::mutate(&place, seed, &mut Draw::new(seed));
        if seed % 2 == 0 {
            mutate::foreign(&place, seed);
        }
        let what = format!("seed {seed} ({})", done.join(", "));
        let began = now_ns();
        try_all(&world, &what);
        summarised(&world, &what);
        eprintln!("{what}: {} ms", (now_ns() - began) / 1_000_000);
        let page = out.join(RUN).join("report.html");
        if page.symlink_metadata().is_ok_and(|found| found.is_file()) {
            fs::copy(page, pages.path().join(format!("{seed}.html"))).unwrap();
        }
    }
    let opened = open_all(pages.path());
    assert!(
        opened.is_none_or(|opened| opened * 3 > n),
        "{opened:?} pages of {n} runs"
    );
}

/// Opens every page; none does anything. Nothing without a browser.
fn open_all(pages: &Path) -> Option<u64> {
    if !chromium::is_installed() {
        eprintln!("NOT RUN: there is no chromium; ./setup browser installs it");
        return None;
    }
    let mut browser = Chromium::launch();
    let mut opened = 0;
    for entry in fs::read_dir(pages).unwrap().flatten() {
        let page = entry.path();
        browser.go_to(&page);
        let name = page.display();
        let title = browser.evaluate("document.title");
        assert!(
            title
                .as_str()
                .unwrap()
                .starts_with("Where does a cold start go?"),
            "{name}: {title}"
        );
        let acting = browser.evaluate(
            "[...document.querySelectorAll('*')].filter((part) =>
                [...part.attributes].some((it) => it.name.startsWith('on') || it.name === 'src'
                    || (it.name.endsWith('href') && !it.value.startsWith('#')))
                || ['IMG', 'IFRAME', 'LINK', 'BASE', 'OBJECT'].includes(part.tagName)
            ).map((part) => part.outerHTML.slice(0, 200))",
        );
        assert_eq!(acting, json!([]), "{name}");
        let scripts = browser.evaluate("document.scripts.length");
        assert_eq!(scripts, json!(1), "{name}");
        assert_eq!(browser.requests, [""; 0], "{name}");
        assert_eq!(browser.complaints, [""; 0], "{name}");
        opened += 1;
    }
    Some(opened)
}
