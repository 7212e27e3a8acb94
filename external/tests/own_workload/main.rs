//! Persons' own workloads as they measure them: what is recorded, what is said of what does not work,
//! and that nothing is left. How fast they are decides nothing here.

mod given;
mod guest;
mod launchers;
mod names;
mod residency;
#[path = "../support/waiting.rs"]
mod waiting;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use machine::ports;
use results::digest::sha256_file;
use results::manifest::Manifest;
use results::record::{Outcome, Scenario};
use results::{Evidence, Sample, SkipKind, ledger, run_folder};

/// Starts and requests, few of each; what does not answer is given up soon.
const PROFILE: &str = r#"
samples = 2
systems = ["native", "wasmtime-embedded", "wasmcloud"]
workloads = ["http-hello"]
managed_workloads = []
scenarios = ["warm-disk", "warm"]
disk_cold = []
code_cold = []
image_cold = []
warm_disk = ["deserialize_file"]
load = ["deserialize_file"]
warm_up = 1
requests = 20
connections = [1]
observe = []
controls = ["wasmtime-cli"]
variants = "usual"
time_limit_s = 3
"#;

struct Ground {
    folder: tempfile::TempDir,
}

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(folder.path().join("few.toml"), PROFILE).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a description, in which `MOCK` stands for the server that misbehaves as it is told.
    fn describe(&self, text: &str) -> String {
        let file = self.at("own.toml");
        let text = text.replace("MOCK", env!("CARGO_BIN_EXE_mock-server"));
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    fn runs(&self) -> PathBuf {
        self.at("runs")
    }

    fn suite(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut suite_command(&self.runs(), arguments))
    }

    /// A run with the profile of few samples.
    fn measure(&self, arguments: &[&str]) -> Ran {
        self.suite(&[&self.few().each_ref().map(String::as_str)[..], arguments].concat())
    }

    /// The arguments of a run with few samples.
    fn few(&self) -> [String; 4] {
        let profile = self.at("few.toml").display().to_string();
        ["--profile".into(), profile, "--seed".into(), "1".into()]
    }

    fn recorded(&self) -> (Manifest, Vec<Sample>) {
        let run = self.runs().join(&run_folder::runs(&self.runs())[0]);
        let manifest = run_folder::read_manifest(&run).unwrap();
        let samples = ledger::read(&run.join("samples.jsonl")).unwrap().samples;
        assert!(!run.join("work").exists());
        (manifest, samples)
    }
}

