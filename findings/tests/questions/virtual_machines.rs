//! Virtual machines that no hardware runs stand apart from everything.

use findings::Measure;
use results::Phase;
use results::record::Scenario;
use results::values::Virtualisation;

use crate::builder::{Builder, cell, findings};

/// Starts of a native program and of three virtual machines, by what executes their guests.
fn samples() -> Vec<results::Sample> {
    let mut samples = Vec::new();
    for block in 0..8 {
        let scenario = Scenario::WarmDisk;
        let jitter = u64::from(block) * 1_000;
        let native = cell("native", scenario, &[]);
        samples.push(
            Builder::new(&native, block)
                .total(1_000_000 + jitter)
                .build(),
        );
        for (name, ns) in [
            ("hardware", 5_000_000),
            ("interpreted-ring0", 20_000_000),
            ("emulated", 90_000_000),
        ] {
            let cell = cell("bare-vm", scenario, &[("virtualisation", name)]);
            let phases = [
                (Phase::Spawn, 500_000),
                (Phase::Vmm, 1_000_000),
                (Phase::Boot, ns + jitter),
            ];
            samples.push(Builder::new(&cell, block).phases(&phases).build());
        }
    }
    samples
}

#[test]
fn only_hardware_is_compared() {
    let findings = findings(samples());
    let starts = &findings.starts[0];
    let listed: Vec<_> = starts
        .cells
        .iter()
        .map(|id| {
            findings
                .facts
                .cell(id)
                .unwrap()
                .cell
                .params
                .get("virtualisation")
        })
        .collect();
    assert_eq!(listed, [None, Some("hardware")]);
    assert!(
        starts
            .taken_apart
            .iter()
            .all(|id| starts.cells.contains(id))
    );
    let family = findings
        .facts
        .family("http-hello", Scenario::WarmDisk, Measure::TotalNs)
        .unwrap();
    assert_eq!(family.members.len(), 1, "hardware against native");
}

#[test]
fn the_others_are_shown_with_the_reason() {
    let findings = findings(samples());
    let kinds: Vec<_> = findings
        .virtual_machines
        .iter()
        .map(|it| (it.virtualisation, it.cells.len(), it.measure))
        .collect();
    assert_eq!(
        kinds,
        [
            (Virtualisation::InterpretedRing0, 1, Measure::TotalNs),
            (Virtualisation::Emulated, 1, Measure::TotalNs)
        ]
    );
    for apart in &findings.virtual_machines {
        let sentence = apart.sentence();
        assert!(
            sentence.contains("none of these figures is compared"),
            "{sentence}"
        );
        assert!(sentence.contains(apart.why), "{sentence}");
        let cell = findings.facts.cell(&apart.cells[0]).unwrap();
        assert!(cell.phase(Phase::Vmm).is_some());
    }
}
