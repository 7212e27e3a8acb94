//! Figures that go to other tools, and that come from them: each form as its reader has it.

#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use analysis::command::{Exit, Format, export};
use results::Scenario;
use results::record::Outcome;
use serde::Deserialize;
use serde_json::{Value, json};
use support::{Shape, write};

const RUN: &str = "20261125T120000Z-00aa";
const OTHER: &str = "20261125T130000Z-00bb";

/// What the program prints and how it ends.
fn analysis(raw: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_analysis"));
    let output = program
        .args(arguments)
        .arg("--in")
        .arg(raw)
        .arg("--out")
        .arg(raw.with_file_name("processed"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

fn ends(found: &(String, Option<i32>), exit: Exit) {
    assert_eq!(found.1, Some(i32::from(exit.code())), "{}", found.0);
}

/// A run in this form.
fn exported(format: Format) -> String {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    write(&raw, &Shape::small(RUN));
    let path = export(&raw, folder.path(), RUN, format).unwrap();
    fs::read_to_string(path).unwrap()
}

/// A result as hyperfine 1.20 defines it, nothing more and nothing less.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HyperfineResult {
    command: String,
    mean: f64,
    stddev: Option<f64>,
    median: f64,
    user: f64,
    system: f64,
    min: f64,
    max: f64,
    times: Vec<f64>,
    memory_usage_byte: Option<Vec<u64>>,
    exit_codes: Vec<Option<i32>>,
    parameters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hyperfine {
    results: Vec<HyperfineResult>,
}

#[test]
fn starts_are_what_hyperfine_writes() {
    let written: Hyperfine = serde_json::from_str(&exported(Format::Hyperfine)).unwrap();
    assert!(written.results.len() > 4);
    for result in &written.results {
        let n = result.times.len();
        assert!(n > 0 && result.exit_codes == vec![Some(0); n]);
        let of = |fold: fn(f64, f64) -> f64| result.times.iter().copied().reduce(fold).unwrap();
        assert_eq!((result.min, result.max), (of(f64::min), of(f64::max)));
        let mean = result.times.iter().sum::<f64>() / n as f64;
        assert!((mean / result.mean - 1.0).abs() < 1e-9);
        assert!(result.min <= result.median && result.median <= result.max);
        assert!(
            result.max < 60.0,
            "seconds, not nanoseconds: {}",
            result.max
        );
        assert!(result.stddev.is_some() == (n > 1));
        assert!(result.user >= 0.0 && result.system == 0.0);
        let memory = result.memory_usage_byte.as_ref();
        assert!(memory.is_none_or(|all| all.len() == n));
        let is_of = |part: &str| result.command.contains(&result.parameters[part]);
        assert!(["system", "workload", "scenario"].into_iter().all(is_of));
    }
}

#[test]
fn benchers_format_fits_its_schema() {
    // As <https://bencher.dev/bmf.json> has it, with what it leaves open closed.
    let number = json!({"type": "number"});
    let schema = json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[a-z0-9-]+$", "maxLength": 64},
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "value": number, "lower_value": number, "upper_value": number,
                },
                "required": ["value"],
                "additionalProperties": false,
            },
        },
    });
    let written: Value = serde_json::from_str(&exported(Format::Bencher)).unwrap();
    jsonschema::validate(&schema, &written).unwrap();
    let benchmarks = written.as_object().unwrap();
    let slugs: BTreeSet<&String> = benchmarks
        .values()
        .flat_map(|measures| measures.as_object().unwrap().keys())
        .collect();
    assert!(slugs.iter().any(|slug| *slug == "latency"), "{slugs:?}");
    assert!(slugs.iter().any(|slug| *slug == "throughput"), "{slugs:?}");
    for name in benchmarks.keys() {
        assert!(
            name.len() <= 1024 && !name.contains("observer=seccomp"),
            "{name}"
        );
    }
}

