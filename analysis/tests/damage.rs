//! Damaged input: each thing is named by file and line, the rest is analysed, and nothing panics.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;

use analysis::command::{Exit, report};
use analysis::plot::Drawing;
use findings::input::{Kind, Run};
use findings::{Findings, Options};
use proptest::prelude::*;
use support::Shape;

const RUN: &str = "20261125T120000Z-00aa";

fn written() -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let run = support::write(
        folder.path(),
        &Shape {
            samples: 2,
            requests: 30,
            ..Shape::small(RUN)
        },
    );
    let text = fs::read_to_string(run.join("samples.jsonl")).unwrap();
    (folder, run, text)
}

#[test]
fn each_kind_of_damage_is_named_by_its_line_and_the_rest_counts() {
    let (_folder, run, text) = written();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let whole = lines.len();
    let change = |line: &str, from: &str, to: &str| {
        assert!(line.contains(from), "{line}");
        line.replacen(from, to, 1)
    };
    lines[0] = change(&lines[0], "\"schema\":1", "\"schema\":2");
    lines[1] = "oops".to_owned();
    lines[2] = change(&lines[2], "\"order\":2,", "\"order\":3,");
    lines[4] = change(&lines[4], "\"order\":4,", "\"order\":-4,");
    lines[5] = change(&lines[5], "\"load1\":0.3", "\"load1\":NaN");
    lines[6] = change(&lines[6], RUN, "20261125T120000Z-ffff");
    let counted = lines
        .iter()
        .skip(7)
        .position(|line| line.contains("\"sent\":30"))
        .unwrap()
        + 7;
    lines[counted] = change(&lines[counted], "\"sent\":30", "\"sent\":31");
    let summed = lines
        .iter()
        .skip(7)
        .position(|line| line.contains("\"residual_ns\":1200"))
        .unwrap()
        + 7;
    lines[summed] = change(
        &lines[summed],
        "\"residual_ns\":1200",
        "\"residual_ns\":1199",
    );
    fs::write(run.join("samples.jsonl"), lines.join("\n") + "\n{\"sch").unwrap();

    let read = Run::read(&run).unwrap();
    let at = |kind: Kind| {
        read.damage
            .iter()
            .filter(|found| found.kind == kind)
            .map(|found| found.line.unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(at(Kind::WrongSchema), [1]);
    assert_eq!(at(Kind::NoSample), [2, 5, 6]);
    assert_eq!(at(Kind::DuplicateOrder), [4]);
    assert_eq!(at(Kind::OtherRun), [7]);
    let mut contradictions = [counted as u64 + 1, summed as u64 + 1];
    contradictions.sort_unstable();
    assert_eq!(at(Kind::Contradiction), contradictions);
    assert_eq!(at(Kind::Torn), [whole as u64 + 1]);
    assert_eq!(read.samples, whole as u64 - 5);
    let damage = read
        .damage
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        damage.contains("samples.jsonl line 1: version 2"),
        "{damage}"
    );
    let page = analysis::document::markdown(&analysis::report(&Findings::from_run(
        &read,
        Options::default(),
    )));
    assert!(
        page.contains("Damaged input: samples.jsonl line 2"),
        "the report opens with what is damaged"
    );
}

#[test]
fn a_run_without_its_manifest_is_reported_nevertheless() {
    let (folder, run, _) = written();
    fs::remove_file(run.join("manifest.json")).unwrap();
    let done = report(
        folder.path(),
        &folder.path().join("out"),
        RUN,
        Options::default(),
    )
    .unwrap();
    assert_eq!(done.exit, Exit::Damaged);
    assert!(
        done.notes[0].contains("manifest.json: it is not there"),
        "{:?}",
        done.notes
    );
}

#[test]
fn a_run_without_samples_is_a_report_that_says_so() {
    let (folder, run, _) = written();
    fs::write(run.join("samples.jsonl"), "").unwrap();
    report(
        folder.path(),
        &folder.path().join("out"),
        RUN,
        Options::default(),
    )
    .unwrap();
    let text = fs::read_to_string(folder.path().join("out/latest/report.md")).unwrap();
    assert!(text.contains("Nothing could be measured."));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn no_bytes_whatever_make_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..60),
    ) {
        let (_folder, run, text) = written();
        let mut bytes = text.into_bytes();
        for (at, value, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                // Digits: what stays JSON and means something else.
                1 => {
                    if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                        bytes[at + digit] = b'0' + value % 10;
                    }
                }
                _ => {
                    if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                        let more = [b'9'; 12];
                        let end = at + digit;
                        bytes.splice(end..end, more.into_iter().take(usize::from(value % 13)));
                    }
                }
            }
        }
        fs::write(run.join("samples.jsonl"), &bytes).unwrap();
        let read = Run::read(&run).unwrap();
        let findings = Findings::from_run(&read, Options::default());
        let document = analysis::report(&findings);
        prop_assert!(!analysis::document::html(&document).is_empty());
        prop_assert!(!findings.to_json().is_empty());
        for figure in document.figures().take(2) {
            let drawing = Drawing::read(&figure.picture.standalone(&figure.title)).unwrap();
            prop_assert!(drawing.png().is_ok());
            prop_assert!(drawing.pdf(&figure.title).is_ok());
        }
    }
}
