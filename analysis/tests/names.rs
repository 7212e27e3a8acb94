//! Artifacts are called what people call files. Whatever that is, every link and picture of the report leads
//! somewhere, every form can be read, and `verify` looks at it.

#![expect(clippy::print_stderr, reason = "a test that could not run reports it")]

#[path = "support/mod.rs"]
mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use analysis::command::{Exit, report, verify};
use findings::Options;
use results::Workload;
use results::record::Scenario;
use results::text::is_printable;
use support::Shape;

const RUN: &str = "20261125T120000Z-00aa";

fn names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        &b"my service.wasm"[..],
        b"app (1).wasm",
        b"x=y,z|w&50%_$~^{}#.wasm",
        b"<script>alert(1)<.wasm",
        b"a\tb\x1b[31mc\nd.wasm",
        b"[click](x) `code` **strong**.wasm",
        b"=cmd|' /C calc'!A0",
        b"\\input{x} \\ [1ex].wasm",
        b"\xff\xfe.wasm",
        b"-rf",
        b"a'b\"c.wasm",
        "größe 名前.wasm".as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    names.push(vec![b'x'; 250]);
    names
}

/// The report of a run of an artifact with this name.
fn reported(folder: &Path, name: &[u8]) -> String {
    let workload = Workload::of_file(OsStr::from_bytes(name)).to_string();
    let shape = Shape {
        samples: 6,
        requests: 60,
        scenarios: vec![Scenario::DiskCold, Scenario::Throughput, Scenario::Density],
        workloads: vec![workload.clone().leak()],
        ..Shape::small(RUN)
    };
    let (raw, out) = (folder.join("raw"), folder.join("out"));
    support::write(&raw, &shape);
    let done = report(&raw, &out, RUN, Options::default()).unwrap();
    assert_eq!((done.exit, done.notes), (Exit::Ok, vec![]), "{workload}");
    let verified = verify(&raw, &out, RUN).unwrap();
    assert_eq!(verified.exit, Exit::Ok, "{workload}: {}", verified.text());
    workload
}

/// What follows each of these words up to the next such character.
fn between<'a>(text: &'a str, from: &'a str, to: char) -> impl Iterator<Item = &'a str> {
    text.split(from)
        .skip(1)
        .filter_map(move |rest| rest.split(to).next())
}

#[test]
fn links_and_pictures_lead_somewhere_whatever_an_artifact_is_called() {
    for name in names() {
        let folder = tempfile::tempdir().unwrap();
        let workload = reported(folder.path(), &name);
        let out = folder.path().join("out").join(RUN);
        let text = fs::read_to_string(out.join("report.md")).unwrap();
        let pictures: Vec<_> = between(&text, "](plots/", ')').collect();
        assert!(pictures.len() > 3, "{workload}");
        for picture in pictures {
            assert!(
                out.join("plots").join(picture).is_file(),
                "{workload}: {picture}"
            );
        }
        for target in between(&text, "](#", ')') {
            let anchor = format!("<a id=\"{target}\"></a>");
            assert!(text.contains(&anchor), "{workload}: {target}");
        }
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        for target in between(&page, "href=\"#", '"') {
            assert!(
                page.contains(&format!("id=\"{target}\"")),
                "{workload}: {target}"
            );
        }
        for form in [&text, &page] {
            let is_quiet = |it: char| it == '\n' || is_printable(it);
            assert!(form.chars().all(is_quiet), "{workload}");
        }
        // Within code of Markdown nothing is markup.
        let prose: String = text.split('`').step_by(2).collect();
        for form in [&prose, &page] {
            assert!(!form.contains("<script>alert"), "{workload}");
        }
        // A picture that is not there, and one that is another.
        let mut svgs = fs::read_dir(out.join("plots")).unwrap().flatten();
        let svg = svgs
            .find(|it| it.file_name().as_bytes().ends_with(b".svg"))
            .unwrap()
            .path();
        fs::remove_file(&svg).unwrap();
        let found = |what: &str| {
            let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
            let verified = verify(&raw, &out, RUN).unwrap();
            assert_eq!(verified.exit, Exit::Damaged, "{workload}");
            assert!(verified.text().contains(what), "{}", verified.text());
        };
        found("is a picture of the report: ");
        fs::write(&svg, "<svg/>").unwrap();
        found("is not what the run gives");
    }
}

#[test]
fn pdflatex_typesets_a_report_whatever_an_artifact_is_called() {
    if Command::new("pdflatex").arg("--version").output().is_err() {
        eprintln!("NOT RUN: there is no pdflatex");
        return;
    }
    for name in names() {
        let folder = tempfile::tempdir().unwrap();
        let workload = reported(folder.path(), &name);
        let output = Command::new("pdflatex")
            .args([
                "-interaction=nonstopmode",
                "-halt-on-error",
                "-no-shell-escape",
                "report.tex",
            ])
            .current_dir(folder.path().join("out").join(RUN))
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{workload}: {log}");
    }
}
