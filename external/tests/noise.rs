//! Which samples count as noisy: on a machine that is idle hardly any, beside a neighbour that wants
//! every core most. Nothing here depends on how fast the machine is.

use std::process::{Child, Command, Stdio};

use machine::noise::Census;
use results::noise::Disturbance;
use results::record::Outcome;
use results::{Sample, ledger, run_folder};

/// Of each of four kinds of start: processes that listen, one that only runs, observed and not.
const SAMPLES: u64 = 15;

/// A neighbour on every core that this process may use, none of which is the suite's own.
struct Neighbours(Vec<Child>);

impl Neighbours {
    fn on_every_core() -> Self {
        let spin = |_| {
            Command::new("/bin/sh")
                .args(["-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        };
        Self(machine::cores::allowed().into_iter().map(spin).collect())
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The samples of native starts.
fn starts() -> Vec<Sample> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(["suite", "--only", "system=native,scenario=warm-disk"])
        .args([
            "--only",
            "workload=http-hello,workload=hello",
            "--seed",
            "1",
        ])
        .args(["--samples", &SAMPLES.to_string(), "--out"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let run = run_folder::runs(folder.path()).pop();
    let run = run.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let read = ledger::read(&folder.path().join(run).join("samples.jsonl")).unwrap();
    read.samples
        .into_iter()
        .filter(|sample| sample.outcome == Outcome::Ok)
        .collect()
}

/// The part of them that others disturbed.
fn noisy(samples: &[Sample]) -> f64 {
    let is_noisy = |sample: &&Sample| {
        let disturbance = sample
            .noise
            .disturbance(sample.total_ns.unwrap(), sample.resources.core_wait_ns);
        assert_ne!(disturbance, Disturbance::Unknown, "{sample:?}");
        disturbance != Disturbance::None
    };
    samples.iter().filter(is_noisy).count() as f64 / samples.len() as f64
}

#[test]
fn beside_a_neighbour_most_samples_are_noisy_and_on_an_idle_machine_hardly_any() {
    let census = Census::take();
    if census.others_since(&[]).is_none() {
        // Not all processes of the machine are shown here, as within a container.
        return;
    }
    let alone = starts();
    let (others_ns, capacity_ns) = census.others_since(&[]).unwrap();
    let beside = {
        let _neighbours = Neighbours::on_every_core();
        starts()
    };
    let (alone_noisy, beside_noisy) = (noisy(&alone), noisy(&beside));
    assert!(beside.len() as u64 >= SAMPLES, "{} starts", beside.len());
    assert!(beside_noisy > 0.5, "{beside_noisy} beside a neighbour");
    // Something else may run on this machine, as a build: then it is no idle one.
    let is_idle = others_ns as f64 / (capacity_ns as f64) < 0.01;
    assert!(
        !is_idle || alone_noisy < 0.05,
        "{alone_noisy} of {} on an idle machine",
        alone.len()
    );
}
