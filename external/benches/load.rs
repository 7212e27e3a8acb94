//! The load generator beside `wrk` and `oha`: requests per second at saturation against the native
//! server, closed-loop.
//!
//! `cargo bench -p external --profile dev --bench load [-- --rounds N --seconds S --connections
//! C]`. In each round a new server bears the generators one after another, in an order that turns
//! from round to round, so that what drifts falls on all alike. The server has one core and the
//! generator another where there are two. `wrk` and `oha` are taken from `PATH`; what is not there
//! is said and left out. With `--test` everything is done once, briefly.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use external::client::load::{Amount, Load, Pace, Target, run};
use machine::cores::{self, Cores};
use workloads::{Call, Workload};

type Failure = Box<dyn std::error::Error>;

/// A load as all generators bear it.
struct Setting {
    rounds: usize,
    seconds: u64,
    connections: usize,
    cores: Cores,
}

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

fn ours(url: &str, setting: &Setting) -> Result<(f64, Option<f64>), Failure> {
    let target = Target::from_url(url)?;
    let Call::Http(request) = Workload::HttpHello.call() else {
        return Err("the workload is no service".into());
    };
    let loaded = run(&Load {
        address: target.reachable(),
        host: target.host,
        also: Vec::new(),
        request,
        expected: Workload::HttpHello.expected(1),
        sequence: Vec::new(),
        pace: Pace::Closed,
        connections: setting.connections,
        keep_alive: true,
        warm_up: external::client::load::WARM_UP,
        until_steady: None,
        amount: Amount::Time(Duration::from_secs(setting.seconds)),
        timeout: Duration::from_secs(10),
        core: setting.cores.generator,
    })?;
    if let Some(failed) = loaded.failures.first() {
        return Err(format!("{} requests failed: {}", failed.count, failed.failure).into());
    }
    Ok((
        loaded.per_second().ok_or("no request was answered")?,
        loaded.cpu_share(),
    ))
}

/// A command that is kept on a core, or nowhere in particular.
fn pinned(core: Option<usize>, program: &Path) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// A server that runs, and is killed when it is dropped.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(program: &Path, core: Option<usize>) -> Result<Running, Failure> {
    let mut command = pinned(core, program);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let told = child.stdout.take().ok_or("no standard output")?;
    let mut running = Running {
        child,
        url: String::new(),
    };
    let mut line = String::new();
    BufReader::new(told).read_line(&mut line)?;
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .ok_or("the server never said where it listens")?;
    running.url = format!("http://{address}/");
    Ok(running)
}

/// The native server, beside `external` in the folder of the build; cargo brings it up to date.
fn native() -> Result<PathBuf, Failure> {
    let folder = Path::new(env!("CARGO_BIN_EXE_external"))
        .parent()
        .ok_or("no folder")?;
    let profile = if folder.ends_with("debug") {
        "dev"
    } else {
        "release"
    };
    let cargo = std::env::var_os("CARGO").ok_or("start it with cargo")?;
    let target = folder.parent().ok_or("no target folder")?;
    let built = Command::new(cargo)
        .args([
            "build",
            "--locked",
            "--quiet",
            "-p",
            "native",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(target)
        .status()?;
    if !built.success() {
        return Err("the native server cannot be built".into());
    }
    Ok(folder.join("native-http"))
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
    })
}

fn measure() -> Result<String, Failure> {
    let setting = setting()?;
    let Setting {
        rounds,
        seconds,
        connections,
        cores,
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
            let (rate, share) = generators[at].rate(&running.url, &setting)?;
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

fn main() -> ExitCode {
    match measure() {
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
