//! The observer from outside against what servers say of themselves; and what is left of a suite
//! that was killed.
//!
//! Some tests here are no tests: they are the programs that the others launch, as this binary once
//! more. Ignored, they run only when asked for by name and with what they need in the environment.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use campaign::sibling::NATIVE;
use external::client::readiness::{FirstAnswer, NoAnswer, RetryPolicy, Target, first_answer};
use external::observe::Milestones;
use external::process::reaper::{self, Reaper};
use external::process::{Launch, Running, observable};
use machine::clock::now_ns;
use machine::noise::Counters;
use machine::ports;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use workloads::Request;

/// One test at a time: what measures needs the machine's cores for itself.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What takes longer hangs. No test is about how long this is: a busy machine needs seconds for
/// what an idle one does at once.
const HANG: Duration = Duration::from_mins(3);

fn hang_ns() -> u64 {
    now_ns() + 180_000_000_000
}

/// Starts that a median is taken over.
const STARTS: usize = 21;

/// Instants that agree are no further apart than this, or than this share of the start: a slow
/// machine is slow in both.
const BOUND_NS: i64 = 50_000;
const BOUND_PERCENT: i64 = 5;

/// The share of the time in which some process waited for a core, above which the machine is busy
/// with something else.
const BUSY_PERCENT: u64 = 50;

/// Prints what a person who runs a test with `--nocapture`, or the test that launched this program,
/// wants to know.
macro_rules! say {
    ($($what:tt)*) => {{
        let mut output = std::io::stdout();
        writeln!(output, $($what)*).unwrap();
    }};
}

fn native_http() -> PathBuf {
    NATIVE.program("native-http").unwrap()
}

/// The launch of this binary as one of the programs below.
fn this(program: &str, folder: &Path) -> Launch {
    let mut launch = Launch::new(std::env::current_exe().unwrap(), folder, folder.join("log"));
    launch.arguments = ["--exact", program, "--ignored", "--nocapture"]
        .map(Into::into)
        .to_vec();
    launch
}

