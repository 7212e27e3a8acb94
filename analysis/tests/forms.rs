//! The text forms of a small invented run, section by section.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use analysis::document::{Document, html, latex, markdown};
use findings::input::Run;
use findings::questions::duel::Outcome;
use findings::{Findings, Options};
use results::manifest::{ArtifactFact, Description, SystemKind};
use results::record::Scenario;
use results::{Param, ledger};
use summary::{Style, View};
use support::Shape;

fn small() -> Document {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 12,
        requests: 150,
        ..Shape::small("20261125T120000Z-00aa")
    };
    let run = Run::read(&support::write(folder.path(), &shape)).unwrap();
    let options = Options {
        objectives: vec!["disk-cold p95 < 20ms, memory < 10MB".to_owned()],
    };
    analysis::report(&Findings::from_run(&run, options))
}

/// The same run, in which Docker is a system that a person described.
fn described() -> (Document, String) {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape::small("20261125T120000Z-00ab");
    let run = support::write(folder.path(), &shape);
    for file in ["manifest.json", "samples.jsonl"] {
        let text = std::fs::read_to_string(run.join(file)).unwrap();
        let text = text
            .replace("\"docker\"", "\"mine\"")
            .replace("\"docker-aa\"", "\"mine-aa\"");
        std::fs::write(run.join(file), text).unwrap();
    }
    let mut manifest = results::run_folder::read_manifest(&run).unwrap();
    let mut system = manifest.systems[0].clone();
    "mine".clone_into(&mut system.name);
    "1.2.3".clone_into(&mut system.version);
    system.description = Some(Description {
        label: "Mine & <all> mine".to_owned(),
        kind: SystemKind::Wasm,
        sha256: "ab".repeat(32),
    });
    manifest.systems.push(system);
    let text = serde_json::to_string(&manifest).unwrap();
    std::fs::write(run.join("manifest.json"), text).unwrap();
    let run = Run::read(&run).unwrap();
    let document = analysis::report(&Findings::from_run(&run, Options::default()));
    let page = html(&document);
    (document, page)
}

#[test]
fn a_described_system_has_the_label_that_its_run_records() {
    let (document, page) = described();
    assert_eq!(document.labels["mine"], "Mine & <all> mine");
    assert!(page.contains("value=\"mine\"> Mine &amp; &lt;all&gt; mine</label>"));
    let text = markdown(&document);
    assert!(text.contains("mine 1.2.3 (Mine "), "{text}");
    assert!(text.contains("by the description `abababababab`)"));
    assert_eq!(small().labels.len(), 0);
}

/// One section alone, as a document without a title.
fn only(document: &Document, id: &str) -> Document {
    let sections = document.sections.iter();
    Document {
        sections: sections.filter(|it| it.id == id).cloned().collect(),
        ..Document::default()
    }
}

#[test]
fn sections_as_markdown() {
    let document = small();
    for id in [
        "answer",
        "layers",
        "scaling",
        "ranking",
        "clocks",
        "objectives",
    ] {
        insta::assert_snapshot!(format!("{id}_markdown"), markdown(&only(&document, id)));
    }
}

/// The same run, with three of Docker's twelve starts left on its bridge and none of its requests.
fn survivors() -> Document {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 12,
        requests: 150,
        ..Shape::small("20261125T120000Z-00aa")
    };
    let run = support::write(folder.path(), &shape);
    let ledger = results::ledger::read(&run.join("samples.jsonl")).unwrap();
    let mut samples = ledger.samples;
    let is_docker = |sample: &&mut results::Sample| sample.cell.system == "docker";
    for sample in samples.iter_mut().filter(is_docker) {
        if sample.block >= 3 || !sample.cell.scenario.starts() {
            sample.outcome = results::Outcome::Failed;
            sample.reason = Some("no answer".to_owned());
        }
    }
    let run = Run::from_samples(
        Some(support::manifest(
            shape.run,
            support::cells(&shape),
            shape.samples,
            shape.seed,
        )),
        &samples,
    );
    analysis::report(&Findings::from_run(&run, Options::default()))
}

#[test]
fn what_fails_often_is_in_no_form_a_plain_figure() {
    let document = survivors();
    let answer = markdown(&only(&document, "answer"));
    let first = answer
        .lines()
        .find(|line| line.contains("cold:**"))
        .unwrap();
    assert!(first.contains("3 of 12 answered with [docker"), "{first}");
    assert!(answer.contains("0 of 12 answered with [docker"), "{answer}");
    assert!(answer.contains("fail often"), "{answer}");
    let starts = markdown(&only(&document, "http-hello-disk-cold"));
    let of_docker = |line: &&str| line.starts_with("| [docker bridge]");
    let row = starts.lines().find(of_docker).unwrap();
    assert!(row.contains("| 3 of 12 |"), "{row}");
    assert!(row.contains("not comparable"), "{row}");
    // Never once right: a row all the same.
    let warm = markdown(&only(&document, "http-hello-warm"));
    let row = warm.lines().find(of_docker).unwrap();
    assert!(row.contains("| 0 of 12 |"), "{row}");
    let scaling = markdown(&only(&document, "scaling"));
    assert!(scaling.contains("docker fails at 1"), "{scaling}");
    let paper = latex(&only(&document, "answer"));
    assert!(paper.contains("3 of 12 answered"), "{paper}");
}

