//! The load generator beside others, against the native server: requests per second at saturation
//! beside `wrk` and `oha`, and how late answers are in an open loop beside `wrk2`.
//!
//! `cargo bench -p external --profile dev --bench load [-- --rounds N --seconds S --connections
//! C] [--open]`. In each round a new server bears the generators one after another, in an order that turns
//! from round to round, so that what drifts falls on all alike. The server has one core and the
//! generator another where there are two. The others are taken from `PATH`; what is not there
//! is said and left out. With `--open` there are open loops only, without it closed ones only. With
//! `--test` closed ones are done once, briefly.

mod closed;
mod open;
mod server;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use external::client::load::{Amount, Load, Pace, Target, WARM_UP};
use machine::cores::{self, Cores};
use workloads::{Call, Workload};

use server::pinned;

type Failure = Box<dyn std::error::Error>;

/// A load as all generators bear it.
struct Setting {
    rounds: usize,
    seconds: u64,
    connections: usize,
    cores: Cores,
    /// Whether it is of open loops.
    is_open: bool,
}

/// A load of our own generator.
fn load(url: &str, setting: &Setting, pace: Pace, amount: Amount) -> Result<Load, Failure> {
    let target = Target::from_url(url)?;
    let Call::Http(request) = Workload::HttpHello.call() else {
        return Err("the workload is no service".into());
    };
    Ok(Load {
        address: target.reachable(),
        host: target.host,
        also: Vec::new(),
        request,
        expected: Workload::HttpHello.expected(1),
        sequence: Vec::new(),
        pace,
        connections: setting.connections,
        keep_alive: true,
        warm_up: WARM_UP,
        until_steady: None,
        amount,
        timeout: Duration::from_secs(10),
        core: setting.cores.generator,
    })
}

/// Runs a generator on its core and returns what it prints.
fn tell(setting: &Setting, words: &[&str]) -> Result<String, Failure> {
    let output = pinned(setting.cores.generator, Path::new(words[0]))
        .args(&words[1..])
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "{} failed: {}",
            words[0],
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Median, and least and most.
fn middle(values: &[f64], digits: usize) -> String {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let median = f64::midpoint(values[(n - 1) / 2], values[n / 2]);
    format!(
        "{median:.digits$} ({:.digits$}–{:.digits$})",
        values[0],
        values[n - 1]
    )
}

fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn setting() -> Result<Setting, Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1))
            .map_or(Ok(default), |text| text.parse())
    };
    let once = arguments.iter().any(|argument| argument == "--test");
    let cores = if is_on_path("taskset") {
        cores::pair()
    } else {
        Cores::default()
    };
    Ok(Setting {
        rounds: usize::try_from(if once {
            1
        } else {
            number("--rounds", 9)?.max(1)
        })?,
        seconds: if once {
            1
        } else {
            number("--seconds", 3)?.max(1)
        },
        connections: usize::try_from(number("--connections", 10)?)?,
        cores,
        is_open: arguments.iter().any(|argument| argument == "--open"),
    })
}

fn main() -> ExitCode {
    let measured = setting().and_then(|setting| {
        if setting.is_open {
            open::measure(&setting)
        } else {
            closed::measure(&setting)
        }
    });
    match measured {
        Ok(told) => {
            let _ = std::io::stdout().write_all(told.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