fn answer(running: &mut Running, port: u16) -> Result<FirstAnswer, NoAnswer> {
    let policy = RetryPolicy::until(hang_ns());
    first_answer(
        &Target::loopback(port),
        &Request::get("/"),
        &policy,
        &mut || running.ended().is_some(),
    )
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// One observed start and what the server itself said of it.
fn observed(mut launch: Launch) -> (Milestones, FirstAnswer, Value) {
    let port = ports::free_port().unwrap();
    let file = launch.folder.join("milestones");
    let _ = std::fs::remove_file(&file);
    launch.observed = true;
    launch.port = Some(port);
    launch
        .arguments
        .iter_mut()
        .filter(|argument| *argument == "PORT")
        .for_each(|argument| {
            *argument = format!("127.0.0.1:{port}").into();
        });
    launch
        .environment
        .push(("PORT".into(), port.to_string().into()));
    let mut running = launch.launch().unwrap();
    let answer = answer(&mut running, port)
        .unwrap_or_else(|error| panic!("{error}\n{}", running.log_tail()));
    assert_eq!(answer.answer.code, 200);
    assert_eq!(ports::belongs_to(port, running.pid()), Ok(()));
    let milestones = running.milestones().unwrap();
    running.stop(HANG);
    let truth: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    // However fast the machine: a call is seen after the server has come to it, and before the
    // server can go on.
    let told = |name: &str| truth[name].as_u64().unwrap();
    assert!(
        truth["before_ns"]
            .as_u64()
            .is_none_or(|before| before <= listening(&milestones)),
        "{milestones:?} {truth}"
    );
    assert!(
        listening(&milestones) <= told("listening_ns"),
        "{milestones:?} {truth}"
    );
    assert!(
        accepted(&milestones) <= told("first_accepted_ns"),
        "{milestones:?} {truth}"
    );
    (milestones, answer, truth)
}

/// Launches so many starts, compares, prints, and tries again if the two do not agree.
///
/// On a machine whose cores all have other work, a server waits for a core between its system call
/// and its own reading of the clock: then the difference is not the observer's, and nothing can be
/// judged by it.
fn agree(what: &str, launch: impl Fn() -> Launch) {
    let mut idle = false;
    for attempt in 1..=3 {
        let (before, began) = (Counters::read(Path::new("/proc")), now_ns());
        let starts: Vec<_> = (0..STARTS).map(|_| observed(launch())).collect();
        let waited = Counters::read(Path::new("/proc"))
            .since(&before)
            .cpu_pressure_ns
            .unwrap_or(0);
        let waited = waited * 100 / (now_ns() - began);
        let mut agreed = true;
        let totals = starts
            .iter()
            .map(|(seen, answer, _)| (answer.answered_ns - seen.launched_ns).cast_signed());
        let bound = BOUND_NS.max(median(totals.collect()) * BOUND_PERCENT / 100);
        for (name, of) in [
            ("listening_ns", listening as fn(&Milestones) -> u64),
            ("first_accepted_ns", accepted),
        ] {
            let told = |truth: &Value| truth[name].as_u64().unwrap().cast_signed();
            let differences: Vec<_> = starts
                .iter()
                .map(|(seen, _, truth)| told(truth) - of(seen).cast_signed())
                .collect();
            let (least, most) = (
                differences.iter().min().unwrap(),
                differences.iter().max().unwrap(),
            );
            let middle = median(differences.iter().map(|ns| ns.abs()).collect());
            say!(
                "{what} {name}: median {middle} ns, {least}..{most}, n={STARTS}, waiting for a \
                    core {waited} %"
            );
            say!("{what} {name}: up to {bound} ns is agreement");
            agreed &= middle <= bound;
        }
        if agreed {
            return;
        }
        idle |= waited < BUSY_PERCENT;
        say!("{what}: attempt {attempt} did not agree");
    }
    assert!(!idle, "{what}: observer and server do not agree");
    say!("{what}: not judged, the machine is busy with something else");
}

fn listening(seen: &Milestones) -> u64 {
    seen.listening_ns.unwrap()
}

fn accepted(seen: &Milestones) -> u64 {
    seen.accepted_ns.unwrap()
}

#[test]
fn starts_can_be_observed_here() {
    let _alone = alone();
    assert_eq!(observable(), Ok(()));
}

#[test]
fn observer_and_server_agree() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let program = native_http();
    agree("native-http", || {
        let mut launch = Launch::new(&program, folder.path(), folder.path().join("log"));
        launch.arguments = ["--milestones", "milestones", "PORT"]
            .map(Into::into)
            .to_vec();
        launch
    });
}

#[test]
fn observer_and_a_server_that_blocks_in_accept_agree() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    agree("blocking", || {
        this("program_that_blocks_in_accept", folder.path())
    });
}

#[test]
fn phases_partition_the_start_in_whatever_order_the_server_does_things() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let artifact = folder.path().join("artifact");
    std::fs::write(&artifact, "x").unwrap();
    for (order, expected) in [
        (
            "open listen accept",
            &["spawn", "init", "load", "connect", "respond"][..],
        ),
        ("listen open accept", &["spawn", "init", "load", "respond"]),
        (
            "open listen open accept",
            &["spawn", "init", "load", "respond"],
        ),
        (
            "listen accept open",
            &["spawn", "init", "connect", "respond"],
        ),
    ] {
        let mut launch = this("program_that_blocks_in_accept", folder.path());
        launch.environment = vec![
            ("ORDER".into(), order.into()),
            ("ARTIFACT".into(), artifact.clone().into()),
        ];
        launch.watch = Some(artifact.clone());
        let (milestones, answer, _) = observed(launch);
        let phases = milestones.phases(answer.answered_ns, false).unwrap();
        assert_eq!(
            phases
                .iter()
                .map(|phase| phase.name.name())
                .collect::<Vec<_>>(),
            expected,
            "{order}"
        );
        let total = answer.answered_ns - milestones.launched_ns;
        assert_eq!(phases.iter().map(|phase| phase.ns).sum::<u64>(), total);
    }
}

