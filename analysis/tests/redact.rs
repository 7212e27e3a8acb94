//! An archive for strangers: what says where and by whom a run was measured is in none of its files.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use analysis::command::{Exit, Format, bundle, bundle_redacted, export_redacted, verify};
use serde_json::{Value, json};
use support::{Shape, write};

const RUN: &str = "20261125T120000Z-00aa";

/// What somebody would not want to publish.
const TELLING: [&str; 4] = ["/home/ada", "secret-project", "internal.example", "hunter2"];

/// A run that an older version recorded, which masked nothing.
fn told(raw: &Path) {
    write(raw, &Shape::small(RUN));
    let manifest = raw.join(RUN).join("manifest.json");
    let mut read: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    read["command_line"] = json!([
        "/home/ada/secret-project/target/release/host",
        "phases",
        "--artifact",
        "/home/ada/secret-project/x.wasm",
        "--request",
        "GET /?token=hunter2",
        "--out=/home/ada/runs",
    ]);
    read["config"]["artifact"] = json!({ "origin": "command_line", "value": {
        "file": "/home/ada/secret-project/x.wasm", "request": "GET /?token=hunter2",
        "arguments": ["--upstream", "internal.example"],
    }});
    for artifact in read["artifacts"].as_array_mut().unwrap() {
        artifact["path"] = "/home/ada/secret-project/x.wasm".into();
    }
    fs::write(&manifest, read.to_string()).unwrap();
    let ledger = raw.join(RUN).join("samples.jsonl");
    let lines = fs::read_to_string(&ledger).unwrap();
    let told = |line: &str| {
        let mut sample: Value = serde_json::from_str(line).unwrap();
        sample["attested"]["brought_back"] = "see /home/ada/secret-project/log".into();
        format!("{sample}\n")
    };
    fs::write(&ledger, lines.lines().map(told).collect::<String>()).unwrap();
}

fn unpacked(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = flate2::read::GzDecoder::new(fs::File::open(archive).unwrap());
    let mut archive = tar::Archive::new(file);
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        let name = entry.path().unwrap().display().to_string();
        entry.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

fn tells(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    TELLING.into_iter().find(|telling| text.contains(telling))
}

#[test]
fn no_file_of_a_redacted_archive_tells_where_or_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    told(&raw);
    bundle(&raw, &out, RUN).unwrap();
    let plain = unpacked(&out.join(format!("{RUN}.tar.gz")));
    assert!(plain.values().any(|bytes| tells(bytes).is_some()));

    let archive = bundle_redacted(&raw, &out, RUN).unwrap();
    let files = unpacked(&archive.path);
    assert!(
        files.keys().any(|name| name.ends_with("report.html")),
        "{:?}",
        files.keys()
    );
    for (name, bytes) in &files {
        assert_eq!(tells(bytes), None, "in {name}");
        // What came from this machine now.
        let text = String::from_utf8_lossy(bytes);
        let here = folder.path().display().to_string();
        assert!(!text.contains(&here), "{name} names {here}");
    }

    // What is left is a run as any other.
    let elsewhere = folder.path().join("elsewhere");
    for (name, bytes) in files {
        let path = elsewhere.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let base = elsewhere.join(RUN);
    let verified = verify(&base.join("raw"), &base.join("processed"), RUN).unwrap();
    assert_eq!(verified.exit, Exit::Ok, "{}", verified.text());
}

#[test]
fn a_redacted_export_has_the_samples_and_tells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    told(&raw);
    let csv = export_redacted(&raw, &out, RUN, Format::Csv).unwrap();
    let bytes = fs::read(csv).unwrap();
    assert_eq!(tells(&bytes), None);
    let samples = fs::read_to_string(raw.join(RUN).join("samples.jsonl")).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap().lines().count(),
        samples.lines().count() + 1
    );
}
