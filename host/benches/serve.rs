//! `host serve` beside the native server and `wasmtime serve`: from launch to the first 200, and
//! requests per second.
//!
//! `cargo bench -p host --profile dev --bench serve [-- --samples N]`. The three are launched in
//! turn, forwards and then backwards (ABBA), each in a process of its own, so that what drifts
//! falls on all alike. `wasmtime` is taken from `WASMTIME` or `PATH`, `wrk` from `PATH`; what is
//! not there is reported and left out. With `--test` everything is done once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use campaign::sibling::NATIVE;
use findings::Estimate;
use host::engine::wasmtime::VERSION;
use machine::clock::now_ns;
use workloads::{Dialect, Workload};

type Failure = Box<dyn std::error::Error>;

/// Connections and seconds of one load, and how often each server bears it.
const CONNECTIONS: &str = "16";
const LOAD_SECONDS: &str = "3";
const LOADS: usize = 5;

/// A server under one of its configurations.
struct Server {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    /// What stands before its address in what it prints, and on which stream.
    announces: (&'static str, bool),
}

/// A server that runs, and is killed when it is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Launches it and waits for its address, pinned to the first core if `pinned`.
    fn launch(&self, pinned: bool) -> Result<Running, Failure> {
        let mut command = if pinned {
            Command::new("taskset")
        } else {
            Command::new(&self.program)
        };
        if pinned {
            command.args(["-c", "0"]).arg(&self.program);
        }
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (before, on_stderr) = self.announces;
        let stream: Box<dyn std::io::Read> = if on_stderr {
            Box::new(child.stderr.take().ok_or("no standard error")?)
        } else {
            Box::new(child.stdout.take().ok_or("no standard output")?)
        };
        let mut running = Running {
            child,
            address: String::new(),
        };
        for line in BufReader::new(stream).lines() {
            if let Some((_, address)) = line?.split_once(before) {
                address
                    .trim_end_matches('/')
                    .clone_into(&mut running.address);
                return Ok(running);
            }
        }
        Err(format!("{} never printed where it listens", self.name).into())
    }

    /// From launch to the first complete and right answer, in nanoseconds.
    fn start_ns(&self) -> Result<u64, Failure> {
        let launched = now_ns();
        let running = self.launch(false)?;
        let mut stream = TcpStream::connect(&running.address)?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let answered = now_ns();
        if !answer.starts_with("HTTP/1.1 200") || !answer.contains("Hello from coldphase") {
            return Err(format!("{} answered {answer:?}", self.name).into());
        }
        Ok(answered - launched)
    }

    /// Requests per second under closed-loop load from the other core.
    fn throughput(&self) -> Result<f64, Failure> {
        let running = self.launch(true)?;
        let url = format!("http://{}/", running.address);
        let load = [
            "-c",
            "1",
            "wrk",
            "-t1",
            "-c",
            CONNECTIONS,
            "-d",
            LOAD_SECONDS,
            &url,
        ];
        let output = Command::new("taskset").args(load).output()?;
        let text = String::from_utf8(output.stdout)?;
        if text.contains("Non-2xx") {
            return Err(format!("{} did not answer every request: {text}", self.name).into());
        }
        let rate = text
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(rate.ok_or("wrk printed no rate")?.trim().parse()?)
    }
}

/// The program of that name on the path.
fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The native server, brought up to date.
fn native() -> Result<PathBuf, Failure> {
    Ok(NATIVE.program("native-http")?)
}

