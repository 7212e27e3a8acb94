//! `host overhead`: what a probe's launch costs beside that of an equally linked program that
//! returns at once.

use std::io::Write as _;
use std::path::Path;

use findings::Estimate;
use workloads::Workload;

use campaign::{Error, Exit};
use host_probe::limits as of_guests;
use host_probe::request::{Message, RETURN};

use crate::bench::programs::THIS;
use crate::bench::target::Target;
use crate::bench::{Limits, launch, rehearsal};
use crate::cli::Overhead;
use crate::error::{Advice, failed};

/// Launches of both kinds in the order ABBA, and the medians. In that order each kind follows each
/// kind equally often: with ABAB the one that always came after a probe, and found the caches as a
/// probe leaves them, was 12 % slower.
pub(super) fn run(arguments: &Overhead) -> Result<Exit, Error> {
    let target = Target::from_workload(Workload::Hello)?.swap_remove(0);
    let limits = Limits {
        time: of_guests::TIME,
        memory_bytes: of_guests::MEMORY_BYTES,
    };
    let (mut probe, mut first_statement, mut to_exit) = (Vec::new(), Vec::new(), Vec::new());
    for launch in 0..2 * arguments.samples {
        if matches!(launch % 4, 0 | 3) {
            let process_ns = rehearsal::measure_process_phase(&target, limits)
                .map_err(|failure| failed("a probe", &failure, Advice::MEASURED))?;
            probe.push(process_ns);
        } else {
            let finished =
                launch::run::<u64>(Path::new(THIS), RETURN, &Message::default(), limits.time);
            let first = finished
                .report
                .map_err(|failure| failed("a program that returns", &failure, Advice::MEASURED))?;
            first_statement.push(first.saturating_sub(finished.launched_ns));
            to_exit.push(finished.ended_ns - finished.launched_ns);
        }
    }
    let row = |name: &str, values: &[u64]| {
        let estimate = Estimate::of_whole(values).expect("there is at least one launch");
        format!("{name:<58} {estimate}")
    };
    let ratio = Estimate::of_whole(&probe)
        .zip(Estimate::of_whole(&first_statement))
        .map(|(probe, returns)| probe.value / returns.value);
    let text = [
        format!(
            "{} launches of each kind, interleaved; median [95 % interval]",
            arguments.samples
        ),
        row(
            "probe: launch → first statement (its `process` phase)",
            &probe,
        ),
        row(
            "returns at once: launch → first statement",
            &first_statement,
        ),
        row(
            "returns at once: launch → its end seen by the parent",
            &to_exit,
        ),
        format!("probe ÷ returns at once: {:.3}", ratio.unwrap_or(f64::NAN)),
    ];
    let _ = writeln!(std::io::stdout(), "{}", text.join("\n"));
    Ok(Exit::Ok)
}
