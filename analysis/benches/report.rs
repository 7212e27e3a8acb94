//! How long a whole report takes, and how much memory: of many starts, and of many requests.
//!
//! `cargo bench -p analysis --profile dev --bench report`; with a folder as argument the runs are
//! kept there.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

use analysis::command::report;
use findings::Options;
use machine::clock::now_ns;
use results::record::Scenario;
use support::Shape;

/// What memory the process has had at most since the last call.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("0");
    let kib: f64 = line
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .unwrap_or(0.0);
    // From here on the high-water mark counts anew. proc_pid_clear_refs(5).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    kib / 1024.0
}

fn measure(out: &mut impl std::io::Write, folder: &Path, what: &str, shape: &Shape) {
    let (raw, processed) = (folder.join("raw"), folder.join("processed"));
    let made = support::write(&raw, shape);
    let bytes = std::fs::metadata(made.join("samples.jsonl")).map_or(0, |file| file.len());
    let samples = support::cells(shape).len() as u64 * u64::from(shape.samples);
    peak_mib();
    let begin = now_ns();
    let done =
        report(&raw, &processed, shape.run, Options::default()).expect("the run was just written");
    let seconds = (now_ns() - begin) as f64 / 1e9;
    let _ = writeln!(
        out,
        "{what}: {samples} samples ({:.0} MB) in {seconds:.2} s, {:.0} MiB at most; {} notes",
        bytes as f64 / 1e6,
        peak_mib(),
        done.notes.len()
    );
}

fn main() {
    // Cargo's own arguments begin with a dash.
    let kept = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = kept.map_or_else(|| temporary.path().to_owned(), Into::into);
    let mut out = std::io::stdout().lock();
    // First one that is small, of everything: it warms up, and is there to be looked at.
    measure(
        &mut out,
        &folder,
        "a small run",
        &Shape::small("20261125T120000Z-0000"),
    );
    let starts = |run, samples| Shape {
        samples,
        scenarios: vec![Scenario::DiskCold, Scenario::WarmDisk],
        workloads: vec!["hello", "http-hello"],
        ..Shape::small(run)
    };
    let requests = |run, samples| Shape {
        samples,
        requests: 1_000,
        scenarios: vec![Scenario::Warm, Scenario::Throughput],
        workloads: vec!["http-hello", "http-cpu"],
        ..Shape::small(run)
    };
    for (name, run, samples) in [
        ("25,000 starts", "20261125T120000Z-0001", 420),
        ("50,000 starts", "20261125T120000Z-0002", 840),
        ("100,000 starts", "20261125T120000Z-0003", 1_680),
    ] {
        measure(&mut out, &folder, name, &starts(run, samples));
    }
    for (name, run, samples) in [
        ("2.5 million requests", "20261125T120000Z-0004", 63),
        ("5 million requests", "20261125T120000Z-0005", 125),
        ("10 million requests", "20261125T120000Z-0006", 250),
        ("100 million requests", "20261125T120000Z-0007", 2_500),
    ] {
        measure(&mut out, &folder, name, &requests(run, samples));
    }
}