#[test]
fn a_run_that_was_resumed_on_a_slower_machine_says_so_in_every_form() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 7,
        ..Shape::small("20261125T120000Z-00aa")
    };
    let mut run = Run::read(&support::write(folder.path(), &shape)).unwrap();
    let points = run.cells.iter_mut().flat_map(|cell| &mut cell.points);
    for point in points.filter(|point| point.block >= 4) {
        point.started_at_ms = point.started_at_ms.map(|ms| ms + DAY_MS);
        point.total_ns = point.total_ns.map(|ns| ns * 14 / 10);
    }
    let document = analysis::report(&Findings::from_run(&run, Options::default()));
    for text in [markdown(&document), latex(&document), html(&document)] {
        for words in ["stood still for 24.0 hours", "blocks 5 to 7"] {
            assert!(text.contains(words), "{words}");
        }
    }
}

#[test]
fn a_section_as_latex() {
    let document = small();
    insta::assert_snapshot!("objectives_latex", latex(&only(&document, "objectives")));
}

#[test]
fn every_section_belongs_to_a_question_and_rows_name_what_they_are_about() {
    let document = small();
    for section in &document.sections {
        assert!(!section.question.is_empty(), "{}", section.id);
    }
    let named = document
        .figures()
        .filter(|figure| !figure.systems.is_empty());
    assert_eq!(named.count(), document.figures().count());
    let rows = document.figures().flat_map(|figure| &figure.table.rows);
    let without = rows.filter(|row| row.workload.is_none()).count();
    // The firewall's curves are labelled, and have no cell of their own.
    let curves = document
        .figures()
        .filter(|it| it.id.starts_with("firewall"));
    assert_eq!(without, curves.map(|it| it.table.rows.len()).sum::<usize>());
}

#[test]
fn what_the_kernel_does_not_tell_about_files_of_the_system_is_said_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        scenarios: vec![Scenario::DiskCold],
        ..Shape::small("20261125T120000Z-00ab")
    };
    let run = support::write(folder.path(), &shape);
    let forms = || {
        let run = Run::read(&run).unwrap();
        let document = analysis::report(&Findings::from_run(&run, Options::default()));
        [html(&document), markdown(&document), latex(&document)]
    };
    let why = "who neither owns them nor may write them";
    for form in forms() {
        assert!(!form.contains(why), "{form}");
    }
    let changed = std::cell::Cell::new(0);
    let unknown = |sample: &mut results::Sample| {
        if sample.cell.system == "wasmtime-cli" {
            changed.set(changed.get() + 1);
            let files = vec!["/usr/lib/somebody-elses.so"];
            sample
                .attested
                .insert(results::Evidence::SystemFilesUnknown, files);
        }
    };
    change_samples(&run, unknown);
    for form in forms() {
        assert!(form.contains(why), "{form}");
        let of = format!("Of {} samples it is unknown", changed.get());
        assert!(form.contains(&of), "{form}");
    }
}

/// Changes each sample of a run.
fn change_samples(folder: &Path, change: impl Fn(&mut results::Sample)) {
    let ledger = folder.join("samples.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    let changed = |line: &str| {
        let mut sample: results::Sample = serde_json::from_str(line).unwrap();
        change(&mut sample);
        serde_json::to_string(&sample).unwrap() + "\n"
    };
    std::fs::write(&ledger, text.lines().map(changed).collect::<String>()).unwrap();
}

/// Has the load generator of the native program's throughput take 97 % of its core.
fn limit_generator(folder: &Path) {
    change_samples(folder, |sample| {
        let cell = &sample.cell;
        let is_fast = cell.scenario == results::Scenario::Throughput && cell.system == "native";
        if let (true, Some(requests)) = (is_fast, &sample.requests) {
            let cpu_ns = requests.wall_ns * 97 / 100;
            sample
                .attested
                .insert(results::Evidence::GeneratorCpuNs, cpu_ns);
        }
    });
}

