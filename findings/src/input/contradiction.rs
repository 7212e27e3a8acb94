//! What a record contradicts itself in.

use results::record::Series;
use results::sum_rule::{residual_bound_ns, sum_rule};
use results::{Outcome, Sample};

use super::{Load, LoadOfRequest};

/// What is wrong with the figures of a sample.
pub(super) struct Wrong {
    /// What was found.
    pub(super) found: String,
    /// Whether no sample can have such a figure, so that this one is left out.
    pub(super) is_impossible: bool,
}

/// What is wrong with the figures of a sample, if anything is.
pub(super) fn wrong(sample: &Sample, load: Option<&Load>) -> Option<Wrong> {
    if let Some(found) = impossible(sample, load) {
        return Some(Wrong {
            found: format!("{found}; this one is left out"),
            is_impossible: true,
        });
    }
    contradiction(sample, load).map(|found| Wrong {
        found,
        is_impossible: false,
    })
}

/// What a sample that counts contradicts itself in.
fn contradiction(sample: &Sample, load: Option<&Load>) -> Option<String> {
    if sample.outcome != Outcome::Ok {
        return None;
    }
    if sample
        .phases
        .iter()
        .try_fold(0_u64, |sum, phase| sum.checked_add(phase.ns))
        .is_none()
    {
        return Some("the phases are longer together than any clock counts".to_owned());
    }
    if let Some(total) = sample.total_ns.filter(|_| !sample.phases.is_empty()) {
        match sum_rule(total, &sample.phases) {
            Err(broken) => return Some(broken.reason),
            Ok(residual) if sample.residual_ns.is_some_and(|stated| stated != residual) => {
                let stated = sample.residual_ns.unwrap_or_default();
                return Some(format!(
                    "the residual is {residual} ns and the record states {stated} ns"
                ));
            }
            Ok(_) => {}
        }
    }
    if let (Some(total), Some(residual)) = (sample.total_ns, sample.residual_ns)
        && residual.unsigned_abs() > residual_bound_ns(total)
    {
        return Some(format!(
            "the residual of {residual} ns is more than the sum rule allows"
        ));
    }
    load.and_then(counts)
}

/// No sample lasts longer: ten days, in nanoseconds.
const LONGEST_NS: u64 = 10 * 24 * 3_600 * 1_000_000_000;

/// No machine that is measured has run for longer, in nanoseconds: ten years.
const LONGEST_UP_NS: u64 = 365 * LONGEST_NS;

/// No machine has more memory, and no process of 64 bits more addresses that are used as a rule: 512 TiB.
const MOST_BYTES: u64 = 1 << 49;

/// A figure that no sample can have, whatever it measured and however it ended: whoever reads a table would
/// take it for one, so that the sample is left out.
fn impossible(sample: &Sample, load: Option<&Load>) -> Option<String> {
    let used = &sample.resources;
    let times = [
        ("total", sample.total_ns),
        ("CPU time", used.cpu_ns.map(|ns| ns / MOST_CORES)),
        ("time of its requests", load.map(|it| it.wall_ns)),
    ];
    let long = times
        .into_iter()
        .find(|(_, ns)| ns.is_some_and(|ns| ns > LONGEST_NS));
    if let Some((what, _)) = long {
        return Some(format!("the {what} is longer than ten days"));
    }
    let evidence = sample.attested.iter();
    let mut of_evidence = evidence.filter_map(|(key, value)| {
        let value = value.as_f64()?;
        let is_beyond = match key.name().rsplit('_').next()? {
            "bytes" => value < 0.0 || value > MOST_BYTES as f64,
            // What was there before the start has instants before it.
            "ns" => value.abs() > LONGEST_UP_NS as f64,
            _ => value.abs() > MOST_REQUESTS as f64,
        };
        is_beyond.then(|| key.name())
    });
    if let Some(key) = of_evidence.next() {
        return Some(format!("`{key}` is more than any machine has"));
    }
    let bytes = [
        ("memory", used.pss_bytes),
        ("resident memory", used.max_rss_bytes),
    ];
    if let Some((what, _)) = bytes
        .into_iter()
        .find(|(_, it)| it.is_some_and(|it| it > MOST_BYTES))
    {
        return Some(format!("the {what} is more than any machine has"));
    }
    let load = load?;
    let counts = [load.sent, load.dropped, load.late, load.ok, load.failed];
    let of_sequence = load.by_request.iter().flat_map(|it| [it.ok, it.failed]);
    let mut counts = counts.into_iter().chain(of_sequence);
    if counts.any(|count| count > MOST_REQUESTS) {
        return Some("its requests are more than any generator counts".to_owned());
    }
    let load = (load.wall_ns > 0 && load.ok > load.wall_ns).then_some(load)?;
    Some(format!(
        "{} answers in {} ns are more than one a nanosecond",
        load.ok, load.wall_ns
    ))
}

