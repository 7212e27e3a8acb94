//! The workloads in JavaScript answer what the shared core does, byte for byte, under every runtime
//! that is installed; of the others the tests say that they did not run.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use external::system::{Acquire, BuildRequest, Found, Instancing, LaunchSpec, System};
use machine::clock::now_ns;
use systems::Kind;
use workload_core::{Counter, MAX_ECHO_BYTES, answer, cpu_hash_hex};
use workloads::{Call, Workload};

/// How long a runtime may take to listen, whatever else the machine does.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every runtime that is there, once for each way to compute SHA-256.
fn runtimes() -> Vec<(System, Found)> {
    let is_isolate = |system: &System| systems::describe(&system.recorded()).kind == Kind::Isolate;
    let mut found = Vec::new();
    for system in System::all().into_iter().filter(is_isolate) {
        match system.find() {
            Ok(it) => found.push((system, it)),
            Err(why) => {
                let _ = writeln!(std::io::stdout(), "not run: {}: {why}", system.name());
            }
        }
    }
    found
}

fn prepared(system: System, found: &Found, workload: Workload, folder: &Path) -> LaunchSpec {
    let build = BuildRequest {
        workload,
        acquire: Some(Acquire::Source),
        instancing: Instancing::PROCESS,
        own: None,
        left_out: &[],
        folder,
    };
    system.prepare(found, &build).unwrap()
}

fn command(spec: &LaunchSpec, address: Option<SocketAddr>, home: &Path) -> Command {
    let mut command = Command::new(&spec.program);
    command
        .args(spec.arguments(address))
        .env_clear()
        .env("HOME", home)
        .envs(spec.environment.iter().cloned())
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// A running service that ends with the test.
struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    fn start(spec: &LaunchSpec, home: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = command(spec, Some(address), home).spawn().unwrap();
        let service = Self { child, address };
        let until_ns = now_ns() + 60_000_000_000;
        while TcpStream::connect(address).is_err() {
            assert!(now_ns() < until_ns, "it does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        service
    }

    /// Status and body.
    fn ask(&self, method: &str, target: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \
                {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // What is too long may be answered before all of it was sent.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let mut windows = answer.windows(4);
        let end = windows.position(|four| four == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap();
        (status.parse().unwrap(), answer[end + 4..].to_vec())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests in an order that the counter sees, well and badly meant.
fn requests() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let all_bytes = || (0..=u8::MAX).cycle();
    vec![
        ("GET", "/", vec![]),
        ("GET", "/?x=1", vec![]),
        ("GET", "/cpu", vec![]),
        ("GET", "/cpu?iterations=7", vec![]),
        ("GET", "/cpu?x=1&iterations=0", vec![]),
        ("GET", "/cpu?iterations=+3", vec![]),
        ("GET", "/cpu?iterations=", vec![]),
        ("GET", "/cpu?iterations=-1", vec![]),
        ("GET", "/cpu?iterations=1.5", vec![]),
        ("GET", "/cpu?iterations=1e3", vec![]),
        ("GET", "/cpu?iterations=10000001", vec![]),
        ("POST", "/echo", vec![]),
        ("POST", "/echo", all_bytes().take(MAX_ECHO_BYTES).collect()),
        (
            "POST",
            "/echo",
            all_bytes().take(MAX_ECHO_BYTES + 1).collect(),
        ),
        ("GET", "/state", vec![]),
        ("POST", "/state", vec![]),
        ("POST", "/state", vec![]),
        ("GET", "/state", vec![]),
        ("DELETE", "/state", vec![]),
        ("GET", "/nothing", vec![]),
    ]
}

#[test]
fn services_answer_every_request_as_the_core_does() {
    for (system, found) in runtimes() {
        let folder = tempfile::tempdir().unwrap();
        let spec = prepared(system, &found, Workload::HttpCpu, folder.path());
        let service = Service::start(&spec, folder.path());
        let counter = Counter::new();
        for (method, target, body) in requests() {
            let expected = answer(method, target, body.clone(), &counter);
            let (status, answered) = service.ask(method, target, &body);
            let shown = (status, String::from_utf8_lossy(&answered).into_owned());
            assert!(
                (status, &answered) == (expected.status, &expected.body),
                "{} {method} {target}: {:.300?}",
                system.name(),
                shown
            );
        }
    }
}

#[test]
fn what_somebody_has_put_into_a_folder_above_is_no_part_of_a_service() {
    for (system, found) in runtimes() {
        // As a folder of results below one that everybody may write to.
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("run/work");
        std::fs::create_dir_all(&folder).unwrap();
        let spec = prepared(system, &found, Workload::HttpHello, &folder);
        let evil = above.path().join("evil.mjs");
        std::fs::write(
            &evil,
            "console.log('evil'); export const answer = () => 'evil';",
        )
        .unwrap();
        let evil = format!("file://{}", evil.display());
        let modules = std::fs::read_dir(&folder).unwrap().flatten();
        let module = |name: String| format!("\"file://{}/{name}\": \"{evil}\"", folder.display());
        let imports: Vec<_> = modules
            .map(|it| module(it.file_name().into_string().unwrap()))
            .chain([format!("\"node:http\": \"{evil}\"")])
            .collect();
        let imports = format!("{{\"imports\": {{{}}}}}", imports.join(", "));
        let preload = format!("preload = [\"{evil}\"]\n");
        let packages = r#"{"type": "commonjs"}"#;
        let paths = r#"{"compilerOptions": {"baseUrl": ".", "paths": {"*": ["./evil.mjs"]}}}"#;
        for (name, text) in [
            ("deno.json", imports.as_str()),
            ("bunfig.toml", &preload),
            ("package.json", packages),
            ("tsconfig.json", paths),
        ] {
            for folder in [above.path().to_owned(), above.path().join("run")] {
                std::fs::write(folder.join(name), text).unwrap();
            }
        }
        let service = Service::start(&spec, &folder);
        let (status, body) = service.ask("GET", "/", b"");
        let expected = answer("GET", "/", Vec::new(), &Counter::new());
        assert_eq!((status, body), (200, expected.body), "{}", system.name());
    }
}

#[test]
fn commands_print_what_the_core_does_and_refuse_what_is_no_number() {
    for (system, found) in runtimes() {
        for workload in [Workload::Hello, Workload::CpuHash] {
            if !system.supports(workload) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let spec = prepared(system, &found, workload, folder.path());
            let Call::Run(arguments) = workload.call() else {
                unreachable!("both are commands");
            };
            let run = |spec: &LaunchSpec| command(spec, None, folder.path()).output().unwrap();
            let output = run(&spec);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let iterations = arguments.first().map(|text| text.parse().unwrap());
            let expected = iterations.map_or(workload_core::HELLO.to_owned(), cpu_hash_hex);
            assert_eq!(said, format!("{expected}\n"), "{}", system.name());
            assert!(output.status.success());
            if iterations.is_some() {
                let mut wrong = spec;
                wrong.arguments.pop();
                wrong.arguments.push("many".to_owned());
                let output = run(&wrong);
                assert_eq!(output.status.code(), Some(2), "{}", system.name());
                assert!(output.stdout.is_empty());
            }
        }
    }
}
