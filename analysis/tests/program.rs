//! The commands over invented runs: the same bytes for the same samples, and what each says of what
//! is wrong.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use analysis::command::{Exit, Format, bundle, compare, export, report, verify};
use findings::Options;
use support::{Shape, write};

const RUN: &str = "20261125T120000Z-00aa";
const OTHER: &str = "20261125T130000Z-00bb";

fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            files.extend(
                tree(&entry.path())
                    .into_iter()
                    .map(|(path, bytes)| (format!("{name}/{path}"), bytes)),
            );
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

fn options() -> Options {
    Options {
        objectives: vec!["disk-cold p95 < 20ms, memory < 10MB".to_owned()],
    }
}

#[test]
fn the_same_samples_give_the_same_bytes_and_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, one, two) = (
        folder.path().join("raw"),
        folder.path().join("one"),
        folder.path().join("two"),
    );
    write(&raw, &Shape::small(RUN));
    let done = report(&raw, &one, "latest", options()).unwrap();
    assert_eq!((done.exit, done.notes), (Exit::Ok, vec![]));
    report(&raw, &two, RUN, options()).unwrap();
    let (first, second) = (tree(&one.join(RUN)), tree(&two.join(RUN)));
    assert!(first == second, "two reports of one run differ");
    for name in [
        "report.html",
        "report.md",
        "report.tex",
        "figures.tex",
        "summary.csv",
        "summary.json",
    ] {
        assert!(first.contains_key(name), "{name}");
    }
    let count = |ending: &str| first.keys().filter(|name| name.ends_with(ending)).count();
    assert!(count(".svg") > 10);
    assert_eq!([count(".png"), count(".pdf")], [count(".svg"); 2]);
    let figures = String::from_utf8(first["figures.tex"].clone()).unwrap();
    let is_pdf = |name: &&String| Path::new(name).extension().is_some_and(|it| it == "pdf");
    for picture in first.keys().filter(is_pdf) {
        let shown = format!("\\includegraphics[width=\\linewidth]{{{picture}}}");
        assert!(figures.contains(&shown), "{picture}: {figures}");
    }
    for command in [
        "\\begin{figure}",
        "\\caption[",
        "\\label{fig:",
        "\\end{figure}",
    ] {
        let found = figures.matches(command).count();
        assert_eq!(found, count(".pdf"), "{command}: {figures}");
    }
    assert!(!figures.contains("]{}"), "a caption is empty: {figures}");
    assert_eq!(
        fs::read(one.join("latest/report.md")).unwrap(),
        first["report.md"]
    );
    let page = String::from_utf8(first["report.html"].clone()).unwrap();
    assert!(
        !page.contains("src=\"http") && !page.contains("href=\"http") && !page.contains("url("),
        "the page asks nobody"
    );
    let opened = page.matches("id=\"").count();
    let links: Vec<_> = page
        .split("href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(opened > 50 && links.len() > 50);
    for link in links {
        assert!(
            page.contains(&format!("id=\"{link}\"")),
            "nothing is at #{link}"
        );
    }
}

#[test]
fn what_is_published_derives_again_and_what_was_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    write(&raw, &Shape::small(RUN));
    report(&raw, &out, RUN, options()).unwrap();
    let verified = verify(&raw, &out, RUN).unwrap();
    assert_eq!(verified.exit, Exit::Ok, "{}", verified.text());
    let summary = out.join(RUN).join("summary.json");
    let text = fs::read_to_string(&summary).unwrap();
    let at = text.find("\"median\": ").unwrap() + 10;
    fs::write(&summary, format!("{}9{}", &text[..at], &text[at..])).unwrap();
    let verified = verify(&raw, &out, RUN).unwrap();
    assert_eq!(verified.exit, Exit::Damaged);
    assert!(
        verified.text().contains("/median says 9"),
        "{}",
        verified.text()
    );
}