/// No generator counts more requests of a sample, and nothing else more packets, pages or attempts: some
/// trillions.
const MOST_REQUESTS: u64 = 1 << 42;

/// No machine has more cores: a bound for CPU time beside time.
const MOST_CORES: u64 = 1 << 20;

/// Whether the numbers of requests add up.
fn counts(load: &Load) -> Option<String> {
    let Load {
        sent, ok, failed, ..
    } = *load;
    if ok.checked_add(failed) != Some(sent) {
        return Some(format!(
            "{sent} requests were sent, but {ok} right and {failed} wrong answers are counted"
        ));
    }
    let recorded = load.latencies.recorded();
    if recorded != 0 && recorded != ok {
        return Some(format!(
            "{ok} right answers, but {recorded} latencies in the histogram"
        ));
    }
    requests_of_sequence(load).or_else(|| load.series.as_ref().and_then(|it| windows(load, it)))
}

/// Whether the requests of a sequence are those that are counted.
fn requests_of_sequence(load: &Load) -> Option<String> {
    let sum = |of: fn(&LoadOfRequest) -> u64| {
        let each = load.by_request.iter().map(of);
        each.fold(0, u64::saturating_add)
    };
    let (ok, failed) = (sum(|it| it.ok), sum(|it| it.failed));
    let is_same = load.by_request.is_empty() || (ok, failed) == (load.ok, load.failed);
    (!is_same).then(|| {
        format!(
            "{} right and {} wrong answers, but {ok} and {failed} of the requests of its sequence",
            load.ok, load.failed
        )
    })
}

/// Whether a series is of the requests that are counted: two ways of counting the same answers.
fn windows(load: &Load, series: &Series) -> Option<String> {
    let sum = |values: &[u64]| {
        values
            .iter()
            .fold(0, |sum: u64, it| sum.saturating_add(*it))
    };
    let answers = sum(&series.answers);
    if answers != load.ok {
        return Some(format!(
            "{} right answers, but {answers} in the windows of time",
            load.ok
        ));
    }
    let windows = series.answers.len();
    if series.window_ns == 0 || series.latency_sum_ns.len() != windows {
        return Some("the windows of time are none".to_owned());
    }
    let before = (windows as u64)
        .saturating_sub(1)
        .saturating_mul(series.window_ns);
    if before > load.wall_ns {
        return Some(format!(
            "{windows} windows of {} ns are more than the {} ns that the load took",
            series.window_ns, load.wall_ns
        ));
    }
    // The histogram keeps three digits.
    let (summed, mean) = (
        sum(&series.latency_sum_ns) as f64,
        load.latencies.mean_ns()?,
    );
    let counted = mean * answers as f64;
    ((summed - counted).abs() > counted * 0.01).then(|| {
        format!(
            "the latencies of the windows are {summed:.0} ns together, those of the histogram \
                {counted:.0} ns"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Latencies;

    #[test]
    fn windows_are_of_the_answers_and_latencies_that_are_counted() {
        let load = Load {
            sent: 100,
            ok: 100,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns: 1_000_000,
            latencies: Latencies::of(&[(10_000, 100)]),
            series: None,
            by_request: Vec::new(),
        };
        let series = |answers: [u64; 2], latency_sum_ns: [u64; 2], window_ns| Series {
            window_ns,
            answers: answers.into(),
            latency_sum_ns: latency_sum_ns.into(),
        };
        let found = |series: &Series| windows(&load, series).unwrap_or_default();
        let half = [500_000; 2];
        assert_eq!(found(&series([50, 50], half, 500_000)), "");
        let missing = found(&series([50, 49], half, 500_000));
        assert!(
            missing.contains("100 right answers, but 99 in the windows"),
            "{missing}"
        );
        let slow = found(&series([50, 50], [500_000, 600_000], 500_000));
        assert!(
            slow.contains("latencies of the windows are 1100000 ns"),
            "{slow}"
        );
        let long = found(&series([50, 50], half, 2_000_000));
        assert!(long.contains("are more than the 1000000 ns"), "{long}");
        assert!(found(&series([50, 50], half, 0)).contains("are none"));
    }

    #[test]
    fn requests_of_a_sequence_are_those_that_are_counted() {
        let request = |ok, failed| LoadOfRequest {
            name: "GET /".into(),
            ok,
            failed,
            latencies: Latencies::default(),
        };
        let load = |by_request| Load {
            sent: 5,
            ok: 4,
            failed: 1,
            dropped: 0,
            late: 0,
            wall_ns: 1,
            latencies: Latencies::default(),
            series: None,
            by_request,
        };
        assert_eq!(counts(&load(Vec::new())), None);
        assert_eq!(counts(&load(vec![request(2, 1), request(2, 0)])), None);
        let wrong = counts(&load(vec![request(2, 1), request(1, 0)])).unwrap();
        assert!(wrong.contains("but 3 and 1 of the requests"), "{wrong}");
    }
}