fn servers(folder: &Path) -> Result<Vec<Server>, Failure> {
    let host = PathBuf::from(env!("CARGO_BIN_EXE_host"));
    let wasm = Workload::HttpHello
        .artifact_for(Dialect::WasiHttp)
        .expect("it is built in")
        .path()
        .display()
        .to_string();
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut servers = Vec::new();
    let mut add = |name: &str, program: &Path, arguments: Vec<String>, announces| {
        servers.push(Server {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments,
            announces,
        });
    };
    let listening = ("listening on ", false);
    add("native", &native()?, words(&["127.0.0.1:0"]), listening);
    for allocator in ["on_demand", "pooling"] {
        let code = folder
            .join(format!("{allocator}.cwasm"))
            .display()
            .to_string();
        let compile = [
            "compile",
            "--artifact",
            &wasm,
            "--output",
            &code,
            "--allocator",
            allocator,
        ];
        if !Command::new(&host).args(compile).status()?.success() {
            return Err("host compile failed".into());
        }
        let serve = words(&[
            "serve",
            "--artifact",
            &code,
            "--acquire",
            "deserialize_file",
            "--allocator",
            allocator,
        ]);
        add(&format!("host serve, {allocator}"), &host, serve, listening);
    }
    let wasmtime = std::env::var_os("WASMTIME")
        .map(PathBuf::from)
        .or_else(|| on_path("wasmtime"));
    if let Some(wasmtime) = wasmtime {
        let version = String::from_utf8(Command::new(&wasmtime).arg("--version").output()?.stdout)?;
        let version = version
            .split(' ')
            .nth(1)
            .unwrap_or("unknown")
            .trim()
            .to_owned();
        let code = folder.join("cli.cwasm").display().to_string();
        if !Command::new(&wasmtime)
            .args(["compile", "-o", &code, &wasm])
            .status()?
            .success()
        {
            return Err("wasmtime compile failed".into());
        }
        let serve = words(&[
            "serve",
            "--allow-precompiled",
            "--addr",
            "127.0.0.1:0",
            &code,
        ]);
        let other = if version == VERSION {
            ", as embedded".to_owned()
        } else {
            format!(", not {VERSION} as embedded")
        };
        add(
            &format!("wasmtime serve {version}{other}"),
            &wasmtime,
            serve,
            ("Serving HTTP on http://", true),
        );
    } else {
        report("wasmtime is not on the path, nor named by WASMTIME: `wasmtime serve` is left out");
    }
    Ok(servers)
}

/// Takes every server `rounds` times, forwards and backwards in turn.
fn in_turn<T>(
    servers: &[Server],
    rounds: usize,
    mut take: impl FnMut(&Server) -> Result<T, Failure>,
) -> Result<Vec<Vec<T>>, Failure> {
    let mut taken: Vec<Vec<T>> = servers.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for step in 0..servers.len() {
            let at = if round % 2 == 0 {
                step
            } else {
                servers.len() - 1 - step
            };
            taken[at].push(take(&servers[at])?);
        }
    }
    Ok(taken)
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let once = arguments.iter().any(|argument| argument == "--test");
    let asked = arguments
        .iter()
        .position(|argument| argument == "--samples")
        .and_then(|at| arguments.get(at + 1));
    let samples = if once {
        1
    } else {
        asked.map_or(Ok(40), |text| text.parse())?
    };
    let folder = tempfile::tempdir()?;
    let servers = servers(folder.path())?;
    report(&format!(
        "launch → first 200, {samples} launches each in turn: median [95 % interval], ratio to \
            native"
    ));
    let starts = in_turn(&servers, samples, Server::start_ns)?;
    let base = Estimate::of_whole(&starts[0]).ok_or("no launch")?.value;
    for (server, times) in servers.iter().zip(&starts) {
        let estimate = Estimate::of_whole(times).ok_or("no launch")?;
        report(&format!(
            "  {:<48} {estimate}  {:.2}",
            server.name,
            estimate.value / base
        ));
    }
    if on_path("wrk").is_none() || on_path("taskset").is_none() {
        report("wrk or taskset is not on the path: no load");
        return Ok(());
    }
    let loads = if once { 1 } else { LOADS };
    report(&format!(
        "requests/s, server on one core and wrk on the other, {CONNECTIONS} connections, {loads} \
            × {LOAD_SECONDS} s each in turn: median, least–most"
    ));
    let rates = in_turn(&servers, loads, Server::throughput)?;
    for (server, mut rates) in servers.iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        let (least, most) = (rates[0], rates[rates.len() - 1]);
        report(&format!(
            "  {:<48} {:.0}, {least:.0}–{most:.0}",
            server.name,
            rates[rates.len() / 2]
        ));
    }
    Ok(())
}

fn report(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