#[test]
fn github_entries_are_costs_with_names_of_their_own() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        name: String,
        unit: String,
        value: f64,
        range: Option<String>,
        extra: String,
    }
    let entries: Vec<Entry> = serde_json::from_str(&exported(Format::Github)).unwrap();
    let names: BTreeSet<&String> = entries.iter().map(|entry| &entry.name).collect();
    assert_eq!(
        names.len(),
        entries.len(),
        "the name is what the tool joins by"
    );
    for entry in &entries {
        assert!(entry.value.is_finite() && entry.value > 0.0);
        assert!(["ns", "bytes", "ns/request"].contains(&entry.unit.as_str()));
        assert!(entry.extra.starts_with("median of "));
        let range = entry.range.as_deref();
        assert!(range.is_none_or(|range| range.contains(" – ")), "{range:?}");
        assert_eq!(range.is_some(), entry.extra.contains("its 95 % interval"));
    }
    assert!(entries.iter().any(|entry| entry.unit == "ns/request"));
}

#[test]
fn openmetrics_is_one_family_after_another_and_ends() {
    let text = exported(Format::Openmetrics);
    assert!(text.ends_with("\n# EOF\n"), "nothing comes after the end");
    let (mut closed, mut family, mut series) = (BTreeSet::new(), String::new(), BTreeSet::new());
    for line in text.lines() {
        assert!(!line.is_empty() && line == line.trim(), "{line:?}");
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            match (words.next().unwrap(), words.next(), words.next()) {
                ("EOF", None, None) => {}
                ("TYPE", Some(name), Some(kind)) => {
                    assert!(closed.insert(name.to_owned()), "{name} comes twice");
                    assert!(["gauge", "info"].contains(&kind));
                    name.clone_into(&mut family);
                }
                ("UNIT", Some(name), Some(unit)) => {
                    assert_eq!(name, family);
                    assert!(name.ends_with(&format!("_{unit}")), "{name} {unit}");
                }
                ("HELP", Some(name), Some(_)) => assert_eq!(name, family),
                other => panic!("{other:?}"),
            }
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap();
        assert!(name == family || name == format!("{family}_info"), "{line}");
        let (labels, value) = rest.rsplit_once("} ").unwrap();
        assert!(value.parse::<f64>().unwrap().is_finite());
        assert!(
            series.insert((name.to_owned(), labels.to_owned())),
            "{line} comes twice"
        );
        for label in labels.split("\",") {
            let (label, _) = label.split_once("=\"").unwrap();
            let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            assert!(
                label.chars().all(fits) && !label.starts_with("__"),
                "{label}"
            );
        }
    }
    assert!(closed.len() > 4, "{closed:?}");
}