#[test]
fn folders_are_named_from_where_one_stands() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    write(&folder.path().join("some/runs"), &Shape::small(RUN));
    for (stands, raw, out) in [
        (folder.path(), "some/runs", "some/reports"),
        (&elsewhere, "../some/runs", "./reports"),
    ] {
        for name in ["report", "verify", "bundle"] {
            let output = Command::new(env!("CARGO_BIN_EXE_analysis"))
                .args([name, "latest", "--in", raw, "--out", out])
                .current_dir(stands)
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {stderr}");
            if name != "verify" {
                // What it says leads there from anywhere.
                let written = String::from_utf8(output.stdout).unwrap();
                let written = Path::new(written.trim_end());
                assert!(written.is_absolute() && written.is_file(), "{written:?}");
                assert!(written.starts_with(stands.join(out)), "{written:?}");
            }
        }
    }
}

#[test]
fn a_sample_in_the_wrong_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    let ledger = write(&raw, &Shape::small(RUN)).join("samples.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    // The first two change places.
    let text = text.replacen("\"order\":0,", "\"order\":X,", 1).replacen(
        "\"order\":1,",
        "\"order\":0,",
        1,
    );
    fs::write(&ledger, text.replacen("\"order\":X,", "\"order\":1,", 1)).unwrap();
    let verified = verify(&raw, &out, RUN).unwrap();
    assert_eq!(verified.exit, Exit::Damaged);
    assert!(
        verified.text().contains("line 1: order 1 is planned for"),
        "{}",
        verified.text()
    );
}

#[test]
fn a_plan_that_fits_into_no_memory_is_named_and_not_derived() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    let manifest = write(&raw, &Shape::small(RUN)).join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace(
            "\"samples_per_cell\": 8",
            "\"samples_per_cell\": 4294967295",
        ),
    )
    .unwrap();
    let verified = verify(&raw, &out, RUN).unwrap();
    assert!(
        verified.text().contains("is not derived again"),
        "{}",
        verified.text()
    );
}

#[test]
fn runs_of_two_machines_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    write(raw, &Shape::small(RUN));
    let other = write(raw, &Shape::small(OTHER)).join("manifest.json");
    let text = fs::read_to_string(&other)
        .unwrap()
        .replace("An invented CPU", "Another CPU")
        .replace("48.0.2", "48.0.3");
    fs::write(&other, text).unwrap();
    let refused = compare(raw, RUN, OTHER, "native").unwrap_err();
    assert_eq!(refused.exit, Exit::NotComparable);
    let text = refused.to_string();
    assert!(
        text.contains("the CPU: An invented CPU and Another CPU") && text.contains("48.0.3"),
        "{text}"
    );
}

#[test]
fn archives_and_exports_are_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    let small = Shape::small(RUN);
    write(&raw, &small);
    report(&raw, &out, RUN, Options::default()).unwrap();
    let archive = bundle(&raw, &out, RUN).unwrap().path;
    let first = fs::read(&archive).unwrap();
    assert!(first == fs::read(bundle(&raw, &out, RUN).unwrap().path).unwrap());
    let unpacked = folder.path().join("unpacked");
    tar::Archive::new(flate2::read::GzDecoder::new(first.as_slice()))
        .unpack(&unpacked)
        .unwrap();
    let base = unpacked.join(RUN);
    let verified = verify(&base.join("raw"), &base.join("processed"), RUN).unwrap();
    assert_eq!(verified.exit, Exit::Ok, "{}", verified.text());
    fs::write(
        base.join("processed").join(RUN).join("report.md"),
        "something else",
    )
    .unwrap();
    let verified = verify(&base.join("raw"), &base.join("processed"), RUN).unwrap();
    assert!(
        verified.text().contains("was bundled with"),
        "{}",
        verified.text()
    );
    for format in [Format::Csv, Format::Parquet] {
        let path = export(&raw, &out, RUN, format).unwrap();
        let first = fs::read(&path).unwrap();
        assert!(first == fs::read(export(&raw, &out, RUN, format).unwrap()).unwrap());
        if format == Format::Csv {
            let rows = String::from_utf8(first).unwrap().lines().count();
            assert_eq!(
                rows,
                1 + support::cells(&small).len() * small.samples as usize
            );
        } else {
            assert!(first.starts_with(b"PAR1") && first.ends_with(b"PAR1"));
        }
    }
}

#[test]
fn what_is_cited_is_this_version() {
    let citation = include_str!("../../CITATION.cff");
    let version = format!("\nversion: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(citation.contains(&version), "CITATION.cff names another");
}