/// A notified call has numbers that the program has chosen: descriptors that are none, or no sockets, and
/// addresses where nothing is.
#[test]
fn whatever_calls_a_server_makes_its_start_is_divided() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=5 {
        let mut launch = this("program_that_blocks_in_accept", folder.path());
        launch.environment = vec![
            ("ORDER".into(), "odd listen odd accept".into()),
            ("SEED".into(), seed.to_string().into()),
        ];
        let (milestones, answer, _) = observed(launch);
        let phases = milestones.phases(answer.answered_ns, true).unwrap();
        let names: Vec<_> = phases.iter().map(|phase| phase.name.name()).collect();
        assert_eq!(
            names,
            ["spawn", "init", "connect", "respond"],
            "seed {seed}: {milestones:?}"
        );
        let total = answer.answered_ns - milestones.launched_ns;
        assert_eq!(phases.iter().map(|phase| phase.ns).sum::<u64>(), total);
    }
}

#[test]
fn a_server_on_the_wrong_port_is_found_out() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (expected, wrong) = (ports::free_port().unwrap(), ports::free_port().unwrap());
    let mut launch = this("program_that_blocks_in_accept", folder.path());
    launch.environment = vec![("PORT".into(), wrong.to_string().into())];
    (launch.observed, launch.port) = (true, Some(expected));
    let mut running = launch.launch().unwrap();
    let answer = answer(&mut running, wrong).unwrap();
    let error = running
        .milestones()
        .unwrap()
        .phases(answer.answered_ns, true)
        .unwrap_err();
    assert!(
        error.contains(&format!(
            "it did not listen on port {expected} but on {wrong}"
        )),
        "{error}"
    );
    assert!(
        ports::belongs_to(expected, running.pid())
            .unwrap_err()
            .contains("no process listens")
    );
}

#[test]
fn what_an_observed_server_starts_is_observed_and_stopped_too() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let program = native_http();
    let port = ports::free_port().unwrap();
    let mut launch = Launch::new("/bin/sh", folder.path(), folder.path().join("log"));
    let script = format!("{} 127.0.0.1:{port} & wait", program.display());
    launch.arguments = vec!["-c".into(), script.into()];
    (launch.observed, launch.port) = (true, Some(port));
    let mut running = launch.launch().unwrap();
    let answer = answer(&mut running, port).unwrap();
    running
        .milestones()
        .unwrap()
        .phases(answer.answered_ns, true)
        .unwrap();
    assert_eq!(ports::belongs_to(port, running.pid()), Ok(()));
    running.stop(HANG);
    assert_eq!(ports::owner_of(port).unwrap(), []);
}

#[test]
fn an_observed_server_that_waits_for_a_connection_can_be_stopped() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let port = ports::free_port().unwrap();
    let mut launch = this("program_that_blocks_in_accept", folder.path());
    launch.environment = vec![("PORT".into(), port.to_string().into())];
    (launch.observed, launch.port) = (true, Some(port));
    let mut running = launch.launch().unwrap();
    let until = hang_ns();
    while running.milestones().unwrap().listening_ns.is_none() {
        assert!(now_ns() < until, "it listens");
        std::thread::sleep(Duration::from_millis(1));
    }
    let end = running.stop(HANG);
    assert_eq!(
        end.signal,
        Some(nix::sys::signal::Signal::SIGTERM),
        "one that does not end is killed"
    );
    assert_eq!(
        ports::owner_of(port).unwrap(),
        [],
        "the observer's own descriptor of the socket is closed"
    );
}