#[test]
fn a_rate_at_the_generators_limit_is_a_lower_bound_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 8,
        requests: 150,
        ..Shape::small("20261125T120000Z-00ab")
    };
    let folder = support::write(folder.path(), &shape);
    limit_generator(&folder);
    let found = Findings::from_run(&Run::read(&folder).unwrap(), Options::default());
    let cells = found.facts.cells.iter();
    let cell = cells.into_iter().find(|cell| cell.is_generator_limited());
    let rate = cell
        .and_then(|cell| cell.median_text(findings::Measure::PerSecond))
        .unwrap();
    assert!(rate.starts_with("≥ "), "{rate}");

    let report = only(&analysis::report(&found), "http-hello-throughput");
    let why = "the load generator used 97 % of its core";
    for form in [html(&report), markdown(&report), latex(&report)] {
        // As LaTeX has it: grouped digits, the sign and percent are written in its own words.
        let plain = form
            .replace("$\\geq$", "≥")
            .replace("\\%", "%")
            .replace("&nbsp;", " ");
        assert!(plain.contains(&rate), "{rate} is not in {plain}");
        assert!(plain.contains(why), "{plain}");
    }
    let svg = report.figures().next().unwrap().picture.standalone("");
    assert!(svg.contains(&rate), "{svg}");
    let style = summary::Style {
        width: 120,
        colour: false,
    };
    let terminal = summary::render(&found, summary::View::Suite, style);
    assert!(
        terminal.contains(&rate) && terminal.contains(why),
        "{terminal}"
    );
    let (files, _) = analysis::publish::files(&found);
    let csv = String::from_utf8_lossy(&files["summary.csv"]);
    let bound = csv.lines().filter(|line| line.contains(",lower,"));
    assert!(bound.clone().count() > 0 && bound.into_iter().all(|it| it.contains("per_second")));
    let json: serde_json::Value = serde_json::from_slice(&found.to_json()).unwrap();
    let limited = json["requests"].as_array().unwrap().iter();
    let limited: Vec<_> = limited
        .flat_map(|it| it["generator_limited"].as_array().unwrap())
        .collect();
    assert_eq!(limited.len(), 1, "{limited:?}");
}

/// A run of two builds, made of an invented one: of its starts under one system, those in which
/// build B takes a fifth longer, and a control that takes a thousandth longer.
fn two_builds() -> Findings {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 24,
        scenarios: vec![Scenario::WarmDisk],
        ..Shape::small("20261125T120000Z-00ab")
    };
    let run = support::write(folder.path(), &shape);
    let mut starts = ledger::read(&run.join("samples.jsonl")).unwrap().samples;
    starts.retain(|it| it.cell.system == "wasmtime-embedded" && it.phases.is_empty());
    let build = |name: &'static str, is_twin: bool, times: f64| {
        starts.iter().cloned().map(move |mut sample| {
            sample.cell.params.insert(Param::Build, name);
            if is_twin {
                sample.cell.system = sample.cell.system.twin();
            }
            let longer = |ns: u64| support::whole(ns as f64 * times);
            sample.total_ns = sample.total_ns.map(longer);
            sample
        })
    };
    let [a, b, twin] = [("a", false, 1.0), ("b", false, 1.2), ("a", true, 1.001)]
        .map(|(name, is_twin, times)| build(name, is_twin, times));
    let samples: Vec<_> = a.chain(b).chain(twin).collect();
    let mut manifest =
        support::manifest(shape.run, support::cells(&shape), shape.samples, shape.seed);
    manifest.artifacts = ["a", "b"]
        .map(|name| ArtifactFact {
            workloads: vec!["http-hello".to_owned()],
            path: format!("/builds/{name}.wasm"),
            bytes: 4096,
            sha256: name.repeat(64),
            build: Some(name.to_owned()),
        })
        .to_vec();
    let run = Run::from_samples(Some(manifest), &samples);
    Findings::from_run(&run, Options::default())
}

#[test]
fn two_builds_are_in_every_form_with_the_same_figures() {
    let findings = two_builds();
    let document = analysis::report(&findings);
    let duel = findings.duel.as_ref().unwrap();
    assert_eq!(duel.outcome, Outcome::Slower);
    let verdict = &duel.rounds[0].family.members[0];
    let style = Style {
        width: 200,
        colour: false,
    };
    let terminal = summary::render(&findings, View::Duel, style);
    let html = html(&document);
    let forms = [terminal, markdown(&document), html];
    for form in &forms {
        for said in [
            "Build B is slower than build A",
            &verdict.ratio_text(),
            "/builds/b.wasm",
            "bbbbbbbbbbbb",
        ] {
            assert!(form.contains(said), "{said}:\n{form}");
        }
    }
    insta::assert_snapshot!("duel_markdown", markdown(&only(&document, "duel")));
    insta::assert_snapshot!("duel_latex", latex(&only(&document, "duel")));
}
