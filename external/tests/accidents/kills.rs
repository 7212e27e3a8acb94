//! The suite, killed at random moments of its life and gone on with at once.

use std::time::Duration;

use campaign::Exit;
use external::network::firewall::nft::Nft;
use rand::RngExt as _;

use crate::support::{Suite, number, random};

/// A run that is killed again and again.
struct Plan {
    cells: &'static str,
    more: &'static [&'static str],
    /// Of each cell: more than one life of the suite gets done.
    samples: u32,
    /// The longest time until a kill: beyond finding the systems, preparing, and several starts of each.
    longest: Duration,
    /// How often it is killed, unless `COLDPHASE_KILLS` says otherwise.
    kills: u64,
}

/// Programs, containers of an engine that is restarted for each start, and an infrastructure of several
/// servers: everything that leaves something behind in a way of its own.
const SYSTEMS: Plan = Plan {
    cells: "system=native,system=wasmtime-embedded,system=runc,system=wasmcloud,system=docker,\
        workload=http-hello,scenario=disk-cold,scenario=warm-disk,observer=none",
    more: &[],
    samples: 5,
    longest: Duration::from_secs(12),
    kills: 4,
};

/// What is put into the machine's network: a firewall's table, a namespace with its link.
const NETWORK: Plan = Plan {
    cells: "system=native,workload=http-hello,scenario=warm-disk,observer=none",
    more: &["--firewall", "off,baseline", "--path", "loopback,veth"],
    samples: 12,
    longest: Duration::from_secs(5),
    kills: 3,
};

impl Plan {
    fn begin(&self) -> Suite {
        Suite::new(self.cells, self.samples).with(self.more)
    }

    /// Kills it so often, and looks whether each time all is kept, and nothing left at the end.
    fn kill(&self) {
        let mut random = random();
        let mut suite = self.begin();
        for kill in 0..number("COLDPHASE_KILLS", self.kills) {
            let before = suite.lines();
            let moment = self.longest.mul_f64(random.random());
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
            // It was quicker: the next ones are of a run of their own. Of what others do on this machine,
            // single samples may have failed or been skipped, which is looked at below.
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            let over = [Exit::Ok, Exit::Samples].map(Exit::code);
            assert!(
                code.is_some_and(|code| over.contains(&code)),
                "{status}: {}",
                suite.said()
            );
            end(&mut suite);
            suite = self.begin();
        }
        end(&mut suite);
    }
}

/// Goes on with a run to its end, and checks what is there then.
fn end(suite: &mut Suite) {
    suite.finish_all_ok();
    suite.assert_nothing_left();
}

#[test]
fn kills_at_random_moments_lose_nothing_and_leave_nothing() {
    SYSTEMS.kill();
}

#[test]
fn kills_leave_nothing_in_the_machines_network() {
    // The machine has one table for all: that of somebody else is left alone, and nothing is measured.
    match Nft::find().and_then(|nft| nft.table()) {
        Ok(None) => NETWORK.kill(),
        Ok(Some(table)) => eprintln!("not run: {} has a firewall", table.owner),
        Err(error) => eprintln!("not run: {error}"),
    }
}