/// A file of hyperfine's, as it writes it.
fn hyperfine_file(folder: &Path, results: &Value) -> String {
    let path = folder.join("times.json");
    fs::write(&path, json!({"results": results}).to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn timed(command: &str, times: &[f64]) -> Value {
    json!({
        "command": command, "mean": times[0], "stddev": 0.0, "median": times[0], "user": 0.001,
        "system": 0.001, "min": times[0], "max": times[0], "times": times,
        "memory_usage_byte": vec![4096; times.len()], "exit_codes": vec![0; times.len()],
    })
}

/// The one run of a folder, by its name.
fn the_run(raw: &Path) -> String {
    let runs = results::run_folder::runs(raw);
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].clone()
}

#[test]
fn times_of_hyperfine_become_a_run_that_says_that_it_is_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let mut failing = timed("./app --port 1", &[0.012, 0.013, 0.014]);
    failing["exit_codes"] = json!([0, 7, null]);
    let file = hyperfine_file(
        folder.path(),
        &json!([failing, timed("native one", &[0.001, 0.002])]),
    );
    let found = analysis(
        &raw,
        &[
            "import",
            "hyperfine",
            &file,
            "--workload",
            "http-hello",
            "--scenario",
            "disk-cold",
            "--system",
            "native one=native",
        ],
    );
    ends(&found, Exit::Ok);
    assert!(
        found
            .0
            .contains("`./app --port 1` is the system .-app-port-1"),
        "{}",
        found.0
    );
    let run = raw.join(the_run(&raw));
    let manifest = results::run_folder::read_manifest(&run).unwrap();
    assert_eq!(manifest.foreign().as_deref(), Some("hyperfine"));
    let samples = results::ledger::read(&run.join("samples.jsonl"))
        .unwrap()
        .samples;
    let said: Vec<_> = samples
        .iter()
        .map(|it| (it.cell.to_string(), it.outcome, it.total_ns))
        .collect();
    let app = ".-app-port-1 http-hello disk-cold".to_owned();
    let native = "native http-hello disk-cold".to_owned();
    assert_eq!(
        said,
        [
            (app.clone(), Outcome::Ok, Some(12_000_000)),
            (app.clone(), Outcome::Failed, None),
            (app, Outcome::Failed, None),
            (native.clone(), Outcome::Ok, Some(1_000_000)),
            (native, Outcome::Ok, Some(2_000_000)),
        ]
    );
    let blocks: BTreeSet<u32> = samples.iter().map(|it| it.block).collect();
    assert_eq!(blocks.len(), samples.len(), "no two of them are a pair");
    // It can be reported and checked like any other; and the same file makes the same run.
    let name = the_run(&raw);
    ends(&analysis(&raw, &["report", &name]), Exit::Ok);
    let page = raw
        .with_file_name("processed")
        .join(&name)
        .join("report.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("These samples are foreign"), "{page}");
    ends(&analysis(&raw, &["verify", &name]), Exit::Ok);
    let again = analysis(&raw, &["import", "hyperfine", &file]);
    ends(&again, Exit::Output);
    assert!(again.0.contains("is there already"), "{}", again.0);
}

#[test]
fn what_hyperfine_did_not_write_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let mut without = timed("x", &[0.1]);
    without.as_object_mut().unwrap().remove("times");
    let cases = [
        (json!([without]), "results[0] (`x`): it has no `times`"),
        (
            json!([timed("x", &[0.1]), timed("y", &[0.2, -1.0])]),
            "results[1] (`y`): times[1]",
        ),
        (json!([]), "there is no figure in it"),
        (json!("none"), "it is nothing of hyperfine's"),
    ];
    for (results, words) in cases {
        let file = hyperfine_file(folder.path(), &results);
        let found = analysis(&raw, &["import", "hyperfine", &file]);
        ends(&found, Exit::Input);
        assert!(found.0.contains(words), "{words}: {}", found.0);
    }
    let file = hyperfine_file(folder.path(), &json!([timed("x", &[0.1])]));
    for (option, value, words) in [
        ("--system", "z=native", "the file has no command `z`"),
        ("--system", "x=two words", "is no name of a system"),
        ("--workload", "a/b", "is no name"),
        ("--scenario", "tepid", "there are disk-cold"),
        ("--scenario", "throughput", "there are disk-cold"),
        ("--params", "hot", "`hot` is no key=value"),
    ] {
        let found = analysis(&raw, &["import", "hyperfine", &file, option, value]);
        ends(&found, Exit::Usage);
        assert!(found.0.contains(words), "{words}: {}", found.0);
    }
    assert!(results::run_folder::runs(&raw).is_empty());
}

#[test]
fn a_file_of_hyperfines_fills_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let times = vec![0.001; 200_000];
    // Two hundred thousand copies of either would be twenty gigabytes and more.
    let long = "x".repeat(100_000);
    let parameters: BTreeMap<_, _> = (0..500)
        .map(|nth| (format!("p{nth}"), "y".repeat(200)))
        .chain([
            ("system".to_owned(), "native".to_owned()),
            ("workload".to_owned(), "hello".to_owned()),
            ("scenario".to_owned(), "cold".to_owned()),
        ])
        .collect();
    for (command, parameters, why) in [
        (
            long.as_str(),
            BTreeMap::new(),
            "its command has 100000 bytes",
        ),
        ("x", parameters, "longer than what is read of one"),
    ] {
        let result = json!({ "command": command, "times": &times, "parameters": parameters });
        let file = hyperfine_file(folder.path(), &json!([result]));
        let found = analysis(&raw, &["import", "hyperfine", &file]);
        ends(&found, Exit::Input);
        assert!(found.0.contains(why), "{}", found.0);
        assert!(found.0.len() < 10_000);
    }
}

