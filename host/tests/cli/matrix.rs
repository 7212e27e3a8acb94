//! Every value of every parameter, and what a run records.

use results::Phase;
use results::sum_rule::residual_bound_ns;
use results::values::PageCache;

use super::*;

pub(crate) fn all_are_whole(samples: &[Sample]) {
    let undisturbed = samples
        .iter()
        .filter(|sample| is_undisturbed(sample))
        .count();
    assert!(
        undisturbed > samples.len() / 2,
        "{undisturbed} of {} samples add up",
        samples.len()
    );
    for sample in samples {
        let total = sample.total_ns.unwrap();
        let counted: u64 = sample
            .phases
            .iter()
            .filter(|phase| phase.name.counts())
            .map(|phase| phase.ns)
            .sum();
        assert!(
            total.abs_diff(counted) <= residual_bound_ns(total) || !is_undisturbed(sample),
            "{}",
            sample.cell
        );
        let residual = i64::try_from(i128::from(total) - i128::from(counted)).unwrap();
        assert!(
            sample.residual_ns == Some(residual) || !is_undisturbed(sample),
            "{}: {residual}",
            sample.cell
        );
        assert_eq!(sample.phases[0].name, Phase::Process);
        let acquire = match sample.cell.params.get(Param::Acquire).unwrap() {
            "interpret" => "validate",
            "aot" => "deserialize_file",
            same => same,
        };
        let acquired: Vec<_> = sample
            .phases
            .iter()
            .filter(|phase| phase.name.acquires())
            .collect();
        assert!(
            acquired.len() == 1 && acquired[0].name.name() == acquire,
            "{}",
            sample.cell
        );
        let hot = match sample.cell.params.get(Param::PageCache) {
            Some(state) => state == "hot",
            None => sample.cell.scenario.page_cache() == PageCache::Hot,
        };
        let resident = sample.attested.number(Evidence::PagesResident).unwrap();
        let all = sample.attested.number(Evidence::Pages).unwrap();
        assert_eq!(resident, if hot { all } else { 0 }, "{}", sample.cell);
        assert!(sample.resources.cpu_ns.unwrap() > 0 && sample.resources.pss_bytes.unwrap() > 0);
    }
}

#[test]
fn the_full_matrix_is_in_effect() {
    let host = Host::new();
    let full = [
        "--profile",
        "full",
        "--workload",
        "hello",
        "--workload",
        "http-hello",
        "--samples",
        "1",
    ];
    let ran = host.phases(&[&full[..], &WASMTIME].concat());
    ran.measured_all(&host);
    let samples = host.samples();
    assert_eq!(samples.len(), 2 * (168 + 2));
    all_are_whole(&samples);
    let evidence = |param: Param, value: &str, key: Evidence| {
        let with = samples
            .iter()
            .filter(|sample| sample.cell.params.is(&param, value));
        let found: std::collections::BTreeSet<_> = with
            .map(|sample| sample.attested.get(&key).unwrap().to_string())
            .collect();
        found.into_iter().collect::<Vec<_>>().join(" ")
    };
    let cache = |acquire: &str| evidence(Param::Acquire, acquire, Evidence::Cache);
    assert_eq!(cache("cache_hit"), "\"hit\"");
    assert_eq!(cache("cache_miss"), "\"miss\"");
    assert_eq!(cache("compile"), "\"none\"");
    for (param, value, key, found) in [
        (
            Param::Allocator,
            "pooling",
            Evidence::Allocator,
            "\"pooling\"",
        ),
        (Param::Compiler, "winch", Evidence::Winch, "true"),
        (
            Param::Compiler,
            "cranelift_none",
            Evidence::OptLevel,
            "\"none\"",
        ),
        (Param::MemoryInit, "copy", Evidence::MemoryImage, "\"none\""),
        (
            Param::CompileThreads,
            "single",
            Evidence::CompilerThreads,
            "0",
        ),
    ] {
        assert_eq!(evidence(param, value, key), found);
    }
    assert!(!evidence(Param::MemoryInit, "cow", Evidence::MemoryImage).contains("none"));
    assert!(
        !samples
            .iter()
            .any(|sample| host.runs()[0].join("work").exists() && sample.order == 0),
        "work is removed"
    );
}

#[test]
fn every_workload_starts_and_answers() {
    let host = Host::new();
    let mut arguments = vec!["--profile", "standard", "--samples", "1"];
    arguments.extend_from_slice(&ONE_CELL);
    let ran = host.phases(&arguments);
    ran.measured_all(&host);
    let samples = host.samples();
    all_are_whole(&samples);
    let workloads: std::collections::BTreeSet<_> = samples
        .iter()
        .map(|sample| sample.cell.workload.as_str())
        .collect();
    assert_eq!(workloads.len(), 6, "{workloads:?}");
    for sample in &samples {
        let served = sample.cell.workload.starts_with("http-");
        assert_eq!(
            sample.phase_ns(Phase::SecondRequest).is_some(),
            served,
            "{}",
            sample.cell
        );
    }
}

#[test]
fn code_that_checks_no_epoch_can_be_measured_too() {
    let host = Host::new();
    let ran = host.phases(&[
        "--workload",
        "hello",
        "--samples",
        "1",
        "--select",
        "interrupt=none",
    ]);
    ran.measured_all(&host);
    assert!(
        host.samples()
            .iter()
            .all(|sample| sample.attested.get(Evidence::EpochInterruption) == Some(&false.into()))
    );
}

#[test]
fn what_it_writes_fits_its_schemas_and_formats() {
    let host = Host::new();
    let ran = host.phases(
        &[
            &["--workload", "hello", "--samples", "1", "--format", "json"],
            &ONE_CELL[..],
        ]
        .concat(),
    );
    ran.measured_all(&host);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["cells"].as_array().unwrap().len(), 2);
    assert!(ran.stderr.contains("run: "));
    let folder = &host.runs()[0];
    let json = |path: PathBuf| {
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).unwrap()).unwrap()
    };
    for (name, schema) in results::schema::schemas() {
        let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
        if name.starts_with("manifest") {
            assert!(schema.is_valid(&json(folder.join("manifest.json"))));
        } else {
            let ledger = std::fs::read_to_string(folder.join("samples.jsonl")).unwrap();
            assert!(
                ledger
                    .lines()
                    .all(|line| schema.is_valid(&serde_json::from_str(line).unwrap()))
            );
        }
    }
    let manifest = json(folder.join("manifest.json"));
    assert_eq!(
        manifest["config"]["samples"],
        serde_json::json!({"value": 1, "origin": "command_line"})
    );
    assert_eq!(manifest["build"]["debug_assertions"], false);

    let csv = Host::new().phases(
        &[
            &["--workload", "hello", "--samples", "1", "--format", "csv"],
            &ONE_CELL[..],
        ]
        .concat(),
    );
    let mut lines = csv.stdout.lines();
    let columns = lines.next().unwrap().split(',').count();
    assert!(
        lines.clone().count() > 10 && lines.all(|line| line.split(',').count() == columns),
        "{}",
        csv.stdout
    );
}

#[test]
fn a_plan_is_listed_and_nothing_is_run() {
    let host = Host::new();
    let ran = host.phases(&["--list", "--seed", "7", "--workload", "hello"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(host.runs().is_empty());
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let order = || {
        let host = Host::new();
        let arguments = [
            "--workload",
            "hello",
            "--samples",
            "2",
            "--seed",
            "11",
            "--select",
            "compiler=winch",
        ];
        host.phases(&arguments).measured_all(&host);
        host.samples()
            .into_iter()
            .map(|sample| sample.cell)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(), order());
}
