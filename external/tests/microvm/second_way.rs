//! A start by a second way: the guest's milestones by the monitor's own log of what its guest writes to the serial
//! port, and the whole by a stopwatch around the same command line.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use external::client::readiness::first_answer;
use machine::clock::{now_ns, wall_ns};
use machine::ports;
use results::Evidence;
use serde_json::Value;
use workloads::{Call, Workload};

use super::ground::{Ground, HANG_NS};
use super::{requests, systems};

/// The bytes that both kinds of guest write, with what they are called in a record.
const BYTES: [(&str, &str); 3] = [
    ("0x84", "listening"),
    ("0x85", "accepted"),
    ("0x86", "answered"),
];

/// How far apart the two may be: what is between them is a pipe and a thread that waits for a core.
const APART_NS: u64 = 2_000_000_000;

/// QEMU in a folder, which keeps a log there of every byte that a guest writes to a serial port, and its own
/// arguments.
struct Logging {
    program: PathBuf,
    log: PathBuf,
    arguments: PathBuf,
}

impl Logging {
    fn in_folder(folder: &Path, qemu: &Path) -> Self {
        let place = |name: &str| folder.join(name);
        let (program, log, arguments) = (place("qemu"), place("trace"), place("arguments"));
        let script = format!(
            "#!/bin/sh\nprintf '%s\\0' \"$@\" >{}\nexec {} -trace serial_write -D {} -msg timestamp=on \"$@\"\n",
            arguments.display(),
            qemu.display(),
            log.display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            program,
            log,
            arguments,
        }
    }

    /// When a byte was first written, in nanoseconds of the machine's time:
    /// `123@1700000000.000001:serial_write write addr 0x00 val 0x84`.
    fn written(&self, byte: &str) -> u64 {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let end = format!("addr 0x00 val {byte}");
        let line = log.lines().find(|line| line.trim_end().ends_with(&end));
        let line = line.unwrap_or_else(|| panic!("{byte} is not in its log"));
        let (time, _) = line.split_once('@').unwrap().1.split_once(':').unwrap();
        let (seconds, micros) = time.split_once('.').unwrap();
        seconds.parse::<u64>().unwrap() * 1_000_000_000 + micros.parse::<u64>().unwrap() * 1_000
    }
}

/// How far the machine's time, which QEMU writes into its log, is ahead of the clock.
fn ahead_ns() -> u64 {
    u64::try_from(wall_ns()).unwrap() - now_ns()
}

fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

#[test]
fn milestones_agree_with_the_monitors_own_log_and_the_whole_with_a_stopwatch() {
    for name in systems() {
        // The log is QEMU's.
        if !name.starts_with("qemu") {
            continue;
        }
        let mut ground = Ground::of(name);
        let qemu = ground.found.program.clone();
        let logging = Logging::in_folder(ground.folder.path(), &qemu);
        ground.found.program.clone_from(&logging.program);
        let Some(request) = requests(name, Workload::HttpHello).pop() else {
            continue;
        };
        let mut engine = ground.engine();
        engine.prepare(&request).unwrap();
        let port = ports::free_port().unwrap();
        let Call::Http(http) = request.workload.call() else {
            panic!("it is a service")
        };
        let mut machine = engine.start(&request, Some(port)).unwrap();
        let launched_ns = machine.launched_ns();
        let policy = machine.retry_policy(request.deadline_ns);
        let first = first_answer(&machine.target(port), &http, &policy, &mut || false).unwrap();
        machine.verify_port(port).unwrap();
        let said = machine.attested()[Evidence::GuestMilestonesNs].clone();
        agree(name, &said, &logging, launched_ns + ahead_ns());
        machine.remove().unwrap();
        drop(machine);
        let stopwatch_ns = stopwatch(&qemu, &logging.arguments, port, &http);
        say(&format!(
            "{name}: {} ns from launch to answer, {stopwatch_ns} ns by a stopwatch",
            first.answered_ns - launched_ns
        ));
    }
}

/// Compares what the guest said with what its monitor wrote down, whose times are `began_ns` and more.
fn agree(name: &str, said: &Value, logging: &Logging, began_ns: u64) {
    for (byte, milestone) in BYTES {
        let ours_ns = said[milestone].as_u64().unwrap();
        let logged_ns = logging.written(byte).saturating_sub(began_ns);
        say(&format!(
            "{name}: {milestone} after {ours_ns} ns, by QEMU's log after {logged_ns} ns"
        ));
        assert!(ours_ns.abs_diff(logged_ns) < APART_NS, "{name} {milestone}");
    }
}

/// From the launch of a monitor to the first whole answer, asked for again and again.
fn stopwatch(qemu: &Path, arguments: &Path, port: u16, http: &workloads::Request) -> u64 {
    let arguments = std::fs::read_to_string(arguments).unwrap();
    let began_ns = now_ns();
    let mut monitor = Command::new(qemu);
    monitor.args(arguments.split_terminator('\0'));
    monitor.stdin(Stdio::null());
    monitor.stdout(Stdio::null()).stderr(Stdio::null());
    let _monitor = Killed(monitor.spawn().unwrap());
    while !asked(port, &http.target) {
        assert!(now_ns() < began_ns + HANG_NS, "it does not answer");
    }
    now_ns() - began_ns
}

/// A process that is killed when this is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether there is an answer.
fn asked(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(&head == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
