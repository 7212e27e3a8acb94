//! The native builds answer what the shared core does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use workload_core::{DEFAULT_ITERATIONS, HELLO, cpu_hash_hex};

fn output(program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program).args(arguments).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn the_commands_print_what_the_core_says() {
    assert_eq!(
        output(env!("CARGO_BIN_EXE_native-hello"), &[]),
        (Some(0), format!("{HELLO}\n"))
    );
    let cpu_hash = env!("CARGO_BIN_EXE_native-cpu-hash");
    let iterations = DEFAULT_ITERATIONS.to_string();
    assert_eq!(
        output(cpu_hash, &[&iterations]),
        (Some(0), format!("{}\n", cpu_hash_hex(DEFAULT_ITERATIONS)))
    );
    let (code, printed) = output(cpu_hash, &["many"]);
    assert!(code != Some(0) && printed.is_empty());
}

/// A running server that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_native-http"))
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { child, address }
    }

    /// Status and body.
    fn ask(&self, method: &str, target: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let (head, body) = self.answer(method, target, body);
        (head[9..12].parse().unwrap(), body)
    }

    /// Head and body.
    fn answer(&self, method: &str, target: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \
                {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let body = answer.split_off(end + 4);
        (String::from_utf8(answer).unwrap(), body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_server_answers_every_route() {
    let server = Server::start(&[]);
    assert_eq!(server.ask("GET", "/", b""), (200, HELLO.into()));
    assert_eq!(
        server.ask("GET", "/cpu?iterations=3", b""),
        (200, cpu_hash_hex(3).into_bytes())
    );
    let body: Vec<u8> = (0..=255).cycle().take(1024 * 1024).collect();
    assert_eq!(server.ask("POST", "/echo", &body), (200, body));
    assert_eq!(server.ask("GET", "/state", b""), (200, b"0".into()));
    assert_eq!(server.ask("POST", "/state", b""), (200, b"1".into()));
    assert_eq!(server.ask("POST", "/state", b""), (200, b"2".into()));
    assert_eq!(server.ask("GET", "/state", b""), (200, b"2".into()));
    assert_eq!(server.ask("GET", "/nowhere", b"").0, 404);
}

#[test]
fn an_answer_has_a_date_unless_it_is_to_have_none() {
    for (options, is_dated) in [(&[][..], true), (&["--no-date"], false)] {
        let (head, body) = Server::start(options).answer("GET", "/", b"");
        assert_eq!(body, HELLO.as_bytes());
        assert_eq!(head.contains("\r\ndate: "), is_dated, "{head}");
        // And nothing else is different.
        let others = head.lines().filter(|line| !line.starts_with("date: "));
        let others: Vec<_> = others.filter(|line| !line.is_empty()).collect();
        let length = format!("content-length: {}", HELLO.len());
        assert_eq!(others, ["HTTP/1.1 200 OK", "connection: close", &*length]);
    }
}
