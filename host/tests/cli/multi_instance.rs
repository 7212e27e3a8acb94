//! Many instances in one process.

use super::*;

impl Host {
    fn density(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command
            .arg("density")
            .args(arguments)
            .arg("--out")
            .arg(self.out.path())
            .stdin(Stdio::null());
        ran(command.output().unwrap())
    }
}

#[test]
fn memory_of_instances_is_measured_and_each_of_them_answers() {
    let host = Host::new();
    let ran = host.density(&["--instances", "1,40", "--samples", "1"]);
    ran.measured_all(&host);
    assert!(ran.stdout.contains("what one more takes"), "{}", ran.stdout);
    let samples = host.samples();
    assert_eq!(
        samples.len(),
        18,
        "two numbers, two allocators, two ways to fill memories, touched or not, and the control"
    );
    let number = |sample: &Sample, key: Evidence| sample.attested.number(key).unwrap();
    for sample in &samples {
        is_undisturbed(sample);
        let instances = sample.cell.params.get(Param::Instances).unwrap();
        let instances: u64 = instances.parse().unwrap();
        assert_eq!(sample.requests.as_ref().unwrap().ok, instances);
        assert!(
            number(sample, Evidence::PrivateBytes) >= number(sample, Evidence::BasePrivateBytes)
        );
        assert!(number(sample, Evidence::PageTablesBytes) > 0);
        assert!(number(sample, Evidence::StartLastNs) <= sample.total_ns.unwrap());
    }
    // Forty that have answered take more than forty that have not.
    let least = |touched: &str| {
        let is = |sample: &&Sample| {
            let params = &sample.cell.params;
            params.is(Param::Instances, "40")
                && params.is(Param::Touched, touched)
                && params.is(Param::Allocator, "on_demand")
        };
        samples
            .iter()
            .filter(is)
            .map(|sample| number(sample, Evidence::PrivateBytes))
            .min()
            .unwrap()
    };
    assert!(least("yes") > least("no"));
}

#[test]
fn memories_that_reserve_less_leave_room_for_more_of_them() {
    let host = Host::new();
    let mut arguments = vec!["--samples", "1", "--instances", "3"];
    arguments.extend(["--select", "memory_init=cow"]);
    arguments.extend(["--select", "memory_reservation=64MiB"]);
    let ran = host.density(&arguments);
    ran.measured_all(&host);
    let samples = host.samples();
    assert_eq!(
        samples.len(),
        5,
        "untouched and touched, of each allocator, and the control"
    );
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        assert!(sample.cell.params.is(Param::MemoryReservation, "64MiB"));
        assert_eq!(sample.requests.as_ref().unwrap().ok, 3);
    }
}

#[test]
fn more_instances_than_a_process_has_addresses_for_are_skipped_by_arithmetic() {
    let host = Host::new();
    let ran = host.density(&[
        "--samples",
        "1",
        "--instances",
        "1000000",
        "--select",
        "memory_init=cow",
    ]);
    assert_eq!(ran.code, 8, "nothing could be measured: {}", ran.stderr);
    let samples = host.samples();
    assert!(!samples.is_empty());
    for sample in samples {
        assert_eq!(sample.outcome, Outcome::Skipped);
        let reason = sample.reason.as_deref().unwrap();
        assert!(
            reason.contains("1000000 instances need about") && reason.contains("GiB of addresses"),
            "{reason}"
        );
        assert!(reason.contains("memory_reservation=64MiB"), "{reason}");
    }
}

#[test]
fn what_one_process_cannot_hold_is_skipped_with_its_remedy_and_the_rest_is_measured() {
    // More than there are addresses for on any machine; and more than may be mapped, where that is no
    // more than can be asked for and has addresses.
    let mappings = machine::limits::max_mappings().filter(|most| *most <= 500_000);
    let mappings = mappings.map(|most| most.to_string());
    let less = ["--select", "memory_reservation=64MiB"];
    let mut cases = vec![("1000000", &[][..], "memory_reservation=64MiB")];
    if let Some(instances) = &mappings {
        cases.push((instances, &less, "sysctl -w vm.max_map_count="));
    }
    for (instances, more, remedy) in cases {
        let host = Host::new();
        let numbers = format!("1,{instances}");
        let arguments = [
            "--samples",
            "1",
            "--instances",
            &numbers,
            "--select",
            "allocator=on_demand",
            "--select",
            "memory_init=cow",
        ];
        let ran = host.density(&[&arguments[..], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let is_one = |sample: &Sample| sample.cell.params.is(Param::Instances, "1");
        let (one, many): (Vec<_>, Vec<_>) = host.samples().into_iter().partition(is_one);
        assert_eq!(
            (one.len(), many.len()),
            (3, 3),
            "untouched, touched, and the control"
        );
        for sample in one {
            assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        }
        for sample in many {
            assert_eq!(
                sample.skip_kind(),
                Some(results::SkipKind::MachineLimit),
                "{:?}",
                sample.reason
            );
            let reason = sample.reason.unwrap();
            assert!(reason.contains(remedy), "{reason}");
        }
    }
}

#[test]
fn a_workload_that_answers_no_requests_is_refused() {
    let host = Host::new();
    for (arguments, word) in [
        (
            ["--workload", "cpu-hash"],
            "no workload that answers requests",
        ),
        (
            ["--workload", "nothing"],
            "no workload that answers requests",
        ),
        (["--instances", "0"], "0 is not in 1.."),
        (["--resume", "nowhere"], "there is no run"),
    ] {
        let ran = host.density(&arguments);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    assert!(host.runs().is_empty());
}
