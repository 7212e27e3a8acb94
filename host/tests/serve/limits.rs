//! What one request may take.

use std::io::Write as _;
use std::time::Duration;

use crate::endless::ENDLESS;
use crate::{Answered, NEVER, Server, answered, endless, wait_for};

/// The processor time that a server has used, in ticks of 10 ms, and whether it has ended.
pub(crate) fn computed(server: &Server) -> (u64, bool) {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split(' ').collect();
    (fields[12].parse().unwrap(), fields[1] == "Z")
}

/// Waits until a guest computes, which it must not stop doing by itself: until the process has used
/// more processor time than anything else in it takes.
pub(crate) fn wait_until_busy(server: &Server) {
    let before = computed(server).0;
    wait_for("a guest computes", || computed(server).0 >= before + 5);
}

#[test]
fn a_body_over_the_limit_is_413_with_and_without_a_length() {
    let mut server = Server::start(&["--max-body", "1000"]);
    assert_eq!(server.ask("POST", "/echo", &[b'x'; 1000]).status, 200);
    assert_eq!(server.ask("POST", "/echo", &[b'x'; 1001]).status, 413);
    assert_eq!(
        server.ask("POST", "/echo", &vec![b'x'; 2_000_000]).status,
        413
    );
    let mut stream = server.connect();
    stream
        .write_all(
            b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: \
                chunked\r\n\r\n",
        )
        .unwrap();
    for _ in 0..20 {
        stream.write_all(b"64\r\n").unwrap();
        stream.write_all(&[b'x'; 100]).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(answered(stream).status, 413);
    server.is_well();
}

#[test]
fn a_head_over_the_limit_is_431() {
    let mut server = Server::start(&["--max-head", "8192"]);
    for (bytes, status) in [(4000, 200), (9000, 431), (100_000, 431)] {
        let mut stream = server.connect();
        let head = format!(
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nlong: {}\r\n\r\n",
            "x".repeat(bytes)
        );
        // It may close before it has read all of that.
        let _ = stream.write_all(head.as_bytes());
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        let text = String::from_utf8_lossy(&answer);
        // A reset may overtake the refusal of a head that was not read to its end.
        let refused = status == 431 && bytes > 50_000 && text.is_empty();
        assert!(
            refused || text.starts_with(&format!("HTTP/1.1 {status}")),
            "{bytes}: {text}"
        );
    }
    server.is_well();
}

#[test]
fn requests_beyond_the_limit_are_503_and_the_others_are_answered() {
    let mut server = Server::start(&[
        "--max-concurrent",
        "1",
        "--threads",
        "1",
        "--time-limit",
        NEVER,
    ]);
    let held = server.hold().expect("it is the only one");
    assert_eq!(
        server.get("/"),
        Answered::new(503, "too many requests at once")
    );
    assert_eq!(held.finish(), Answered::new(200, "all of it"));
    // Its guest may still be about to return when its answer has come.
    wait_for("its place is free", || server.get("/").status == 200);
    assert_eq!(
        server.child.try_wait().unwrap(),
        None,
        "the server has ended"
    );
}

#[test]
fn a_guest_that_takes_too_long_is_504_and_others_are_served_meanwhile() {
    for arguments in [
        &["--time-limit", "3", "--threads", "1"][..],
        &[
            "--time-limit",
            "3",
            "--threads",
            "2",
            "--allocator",
            "pooling",
        ],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = endless(&folder, arguments);
        assert_eq!(server.get("/").status, 200);
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| server.get(ENDLESS));
            wait_until_busy(&server);
            let mut meanwhile = 0;
            loop {
                assert_eq!(server.get("/").status, 200);
                // Served after it, they would show nothing.
                if slow.is_finished() {
                    break;
                }
                meanwhile += 1;
            }
            assert!(
                meanwhile >= 3,
                "the slow request was over before the fast ones: {meanwhile}"
            );
            assert_eq!(
                slow.join().unwrap(),
                Answered::new(504, "the guest took too long")
            );
        });
        assert_eq!(server.get("/").status, 200);
        assert_eq!(
            server.child.try_wait().unwrap(),
            None,
            "the server has ended"
        );
    }
}