/// `external suite`, whose runs go there.
fn suite_command<A: AsRef<OsStr>>(out: &Path, arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command.args(["suite", "--out"]).arg(out).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// Of the native system.
fn of_native(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    samples
        .iter()
        .filter(|sample| sample.cell.system.original_name() == "native")
}

#[test]
fn a_service_is_measured_where_it_can_run_and_each_other_system_says_what_it_would_need() {
    let ground = Ground::new();
    let file = ground.describe(
        r#"
        [workload.greeter]
        native = ["MOCK", "{work}", "{ip}:{port}"]
        expect = { body-contains = "from coldphase" }
        "#,
    );
    let ran = ground.measure(&["--target", &file]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (manifest, samples) = ground.recorded();
    for sample in of_native(&samples) {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        assert_eq!(sample.cell.workload, "greeter");
        assert_eq!(sample.total_ns.is_some(), sample.cell.scenario.starts());
        let requests = sample.requests.as_ref().map(|it| it.ok);
        let wanted = (!sample.cell.scenario.starts()).then_some(20);
        assert_eq!(requests, wanted, "{}", sample.cell);
    }
    // No system that the profile measures twice runs it: the first that does stands in.
    let twins = samples.iter().filter(|it| it.cell.system.is_twin());
    assert!(twins.clone().count() > 0);
    assert!(twins.into_iter().all(|it| it.outcome == Outcome::Ok));
    for system in ["wasmtime-embedded", "wasmcloud"] {
        let of = samples.iter().filter(|it| it.cell.system == system);
        let of: Vec<_> = of.collect();
        assert_eq!(of.len(), 2, "one cell of {system}");
        assert_eq!(of[0].skip_kind(), Some(SkipKind::NotApplicable));
        let reason = of[0].reason.as_deref().unwrap();
        assert!(reason.contains("greeter has no component"), "{reason}");
        assert!(reason.contains("gives it one"), "{reason}");
    }
    // The description and the program, by their digests.
    let mock = Path::new(env!("CARGO_BIN_EXE_mock-server"));
    let wanted = [ground.at("own.toml"), mock.to_owned()].map(|it| sha256_file(&it).unwrap());
    let found: Vec<_> = manifest.artifacts.iter().map(|it| &*it.sha256).collect();
    assert_eq!(found, wanted.each_ref().map(String::as_str));
    assert_eq!(manifest.artifacts[0].workloads, ["greeter"]);
    assert!(ran.stdout.contains("greeter, warm-disk"), "{}", ran.stdout);

    // Another description is another run.
    ground.describe("[workload.greeter]\nnative = [\"MOCK\", \"x\", \"{address}\"]");
    let ran = ground.suite(&["--resume", "latest"]);
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert!(ran.stderr.contains("is another file"), "{}", ran.stderr);
}

#[test]
fn a_sequence_is_played_in_order_and_each_request_is_counted_by_itself() {
    let ground = Ground::new();
    fs::write(ground.at("me.txt"), "me").unwrap();
    let file = ground.describe(
        r#"
        [workload.shop]
        native = ["MOCK", "answers", "{address}"]
        requests = [
            { name = "login", method = "POST", path = "/login", body-file = "me.txt", expect = "body-contains:Hello" },
            "GET /items?page=1",
        ]
        "#,
    );
    let only = "system=native";
    let ran = ground.measure(&["--target", &file, "--only", only]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (manifest, samples) = ground.recorded();
    let body = manifest
        .artifacts
        .iter()
        .find(|it| it.path.ends_with("/me.txt"));
    assert_eq!(
        body.unwrap().sha256,
        sha256_file(&ground.at("me.txt")).unwrap()
    );
    for sample in samples.iter().filter(|it| !it.cell.scenario.starts()) {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        let requests = sample.requests.as_ref().unwrap();
        let each = requests.by_request.as_ref().unwrap();
        let found: Vec<_> = each
            .iter()
            .map(|it| (&*it.name, it.ok, it.failed))
            .collect();
        assert_eq!(found, [("login", 10, 0), ("GET /items", 10, 0)]);
    }
    // Another body is another run.
    fs::write(ground.at("me.txt"), "you").unwrap();
    let resumed = ground.suite(&["--resume", "latest"]);
    assert_eq!(resumed.code, Some(7), "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("is another file"),
        "{}",
        resumed.stderr
    );
    // What is wrong with a later request is one message, and nothing is recorded.
    let file = ground.describe(
        r#"
        [workload.shop]
        native = ["MOCK", "answers", "{address}"]
        requests = ["GET /", { name = "items", expect = 201 }]
        "#,
    );
    let ran = ground.measure(&["--target", &file, "--only", only]);
    assert_eq!(ran.code, Some(3), "{}\n{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("1 of them `items`") && ran.stderr.contains("expected 201"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_command_is_measured_to_its_end_beside_a_workload_that_is_built_in() {
    let ground = Ground::new();
    let file = ground.describe(
        r#"
        [workload.sum]
        kind = "command"
        native = ["sh", "-c", "echo $((40 + N)) $PWD; exit 3"]
        environment = { N = "2" }
        expect = [3, "body-contains:42 "]
        "#,
    );
    let only = "system=native,workload=sum,workload=http-hello,scenario=warm-disk";
    let ran = ground.measure(&["--target", &file, "--only", only]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (_, samples) = ground.recorded();
    let mut workloads: Vec<_> = samples.iter().map(|it| it.cell.workload.as_str()).collect();
    workloads.sort_unstable();
    workloads.dedup();
    assert_eq!(workloads, ["http-hello", "sum"]);
    assert!(samples.iter().all(|it| it.outcome == Outcome::Ok));
    assert!(
        samples
            .iter()
            .all(|it| it.cell.scenario == Scenario::WarmDisk)
    );
}

#[test]
fn a_service_is_asked_what_is_measured_once_it_says_that_it_is_ready() {
    let ground = Ground::new();
    let file = ground.describe(
        "[workload.slow-starter]\nready = \"/health\"\nnative = [\"MOCK\", \"ready-later\", \
            \"{address}\"]",
    );
    let only = "system=native,scenario=warm-disk";
    let ran = ground.measure(&["--target", &file, "--only", only]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (_, samples) = ground.recorded();
    for sample in samples {
        assert!(sample.attested[Evidence::ConnectAttempts].as_u64() >= Some(5));
    }
}

#[test]
fn a_service_with_a_port_of_its_own_is_measured_there() {
    let ground = Ground::new();
    let port = ports::free_port().unwrap();
    let text = format!("[workload.stubborn]\nnative = [\"MOCK\", \"x\", \"127.0.0.1:{port}\"]\n");
    let file = ground.describe(&text);
    let only = "system=native,scenario=warm-disk";
    let arguments = ["--target", &file, "--only", only];
    let ran = ground.measure(&arguments);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let said = format!("its port is fixed: `port = {port}` says so");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    ground.describe(&format!("{text}port = {port}\n"));
    let ran = ground.measure(&arguments);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn what_does_not_work_is_one_message_that_says_why_and_nothing_is_recorded() {
    let ground = Ground::new();
    for (behaviour, said) in [
        ("dies", "mock: cannot find my configuration"),
        ("redirects", "it redirects to /elsewhere"),
        ("six-alone", "it listens on IPv6 (`::`) alone"),
        ("daemonises", "it is daemonised"),
        (
            "prior-knowledge",
            "it speaks HTTP/2 with prior knowledge alone",
        ),
        ("status-500", "HTTP status 500, expected 200"),
        ("never-listens", "nothing listened"),
    ] {
        let file = ground.describe(&format!(
            "[workload.x]\nnative = [\"MOCK\", \"{behaviour}\", \"{{address}}\"]"
        ));
        let ran = ground.measure(&["--target", &file, "--only", "system=native"]);
        assert_eq!(ran.code, Some(3), "{behaviour}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("x on native: cannot be measured"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(said), "{behaviour}: {}", ran.stderr);
        assert_eq!(run_folder::runs(&ground.runs()), [""; 0], "{behaviour}");
    }
}

#[test]
fn what_a_service_was_given_in_confidence_is_not_repeated() {
    let ground = Ground::new();
    let file = ground.describe(
        "[workload.x]\nnative = [\"MOCK\", \"tells\", \"{address}\"]\nenvironment = { API_TOKEN = \
            \"hunter2-hunter2\" }",
    );
    let ran = ground.measure(&["--target", &file, "--only", "system=native"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("[masked] is not accepted"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn flags_alone_describe_one_and_its_run_goes_on() {
    let ground = Ground::new();
    let native = format!("{} x {{address}}", env!("CARGO_BIN_EXE_mock-server"));
    let flags = [
        "--native",
        &native,
        "--name",
        "flagged",
        "--expect",
        "body-contains:Hello",
    ];
    let only = ["--only", "system=native,scenario=warm-disk"];
    let ran = ground.measure(&[&flags[..], &only].concat());
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (_, samples) = ground.recorded();
    assert!(samples.iter().all(|it| it.cell.workload == "flagged"));
    let ran = ground.suite(&["--resume", "latest"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = ground.measure(&[&flags[..], &["--list"]].concat());
    assert!(ran.stdout.contains("flagged"), "{}", ran.stdout);
    let ran = ground.measure(&["--request", "GET /"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_component_is_measured_on_what_runs_components() {
    let ground = Ground::new();
    let built = workloads::Workload::HttpEcho.artifact().unwrap().path();
    fs::copy(built, ground.at("echo.wasm")).unwrap();
    fs::write(ground.at("body"), "what is sent").unwrap();
    let file = ground.describe(
        r#"
        [workload.echo]
        component = "echo.wasm"
        request = { method = "POST", path = "/echo", body-file = "body" }
        expect = { body = "what is sent" }
        environment = { A = "b" }
        "#,
    );
    let only = "system=wasmtime-embedded";
    let ran = ground.measure(&["--target", &file, "--only", only]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (_, samples) = ground.recorded();
    let digest = sha256_file(&ground.at("echo.wasm")).unwrap();
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        assert_eq!(sample.artifact_sha256.as_deref(), Some(&*digest));
    }
}

/// What lies in `targets`, for people to begin with.
#[test]
fn every_example_is_read() {
    let ground = Ground::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let mut described = Vec::new();
    for entry in fs::read_dir(&examples).unwrap() {
        let path = entry.unwrap().path();
        let copy = ground.at(path.file_name().unwrap().to_str().unwrap());
        if path.extension().is_some_and(|it| it == "toml") {
            described.push(copy.clone());
        }
        if path.is_file() {
            fs::copy(&path, &copy).unwrap();
        }
    }
    // What they are built to, and what a machine may lack, stands in for itself here.
    let component = workloads::Workload::HttpHello.artifact().unwrap().path();
    for name in ["javascript.wasm", "python.wasm"] {
        fs::copy(&component, ground.at(name)).unwrap();
    }
    let programs = ground.at("programs");
    fs::create_dir(&programs).unwrap();
    for name in ["nginx", "python3", "jq", "sqlite3"] {
        std::os::unix::fs::symlink("/bin/true", programs.join(name)).unwrap();
    }
    assert!(described.len() >= 4, "{described:?}");
    for file in described {
        let listed = Command::new(env!("CARGO_BIN_EXE_external"))
            .args(["suite", "--list", "--target"])
            .arg(&file)
            .env("PATH", &programs)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&listed.stderr);
        assert_eq!(
            listed.status.code(),
            Some(0),
            "{}: {stderr}",
            file.display()
        );
    }
}
