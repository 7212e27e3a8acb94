//! What samples of an engine leave behind for the start after them.

use findings::questions::carry_over::CarryOver;
use results::Sample;
use results::record::Scenario;

use crate::builder::{Builder, cell, findings};

/// Starts of programs in a turn that moves from block to block, each block ended by a container: the
/// start after it takes so many times as long.
fn run(blocks: u32, container: &str, times: f64) -> Vec<Sample> {
    let names = [
        "native",
        "wasmtime-cli",
        "wasmedge-cli",
        "wasmtime-embedded",
    ];
    let (mut samples, mut is_after) = (Vec::new(), false);
    for block in 0..blocks {
        for at in 0..names.len() {
            let nth = (at + block as usize) % names.len();
            let mixed = f64::from((block * 11 + u32::try_from(at).unwrap() * 5) % 13);
            let factor = if is_after { times } else { 1.0 };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive time"
            )]
            let ns = (1e6 * (nth + 1) as f64 * (1.0 + mixed / 1_000.0) * factor) as u64;
            let cell = cell(names[nth], Scenario::WarmDisk, &[]);
            samples.push(Builder::new(&cell, block).total(ns).build());
            is_after = false;
        }
        let cell = cell(container, Scenario::WarmDisk, &[]);
        samples.push(Builder::new(&cell, block).total(90_000_000).build());
        is_after = true;
    }
    for (order, sample) in (0..).zip(&mut samples) {
        sample.order = order;
    }
    samples
}

fn found(samples: Vec<Sample>) -> Option<CarryOver> {
    findings(samples).carry_over
}

#[test]
fn starts_after_a_container_that_take_longer_are_told_of() {
    let found = found(run(12, "docker", 1.05)).unwrap();
    assert!((found.ratio.estimate - 1.05).abs() < 0.005, "{found:?}");
    // The first block's first start comes after nothing.
    assert_eq!((found.starts, found.blocks), (11, 11));
    let said = found.sentence().unwrap();
    assert!(
        said.contains("right after one of docker took 1.05×"),
        "{said}"
    );
}

#[test]
fn starts_that_take_as_long_are_not() {
    let found = found(run(12, "docker", 1.0)).unwrap();
    assert!(
        !found.is_certain() && found.sentence().is_none(),
        "{found:?}"
    );
}

#[test]
fn without_an_engine_or_enough_blocks_nothing_is_known() {
    assert_eq!(found(run(12, "native-static", 1.05)), None);
    assert_eq!(found(run(6, "docker", 1.05)), None);
}

#[test]
fn what_came_after_a_pause_came_after_nothing_that_is_known() {
    let mut samples = run(12, "wasmcloud", 1.5);
    for sample in &mut samples {
        let day = if sample.block < 6 { 20 } else { 21 };
        let second = sample.order % 60;
        let minute = sample.order / 60;
        sample.started_at = format!("2026-11-{day}T12:{minute:02}:{second:02}.000Z");
    }
    let found = found(samples).unwrap();
    assert_eq!((found.starts, found.blocks), (10, 10));
}
