//! Closed loops: requests per second at saturation.

use std::fmt::Write as _;

use external::client::load::{Amount, Pace, run};
use machine::cores::Cores;
use std::time::Duration;

use super::server::{launch, native};
use super::{Failure, Setting, is_on_path, load, middle, tell};

/// Who makes load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generator {
    Ours,
    Wrk,
    Oha,
}

impl Generator {
    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "external load",
            Self::Wrk => "wrk",
            Self::Oha => "oha",
        }
    }

    /// Right answers per second, and the part of its core that it took if it tells.
    fn rate(self, url: &str, setting: &Setting) -> Result<(f64, Option<f64>), Failure> {
        let (connections, seconds) = (
            setting.connections.to_string(),
            format!("{}s", setting.seconds),
        );
        match self {
            Self::Ours => ours(url, setting),
            Self::Wrk => {
                let told = tell(
                    setting,
                    &["wrk", "-t1", "-c", &connections, "-d", &seconds, url],
                )?;
                if told.contains("Non-2xx") || told.contains("Socket errors") {
                    return Err(
                        format!("wrk: the server did not answer every request: {told}").into(),
                    );
                }
                let rate = told
                    .lines()
                    .find_map(|line| line.strip_prefix("Requests/sec:"));
                Ok((rate.ok_or("wrk told no rate")?.trim().parse()?, None))
            }
            Self::Oha => {
                let words = [
                    "oha",
                    "--no-tui",
                    "--output-format",
                    "json",
                    "-c",
                    &connections,
                    "-z",
                    &seconds,
                    url,
                ];
                let told: serde_json::Value = serde_json::from_str(&tell(setting, &words)?)?;
                Ok((
                    told["summary"]["requestsPerSec"]
                        .as_f64()
                        .ok_or("oha told no rate")?,
                    None,
                ))
            }
        }
    }
}

/// Right answers per second of our own generator, and its part of a core.
pub(crate) fn ours(url: &str, setting: &Setting) -> Result<(f64, Option<f64>), Failure> {
    let amount = Amount::Time(Duration::from_secs(setting.seconds));
    let loaded = run(&load(url, setting, Pace::Closed, amount)?)?;
    if let Some(failed) = loaded.failures.first() {
        return Err(format!("{} requests failed: {}", failed.count, failed.failure).into());
    }
    Ok((
        loaded.per_second().ok_or("no request was answered")?,
        loaded.cpu_share(),
    ))
}

/// The rates, and how they compare.
pub(crate) fn measure(setting: &Setting) -> Result<String, Failure> {
    let &Setting {
        rounds,
        seconds,
        connections,
        cores,
        ..
    } = setting;
    let server = native()?;
    let mut told = format!(
        "requests/s, closed loop, {connections} connections, {rounds} rounds of {seconds} s each\n"
    );
    match cores {
        Cores {
            system: Some(system),
            generator: Some(generator),
        } => {
            writeln!(
                told,
                "server on core {system}, generator on core {generator}"
            )?;
        }
        _ => told.push_str(
            "server and generator share their cores: taskset is missing, or there is one core \
                only\n",
        ),
    }
    let mut generators = vec![Generator::Ours];
    for other in [Generator::Wrk, Generator::Oha] {
        if is_on_path(other.name()) {
            generators.push(other);
        } else {
            writeln!(told, "{} is not on the path: left out", other.name())?;
        }
    }
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); generators.len()];
    let mut shares = Vec::new();
    for round in 0..rounds {
        let running = launch(&server, cores.system)?;
        for step in 0..generators.len() {
            let at = (round + step) % generators.len();
            let (rate, share) = generators[at].rate(&running.url, setting)?;
            rates[at].push(rate);
            shares.extend(share);
        }
    }
    for (generator, rates) in generators.iter().zip(&rates) {
        writeln!(told, "  {:<20} {}", generator.name(), middle(rates, 0))?;
    }
    writeln!(
        told,
        "  {:<20} {}",
        "our part of a core",
        middle(&shares, 2)
    )?;
    for (other, theirs) in generators.iter().zip(&rates).skip(1) {
        let ratios: Vec<f64> = rates[0]
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        writeln!(
            told,
            "  {:<20} {}",
            format!("ours / {}", other.name()),
            middle(&ratios, 3)
        )?;
    }
    Ok(told)
}
