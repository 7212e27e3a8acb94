//! The text forms of a small invented run, section by section.

#[path = "support/mod.rs"]
mod support;

use analysis::document::{Document, latex, markdown};
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
