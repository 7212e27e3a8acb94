//! The LaTeX form of a report, typeset.

#![expect(clippy::print_stderr, reason = "a test that could not run reports it")]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use findings::input::Run;
use findings::{Findings, Options};
use support::Shape;

#[test]
fn pdflatex_typesets_a_report() {
    if Command::new("pdflatex").arg("--version").output().is_err() {
        eprintln!("NOT RUN: there is no pdflatex");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        samples: 5,
        requests: 150,
        ..Shape::small("20261125T120000Z-00aa")
    };
    let run = Run::read(&support::write(folder.path(), &shape)).unwrap();
    let (files, _) = analysis::publish::files(&Findings::from_run(&run, Options::default()));
    let out = folder.path().join("report");
    std::fs::create_dir_all(out.join("plots")).unwrap();
    for (name, bytes) in &files {
        std::fs::write(out.join(name), bytes).unwrap();
    }
    typeset(&out, "report");
    // A paper of one's own that takes every figure.
    let paper = "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage[utf8]{inputenc}\n\
        \\usepackage{textcomp,amssymb,graphicx}\n\\extrafloats{200}\n\\begin{document}\n\
        \\input{figures}\n\\listoffigures\n\\end{document}\n";
    std::fs::write(out.join("paper.tex"), paper).unwrap();
    typeset(&out, "paper");
}

fn typeset(folder: &Path, name: &str) {
    let output = Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error", name])
        .current_dir(folder)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{log}");
    assert!(folder.join(format!("{name}.pdf")).exists());
}
