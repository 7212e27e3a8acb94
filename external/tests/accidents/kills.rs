//! The suite, killed at random moments of its life and gone on with at once.

use std::time::Duration;

use campaign::Exit;
use rand::RngExt as _;

use crate::support::{Suite, number, random};

/// Programs, containers of an engine that is restarted for each start, and an infrastructure of several
/// servers: everything that leaves something behind in a way of its own.
const CELLS: &str = "system=native,system=wasmtime-embedded,system=runc,system=wasmcloud,system=docker,\
    workload=http-hello,scenario=disk-cold,scenario=warm-disk,observer=none";

/// Of each cell: more than one life of the suite gets done.
const SAMPLES: u32 = 5;

/// The longest time until a kill: beyond finding the systems, preparing, and several starts of each.
const LONGEST: Duration = Duration::from_secs(12);

#[test]
fn kills_at_random_moments_lose_nothing_and_leave_nothing() {
    let mut random = random();
    let kills = number("COLDPHASE_KILLS", 4);
    let mut suite = Suite::new(CELLS, SAMPLES);
    for kill in 0..kills {
        let before = suite.lines();
        let moment = LONGEST.mul_f64(random.random());
        let mut child = suite.launch();
        std::thread::sleep(moment);
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let after = suite.lines();
        assert_eq!(after[..before.len()], before, "what was measured is kept");
        eprintln!(
            "kill {kill} after {} ms: {} samples",
            moment.as_millis(),
            after.len()
        );
        let Some(status) = ended else { continue };
        // It was quicker: the next ones are of a run of their own. Of what others do on this machine, single
        // samples may have failed or been skipped, which is looked at below.
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        let over = [Exit::Ok, Exit::Samples].map(Exit::code);
        assert!(
            code.is_some_and(|code| over.contains(&code)),
            "{status}: {}",
            suite.said()
        );
        end(&mut suite);
        suite = Suite::new(CELLS, SAMPLES);
    }
    end(&mut suite);
}

/// Goes on with a run to its end, and checks what is there then.
fn end(suite: &mut Suite) {
    suite.finish_all_ok();
    suite.assert_nothing_left();
}
