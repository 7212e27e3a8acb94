//! The wall clock, set while a run measures: by an administrator, a time server, or a virtual machine
//! that was asleep. Whatever is measured is measured by another clock.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use machine::clock::now_ns;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::support::{Suite, random, until};
use crate::waiting::HANG_NS;

const CELLS: &str = "system=native,system=wasmcloud,system=docker,workload=http-hello,\
    scenario=warm-disk,observer=none";
const SAMPLES: u32 = 8;

/// By how many seconds it is set.
const STEPS: [i64; 6] = [-86_400, -3_600, -2, 2, 3_600, 86_400];

/// What is loaded before the C library: its wall clock is off by what stands in a file. The machine's own
/// clock is not this test's to set.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *off_by;

__attribute__((constructor)) static void find(void) {
    const char *path = getenv("COLDPHASE_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(0, sizeof *off_by, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) off_by = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && off_by) time->tv_sec += *off_by;
    return result;
}
"#;

/// A wall clock of a run's own.
struct Clock(File);

impl Clock {
    /// One that the suite and what it starts will read.
    fn of(suite: &mut Suite) -> Self {
        let path = |name: &str| -> PathBuf { suite.folder().join(name) };
        let (source, library, file) = (path("clock.c"), path("clock.so"), path("clock"));
        fs::write(&source, LIBRARY).unwrap();
        let compiled = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status();
        assert!(compiled.unwrap().success(), "Rust needs a C linker too");
        let clock = Self(File::create(&file).unwrap());
        clock.set(0);
        suite.set("LD_PRELOAD", library);
        suite.set("COLDPHASE_CLOCK", file);
        clock
    }

    /// Sets it so many seconds ahead of the machine's.
    fn set(&self, seconds: i64) {
        self.0.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }
}

#[test]
fn a_clock_that_is_set_meanwhile_changes_no_outcome_and_no_figure() {
    let mut random = random();
    let mut suite = Suite::new(CELLS, SAMPLES);
    let clock = Clock::of(&mut suite);
    let mut child = suite.launch();
    until("the first sample", || {
        (!suite.lines().is_empty()).then_some(())
    });
    let until_ns = now_ns() + HANG_NS;
    while child.try_wait().unwrap().is_none() {
        if now_ns() > until_ns {
            child.kill().unwrap();
            panic!("it waits for the clock: {}", suite.said());
        }
        clock.set(*STEPS.choose(&mut random).unwrap());
        std::thread::sleep(Duration::from_secs_f64(random.random()));
    }
    clock.set(0);
    let samples = suite.finish_all_ok();
    let steps = samples.windows(2);
    let backwards = steps
        .filter(|pair| pair[1].started_at < pair[0].started_at)
        .count();
    assert!(backwards > 0, "the clock of the run was not set at all");
    for sample in &samples {
        let total_ns = sample.total_ns.expect("all are starts");
        assert!(total_ns < 60_000_000_000, "{total_ns} ns: {}", sample.cell);
    }
    suite.assert_nothing_left();
}