#[test]
fn what_was_exported_comes_back_as_the_same_cells_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    write(&raw, &Shape::small(RUN));
    for (format, form) in [(Format::Hyperfine, "hyperfine"), (Format::Csv, "csv")] {
        let file = export(&raw, folder.path(), RUN, format).unwrap();
        let back = folder.path().join(form);
        let found = analysis(&back, &["import", form, file.to_str().unwrap()]);
        ends(&found, Exit::Ok);
        let starts = |folder: &Path, run: &str| {
            let samples = results::ledger::read(&folder.join(run).join("samples.jsonl"));
            let mut starts: Vec<_> = samples
                .unwrap()
                .samples
                .into_iter()
                .filter(|it| it.outcome == Outcome::Ok && it.cell.scenario.starts())
                .map(|it| (it.cell.to_string(), it.total_ns))
                .collect();
            starts.sort();
            starts
        };
        assert_eq!(starts(&back, &the_run(&back)), starts(&raw, RUN), "{form}");
    }
}

#[test]
fn a_table_needs_a_name_and_a_time_in_each_row() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, file) = (folder.path().join("raw"), folder.path().join("t.csv"));
    let import = |text: &str| {
        fs::write(&file, text).unwrap();
        analysis(&raw, &["import", "csv", file.to_str().unwrap()])
    };
    for (text, words) in [
        (
            "system,ms\nnative,1\nnative,fast\n",
            "line 3: `fast` is no number",
        ),
        ("system,ms\nnative,\n", "line 2: there is no time"),
        ("system,ms\n,1\n", "line 2: nothing says what was timed"),
        ("system,ms\ntwo words,1\n", "is no name of a system"),
        (
            "system,ms,scenario\nnative,1,tepid\n",
            "line 2: `tepid` is no scenario",
        ),
        (
            "system,ms,params\nnative,1,a\n",
            "line 2: `a` is no key=value",
        ),
        (
            "system,ms,outcome\nnative,1,well\n",
            "line 2: `well` is none of",
        ),
        ("system,colour\nnative,1\n", "no column is a time"),
        ("system,ms,s\nnative,1,1\n", "two columns are times"),
        ("ms\n1\n", "no column says what was timed"),
        ("command,mean,stddev\nx,1,0\n", "no row for each sample"),
        ("system,ms\nnative,1,2\n", "record 1"),
        ("", "no column is a time"),
    ] {
        let found = import(text);
        ends(&found, Exit::Input);
        assert!(found.0.contains(words), "{text:?}: {}", found.0);
    }
    let found = import("command,ms,colour\nnode app.js,61,red\nnode app.js,64.5,blue\n");
    ends(&found, Exit::Ok);
    assert!(
        found.0.contains("columns that were not read: colour"),
        "{}",
        found.0
    );
    let run = raw.join(the_run(&raw));
    let samples = results::ledger::read(&run.join("samples.jsonl"))
        .unwrap()
        .samples;
    let last = samples.last().unwrap();
    assert_eq!(last.cell.to_string(), "node-app.js foreign warm-disk");
    assert_eq!(last.total_ns, Some(64_500_000));
}

/// Starts only: what takes longest to invent is requests.
fn starts(run: &'static str, seed: u64) -> Shape {
    Shape {
        samples: 12,
        seed,
        scenarios: vec![Scenario::DiskCold, Scenario::WarmDisk],
        ..Shape::small(run)
    }
}

#[test]
fn a_foreign_run_is_compared_with_the_caveat() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    write(&raw, &starts(RUN, 1));
    let manifest = results::run_folder::read_manifest(&raw.join(RUN)).unwrap();
    let is_native = |cell: &&results::Cell| {
        cell.to_string().starts_with("native http-hello warm-disk")
            && !cell.params.is("observer", "seccomp")
    };
    let cell = manifest.cells.iter().find(is_native).unwrap();
    let params: Vec<String> = cell
        .params
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let file = hyperfine_file(folder.path(), &json!([timed("node server.js", &[0.5; 12])]));
    let words = [
        "import",
        "hyperfine",
        &file,
        "--workload",
        "http-hello",
        "--params",
        &params.join(" "),
        "--system",
        "node server.js=native",
    ];
    ends(&analysis(&raw, &words), Exit::Ok);
    let mut runs = results::run_folder::runs(&raw);
    runs.retain(|run| run != RUN);
    let found = analysis(&raw, &["compare", &runs[0], RUN]);
    let words = "is foreign, imported from hyperfine: machine, versions and the order";
    assert!(found.0.contains(words), "{}", found.0);
    assert!(
        found.0.contains("faster: native http-hello warm-disk"),
        "{}",
        found.0
    );
}

