//! A ledger that is written, read, cut off, and refused.

use proptest::prelude::*;

use super::*;
use crate::phase::{Phase, PhaseTime};
use crate::record::{Outcome, Resources, Scenario};
use crate::{Cell, noise::Noise};

fn sample(order: u64, reason: Option<String>) -> Sample {
    Sample {
        schema: SCHEMA_VERSION,
        run: "20261123T074200Z-3f9a".into(),
        order,
        block: 0,
        cell: Cell {
            system: "s".into(),
            workload: "w".into(),
            scenario: Scenario::DiskCold,
            params: crate::Params::new(),
        },
        outcome: if reason.is_some() {
            Outcome::Failed
        } else {
            Outcome::Ok
        },
        reason,
        started_at: "2026-11-23T07:42:01.123456Z".into(),
        total_ns: Some(order + 1),
        residual_ns: Some(-3),
        phases: vec![PhaseTime {
            name: Phase::Engine,
            ns: order,
        }],
        resources: Resources::default(),
        noise: Noise::default(),
        requests: None,
        artifact_sha256: None,
        attested: crate::Attested::from([(crate::Evidence::Cache, "miss")]),
    }
}

fn written(samples: &[Sample]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.jsonl");
    let (mut ledger, _) = Ledger::open(&path).unwrap();
    samples
        .iter()
        .for_each(|sample| ledger.append(sample).unwrap());
    (folder, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_cut_leaves_a_readable_prefix_that_can_be_continued(
        reasons in prop::collection::vec(prop::option::of(".{0,40}"), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let samples: Vec<_> = (0..).zip(reasons).map(|(order, reason)| sample(order, reason)).collect();
        let (_folder, path) = written(&samples);
        let length = std::fs::read(&path).unwrap().len();
        let cut = cut.index(length + 1);
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut as u64).unwrap();

        let contents = read(&path).unwrap();
        let kept = contents.samples.len();
        prop_assert_eq!(&contents.samples[..], &samples[..kept]);
        prop_assert!(kept == samples.len() || cut < length);
        prop_assert_eq!(contents.torn.is_some(), cut as u64 != contents.whole_bytes);

        let (mut ledger, _) = Ledger::open(&path).unwrap();
        ledger.append(&sample(99, None)).unwrap();
        let mended = read(&path).unwrap();
        prop_assert_eq!(mended.torn, None);
        prop_assert_eq!(mended.samples.len(), kept + 1);
        prop_assert_eq!(mended.samples.last().unwrap().order, 99);
    }
}

#[test]
fn refuses_an_unknown_version_even_with_other_fields() {
    let (_folder, path) = written(&[sample(0, None)]);
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"schema\":2,\"brand_new\":true}\n");
    std::fs::write(&path, text).unwrap();
    let error = read(&path).unwrap_err();
    assert!(
        matches!(
            error,
            LedgerError::UnknownSchema {
                line: 2,
                found: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn names_the_line_that_is_no_sample() {
    let (_folder, path) = written(&[sample(0, None)]);
    let text = format!(
        "{}oops\n{}",
        std::fs::read_to_string(&path).unwrap(),
        "{\"sch"
    );
    std::fs::write(&path, text).unwrap();
    let error = read(&path).unwrap_err();
    assert!(
        matches!(error, LedgerError::Corrupt { line: 2, .. }),
        "{error}"
    );
}

#[test]
fn a_ledger_that_is_not_there_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let contents = read(&folder.path().join("samples.jsonl")).unwrap();
    assert!(contents.samples.is_empty() && contents.torn.is_none());
}

#[test]
fn a_ledger_that_is_a_link_is_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let (target, path) = (
        folder.path().join("keys"),
        folder.path().join("samples.jsonl"),
    );
    std::fs::write(&target, "a key\nand half of one").unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let refused = [read(&path).unwrap_err(), Ledger::open(&path).unwrap_err()];
    for error in refused {
        let LedgerError::Io { source, .. } = error else {
            panic!("{error}");
        };
        assert!(source.to_string().contains("symbolic link"), "{source}");
    }
    assert_eq!(std::fs::read(&target).unwrap(), b"a key\nand half of one");
}

#[test]
fn a_full_disk_is_an_error_and_not_a_lost_sample() {
    // /dev/full takes every open and fails every write with ENOSPC.
    let file = std::fs::OpenOptions::new()
        .append(true)
        .open("/dev/full")
        .unwrap();
    let mut ledger = Ledger {
        path: "/dev/full".into(),
        disk: Disk::of(&file).unwrap(),
        file,
        length: 0,
    };
    let error = ledger.append(&sample(0, None)).unwrap_err();
    assert!(
        matches!(&error, LedgerError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
}

#[test]
fn what_the_disk_refuses_is_an_error_and_taken_back() {
    // /dev/null takes every byte, and has no disk to put it on.
    let file = File::options().append(true).open("/dev/null").unwrap();
    let mut ledger = Ledger {
        path: "/dev/null".into(),
        disk: Disk::of(&file).unwrap(),
        file,
        length: 7,
    };
    ledger.write(&sample(0, None)).unwrap();
    while !ledger.is_settled() {
        std::thread::yield_now();
    }
    assert!(ledger.settle().is_err() && ledger.length == 7);
    ledger.write(&sample(0, None)).unwrap();
    assert!(ledger.write(&sample(1, None)).is_err(), "of the one before");
    assert!(ledger.is_settled() && ledger.settle().is_ok());
}

#[test]
fn a_sample_is_read_while_the_disk_still_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.jsonl");
    let (mut ledger, _) = Ledger::open(&path).unwrap();
    assert!(ledger.is_settled());
    for order in 0..3 {
        ledger.write(&sample(order, None)).unwrap();
        assert_eq!(read(&path).unwrap().samples.len() as u64, order + 1);
    }
    ledger.settle().unwrap();
    let length = path.metadata().unwrap().len();
    assert!(ledger.is_settled() && ledger.length == length);
}