#[test]
fn a_client_that_never_reads_is_cut_off_and_leaves_its_place() {
    const LIMIT: Duration = Duration::from_millis(500);
    // Two places: a guest may still be about to return when the next request on its connection
    // begins. No guest's time is up.
    let limits = [
        "--max-concurrent",
        "2",
        "--write-limit",
        "0.5",
        "--time-limit",
        NEVER,
    ];
    let mut server = Server::start(&[&["--threads", "1"], &limits[..]].concat());
    let mut stream = server.connect();
    let body = vec![b'x'; 1024 * 1024];
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let begun = machine::clock::now_ns();
    // More answers than the kernel has room for; a server that waits for room reads no further
    // requests either.
    let mut ask = || {
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&body))
    };
    let cut_off = (0..64)
        .find_map(|_| ask().err())
        .expect("64 MiB of answers that nobody reads");
    let took = Duration::from_nanos(machine::clock::now_ns() - begun);
    let broken = [
        std::io::ErrorKind::ConnectionReset,
        std::io::ErrorKind::BrokenPipe,
    ];
    assert!(broken.contains(&cut_off.kind()), "{cut_off}");
    assert!(took >= LIMIT, "{took:?}");
    // The guest that waited for room learns that there will be none: beside one that waits for its
    // request there is a place.
    let mut waiting = None;
    wait_for("one place is free", || {
        waiting = server.hold();
        waiting.is_some()
    });
    wait_for("its place is free", || server.get("/").status == 200);
    assert_eq!(waiting.unwrap().finish().status, 200);
    assert_eq!(
        server.child.try_wait().unwrap(),
        None,
        "the server has ended"
    );
}

#[test]
fn a_client_that_reads_slowly_is_not_cut_off() {
    const LIMIT: Duration = Duration::from_secs(2);
    let server = Server::start(&[
        "--threads",
        "1",
        "--write-limit",
        "2",
        "--time-limit",
        NEVER,
    ]);
    let mut stream = server.connect();
    let body = vec![b'x'; 1024 * 1024];
    let close = "connection: close\r\n";
    let (mut sent, mut answers) = (Vec::new(), 0);
    for last in [false, false, false, false, false, false, false, true] {
        let close = if last { close } else { "" };
        sent.extend(
            format!(
                "POST /echo HTTP/1.1\r\nhost: x\r\n{close}content-length: {}\r\n\r\n",
                body.len()
            )
            .as_bytes(),
        );
        sent.extend(&body);
    }
    let begun = machine::clock::now_ns();
    std::thread::scope(|scope| {
        let mut writer = stream.try_clone().unwrap();
        let written = scope.spawn(move || writer.write_all(&sent));
        let mut piece = vec![0; 256 * 1024];
        loop {
            let read = std::io::Read::read(&mut stream, &mut piece).unwrap();
            if read == 0 {
                break;
            }
            answers += read;
            // A small part of the limit, and all of it takes longer than that.
            std::thread::sleep(Duration::from_millis(80));
        }
        written.join().unwrap().unwrap();
    });
    assert!(answers > 8 * body.len(), "{answers} bytes");
    assert!(Duration::from_nanos(machine::clock::now_ns() - begun) > LIMIT);
}

#[test]
fn a_reused_instance_that_took_too_long_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = endless(&folder, &["--time-limit", "2", "--instances", "reused"]);
    assert_eq!(
        [(); 2].map(|()| server.get("/").status),
        [200, 201],
        "an instance counts what it answers"
    );
    assert_eq!(server.get(ENDLESS).status, 504);
    assert_eq!(
        [(); 2].map(|()| server.get("/").status),
        [200, 201],
        "it is another one"
    );
    assert_eq!(
        server.child.try_wait().unwrap(),
        None,
        "the server has ended"
    );
}

#[test]
fn all_instances_together_have_a_limit_and_what_is_beyond_is_503() {
    let mut server = Server::start(&[
        "--total-memory",
        "16",
        "--threads",
        "1",
        "--time-limit",
        NEVER,
        "--read-limit",
        NEVER,
    ]);
    let mut held = Vec::new();
    while let Some(one) = server.hold() {
        held.push(one);
        assert!(held.len() < 100, "100 instances in 16 MiB");
    }
    assert!(held.len() > 1, "{} fit", held.len());
    assert_eq!(
        server.get("/"),
        Answered::new(503, "all requests together need too much memory")
    );
    assert_eq!(
        held.pop().unwrap().finish(),
        Answered::new(200, "all of it")
    );
    wait_for("its memory is free", || server.get("/").status == 200);
    for one in held {
        assert_eq!(one.finish().status, 200);
    }
    server.is_well();
    assert_eq!(server.terminate(), (Some(0), String::new()));
}

#[test]
fn bodies_that_are_kept_count_into_the_limit_of_all() {
    let mut server = Server::start(&[
        "--instances",
        "reused",
        "--total-memory",
        "8",
        "--max-body",
        "20000000",
    ]);
    server.is_well();
    assert_eq!(
        server.ask("POST", "/echo", &vec![b'x'; 16_000_000]).status,
        503
    );
    assert_eq!(server.ask("POST", "/echo", b"small").status, 200);
    server.is_well();
    assert_eq!(server.terminate(), (Some(0), String::new()));
}
