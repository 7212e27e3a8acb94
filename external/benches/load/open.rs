//! Open loops: how late answers are, from when each request was due, at a part of the rate that the
//! server was found to answer at most.

use std::fmt::Write as _;
use std::time::Duration;

use external::client::load::{Amount, Pace, run};

use super::server::{launch, native};
use super::{Failure, Setting, closed, is_on_path, load, middle, tell};

/// The part of the capacity at which requests are due.
const PART: f64 = 0.8;

/// How long `wrk2` sends before it records anything: it calibrates itself.
const CALIBRATION_S: u64 = 10;

/// The program: its project builds it under the name of the one that it was made from.
const OTHER: &str = "wrk2";

/// Where latencies are looked at, and how `wrk2` names that.
const QUANTILES: [(f64, &str); 3] = [(0.5, "50.000%"), (0.99, "99.000%"), (0.999, "99.900%")];

/// Latencies at the quantiles, in microseconds.
type Latencies = [f64; QUANTILES.len()];

/// The latencies of our own generator and of `wrk2`, and how they compare.
pub(crate) fn measure(setting: &Setting) -> Result<String, Failure> {
    if !is_on_path(OTHER) {
        return Ok(format!(
            "\n{OTHER} is not on the path: open loops are left out\n"
        ));
    }
    let server = native()?;
    let (mut ours_us, mut others_us) = (Vec::new(), Vec::new());
    let (mut rates, mut late) = (Vec::new(), Vec::new());
    for round in 0..setting.rounds {
        let running = launch(&server, setting.cores.system)?;
        let (capacity, _) = closed::ours(&running.url, setting)?;
        let rate = (capacity * PART).round();
        rates.push(rate);
        for step in 0..2 {
            if (round + step) % 2 == 0 {
                let (latencies, part) = ours(&running.url, setting, rate)?;
                ours_us.push(latencies);
                late.push(part);
            } else {
                others_us.push(others(&running.url, setting, rate)?);
            }
        }
    }
    let mut told = format!(
        "\nlatency in µs from when requests were due, open loop at {:.0} % of the capacity: {} /s, {} \
            connections, {} rounds of {} s each\n",
        PART * 100.0,
        middle(&rates, 0),
        setting.connections,
        setting.rounds,
        setting.seconds
    );
    for (at, (_, name)) in QUANTILES.iter().enumerate() {
        let [ours, others] =
            [&ours_us, &others_us].map(|all| all.iter().map(|it: &Latencies| it[at]).collect());
        let (ours, others): (Vec<f64>, Vec<f64>) = (ours, others);
        let ratios: Vec<_> = ours.iter().zip(&others).map(|(a, b)| a / b).collect();
        writeln!(
            told,
            "  {name:<9} external load {}, {OTHER} {}, ours / {OTHER} {}",
            middle(&ours, 1),
            middle(&others, 1),
            middle(&ratios, 3)
        )?;
    }
    writeln!(
        told,
        "  99th percentile of our generator's own lateness: {}",
        middle(&late, 1)
    )?;
    Ok(told)
}

/// The latencies, and the 99th percentile of how late the generator itself was.
fn ours(url: &str, setting: &Setting, per_second: f64) -> Result<(Latencies, f64), Failure> {
    let amount = Amount::Time(Duration::from_secs(setting.seconds));
    let loaded = run(&load(url, setting, Pace::Open { per_second }, amount)?)?;
    if let Some(failed) = loaded.failures.first() {
        return Err(format!("{} requests failed: {}", failed.count, failed.failure).into());
    }
    let mut latencies = Latencies::default();
    for (at, (quantile, _)) in QUANTILES.iter().enumerate() {
        let ns = loaded.latency_ns(*quantile).ok_or("too few answers")?;
        latencies[at] = ns as f64 / 1e3;
    }
    let lateness = loaded.lateness.ok_or("an open loop tells its lateness")?;
    Ok((latencies, lateness.own.value_at_quantile(0.99) as f64 / 1e3))
}

/// What `wrk2` prints of the same, for as long after its calibration.
fn others(url: &str, setting: &Setting, per_second: f64) -> Result<Latencies, Failure> {
    let (connections, seconds, rate) = (
        setting.connections.to_string(),
        format!("{}s", setting.seconds + CALIBRATION_S),
        format!("{per_second:.0}"),
    );
    let words = [
        OTHER,
        "-t1",
        "-c",
        &connections,
        "-d",
        &seconds,
        "-R",
        &rate,
        "--latency",
        url,
    ];
    let told = tell(setting, &words)?;
    if told.contains("Non-2xx") || told.contains("Socket errors") {
        return Err(format!("{OTHER}: the server did not answer every request: {told}").into());
    }
    let mut latencies = Latencies::default();
    for (at, (_, name)) in QUANTILES.iter().enumerate() {
        let text = told.lines().find_map(|line| line.trim().strip_prefix(name));
        let text = text.ok_or_else(|| format!("{OTHER} told nothing of {name}: {told}"))?;
        latencies[at] = micros(text.trim()).ok_or_else(|| format!("{text} is no time"))?;
    }
    Ok(latencies)
}

/// A time as `wrk2` writes it, such as `637.00us` or `1.02ms`, in microseconds.
fn micros(text: &str) -> Option<f64> {
    [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
        .into_iter()
        .find_map(|(unit, micros)| {
            let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
            Some(number * micros)
        })
}
