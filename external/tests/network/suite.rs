//! The suite behind firewalls and over networks.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use results::record::Outcome;
use results::{Evidence, Param};

use super::support::{
    Ground, folder, is_possible, is_somebodys, is_tun_possible, not_run, owner_of_the_table,
    run_in, samples, told, wait_for,
};

const STARTS: &str = "system=native,workload=http-hello,scenario=warm-disk,scenario=warm";

fn suite<'a>(command: &'a mut Command, out: &Path, words: &str) -> &'a mut Command {
    command
        .arg("suite")
        .arg("--only")
        .arg(STARTS)
        .arg("--no-observer")
        .arg("--out")
        .arg(out)
        .args(words.split_whitespace())
}

/// A suite that runs; a test that fails must not leave it measuring for hours.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_sample_behind_a_firewall_proves_it_and_nothing_is_left() {
    let Some(ground) = Ground::new() else { return };
    ground.nft(
        "add table ip theirs; add chain ip theirs input { type filter hook input priority 0; \
            policy accept; }",
    );
    let (before, out) = (ground.rules(), folder());
    let mut command = ground.command(env!("CARGO_BIN_EXE_external"));
    let words = "--firewall off,baseline,rules:100 --samples 3 --requests 100 --seed 5";
    let (code, said) = told(&suite(&mut command, out.path(), words).output().unwrap());
    assert_eq!(code, 0, "{said}");
    let samples = samples(out.path());
    assert_eq!(
        samples.len(),
        2 * 2 * 3 * 3,
        "two systems, two scenarios, three levels, three blocks"
    );
    for sample in &samples {
        assert_eq!(
            sample.outcome,
            Outcome::Ok,
            "{}: {:?}",
            sample.cell,
            sample.reason
        );
        let packets = sample.attested.number(Evidence::FirewallPackets);
        let rules = sample.attested.number(Evidence::FirewallRules);
        match sample.cell.params.get(Param::Firewall).unwrap() {
            "off" => assert_eq!((packets, rules), (None, None)),
            level => {
                assert_eq!(rules, Some(if level == "baseline" { 0 } else { 100 }));
                // Of a hundred requests over one connection, each is a packet there and one back.
                let least = if sample.requests.is_some() { 200 } else { 6 };
                assert!(
                    packets.is_some_and(|packets| packets >= least),
                    "{}: {packets:?}",
                    sample.cell
                );
            }
        }
    }
    assert!(
        said.contains("the firewall: beside none") && said.contains("the A/A control differed"),
        "{said}"
    );
    assert_eq!(ground.rules(), before);
}

#[test]
fn a_firewall_that_a_person_has_enabled_is_not_taken_away() {
    let Some(ground) = Ground::new() else { return };
    assert_eq!(ground.firewall("enable").0, 0);
    let (before, out) = (ground.rules(), folder());
    let mut command = ground.command(env!("CARGO_BIN_EXE_external"));
    let words = "--firewall off,baseline --samples 1 --requests 20";
    let (code, said) = told(&suite(&mut command, out.path(), words).output().unwrap());
    // Without one, nothing could be measured either.
    assert!(
        code == 8 && said.contains("was enabled by `external firewall enable`"),
        "{code}: {said}"
    );
    assert!(said.contains("the firewall is on (baseline)"), "{said}");
    assert_eq!(ground.rules(), before);
}