#[test]
fn a_kept_baseline_is_compared_with_after_its_runs_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    write(&raw, &starts(RUN, 1));
    ends(&analysis(&raw, &["baseline", "save", "main"]), Exit::Ok);
    fs::remove_dir_all(raw.join(RUN)).unwrap();
    write(&raw, &starts(OTHER, 2));
    let list = analysis(&raw, &["baseline", "list"]);
    assert_eq!(list.0.trim(), format!("main: {RUN}"));
    let found = analysis(&raw, &["compare", "--baseline", "main"]);
    assert!(
        [Exit::Ok, Exit::Inconclusive]
            .map(|it| Some(i32::from(it.code())))
            .contains(&found.1)
    );
    assert!(
        found.0.contains(&format!("{OTHER} against {RUN}")),
        "{}",
        found.0
    );
    let named = analysis(
        &raw,
        &[
            "compare",
            OTHER,
            "--baseline",
            "main",
            "--format",
            "markdown",
        ],
    );
    assert!(named.0.starts_with("### coldphase: "), "{}", named.0);

    let both = ["compare", RUN, OTHER, "--baseline", "main"];
    ends(&analysis(&raw, &both), Exit::Usage);

    let taken = analysis(&raw, &["baseline", "save", "main", OTHER]);
    ends(&taken, Exit::Usage);
    assert!(taken.0.contains("--replace"), "{}", taken.0);
    ends(
        &analysis(&raw, &["baseline", "save", "main", OTHER, "--replace"]),
        Exit::Ok,
    );
    let list = analysis(&raw, &["baseline", "list"]);
    assert_eq!(list.0.trim(), format!("main: {OTHER}"));
    ends(&analysis(&raw, &["baseline", "remove", "main"]), Exit::Ok);
    for words in [
        &["compare", "--baseline", "main"][..],
        &["baseline", "remove", "main"],
    ] {
        let gone = analysis(&raw, words);
        ends(&gone, Exit::Input);
        assert!(gone.0.contains("there is no baseline `main`"), "{}", gone.0);
    }
    for words in [
        &["compare"][..],
        &["compare", RUN],
        &["baseline", "save", "../main"],
    ] {
        ends(&analysis(&raw, words), Exit::Usage);
    }
}

#[test]
fn a_comment_says_first_what_is_slower() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    write(&raw, &starts(RUN, 1));
    let slower = Shape {
        slower: 2.0,
        ..starts(OTHER, 2)
    };
    write(&raw, &slower);
    let found = analysis(&raw, &["compare", RUN, OTHER, "--format", "markdown"]);
    ends(&found, Exit::Regression);
    let (heading, rest) = found.0.split_once('\n').unwrap();
    assert!(heading.contains("slower or more**"), "{heading}");
    let table = rest
        .find("| ▲ slower | `")
        .expect("a row of what is slower");
    let details = rest.find("<details>").unwrap();
    assert!(table < details, "{rest}");
    assert_eq!(rest.matches("```").count(), 2);
}

#[test]
fn nothing_of_a_strangers_run_acts_in_a_comment() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    for (run, seed) in [(RUN, 1), (OTHER, 2)] {
        write(&raw, &starts(run, seed));
    }
    let tool = "@everyone <img src=http://e.org/x> ![x](http://e.org/x) ``` [x](http://e.org)";
    let path = raw.join(RUN).join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["config"]["foreign"] = json!({"value": {"tool": tool}, "origin": "command_line"});
    fs::write(&path, manifest.to_string()).unwrap();
    let (comment, _) = analysis(&raw, &["compare", RUN, OTHER, "--format", "markdown"]);
    let (shown, details) = comment.split_once("<details>").unwrap();
    assert!(
        shown.contains("**Beware:**") && shown.contains(r"\@everyone \<img"),
        "{shown}"
    );
    for acting in [" @everyone", "<img", "![x]", "](http:"] {
        let unescaped = shown.match_indices(acting);
        let unescaped = unescaped.filter(|(at, _)| !shown[..*at].ends_with('\\'));
        assert_eq!(unescaped.count(), 0, "{acting}: {shown}");
    }
    // What is details away lies between more backticks than it has in a row.
    assert!(
        details.contains("\n````text\n") && details.contains("\n````\n"),
        "{details}"
    );
}
