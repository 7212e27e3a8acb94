//! The text forms of a small invented run, section by section.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use analysis::document::{Document, html, latex, markdown};
use findings::input::Run;
use findings::{Findings, Options};
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
        objectives: vec!["cold p95 < 20ms, memory < 10MB".to_owned()],
    };
    analysis::report(&Findings::from_run(&run, options))
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
    for id in ["answer", "layers", "scaling", "ranking", "objectives"] {
        insta::assert_snapshot!(format!("{id}_markdown"), markdown(&only(&document, id)));
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

/// Has the load generator of the native program's throughput take 97 % of its core.
fn limit_generator(folder: &Path) {
    let ledger = folder.join("samples.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    let limited = |line: &str| {
        let mut sample: results::Sample = serde_json::from_str(line).unwrap();
        let cell = &sample.cell;
        let is_fast = cell.scenario == results::Scenario::Throughput && cell.system == "native";
        if let (true, Some(requests)) = (is_fast, &sample.requests) {
            let cpu_ns = requests.wall_ns * 97 / 100;
            sample
                .attested
                .insert(results::Evidence::GeneratorCpuNs, cpu_ns);
        }
        serde_json::to_string(&sample).unwrap() + "\n"
    };
    std::fs::write(&ledger, text.lines().map(limited).collect::<String>()).unwrap();
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