#[test]
fn a_kill_leaves_no_table() {
    let Some(ground) = Ground::new() else { return };
    let out = folder();
    let mut command = ground.command(env!("CARGO_BIN_EXE_external"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let words = "--firewall off,rules:50 --samples 20000 --requests 50";
    let mut child = Running(suite(&mut command, out.path(), words).spawn().unwrap());
    wait_for("samples are taken", || samples(out.path()).len() >= 3);
    wait_for("a table is there", || {
        ground.rules().contains("table inet coldphase")
    });
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    wait_for("the reaper removes the table", || ground.rules().is_empty());
    wait_for("and the folder", || {
        !run_in(out.path()).unwrap().join("work").exists()
    });
}

#[test]
fn without_the_privilege_levels_are_skipped_and_starts_without_one_are_measured() {
    if !is_possible() {
        return;
    }
    let out = folder();
    std::os::unix::fs::chown(out.path(), Some(65_534), Some(65_534)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    // Cargo would build programs for nobody, who may not.
    command
        .env_remove("CARGO")
        .env("HOME", out.path())
        .uid(65_534)
        .gid(65_534)
        .stdin(Stdio::null());
    let words = "--firewall off,baseline --samples 1 --requests 20";
    let output = match suite(&mut command, out.path(), words).output() {
        Ok(output) => output,
        Err(error) => return not_run(&format!("the program cannot be run by nobody: {error}")),
    };
    let (code, said) = told(&output);
    assert_eq!(code, 4, "{said}");
    for sample in samples(out.path()) {
        let reason = sample.reason.unwrap_or_default();
        if sample.cell.params.is(Param::Firewall, "off") {
            assert_eq!(sample.outcome, Outcome::Ok, "{reason}");
        } else {
            assert_eq!(sample.outcome, Outcome::Skipped);
            assert!(
                reason.contains("there can be no firewall of this suite")
                    && reason.contains("be root"),
                "{reason}"
            );
        }
    }
}

#[test]
fn a_containers_packets_go_through_the_rules_on_both_links() {
    if !is_possible() {
        return;
    }
    // In the machine's own network there may be anything: of that, this is about the suite's own
    // table.
    if let Some(owner) = owner_of_the_table().filter(|owner| is_somebodys(owner)) {
        return not_run(&format!(
            "there is a firewall already, which a suite leaves alone: {owner}"
        ));
    }
    let out = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command.args([
        "suite",
        "--only",
        "system=docker,workload=http-hello,scenario=warm-disk,network=bridge",
        "--no-observer",
    ]);
    command
        .args(["--firewall", "off,rules:20", "--samples", "1", "--out"])
        .arg(out.path());
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let (code, said) = told(&child.wait_with_output().unwrap());
    if code == 8 {
        return not_run(&format!("no container engine: {said}"));
    }
    assert_eq!(code, 0, "{said}");
    let sample = samples(out.path())
        .into_iter()
        .find(|sample| sample.cell.params.is(Param::Firewall, "rules:20"))
        .unwrap();
    for key in [
        "firewall_packets",
        "firewall_packets_to_container",
        "firewall_packets_from_container",
    ] {
        assert!(
            sample.attested[key]
                .as_u64()
                .is_some_and(|packets| packets >= 3),
            "{key}: {:?}",
            sample.attested
        );
    }
    let left = owner_of_the_table().filter(|owner| owner.starts_with(&format!("{pid}-")));
    assert_eq!(left, None);
}

#[test]
fn a_containers_load_from_another_network_goes_through_the_rules_where_it_is_forwarded() {
    if !is_possible() {
        return;
    }
    if let Some(owner) = owner_of_the_table().filter(|owner| is_somebodys(owner)) {
        return not_run(&format!(
            "there is a firewall already, which a suite leaves alone: {owner}"
        ));
    }
    let out = folder();
    let only = "system=docker,workload=http-hello,scenario=throughput,network=bridge";
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command.args(["suite", "--only", only, "--firewall", "off,rules:20"]);
    command.args(["--samples", "1", "--requests", "100", "--warm-up", "1"]);
    command.arg("--out").arg(out.path());
    let (code, said) = told(&command.stdin(Stdio::null()).output().unwrap());
    if code == 8 {
        return not_run(&format!("no container engine: {said}"));
    }
    assert_eq!(code, 0, "{said}");
    let samples = samples(out.path());
    let behind = |level: &str| {
        let found = samples
            .iter()
            .find(|sample| sample.cell.params.is(Param::Firewall, level));
        found.unwrap_or_else(|| panic!("{level}: {said}"))
    };
    for level in ["off", "rules:20"] {
        let sample = behind(level);
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        let path = sample.attested.text(Evidence::ClientPath);
        assert_eq!(path, Some("dnat"), "{level}");
    }
    let count = |key| behind("rules:20").attested.number(key);
    // A hundred requests are a packet there and one back each.
    let forwarded = count(Evidence::FirewallPacketsForwarded);
    assert!(
        forwarded.is_some_and(|packets| packets >= 200),
        "{forwarded:?}"
    );
    assert_eq!(count(Evidence::FirewallPackets), Some(0));
}

/// The names of the namespaces of a suite that runs.
fn namespaces_of(pid: u32) -> Vec<String> {
    let names = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with(&format!("coldphase-{pid}-")))
        .collect()
}

/// The machine's end of the link to a namespace, whose number is the last part of the namespace's
/// name.
fn device_of(namespace: &str) -> PathBuf {
    Path::new("/sys/class/net").join(format!(
        "coldphase-{}",
        namespace.rsplit('-').next().unwrap()
    ))
}

/// Whether neither a namespace nor its link is there any more.
fn is_gone(namespace: &str) -> bool {
    !Path::new("/run/netns").join(namespace).exists() && !device_of(namespace).exists()
}

#[test]
fn services_in_a_namespace_are_measured_and_nothing_is_left() {
    if !is_possible() {
        return;
    }
    let out = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    let words = "--path loopback,veth --delay 0,10ms --samples 1 --requests 50";
    let (code, said) = told(&suite(&mut command, out.path(), words).output().unwrap());
    let (mut delayed, mut namespaces) = (Vec::new(), BTreeSet::new());
    for sample in samples(out.path()) {
        if sample.cell.params.contains_key(Param::DelayMs) {
            delayed.push(sample);
            continue;
        }
        assert_eq!(
            sample.outcome,
            Outcome::Ok,
            "{}: {:?}",
            sample.cell,
            sample.reason
        );
        namespaces.extend(
            sample
                .attested
                .text(Evidence::NetworkNamespace)
                .map(str::to_owned),
        );
        let inside = sample.attested.contains_key(Evidence::NetworkNamespace);
        assert_eq!(
            inside,
            sample.cell.params.contains_key(Param::Path),
            "{}",
            sample.cell
        );
    }
    assert_eq!(delayed.len(), 4, "two systems, two scenarios");
    for sample in delayed {
        // What is missing decides, and either is to be seen.
        if sample.outcome != Outcome::Ok {
            let reason = sample.reason.unwrap_or_default();
            assert!(reason.contains("a delay cannot be made here"), "{reason}");
            continue;
        }
        assert!(
            sample.total_ns.is_none_or(|ns| ns > 39_800_000),
            "two round trips of 20 ms"
        );
        let attested = &sample.attested;
        let means = attested.text(Evidence::LinkMeans).unwrap();
        assert!(["netem", "tun"].contains(&means), "{means}");
        assert!(attested.number(Evidence::LinkDelayNs).unwrap() >= 9_950_000);
        if means == "tun" {
            // Opened by two, closed by two, and one request with its answer.
            assert!(attested.number(Evidence::LinkPackets).unwrap() >= 6);
            assert!(attested.number(Evidence::LinkLateNs).is_some());
            assert!(attested.contains_key(Evidence::ForwarderFirst));
        }
    }
    assert!(
        code == 0 || code == 4 && said.contains("a delay cannot be made here"),
        "{code}: {said}"
    );
    assert!(
        said.contains("the network path: starts whose client sits in another network namespace"),
        "{said}"
    );
    assert!(
        !namespaces.is_empty() && namespaces.iter().all(|namespace| is_gone(namespace)),
        "{namespaces:?}"
    );
}

#[test]
fn a_kill_leaves_no_namespace_and_no_device() {
    if !is_possible() {
        return;
    }
    kill_over("--path veth");
    if is_tun_possible() {
        kill_over("--path tun --delay 5ms");
    }
}

/// Kills a suite that measures over a link, and waits until nothing of it is left.
fn kill_over(path: &str) {
    let out = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = Running(
        suite(
            &mut command,
            out.path(),
            &format!("{path} --samples 20000 --requests 50"),
        )
        .spawn()
        .unwrap(),
    );
    wait_for("samples are taken", || samples(out.path()).len() >= 3);
    let namespaces = namespaces_of(child.0.id());
    assert_eq!(namespaces.len(), 1, "{namespaces:?}");
    assert!(device_of(&namespaces[0]).exists());
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    wait_for("the reaper removes the namespace", || {
        is_gone(&namespaces[0])
    });
}
