//! Engines that die, that are in somebody's way, or cannot be used.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use external::system::managed::StartRequest;
use machine::clock::now_ns;
use machine::ports;
use results::Evidence;
use workloads::Workload;

use crate::ground::HANG_NS;
use crate::support::{docker, ground_of, kill_the_engine, ours, request, sample};

#[test]
fn an_engine_that_dies_is_a_reason_and_is_brought_back() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    let hello = request(Workload::HttpHello, "bridge");
    engine.prepare(&hello).unwrap();
    kill_the_engine();
    let Err(reason) = engine.start(&hello, Some(ports::free_port().unwrap())) else {
        panic!("a dead engine started one")
    };
    assert!(
        reason.contains("the engine cannot create the container"),
        "{reason}"
    );
    engine.clean().unwrap();
    let start = sample(engine.as_mut(), &hello);
    assert_eq!(
        start.phases.len(),
        4,
        "the next preparation has brought it back"
    );

    // With a container that runs: it cannot be removed then, and must not stay for ever.
    engine.prepare(&hello).unwrap();
    let mut instance = engine
        .start(&hello, Some(ports::free_port().unwrap()))
        .unwrap();
    let container = ours();
    kill_the_engine();
    let reason = instance.remove().unwrap_err();
    assert!(
        reason.contains("the engine cannot remove the container"),
        "{reason}"
    );
    drop(instance);
    engine.clean().unwrap();
    sample(engine.as_mut(), &hello);
    drop(engine);
    assert_eq!(ours(), "");
    assert_eq!(container.len(), 64, "{container}");
    let shims = Command::new("pgrep")
        .args(["-f", &format!("containerd-shim.*{container}")])
        .output()
        .unwrap();
    assert!(
        shims.stdout.is_empty(),
        "its shim is left: {}",
        String::from_utf8_lossy(&shims.stdout)
    );
}

#[test]
fn what_is_in_the_way_is_named_and_what_is_others_is_left() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    let hello = request(Workload::HttpHello, "bridge");
    let prepared = engine.prepare(&hello).unwrap();
    let image = prepared.attested[Evidence::Image]
        .as_str()
        .unwrap()
        .to_owned();
    let foreign = docker(&["create", "--label", "somebody=else", &image, "/native-http"]);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let Err(reason) = engine.start(&hello, Some(taken.local_addr().unwrap().port())) else {
        panic!("the port is taken")
    };
    assert!(
        reason.contains("cannot start the container") && reason.contains("has the port"),
        "{reason}"
    );
    engine.clean().unwrap();

    let short = StartRequest {
        deadline_ns: now_ns(),
        ..hello.clone()
    };
    let mut instance = engine
        .start(&short, Some(ports::free_port().unwrap()))
        .unwrap();
    assert!(
        instance
            .wait_end(now_ns())
            .unwrap_err()
            .reason
            .contains("did not end within its time limit")
    );
    drop(instance);
    engine.clean().unwrap();
    drop(engine);
    assert_eq!(ours(), "");
    assert_eq!(docker(&["rm", &foreign]), foreign, "it was still there");
}

#[test]
fn an_image_that_is_gone_is_not_pulled() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    let hello = request(Workload::CpuHash, "none");
    let prepared = engine.prepare(&hello).unwrap();
    docker(&[
        "rmi",
        "--force",
        prepared.attested[Evidence::Image].as_str().unwrap(),
    ]);
    let Err(reason) = engine.start(&hello, None) else {
        panic!("there is no image")
    };
    assert!(reason.contains("No such image"), "{reason}");
    // A run after this one builds it again.
    drop(engine);
    sample(ground.engine().as_mut(), &hello);
}

#[test]
fn a_container_that_ends_at_once_is_a_reason() {
    let ground = ground_of("docker");
    let mut engine = ground.engine();
    // In the machine's own network a server on a port that is taken ends by itself.
    let hello = request(Workload::HttpHello, "host");
    engine.prepare(&hello).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut instance = engine.start(&hello, Some(port)).unwrap();
    let until_ns = now_ns() + HANG_NS;
    let end = loop {
        assert!(now_ns() < until_ns, "its end is not seen");
        if let Some(end) = instance.ended() {
            break end;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert!(end.contains("ended with code 1"), "{end}");
    assert!(
        instance.log_tail().contains("cannot serve on"),
        "{}",
        instance.log_tail()
    );
}

/// An engine that says this of itself, at a socket.
fn pretender(folder: &Path, answer: &'static str) -> PathBuf {
    let path = folder.join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: \
                close\r\ncontent-length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{answer}", answer.len());
        }
    });
    path
}

#[test]
fn engines_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let told = |host: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
        command.args([
            "suite",
            "--require",
            "docker",
            "--only",
            "system=docker,workload=hello",
            "--samples",
            "1",
        ]);
        let output = command
            .args(["--out"])
            .arg(folder.path())
            .env("DOCKER_HOST", host)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(8), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let old = pretender(folder.path(), r#"{"Version":"1.13.1","ApiVersion":"1.26"}"#);
    let said = told(&format!("unix://{}", old.display()));
    assert!(
        said.contains("speaks version 1.26 of its API, and 1.40 is the oldest understood"),
        "{said}"
    );
    let said = told("tcp://10.0.0.1:2375");
    assert!(
        said.contains("only an engine of this machine shares its clock"),
        "{said}"
    );
    let said = told("unix:///nowhere/docker.sock");
    assert!(said.contains("`./setup docker`"), "{said}");
}
