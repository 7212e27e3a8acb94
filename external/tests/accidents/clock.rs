//! A wall clock that is set while a suite measures, to and fro and by years.

use std::path::{Path, PathBuf};
use std::process::Command;

use machine::clock::now_ns;

use crate::left;
use crate::suite::{Campaign, alone, not_run, wait_for};

/// What a program is given in place of the machine's wall clock, which is everybody's: one that jumps at
/// every look. The monotonic one is let be.
const JUMPING: &str = r#"
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void) {
    static const long seconds[] = {0, 3600, -86400, 315360000, -7200, -315360000, 59};
    static atomic_uint looks;
    return seconds[atomic_fetch_add(&looks, 1) % (sizeof seconds / sizeof *seconds)];
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += jump();
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"#;

/// It as a library; nothing where there is no C compiler.
fn jumping(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("jumping.c"), folder.join("jumping.so"));
    std::fs::write(&source, JUMPING).unwrap();
    let mut compiler = Command::new("cc");
    let compiler = compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source);
    match compiler.status() {
        Ok(status) => {
            assert!(status.success(), "{status}");
            Some(library)
        }
        Err(error) => {
            not_run(&format!("cc: {error}"));
            None
        }
    }
}

#[test]
fn a_wall_clock_that_jumps_at_every_look_changes_no_sample() {
    let _alone = alone();
    left::watch_orphans();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let Some(library) = jumping(folder.path()) else {
        return;
    };
    let only = "system=native,system=wasmtime-embedded,workload=http-hello,scenario=code-cold,\
        scenario=throughput";
    let asked = [
        "--only",
        only,
        "--samples",
        "2",
        "--requests",
        "50",
        "--seed",
        "16",
    ];
    let campaign = Campaign::new(&asked);
    let begun_ns = now_ns();
    let start = || campaign.start_as(campaign.command().env("LD_PRELOAD", &library));
    // Killed once, so that it goes on at another time too, some years away.
    let mut suite = start();
    let owner = suite.owner();
    wait_for("it takes samples", || {
        suite.has_ended() || campaign.samples().len() > 2
    });
    suite.kill();
    left::nothing(&campaign, &owner, "killed");
    let suite = start();
    let owner = suite.owner();
    let ended = suite.end();
    let passed_ns = now_ns() - begun_ns;
    assert!(matches!(ended.code(), Some(0 | 4)), "{ended:?}");
    campaign.check_whole("jumping");
    left::nothing(&campaign, &owner, "jumping");

    let samples = campaign.samples();
    let mut years: Vec<&str> = samples.iter().map(|it| &it.started_at[..4]).collect();
    years.sort_unstable();
    years.dedup();
    assert!(years.len() > 1, "the clock did not jump: {years:?}");
    for sample in &samples {
        let noise = &sample.noise;
        let load = sample.requests.as_ref().map(|it| it.wall_ns);
        for ns in [sample.total_ns, load, noise.capacity_ns.map(|ns| ns / 1024)] {
            assert!(
                ns.is_none_or(|ns| ns < passed_ns),
                "{passed_ns}: {sample:?}"
            );
        }
    }
}
