//! Known truths through the real program, in seconds: `cargo run -p analysis --example referee` is
//! the long form.

#[path = "../support/mod.rs"]
mod support;

mod simulation;

use std::process::Command;

use findings::input::Run;
use findings::{Findings, Options};

use simulation::after;
use simulation::noise::Common;
use simulation::pages::{self, RUN};
use simulation::plans::{self, QUICK, plan};
use simulation::run::Simulated;
use simulation::world::{Truth, World};

#[test]
fn the_program_says_what_the_library_says() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    let cells = plans::of_workload("http-hello");
    let world = World::measured(Truth::Mixed);
    let run = Simulated::new(RUN, &plan(&cells, QUICK, 1), &world, 1.0, 1);
    let written = support::write_samples(&raw, &run.manifest, run.samples);
    let status = Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["report", RUN, "--in"])
        .arg(&raw)
        .arg("--out")
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    let published = std::fs::read(out.join(RUN).join("summary.json")).unwrap();
    let read = Run::read(&written).unwrap();
    assert!(read.damage.is_empty(), "{:?}", read.damage);
    let findings = Findings::from_run(&read, Options::default());
    assert!(published == findings.to_json());
}

#[test]
fn simulated_noise_is_correlated_as_it_was_measured() {
    let mut draw = support::Draw::new(3);
    let measured = [
        (0.25, 0.38),
        (1.5, 0.26),
        (6.0, 0.20),
        (12.0, 0.10),
        (20.0, 0.0),
    ];
    for (lag, correlation) in measured {
        let runs = 20_000;
        let sum: f64 = (0..runs)
            .map(|_| {
                let mut common = Common::new(lag + 1.0, &mut draw);
                let now = common.at(0.1, &mut draw);
                now * common.at(0.1 + lag, &mut draw)
            })
            .sum();
        let found = sum / f64::from(runs);
        assert!((found - correlation).abs() < 0.035, "{lag} s: {found}");
    }
}

/// Cells of one workload: enough to be wrong about, and quick.
fn some() -> Vec<results::Cell> {
    plans::of_workload("http-hello")
}

#[test]
fn where_nothing_differs_nothing_is_called_different() {
    for world in [
        World::measured(Truth::Nothing),
        World::independent(Truth::Nothing),
    ] {
        let counts = pages::simulate(&world, &some(), QUICK, 100, 1);
        // Not surely more than the 5 % that are promised of a page.
        assert!(counts.false_pages.interval().0 <= 5.0, "{counts:?}");
    }
}

#[test]
fn three_times_as_slow_is_called_slower_always() {
    let world = World::measured(Truth::Slower(3.0));
    let counts = pages::simulate(&world, &some(), QUICK, 5, 1);
    for (scenario, found) in &counts.found {
        assert_eq!(found.hits, found.of, "{scenario}");
    }
    assert_eq!(counts.found_headlines.hits, counts.found_headlines.of);
}

/// One run of the profile quick in twenty is told of what is not there; 8 % is found in some three of
/// four.
#[test]
fn what_samples_leave_behind_is_bounded_and_found() {
    let cells = plans::starts(plans::quick());
    let world = World::measured(Truth::Mixed);
    let nothing = after::simulate(&world, &cells, QUICK, 60, 1);
    assert!(nothing.covered.interval().1 >= 95.0, "{nothing:?}");
    let world = World {
        carry_over: 0.08,
        ..world
    };
    let found = after::simulate(&world, &cells, QUICK, 20, 1);
    assert!(found.covered.interval().1 >= 95.0, "{found:?}");
    assert!(found.told.percent() >= 50.0, "{found:?}");
}

#[test]
fn intervals_hold_the_truth() {
    let world = World::measured(Truth::Slower(1.1));
    let counts = pages::simulate(&world, &some(), QUICK, 60, 1);
    let covered = counts.covered.percent();
    assert!((93.0..=97.5).contains(&covered), "{covered}");
}

/// `UPDATE_GUIDE=1 cargo nextest run -p analysis --test referee` writes them anew.
#[test]
fn the_examples_of_the_guide_are_what_the_analysis_says() {
    const BEGIN: &str = "<!-- simulated -->\n";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/guide/verdicts.md");
    let text = std::fs::read_to_string(file).unwrap();
    let from = text.find(BEGIN).unwrap() + BEGIN.len();
    let to = from + text[from..].find("<!-- end -->").unwrap();
    let table = format!("\n{}\n", simulation::examples::table());
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        std::fs::write(file, format!("{}{table}{}", &text[..from], &text[to..])).unwrap();
    } else {
        assert!(text[from..to] == table, "{}\n{table}", &text[from..to]);
    }
}
