//! Suites that are killed, and go on.

use std::time::Duration;

use machine::clock::now_ns;
use nix::sched::{CloneFlags, unshare};
use rand::RngExt as _;

use crate::left;
use crate::suite::{Campaign, alone, is_root, random, variable, wait_for};

/// What begins the messages about a kill.
fn told(seed: u64, kills: u64) -> String {
    format!("COLDPHASE_KILLS_SEED={seed}, kill {kills}")
}

/// How a long test is followed.
#[expect(clippy::print_stderr, reason = "a long test reports how far it is")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// Kills suites of what is asked for so often, at random moments, and has each campaign go on until it is
/// done.
fn killed(asked: &[&str], usual: u64) {
    let _alone = alone();
    left::watch_orphans();
    let wanted = variable("COLDPHASE_KILLS", usual);
    let seed = variable(
        "COLDPHASE_KILLS_SEED",
        u64::from(std::process::id()) ^ now_ns(),
    );
    let mut random = random(seed);
    // One that nothing happens to: how long it takes is what moments are drawn from.
    let begun_ns = now_ns();
    let whole = Campaign::new(asked);
    let suite = whole.start();
    let owner = suite.owner();
    let ended = suite.end();
    assert!(matches!(ended.code(), Some(0 | 4)), "{ended:?}");
    whole.check_whole("nothing happened");
    left::nothing(&whole, &owner, "nothing happened");
    let whole_ns = now_ns() - begun_ns;

    let (mut kills, mut campaigns, mut in_measuring) = (0, 0, 0);
    while kills < wanted {
        let campaign = Campaign::new(asked);
        campaigns += 1;
        loop {
            let mut suite = campaign.start();
            let owner = suite.owner();
            let told = told(seed, kills);
            let until_ns = now_ns() + random.random_range(0..=whole_ns);
            // The last campaign is left to come to its end.
            while !suite.has_ended() && (now_ns() < until_ns || kills == wanted) {
                std::thread::sleep(Duration::from_micros(500));
            }
            if suite.has_ended() {
                let ended = suite.end();
                assert!(matches!(ended.code(), Some(0 | 4)), "{told}: {ended:?}");
                campaign.check_whole(&told);
                left::nothing(&campaign, &owner, &told);
                break;
            }
            suite.kill();
            kills += 1;
            left::nothing(&campaign, &owner, &told);
            in_measuring += u64::from(campaign.check_prefix(&told) > 0);
            if kills % 10 == 0 {
                tell(&format!(
                    "seed {seed}: {kills} kills, {campaigns} campaigns"
                ));
            }
        }
    }
    tell(&format!(
        "seed {seed}: {kills} kills in {campaigns} campaigns, {in_measuring} of them after a first sample"
    ));
}

/// Every way that a sample of processes has: each system that is here, commands and services, observed and
/// not, with a firewall and a network in between.
const PROCESSES: [&str; 8] = [
    "--only",
    "system=native,system=wasmtime-embedded,system=wasmtime-cli,system=wasmedge-cli,\
        workload=hello,workload=http-hello,scenario=disk-cold,scenario=code-cold,scenario=warm-disk,scenario=throughput",
    "--samples",
    "1",
    "--requests",
    "50",
    "--seed",
    "16",
];

#[test]
fn killed_suites_of_processes_go_on_and_leave_nothing() {
    killed(&PROCESSES, 4);
}

#[test]
fn killed_suites_in_a_network_of_their_own_go_on_and_leave_nothing() {
    if !is_root() {
        return;
    }
    // The table of a firewall is one for a whole network, and mounts of namespaces are seen by everybody: a
    // thread that is apart from both sees what it has made, and disturbs nobody.
    let apart = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).unwrap();
        run("mount --make-rprivate /");
        run("ip link set lo up");
        let only = "system=native,workload=http-hello,scenario=warm-disk,scenario=throughput";
        let way = ["--firewall", "baseline,rules:10", "--path", "loopback,veth"];
        let few = ["--samples", "1", "--requests", "50", "--seed", "16"];
        killed(&[&["--only", only][..], &way, &few].concat(), 3);
    });
    if let Err(panic) = apart.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a command of the machine's.
pub(crate) fn run(command: &str) {
    let mut words = command.split(' ');
    let mut program = std::process::Command::new(words.next().unwrap());
    let status = program.args(words).status().unwrap();
    assert!(status.success(), "{command}: {status}");
}

/// What is ordered of engines that live as long as the machine. Without them installed these tests fail, and
/// say so: `./setup docker wasmcloud`.
#[test]
fn killed_suites_of_containers_go_on_and_leave_nothing() {
    let only = "system=docker,system=containerd,system=runc,workload=hello,workload=http-hello,\
        scenario=disk-cold,scenario=code-cold,scenario=warm-disk";
    let asked = [
        "--profile",
        "standard",
        "--only",
        only,
        "--require",
        "docker",
    ];
    docker_engine::start().expect("`./setup docker` installs it");
    killed(
        &[
            &asked[..],
            &["--samples", "1", "--no-observer", "--seed", "16"],
        ]
        .concat(),
        2,
    );
    wait_for("the engine is back", || docker_engine::start().is_ok());
}

#[test]
fn killed_suites_of_wasmcloud_go_on_and_leave_nothing() {
    let only = "system=wasmcloud,workload=http-hello,scenario=disk-cold,scenario=code-cold,scenario=warm-disk";
    let asked = ["--only", only, "--require", "wasmcloud", "--samples", "1"];
    killed(&[&asked[..], &["--seed", "16"]].concat(), 2);
}
