//! `host serve`, the real binary: what it answers, what it refuses, and that nothing a client or a
//! guest does ends it.

mod answers;
#[path = "../support/built.rs"]
mod built;
mod command_line;
#[path = "../support/endless.rs"]
mod endless;
mod endurance;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/given.rs"]
mod given;
mod guests;
mod hostile;
mod interrupt;
mod limits;
mod native_code;
mod run;
#[path = "../support/stateful.rs"]
mod stateful;
mod wasmedge;
mod what_is_given;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

/// What takes longer hangs. No test is about how long this is: a busy machine needs seconds for
/// what an idle one does at once.
const HANG: Duration = Duration::from_mins(3);

/// A limit in seconds that no test waits for: what happens before it has another reason.
const NEVER: &str = "86400";

/// The service, compiled once for all tests.
static COMPILED: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("http.cwasm");
    compile(&built("http.component.wasm"), &output);
    (folder, output)
});

/// The path of a built guest.
fn built(name: &str) -> PathBuf {
    results::checkout::root()
        .join("workloads/artifacts")
        .join(name)
}

fn service() -> &'static Path {
    &COMPILED.1
}

fn host(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Ends by itself, and says this.
fn ended(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = host(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        status.code().expect("it exits by itself"),
        text(stdout),
        text(stderr),
    )
}

fn compile(artifact: &Path, output: &Path) {
    let (artifact, output) = (artifact.to_str().unwrap(), output.to_str().unwrap());
    let (code, _, stderr) = ended(&["compile", "--artifact", artifact, "--output", output]);
    assert_eq!((code, stderr.as_str()), (0, ""));
}

/// A server that listens.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts one on the compiled service.
    fn start(arguments: &[&str]) -> Self {
        Self::of_compiled(service(), arguments)
    }

    /// Starts one on what was compiled here, mapped unless something else is asked for.
    fn of_compiled(code: &Path, arguments: &[&str]) -> Self {
        let mapped: &[&str] = if arguments.contains(&"--acquire") {
            &[]
        } else {
            &["--acquire", "deserialize_file"]
        };
        Self::of(code, &[mapped, arguments].concat())
    }

    fn of(artifact: &Path, arguments: &[&str]) -> Self {
        let mut command = host(&["serve", "--artifact", artifact.to_str().unwrap()]);
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .expect(&line)
            .parse()
            .unwrap();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.set_write_timeout(Some(HANG)).unwrap();
        stream
    }

    fn get(&self, target: &str) -> Answered {
        self.ask("GET", target, b"")
    }

    fn ask(&self, method: &str, target: &str, body: &[u8]) -> Answered {
        let mut stream = self.connect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: \
                {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses a body need not read it.
        let _ = stream.write_all(body);
        answered(stream)
    }

    /// Begins a request that a guest is in the middle of until the rest of its body comes; nothing
    /// if it was refused. The server asks for a body when the guest does.
    fn hold(&self) -> Option<Held> {
        let mut stream = self.connect();
        let head = "POST /echo HTTP/1.1\r\nhost: test\r\nconnection: close\r\nexpect: \
            100-continue\r\n";
        stream
            .write_all(format!("{head}content-length: {}\r\n\r\n", Held::BODY.len()).as_bytes())
            .unwrap();
        let mut first = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut first).unwrap();
        first.starts_with(b"HTTP/1.1 100 ").then_some(Held(stream))
    }

    /// Tells it to end, as a supervisor does.
    fn signal(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    /// Ends it, and gives what it printed as errors.
    fn terminate(mut self) -> (Option<i32>, String) {
        self.signal();
        let mut stderr = String::new();
        self.child
            .stderr
            .as_mut()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }

    /// Still the same process, and still serving.
    fn is_well(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "the server has ended");
        assert_eq!(self.get("/"), Answered::new(200, "Hello from coldphase"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request whose guest waits for the rest of its body.
struct Held(TcpStream);

impl Held {
    const BODY: &[u8] = b"all of it";

    /// Sends the body, and reads the answer.
    fn finish(mut self) -> Answered {
        self.0.write_all(Self::BODY).unwrap();
        answered(self.0)
    }
}

/// Waits for what must come, not for how long it takes.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let begun_ns = machine::clock::now_ns();
    while !holds() {
        assert!(
            Duration::from_nanos(machine::clock::now_ns() - begun_ns) < HANG,
            "{what}"
        );
        std::thread::yield_now();
    }
}

/// Has [`endless::component`] served, compiled, from a folder that must outlive it.
fn endless(folder: &tempfile::TempDir, arguments: &[&str]) -> Server {
    let [component, compiled] =
        ["endless.wasm", "endless.cwasm"].map(|name| folder.path().join(name));
    std::fs::write(&component, endless::component()).unwrap();
    compile(&component, &compiled);
    Server::of_compiled(&compiled, arguments)
}

#[derive(Debug, PartialEq, Eq)]
struct Answered {
    status: u16,
    body: String,
}

impl Answered {
    fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.to_owned(),
        }
    }
}

/// Reads an answer to the end of its connection.
fn answered(mut stream: TcpStream) -> Answered {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answered {
        status,
        body: body.to_owned(),
    }
}
