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
fn instances_are_weighed_and_each_of_them_answers() {
    let host = Host::new();
    let ran = host.density(&["--instances", "1,40", "--samples", "1"]);
    ran.measured_all();
    assert!(ran.stdout.contains("what one more takes"), "{}", ran.stdout);
    let samples = host.samples();
    assert_eq!(
        samples.len(),
        18,
        "two numbers, two allocators, two ways to fill memories, touched or not, and the control"
    );
    let weight = |sample: &Sample, name: &str| sample.attested[name].as_u64().unwrap();
    for sample in &samples {
        is_undisturbed(sample);
        let instances: u64 = sample.cell.params["instances"].parse().unwrap();
        assert_eq!(sample.requests.as_ref().unwrap().ok, instances);
        assert!(weight(sample, "private_bytes") >= weight(sample, "base_private_bytes"));
        assert!(weight(sample, "page_tables_bytes") > 0);
        assert!(weight(sample, "start_last_ns") <= sample.total_ns.unwrap());
    }
    // Forty that have answered take more than forty that have not.
    let of = |touched: &str| {
        let is = |sample: &&Sample| {
            let params = &sample.cell.params;
            params["instances"] == "40"
                && params["touched"] == touched
                && params["allocator"] == "on_demand"
        };
        samples
            .iter()
            .filter(is)
            .map(|sample| weight(sample, "private_bytes"))
            .min()
            .unwrap()
    };
    assert!(of("yes") > of("no"));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let host = Host::new();
    for (arguments, word) in [
        (["--workload", "cpu-hash"], "cannot be asked again"),
        (["--workload", "nothing"], "cannot be asked again"),
        (["--instances", "0"], "0 is not in 1.."),
        (["--resume", "nowhere"], "there is no run"),
    ] {
        let ran = host.density(&arguments);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    assert!(host.runs().is_empty());
}
