//! Run folders as nobody should make them: from one that is right, by changes that know its structure.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

use super::payloads::{TEXTS, histograms};
use crate::support::Draw;

/// Where a run stands, and what is around it.
pub(crate) struct Place<'a> {
    pub(crate) raw: &'a Path,
    pub(crate) out: &'a Path,
    /// Files of the reader's.
    pub(crate) own: &'a Path,
    pub(crate) run: &'a str,
}

impl Place<'_> {
    fn manifest(&self) -> std::path::PathBuf {
        self.raw.join(self.run).join("manifest.json")
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.raw.join(self.run).join("samples.jsonl")
    }

    fn report(&self) -> std::path::PathBuf {
        self.out.join(self.run)
    }
}

/// One of so many.
fn below(draw: &mut Draw, n: usize) -> usize {
    usize::try_from(draw.next() % n as u64).unwrap()
}

fn one<'a, T: ?Sized>(draw: &mut Draw, of: &[&'a T]) -> &'a T {
    of[below(draw, of.len())]
}

fn text(draw: &mut Draw) -> String {
    let text = one(draw, &TEXTS);
    match draw.next() % 12 {
        0 => text.repeat(1 + 250 / text.len().max(1)),
        1 => text.repeat(100_000 / text.len().max(1)),
        2 => format!("{text}{}", one(draw, &TEXTS)),
        _ => text.to_owned(),
    }
}

