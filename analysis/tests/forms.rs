//! The text forms of a small invented run, as they are.

#[path = "support/mod.rs"]
mod support;

use analysis::document::{latex, markdown};
use analysis::report::{Analysis, Options, document};
use findings::input::Run;
use support::Shape;

fn small() -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 7,
        requests: 150,
        ..Shape::small("20261125T120000Z-00aa")
    };
    let run = Run::read(&support::write(folder.path(), &shape)).unwrap();
    (folder, run)
}

#[test]
fn markdown_and_latex_of_a_small_run() {
    let (_folder, run) = small();
    let analysis = Analysis::of(
        &run,
        Options {
            objectives: vec!["cold p95 < 20ms, memory < 10MB".to_owned()],
        },
    );
    let document = document(&run, &analysis);
    insta::assert_snapshot!("markdown", markdown(&document));
    insta::assert_snapshot!("latex", latex(&document));
}
