//! Blocked is blocked, and the loopback is not: asked from another network namespace.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use external::network::firewall::nft::Nft;
use external::network::link::{Link, LinkedNamespace};
use machine::ports;

use super::support::{HANG, is_possible, told};

const PLAIN: Link = Link::PLAIN;

/// How long an answer is waited for that must not come.
const SILENCE: Duration = Duration::from_millis(700);

fn firewall(namespace: &LinkedNamespace, words: &str) -> String {
    let mut command = Command::new("ip");
    command.args([
        "netns",
        "exec",
        namespace.name(),
        env!("CARGO_BIN_EXE_external"),
        "firewall",
    ]);
    let (code, said) = told(&command.args(words.split_whitespace()).output().unwrap());
    assert_eq!(code, 0, "{said}");
    said
}

/// Sends four bytes there and back.
fn echoes(mut stream: TcpStream, listener: &TcpListener) -> bool {
    let (mut other, _) = listener.accept().unwrap();
    let mut heard = [0; 4];
    stream.write_all(b"ping").unwrap();
    other.read_exact(&mut heard).unwrap();
    other.write_all(&heard).unwrap();
    stream.read_exact(&mut heard).unwrap();
    heard == *b"ping"
}

#[test]
fn a_connection_from_elsewhere_gets_no_answer_and_one_over_the_loopback_does() {
    if !is_possible() {
        return;
    }
    let namespace = LinkedNamespace::make(PLAIN, None).unwrap();
    let port = ports::free_port().unwrap();
    let outside = SocketAddr::new(namespace.address(), port);
    let listen = || TcpListener::bind(("0.0.0.0", port)).unwrap();
    let loopback = || TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), HANG);

    firewall(
        &namespace,
        &format!("enable --level rules:10 --ports {port}"),
    );
    let listener = namespace.within(listen).unwrap();
    let refused = TcpStream::connect_timeout(&outside, SILENCE).unwrap_err();
    assert_eq!(
        refused.kind(),
        ErrorKind::TimedOut,
        "silence, and no refusal: {refused}"
    );
    let stream = namespace
        .within(loopback)
        .unwrap()
        .expect("the loopback is open");
    assert!(echoes(stream, &listener));
    let counted = namespace
        .within(|| Nft::find().unwrap().table().unwrap().unwrap().counted)
        .unwrap();
    assert!(counted.blocked > 0 && counted.loopback >= 6, "{counted:?}");

    // Another port is none of the firewall's business.
    let other = namespace
        .within(|| TcpListener::bind(("0.0.0.0", 0)).unwrap())
        .unwrap();
    let there = SocketAddr::new(namespace.address(), other.local_addr().unwrap().port());
    assert!(echoes(
        TcpStream::connect_timeout(&there, HANG).unwrap(),
        &other
    ));

    firewall(&namespace, "disable");
    let stream = TcpStream::connect_timeout(&outside, HANG).expect("disabled, it is open again");
    // An open connection outlives the firewall that comes after it, and what listens for others is
    // left open.
    let around = format!("enable --ports {}-{}", port - 1, port.saturating_add(1));
    let said = firewall(&namespace, &around);
    assert!(
        said.contains(&format!(
            "something listens there for others than this machine: {port}"
        )),
        "{said}"
    );
    assert!(echoes(stream, &listener));
}

#[test]
fn an_open_connection_is_not_cut() {
    if !is_possible() {
        return;
    }
    let namespace = LinkedNamespace::make(PLAIN, None).unwrap();
    let port = ports::free_port().unwrap();
    let listener = namespace
        .within(|| TcpListener::bind(("0.0.0.0", port)).unwrap())
        .unwrap();
    let stream =
        TcpStream::connect_timeout(&SocketAddr::new(namespace.address(), port), HANG).unwrap();
    let (mut other, _) = listener.accept().unwrap();
    // Nobody listens there any more, so nothing keeps the port from being blocked.
    drop(listener);
    firewall(&namespace, &format!("enable --ports {port}"));
    let mut stream = stream;
    stream.write_all(b"ping").unwrap();
    let mut heard = [0; 4];
    other.set_read_timeout(Some(HANG)).unwrap();
    other.read_exact(&mut heard).unwrap();
    assert_eq!(heard, *b"ping");
}