type Change = fn(&Place<'_>, &mut Draw);

/// How many kinds of changes there are.
pub(crate) const KINDS: usize = 10;

/// Changes a run in one to three ways, and says which. The first of them is the kind of that number, so
/// that a few runs in a row have had every kind.
pub(crate) fn mutate(place: &Place<'_>, nth: u64, draw: &mut Draw) -> Vec<&'static str> {
    const CHANGES: [(&str, Change); KINDS] = [
        ("names of cells", names),
        ("facts of the manifest", facts),
        ("words of samples", words),
        ("numbers", numbers),
        ("histograms", bad_histograms),
        ("links", links),
        ("kinds of files", kinds),
        ("sizes", sizes),
        ("encodings", encodings),
        ("what is around", around),
    ];
    let first = CHANGES[usize::try_from(nth).unwrap() % KINDS];
    let more = below(draw, 3);
    let others = (0..more).map(|_| CHANGES[below(draw, CHANGES.len())]);
    let mut changes: Vec<_> = std::iter::once(first).chain(others).collect();
    // What a file says is changed before what it is.
    changes.sort_by_key(|(name, _)| CHANGES.iter().position(|(it, _)| it == name));
    let mut done = Vec::new();
    for (name, change) in changes {
        change(place, draw);
        done.push(name);
    }
    done
}

/// Another tool has taken the samples, says the manifest: which, is a text of a stranger's.
pub(crate) fn foreign(place: &Place<'_>, seed: u64) {
    let tool = TEXTS[usize::try_from(seed / 2).unwrap() % TEXTS.len()];
    manifest(place, |manifest| {
        if manifest["config"].is_object() {
            manifest["config"]["foreign"] =
                json!({"value": {"tool": tool, "file": tool}, "origin": "command_line"});
        }
    });
}

/// The longest file that is changed once more.
const LONGEST: u64 = 64 << 20;

/// Whether a file is still one that can be read and written: an earlier change may have left a FIFO, which waits
/// for somebody at its other end, a link to a device, or a terabyte.
fn is_plain(path: &Path) -> bool {
    let found = path.symlink_metadata();
    found.is_ok_and(|it| it.is_file() && it.len() <= LONGEST)
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    is_plain(path).then(|| fs::read(path).unwrap())
}

/// The samples, changed each in its own way.
fn samples(place: &Place<'_>, mut change: impl FnMut(&mut Value)) {
    let Some(text) = bytes(&place.ledger()).and_then(|it| String::from_utf8(it).ok()) else {
        return;
    };
    let changed = text.lines().map(|line| {
        let Ok(mut sample) = serde_json::from_str(line) else {
            return format!("{line}\n");
        };
        change(&mut sample);
        format!("{sample}\n")
    });
    let changed = changed.collect::<Vec<_>>().concat();
    fs::write(place.ledger(), changed).unwrap();
}

fn manifest(place: &Place<'_>, change: impl FnOnce(&mut Value)) {
    let Some(bytes) = bytes(&place.manifest()) else {
        return;
    };
    let Ok(mut value) = serde_json::from_slice(&bytes) else {
        return;
    };
    change(&mut value);
    fs::write(place.manifest(), value.to_string()).unwrap();
}

/// A system, a workload or a parameter is called something else, in the plan and in the samples.
fn names(place: &Place<'_>, draw: &mut Draw) {
    let name = text(draw);
    let what = below(draw, 4);
    let rename = move |cell: &mut Value| match what {
        0 => cell["workload"] = json!(name),
        1 if cell["system"] == "docker" => cell["system"] = json!(name),
        2 => cell["params"]["page_cache"] = json!(name),
        3 => cell["params"][name.as_str()] = json!("1"),
        _ => {}
    };
    samples(place, |sample| rename(&mut sample["cell"]));
    manifest(place, |manifest| {
        for cell in manifest["cells"].as_array_mut().into_iter().flatten() {
            rename(cell);
        }
    });
}

/// Texts of the manifest are something else, or of another kind.
fn facts(place: &Place<'_>, draw: &mut Draw) {
    let (first, second) = (text(draw), text(draw));
    let what = below(draw, 9);
    manifest(place, move |manifest| match what {
        0 => manifest["machine"]["cpu_model"] = json!(first),
        1 => {
            manifest["systems"][1]["version"] = json!(first);
            manifest["systems"][0]["name"] = json!(second);
        }
        2 => manifest["command_line"] = json!([first, second, "`", "**", "[a](#b)"]),
        3 => {
            manifest["created_at"] = json!(first);
            manifest["commit"] = json!(second);
        }
        4 => manifest["run"] = json!(first),
        5 => manifest["systems"][3]["unavailable"] = json!(first),
        6 => manifest["config"] = json!({ first: { "value": second, "origin": "default" } }),
        7 => {
            manifest["artifacts"] = json!([{
                "workloads": [first], "path": second, "bytes": 1, "sha256": first, "build": "a"
            }]);
        }
        _ => manifest["machine"] = json!(first),
    });
}

/// Samples fail for reasons that are no sentences.
fn words(place: &Place<'_>, draw: &mut Draw) {
    let (reason, other) = (text(draw), text(draw));
    let every = 2 + draw.next() % 5;
    let outcome = one(draw, &["failed", "skipped", "ok"]);
    samples(place, |sample| {
        if sample["order"].as_u64().unwrap_or(0).is_multiple_of(every) {
            sample["outcome"] = json!(outcome);
            sample["reason"] = json!(reason);
            sample["artifact_sha256"] = json!(other);
            sample["started_at"] = json!(other);
            sample["attested"]["state"] = json!(reason);
            sample["attested"][format!("part_{other}")] = json!({"cpu_ns": 1, "pss_bytes": 2});
        }
    });
}

/// Numbers are as large as they can be, or nothing, or of another kind.
fn numbers(place: &Place<'_>, draw: &mut Draw) {
    let values = [
        json!(0),
        json!(1),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(-1),
        json!(1e300),
        json!(null),
        json!("1"),
        json!([[]]),
    ];
    let keys = [
        "order",
        "block",
        "total_ns",
        "residual_ns",
        "pss_bytes",
        "cpu_ns",
        "max_rss_bytes",
        "sent",
        "ok",
        "failed",
        "wall_ns",
        "ns",
        "ready_ns",
        "private_bytes",
        "load1",
        "steal_ns",
        "start_last_ns",
        "schema",
        "oversubscribed",
    ];
    let chosen: Vec<_> = (0..=below(draw, 4))
        .map(|_| (one(draw, &keys), values[below(draw, values.len())].clone()))
        .collect();
    let every = 1 + draw.next() % 3;
    samples(place, |sample| {
        if sample["order"].as_u64().unwrap_or(0).is_multiple_of(every) {
            chosen
                .iter()
                .for_each(|(key, value)| set(sample, key, value));
        }
    });
    let many = json!(one(
        draw,
        &["18446744073709551615", "0", "-1", "1e9", "4294967297"]
    ));
    if draw.next().is_multiple_of(3) {
        samples(place, |sample| set(sample, "instances", &many));
        manifest(place, |manifest| {
            manifest["samples_per_cell"] = json!(u32::MAX);
            manifest["seed"] = json!(u64::MAX);
            manifest["machine"]["memory_bytes"] = json!(u64::MAX);
        });
    }
}

/// Sets every field of that name, wherever it is.
fn set(value: &mut Value, key: &str, to: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key {
                    *value = to.clone();
                } else {
                    set(value, key, to);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|it| set(it, key, to)),
        _ => {}
    }
}

fn bad_histograms(place: &Place<'_>, draw: &mut Draw) {
    let histograms = histograms();
    let all = histograms[below(draw, histograms.len())].clone();
    let each = draw.next().is_multiple_of(2);
    let mut turn = below(draw, histograms.len());
    samples(place, |sample| {
        turn += 1;
        if sample["requests"].is_object() && (each || turn.is_multiple_of(4)) {
            sample["requests"]["latency_hdr"] = json!(all);
            sample["requests"]["series"] =
                json!({"window_ns": 0, "answers": vec![u64::MAX; 50], "latency_sum_ns": []});
        }
    });
}

/// Something is a link to what is not the run's.
fn links(place: &Place<'_>, draw: &mut Draw) {
    let file = [place.manifest(), place.ledger()][below(draw, 2)].clone();
    let targets = [
        place.own.join("keys"),
        place.own.join("nothing"),
        "/dev/zero".into(),
        "/proc/self/mem".into(),
        file.clone(),
    ];
    let target = &targets[below(draw, targets.len())];
    let link = |name: &Path, target: &Path| {
        let _ = fs::remove_file(name);
        let _ = fs::remove_dir_all(name);
        fs::create_dir_all(name.parent().unwrap()).unwrap();
        symlink(target, name).unwrap();
    };
    match draw.next() % 5 {
        0 | 1 => link(&file, target),
        2 => link(&place.report(), place.own),
        3 => link(&place.report().join("plots"), place.own),
        _ => {
            for name in [
                "report.md",
                "summary.json",
                "samples.csv",
                ".coldphase-report",
            ] {
                link(&place.report().join(name), &place.own.join("keys"));
            }
        }
    }
}

/// Something is no regular file.
fn kinds(place: &Place<'_>, draw: &mut Draw) {
    let report = place.report();
    fs::create_dir_all(report.join("plots")).ok();
    let files = [
        place.manifest(),
        place.ledger(),
        report.join("summary.json"),
        report.join("report.md"),
        report.join("plots/a.svg"),
        report.join(".coldphase-report"),
    ];
    let file = &files[below(draw, files.len())];
    let _ = fs::remove_file(file);
    match draw.next() % 3 {
        0 => mkfifo(file, Mode::S_IRWXU).unwrap_or_default(),
        1 => fs::create_dir(file).unwrap_or_default(),
        _ => drop(UnixListener::bind(file)),
    }
}

/// Something is very long, or there is very much of it.
fn sizes(place: &Place<'_>, draw: &mut Draw) {
    let hole = |path: &Path, length: u64| {
        if is_plain(path) {
            let file = File::options().append(true).open(path).unwrap();
            let _ = file.set_len(length);
        }
    };
    match draw.next() % 6 {
        0 => hole(&place.ledger(), 1 << 40),
        1 => hole(&place.manifest(), 1 << 40),
        2 => append(&place.ledger(), &"x\n".repeat(300_000)),
        3 => append(
            &place.ledger(),
            &format!("{{\"a\":\"{}\"}}\n", "y".repeat(20 << 20)),
        ),
        4 => append(
            &place.ledger(),
            &format!("{}\n", "[{},{}],".repeat(500_000)),
        ),
        _ => many_cells(place),
    }
}

fn append(path: &Path, text: &str) {
    if is_plain(path) {
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// Thousands of cells of one sample each.
fn many_cells(place: &Place<'_>) {
    let Some(text) = bytes(&place.ledger()).and_then(|it| String::from_utf8(it).ok()) else {
        return;
    };
    let Some(Ok(sample)) = text.lines().next().map(serde_json::from_str::<Value>) else {
        return;
    };
    let more = (0..6_000).map(|n| {
        let mut sample = sample.clone();
        sample["order"] = json!(1_000_000 + n);
        sample["cell"]["params"]["n"] = json!(format!("v{n}"));
        format!("{sample}\n")
    });
    let more = more.collect::<Vec<_>>().concat();
    append(&place.ledger(), &more);
}

/// The text is of another encoding, or is no JSON any more.
fn encodings(place: &Place<'_>, draw: &mut Draw) {
    let file = [place.manifest(), place.ledger()][below(draw, 2)].clone();
    let Some(mut bytes) = bytes(&file) else {
        return;
    };
    let at = below(draw, bytes.len().max(1));
    let deep = format!("{{\"schema\":1,\"x\":{}}}\n", "[".repeat(200_000));
    match draw.next() % 8 {
        0 => bytes.insert(0, 0xff),
        1 => drop(bytes.splice(at..at, [0xc3, 0x28, 0x00, 0xed, 0xa0, 0x80])),
        2 => drop(bytes.splice(0..0, "\u{feff}".bytes())),
        3 => bytes = bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
        4 => drop(bytes.splice(0..0, deep.bytes())),
        5 => {
            let text = String::from_utf8_lossy(&bytes);
            bytes = text
                .replace("http-hello", "\\ud800\\u001b[2Jx")
                .into_bytes();
        }
        6 => {
            let text = String::from_utf8_lossy(&bytes);
            bytes = text
                .replace("\"run\":", "\"run\":NaN,\"run\":")
                .replace('\n', "\r\n")
                .into_bytes();
        }
        _ => bytes.truncate(at),
    }
    fs::write(&file, bytes).unwrap();
}

/// What stands around the run is not what this project put there.
fn around(place: &Place<'_>, draw: &mut Draw) {
    let base = place.raw.parent().unwrap();
    let digest = "0".repeat(64);
    let keys = place.own.join("keys");
    match draw.next() % 5 {
        0 => {
            let names = [
                "../own/keys",
                keys.to_str().unwrap(),
                "/dev/zero",
                "fifo",
                "link",
                "raw",
                "",
                "\u{1b}[2J",
            ];
            let lines = names.iter().map(|it| format!("{digest}  {it}\n"));
            let lines = lines.collect::<Vec<_>>().concat();
            // Where an earlier mutation has put a FIFO, writing would wait for a reader.
            if let Ok(mut file) = File::create_new(base.join("SHA256SUMS")) {
                file.write_all((lines + "oops\n").as_bytes()).unwrap();
            }
            let _ = mkfifo(&base.join("fifo"), Mode::S_IRWXU);
            let _ = symlink(&keys, base.join("link"));
        }
        1 => drop(mkfifo(&base.join("SHA256SUMS"), Mode::S_IRWXU)),
        2 => {
            fs::create_dir_all(place.out.join("latest")).ok();
            fs::write(place.out.join("latest/thesis.tex"), "years of work").ok();
        }
        3 => drop(symlink(place.own, place.out.join("latest"))),
        _ => {
            fs::create_dir_all(place.report().join("plots")).ok();
            let list = "The files of a report of coldphase, which the next report replaces:\n\
                ../../own/keys\nplots/../../../own/keys\nplots/mine.svg\n/etc/passwd\n";
            let marker = place.report().join(".coldphase-report");
            // One that an earlier change has made a FIFO would wait for a reader.
            let _ = fs::remove_file(&marker);
            fs::write(marker, list).ok();
            fs::write(place.report().join("plots/\u{1b}[2J\nx.svg"), "a").ok();
        }
    }
}
