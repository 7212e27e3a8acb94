//! A namespace with a link to it, as code uses it.

use std::net::{IpAddr, TcpListener};
use std::path::Path;

use external::client::readiness::{self, RetryPolicy, Target};
use external::network::link::{Link, LinkError, LinkedNamespace, Wire, is_ours};
use external::process::{Launch, NetworkNamespace};
use machine::clock::now_ns;
use machine::ports;
use workloads::Request;

use super::support::{HANG, hang_ns, is_possible, not_run, wait_for};

const PLAIN: Link = Link::PLAIN;

#[test]
fn a_server_launched_in_it_answers_takes_load_and_is_gone() {
    if !is_possible() {
        return;
    }
    let (folder, namespace) = (
        tempfile::tempdir().unwrap(),
        LinkedNamespace::make(PLAIN, None).unwrap(),
    );
    let (port, address) = (ports::free_port().unwrap(), namespace.address());
    let mut launch = Launch::new(
        env!("CARGO_BIN_EXE_mock-server"),
        folder.path(),
        folder.path().join("log"),
    );
    launch.arguments = vec!["answers".into(), format!("{address}:{port}").into()];
    launch.namespace = Some(NetworkNamespace::clone(&namespace));
    let mut running = launch.launch().unwrap();
    let policy = RetryPolicy::until(hang_ns());
    let target = Target::new((address, port).into());
    let first = readiness::first_answer(&target, &Request::get("/"), &policy, &mut || {
        running.ended().is_some()
    })
    .unwrap();
    assert_eq!(first.answer.code, 200);
    assert_eq!(
        ports::belongs_to(port, running.pid()),
        Ok(()),
        "the tables are those of its namespace"
    );
    assert_eq!(
        ports::owner_of(port).unwrap(),
        [],
        "and nobody listens in the machine's"
    );
    assert_eq!(
        namespace
            .within(|| ports::owner_of(port))
            .unwrap()
            .unwrap()
            .len(),
        1
    );

    let url = format!("http://{address}:{port}/");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_external"));
    command.args([
        "load",
        &url,
        "--requests",
        "20",
        "--connections",
        "1",
        "--no-keep-alive",
    ]);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    running.stop(HANG);

    assert!(is_ours(address));
    drop((launch, namespace));
    assert!(!is_ours(address), "what is gone is a stranger's");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_external"))
        .args(["load", &url])
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_is_launched_later_is_launched_outside_again() {
    if !is_possible() {
        return;
    }
    let (folder, namespace) = (
        tempfile::tempdir().unwrap(),
        LinkedNamespace::make(PLAIN, None).unwrap(),
    );
    let names = |inside: Option<&NetworkNamespace>| {
        let mut launch = Launch::new("/bin/sh", folder.path(), folder.path().join("log"));
        launch.arguments = vec!["-c".into(), "exec /bin/readlink /proc/self/ns/net".into()];
        launch.namespace = inside.cloned();
        let mut running = launch.launch().unwrap();
        running.wait_end(hang_ns()).unwrap();
        running.log_tail()
    };
    let (outside, inside, again) = (names(None), names(Some(&namespace)), names(None));
    assert!(
        outside.starts_with("net:[") && outside != inside,
        "{outside} {inside}"
    );
    assert_eq!(outside, again);
}

#[test]
fn two_links_at_once_do_not_meet() {
    if !is_possible() {
        return;
    }
    let (one, two) = (
        LinkedNamespace::make(PLAIN, None).unwrap(),
        LinkedNamespace::make(PLAIN, None).unwrap(),
    );
    assert_ne!((one.address(), one.name()), (two.address(), two.name()));
    let listener = one
        .within(|| TcpListener::bind((one.address(), 0)).unwrap())
        .unwrap();
    assert!(
        two.within(|| TcpListener::bind(listener.local_addr().unwrap()))
            .unwrap()
            .is_err(),
        "it has no such address"
    );
}

#[test]
fn the_link_of_another_suite_is_not_removed_with_a_namespace_that_it_does_not_lead_to() {
    if !is_possible() {
        return;
    }
    let others = LinkedNamespace::make(PLAIN, None).unwrap();
    let device = format!("coldphase-{}", block_of(others.address()));
    let is_there = || Path::new("/sys/class/net").join(&device).exists();
    assert!(is_there());
    // As a suite that was late with the same block leaves it: a namespace, and no link.
    let late = format!("coldphase-late-{}", std::process::id());
    let ip = |words: &[&str]| {
        let status = std::process::Command::new("ip").args(words).status();
        assert!(status.unwrap().success(), "ip {words:?}");
    };
    ip(&["netns", "add", &late]);
    external::network::link::remove_left(&late, &device).unwrap();
    assert!(!NetworkNamespace::exists(&late));
    assert!(is_there(), "the other's link");
    // And as one that has removed its own already.
    external::network::link::remove_left(&late, &device).unwrap();
    assert!(is_there(), "the other's link");
    external::network::link::remove_left(others.name(), &device).unwrap();
    assert!(!is_there() && !NetworkNamespace::exists(others.name()));
}

/// The number of the network of four addresses that one of them is in.
fn block_of(address: IpAddr) -> u32 {
    let IpAddr::V4(address) = address else {
        panic!("{address} is none of ours");
    };
    u32::from(address) % 65_536 / 4
}

#[test]
fn a_rate_is_held() {
    if !is_possible() {
        return;
    }
    for wire in [Wire::Veth, Wire::Tun] {
        let link = Link {
            wire,
            rate_mbit: Some(8),
            ..PLAIN
        };
        match LinkedNamespace::make(link, None) {
            Ok(namespace) => hold_a_rate(&namespace),
            Err(LinkError::NoQueue { kind: "tbf", .. }) => not_run("this kernel has no tbf"),
            Err(LinkError::NoTun { why, .. }) => not_run(&why.to_string()),
            Err(error) => panic!("{error}"),
        }
    }
}

fn hold_a_rate(namespace: &LinkedNamespace) {
    let listener = namespace
        .within(|| TcpListener::bind((namespace.address(), 0)).unwrap())
        .unwrap();
    let sending = || {
        let mut stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let sender = std::thread::spawn(move || {
            std::io::Write::write_all(&mut stream, &vec![0; 600_000]).unwrap();
        });
        let began_ns = now_ns();
        let mut heard = vec![0; 600_000];
        std::io::Read::read_exact(&mut other, &mut heard).unwrap();
        sender.join().unwrap();
        now_ns() - began_ns
    };
    // A megabyte a second, less what the bucket holds at first. A busy machine may be slower than
    // that, but not always.
    wait_for("600 kB are sent in 600 ms, or not much more", || {
        let took_ns = sending();
        assert!(took_ns >= 400_000_000, "{took_ns} ns");
        took_ns < 1_200_000_000
    });
}
