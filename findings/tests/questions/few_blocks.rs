//! A comparison within fewer blocks than can show anything, beside others.

use findings::statistics::Verdict;
use results::Sample;
use results::record::Scenario;

use crate::builder::{Builder, cell, findings};

/// A cheap service that is half as slow again, in every block, and a dear one in every third, which failed in two of
/// these.
#[test]
fn it_says_nothing_and_keeps_nothing_from_being_said() {
    let mut samples: Vec<Sample> = Vec::new();
    for block in 0..21 {
        let noise = u64::from(block * 7 % 11) * 4_000;
        let mut take = |system: &str, ns: u64| {
            let cell = cell(system, Scenario::WarmDisk, &[("observer", "none")]);
            samples.push(Builder::new(&cell, block).total(ns).build());
        };
        take("native", 2_000_000 + noise);
        take("cheap", 3_000_000 + u64::from(block * 5 % 13) * 4_000);
        if block % 3 == 0 && block < 15 {
            take("dear", 100_000_000 + noise);
        }
    }
    let found = findings(samples);
    let member = |system: &str| {
        let mut members = found.facts.families.iter().flat_map(|it| &it.members);
        members.find(|it| it.candidate.contains(system)).unwrap()
    };
    let (cheap, dear) = (member("cheap"), member("dear"));
    assert_eq!(
        (dear.n, &dear.verdict, dear.p),
        (5, &Verdict::Inconclusive, None)
    );
    assert_eq!(
        (cheap.n, &cheap.verdict),
        (21, &Verdict::Slower),
        "{cheap:?}"
    );
}