#[test]
fn a_killed_suite_leaves_nothing_behind() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut suite = this("program_that_is_killed", folder.path());
    let reaper = folder.path().join("reaper");
    let this = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\nexec {} --exact program_that_cleans_up --ignored --nocapture\n",
        this.display()
    );
    std::fs::write(&reaper, script).unwrap();
    std::fs::set_permissions(&reaper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    suite.environment = vec![("JANITOR".into(), reaper.into())];
    let mut running = suite.launch().unwrap();
    let line = running.log_line("guarded:", hang_ns());
    let line = line.unwrap_or_else(|| panic!("{}", running.log_tail()));
    let told: Value = serde_json::from_str(line.split_once("guarded:").unwrap().1).unwrap();
    let pids: Vec<_> = told["pids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pid| pid.as_u64().unwrap())
        .collect();
    let [work, kept] = ["work", "kept"].map(|name| folder.path().join(name));
    let left = || pids.iter().filter(|pid| alive(**pid)).count();
    assert_eq!((left(), work.exists(), kept.exists()), (3, true, true));
    Command::new("/bin/kill")
        .args(["-9", &running.pid().to_string()])
        .status()
        .unwrap();
    running.wait_end(hang_ns()).unwrap();
    let until = hang_ns();
    while (left() > 0 || work.exists()) && now_ns() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((left(), work.exists()), (0, false));
    assert!(kept.exists(), "its guard was dropped before");
}

fn alive(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

/// What it costs a start to be observed. Prints it; run it alone, on a machine with nothing else to
/// do.
#[test]
#[ignore = "measures, and judges nothing"]
fn the_cost_of_being_observed() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let program = native_http();
    for core in [None, Some(1)] {
        let mut totals = [Vec::new(), Vec::new()];
        for start in 0..120 {
            let port = ports::free_port().unwrap();
            let mut launch = Launch::new(&program, folder.path(), folder.path().join("log"));
            launch.arguments = vec![format!("127.0.0.1:{port}").into()];
            // In pairs, and which comes first alternates.
            let observed = (start + start / 2) % 2 == 0;
            (launch.port, launch.core, launch.observed) = (Some(port), core, observed);
            let mut running = launch.launch().unwrap();
            let answer = answer(&mut running, port).unwrap();
            totals[usize::from(observed)]
                .push((answer.answered_ns - running.launched_ns()).cast_signed());
            running.stop(HANG);
        }
        let [without, with] = totals;
        let mut differences: Vec<_> = with
            .iter()
            .zip(&without)
            .map(|(with, without)| with - without)
            .collect();
        differences.sort_unstable();
        // The order statistics that bound the median of 60 with 95 %.
        let (low, high) = (differences[21], differences[38]);
        let (with, without, cost) = (median(with), median(without), median(differences));
        say!(
            "core {core:?}: {without} ns unobserved, {with} ns observed, cost {cost} ns [{low}, \
                {high}], n=60 pairs"
        );
    }
}

/// Not a test: a server that waits in accept(2), in the order of doing things that it is told.
#[test]
#[ignore = "a program that other tests launch"]
fn program_that_blocks_in_accept() {
    let Ok(port) = std::env::var("PORT") else {
        return;
    };
    let order = std::env::var("ORDER").unwrap_or_else(|_| "listen accept".into());
    let (mut listener, mut stream) = (None, None);
    let mut truth = json!({});
    for step in order.split(' ') {
        match step {
            "open" => drop(std::fs::read(std::env::var_os("ARTIFACT").unwrap()).unwrap()),
            "odd" => odd_calls(),
            "listen" => {
                truth["before_ns"] = now_ns().into();
                listener = Some(TcpListener::bind(format!("127.0.0.1:{port}")).unwrap());
                truth["listening_ns"] = now_ns().into();
            }
            _ => {
                // Long enough for the client to have been refused and for accept to be waiting when
                // it comes.
                stream = listener
                    .as_ref()
                    .map(|listener| listener.accept().unwrap().0);
                truth["first_accepted_ns"] = now_ns().into();
            }
        }
    }
    let mut stream = stream.unwrap();
    assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    std::fs::write("milestones", truth.to_string()).unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .unwrap();
    loop {
        let _ = listener.as_ref().map(TcpListener::accept);
    }
}

/// The calls that are notified, with what no server calls them with. All of them fail.
#[expect(
    unsafe_code,
    reason = "nothing else calls them with what they do not take"
)]
fn odd_calls() {
    let seed = std::env::var("SEED").unwrap().parse().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (pipe, _other) = std::io::pipe().unwrap();
    let (pair, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    listening.set_nonblocking(true).unwrap();
    let named = std::ffi::CString::new("/nothing/".repeat(400)).unwrap();
    // What may be listened on is not among them: that would be a milestone.
    let none = [
        -1,
        i32::MIN,
        i32::MAX,
        1 << 20,
        datagrams.as_raw_fd(),
        pipe.as_raw_fd(),
        pair.as_raw_fd(),
        file.as_raw_fd(),
    ];
    for _ in 0..200 {
        let fd = none[random.random_range(0..none.len())];
        let path = [
            std::ptr::null(),
            std::ptr::without_provenance(8),
            named.as_ptr(),
        ][random.random_range(0..3)];
        // SAFETY: no descriptor is changed, and the kernel refuses addresses that are not this process's.
        let failed = unsafe {
            match random.random_range(0..6) {
                0 => libc::listen(fd, random.random()),
                1 => libc::accept(fd, std::ptr::null_mut(), std::ptr::null_mut()),
                2 => libc::accept4(fd, std::ptr::null_mut(), std::ptr::null_mut(), -1),
                3 => libc::execve(path, std::ptr::null(), std::ptr::null()),
                4 => {
                    let none = std::ptr::null::<libc::c_char>();
                    let failed = libc::syscall(libc::SYS_execveat, fd, path, none, none, -1);
                    i32::try_from(failed).unwrap()
                }
                // Nobody connects to it.
                _ => libc::accept(
                    listening.as_raw_fd(),
                    std::ptr::without_provenance_mut(8),
                    std::ptr::without_provenance_mut(8),
                ),
            }
        };
        assert_eq!(failed, -1, "descriptor {fd}");
    }
}

/// Not a test: the reaper, as the program that it belongs to would be it.
#[test]
#[ignore = "a program that other tests launch"]
fn program_that_cleans_up() {
    reaper::main();
}

/// Not a test: a suite in the middle of a sample.
#[test]
#[ignore = "a program that other tests launch"]
fn program_that_is_killed() {
    let Some(reaper) = std::env::var_os("JANITOR") else {
        return;
    };
    let reaper = Reaper::start(Path::new(&reaper)).unwrap();
    let [work, kept] = ["work", "kept"].map(|name| std::env::current_dir().unwrap().join(name));
    std::fs::create_dir_all(work.join("deep")).unwrap();
    std::fs::create_dir(&kept).unwrap();
    drop(reaper.guard_folder(&kept).unwrap());
    let _folder = reaper.guard_folder(&work).unwrap();
    let mut launch = Launch::new("/bin/sh", &work, work.join("log"));
    // One child that outlives its parent, and one that does so and starts another.
    let script = "/bin/sleep 3600 & /bin/sh -c 'echo ready $$; /bin/sleep 3600; :' & wait";
    launch.arguments = vec!["-c".into(), script.into()];
    let running = launch.launch().unwrap();
    let _group = reaper.guard_group(running.pid()).unwrap();
    let line = running.log_line("ready", hang_ns()).unwrap();
    let grandchild: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    let children =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.pid())).unwrap();
    let first: u64 = children.split_whitespace().next().unwrap().parse().unwrap();
    say!(
        "guarded:{}",
        json!({ "pids": [running.pid(), first, grandchild] })
    );
    std::thread::sleep(Duration::from_hours(1));
}
