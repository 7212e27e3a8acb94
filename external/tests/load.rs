//! The load generator against servers that behave and servers that do not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use campaign::Exit;
use external::client::load::{
    Amount, Load, LoadArguments, LoadError, Loaded, Pace, command, histogram, run,
};
use machine::{cores, ports};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, socket};
use workloads::{Expectation, Request};

/// What the server does with one request.
struct Act {
    /// How long it thinks.
    wait: Duration,
    /// What it then sends, byte for byte.
    answer: String,
    /// Whether it then closes the connection.
    close: bool,
}

fn answer(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
    Act {
        wait: Duration::ZERO,
        answer,
        close: !headers.is_empty(),
    }
}

fn right() -> Act {
    answer("200 OK", "", "hello")
}

/// A server that does as it is told by the number of the request, from 0, over all connections.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start(act: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), act)
    }

    fn at(listener: TcpListener, act: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let [connections, requests] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let server = Self {
            address,
            connections: Arc::clone(&connections),
            requests: Arc::clone(&requests),
        };
        let act = Arc::new(act);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, SeqCst);
                let (act, requests) = (Arc::clone(&act), Arc::clone(&requests));
                std::thread::spawn(move || serve(&mut stream.unwrap(), &requests, &*act));
            }
        });
        server
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(SeqCst), self.requests.load(SeqCst))
    }
}

/// Serves one connection until either side ends it.
fn serve(stream: &mut TcpStream, requests: &AtomicUsize, act: &dyn Fn(usize) -> Act) {
    while read_request(stream).is_some() {
        let act = act(requests.fetch_add(1, SeqCst));
        std::thread::sleep(act.wait);
        if stream.write_all(act.answer.as_bytes()).is_err() || act.close {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    assert!(head.contains("\nhost: "), "{head}");
    Some(head)
}

/// Fifty requests over four connections that are kept.
fn load(server: &Server) -> Load {
    Load {
        address: server.address,
        host: "example".into(),
        also: Vec::new(),
        request: Request::get("/"),
        expected: Expectation::status(200).with_body("hello"),
        sequence: Vec::new(),
        pace: Pace::Closed,
        connections: 4,
        keep_alive: true,
        warm_up: 5,
        until_steady: None,
        amount: Amount::Requests(50),
        timeout: Duration::from_mins(3),
        core: None,
    }
}

fn counts(loaded: &Loaded) -> (u64, u64, u64) {
    (
        loaded.requests.sent,
        loaded.requests.ok,
        loaded.requests.failed,
    )
}

/// The only reason that requests failed for.
fn reason(loaded: &Loaded) -> &str {
    assert_eq!(loaded.failures.len(), 1, "{:?}", loaded.failures);
    &loaded.failures[0].failure.reason
}

#[test]
fn a_closed_loop_sends_the_given_requests_over_the_given_connections() {
    let server = Server::start(|_| right());
    let loaded = run(&load(&server)).unwrap();
    assert_eq!(counts(&loaded), (50, 50, 0));
    assert_eq!(
        server.counts(),
        (4, 70),
        "connections, and requests with the five of the warm-up over each"
    );
    let requests = &loaded.requests;
    assert_eq!(
        (requests.dropped, requests.late, loaded.lateness.is_none()),
        (0, 0, true)
    );
    assert_eq!(
        histogram::decode(requests.latency_hdr.as_deref().unwrap()).unwrap(),
        loaded.latency
    );
    assert_eq!((loaded.latency.len(), loaded.warm_up), (50, 20));
    let series = requests.series.as_ref().unwrap();
    assert_eq!(series.answers.iter().sum::<u64>(), requests.ok);
    let last = series.answers.len() as u64 - 1;
    assert_eq!(
        requests.wall_ns / series.window_ns,
        last,
        "the last answer is in the last window"
    );
    // The histogram rounds each latency by less than 0.1 %, the series none.
    let summed: u64 = series.latency_sum_ns.iter().sum();
    let ratio = loaded.latency.mean() * 50.0 / summed as f64;
    assert!((ratio - 1.0).abs() < 0.001, "{ratio}");
    assert!(requests.wall_ns > 0 && loaded.latency.max() <= requests.wall_ns * 11 / 10);
    assert!(loaded.cpu_ns > 0 && loaded.per_second().is_some());
    assert!(loaded.latency_ns(0.5).is_some() && loaded.latency_ns(0.99).is_none());
}

#[test]
fn a_connection_per_request_is_one() {
    let server = Server::start(|_| right());
    let loaded = run(&Load {
        keep_alive: false,
        ..load(&server)
    })
    .unwrap();
    assert_eq!(counts(&loaded), (50, 50, 0));
    assert_eq!(server.counts(), (70, 70));
}

#[test]
fn bodies_are_sent_and_chunks_are_read() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: \
        chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let server = Server::start(|_| Act {
        answer: chunked.into(),
        ..right()
    });
    let request = Request::post("/echo", "hello");
    assert_eq!(
        counts(
            &run(&Load {
                request,
                ..load(&server)
            })
            .unwrap()
        ),
        (50, 50, 0)
    );
    assert_eq!(server.counts(), (4, 70));
}

#[test]
fn a_sequence_goes_over_each_connection_in_order_and_begins_anew_after_a_failure() {
    let step = |name: &str, target: &str, status| workloads::target::Step {
        name: name.to_owned(),
        request: Request::get(target),
        expected: Expectation::status(status),
    };
    let server = Server::start(|_| right());
    let sequence = vec![
        step("one", "/1", 200),
        step("two", "/2", 200),
        step("three", "/3", 200),
    ];
    let loaded = run(&Load {
        connections: 2,
        warm_up: 3,
        sequence: sequence.clone(),
        amount: Amount::Requests(12),
        ..load(&server)
    })
    .unwrap();
    let each = |loaded: &Loaded| -> Vec<(String, u64, u64)> {
        let all = loaded.requests.by_request.iter().flatten();
        all.map(|it| (it.name.clone(), it.ok, it.failed)).collect()
    };
    let counted = each(&loaded);
    assert_eq!(counted.iter().map(|it| it.1).sum::<u64>(), 12);
    let latencies = loaded.requests.by_request.iter().flatten().map(|it| {
        let text = it.latency_hdr.as_deref().unwrap();
        (histogram::decode(text).unwrap().len(), it.ok)
    });
    assert!(latencies.into_iter().all(|(kept, ok)| kept == ok));
    // What follows the one that fails is never asked.
    let loaded = run(&Load {
        connections: 1,
        warm_up: 0,
        sequence: vec![
            sequence[0].clone(),
            step("wrong", "/2", 204),
            sequence[2].clone(),
        ],
        amount: Amount::Requests(6),
        ..load(&server)
    })
    .unwrap();
    let wanted = [("one", 3, 0), ("wrong", 0, 3), ("three", 0, 0)];
    assert_eq!(
        each(&loaded),
        wanted.map(|(name, ok, failed)| (name.to_owned(), ok, failed))
    );
    // One request has no parts.
    assert_eq!(run(&load(&server)).unwrap().requests.by_request, None);
}

#[test]
fn an_answer_may_be_known_by_its_status_alone() {
    let server = Server::start(|nth| answer("200 OK", "", &nth.to_string()));
    let loaded = run(&Load {
        expected: Expectation::status(200),
        ..load(&server)
    })
    .unwrap();
    assert_eq!(counts(&loaded), (50, 50, 0));
}

#[test]
fn wrong_answers_are_failures_and_not_latencies() {
    for (wrong, why) in [
        (
            answer("200 OK", "", "hullo"),
            r#"answered "hullo", expected "hello""#,
        ),
        (
            answer("200 OK", "", "hello and more"),
            r#"answered "hello and more", expected "hello""#,
        ),
        (
            answer("200 OK", "", "hell"),
            r#"answered "hell", expected "hello""#,
        ),
        (answer("200 OK", "", ""), r#"answered "", expected "hello""#),
        (
            answer("500 Oh", "", "hello"),
            r#"status 500, expected 200, with the body "hello""#,
        ),
        (answer("204 No", "", ""), "status 204, expected 200"),
    ] {
        let wrong = wrong.answer;
        let server = Server::start(move |nth| {
            if nth < 60 {
                right()
            } else {
                Act {
                    answer: wrong.clone(),
                    ..right()
                }
            }
        });
        let loaded = run(&load(&server)).unwrap();
        assert_eq!((counts(&loaded), loaded.latency.len()), ((50, 40, 10), 40));
        assert!(reason(&loaded).contains(why), "{}", reason(&loaded));
        assert_eq!(loaded.failures[0].count, 10);
    }
}

#[test]
fn what_is_no_http_is_a_failure() {
    let server = Server::start(|_| Act {
        answer: "hello\r\n\r\n".into(),
        close: true,
        ..right()
    });
    let loaded = run(&load(&server)).unwrap();
    assert_eq!((counts(&loaded), loaded.warm_up_failed), ((50, 0, 50), 20));
    assert_eq!(loaded.latency_ns(0.5), None);
}

#[test]
fn a_connection_that_breaks_within_an_answer_is_opened_again() {
    let server = Server::start(|nth| match nth {
        30..33 => Act {
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel".into(),
            close: true,
            ..right()
        },
        _ => right(),
    });
    let loaded = run(&load(&server)).unwrap();
    assert_eq!(counts(&loaded), (50, 47, 3));
    assert!(
        reason(&loaded).contains("broke off after 41 bytes of the answer"),
        "{}",
        reason(&loaded)
    );
    assert_eq!(server.counts(), (7, 70));
}

#[test]
fn a_connection_that_the_server_ends_politely_is_opened_again_without_a_failure() {
    let server = Server::start(|_| answer("200 OK", "Connection: close\r\n", "hello"));
    let loaded = run(&load(&server)).unwrap();
    assert_eq!(counts(&loaded), (50, 50, 0));
    assert_eq!(server.counts().1, 70);
}

#[test]
fn latency_holds_what_the_server_takes() {
    let wait = Duration::from_millis(20);
    let server = Server::start(move |_| Act { wait, ..right() });
    let loaded = run(&Load {
        warm_up: 0,
        amount: Amount::Requests(8),
        ..load(&server)
    })
    .unwrap();
    assert_eq!(counts(&loaded), (8, 8, 0));
    assert!(
        loaded.latency.min() >= 19_900_000,
        "{}",
        loaded.latency.min()
    );
}

#[test]
fn patience_ends() {
    let long = Duration::from_hours(1);
    let server = Server::start(move |nth| {
        if nth == 27 {
            Act {
                wait: long,
                ..right()
            }
        } else {
            right()
        }
    });
    let loaded = run(&Load {
        timeout: Duration::from_secs(2),
        ..load(&server)
    })
    .unwrap();
    assert_eq!(counts(&loaded), (50, 49, 1));
    assert_eq!(reason(&loaded), "no complete answer within 2s");
    assert!(loaded.requests.wall_ns >= 2_000_000_000);
    assert_eq!(server.counts().1, 70);
}

#[test]
fn a_load_for_a_time_ends_after_it() {
    let server = Server::start(|_| right());
    let time = Duration::from_millis(200);
    let loaded = run(&Load {
        amount: Amount::Time(time),
        ..load(&server)
    })
    .unwrap();
    let (sent, ok, failed) = counts(&loaded);
    assert_eq!(
        (sent, failed, usize::try_from(sent).unwrap() + 20),
        (ok, 0, server.counts().1)
    );
    assert!(
        sent > 4 && loaded.requests.wall_ns >= 150_000_000,
        "{:?}",
        loaded.requests
    );
}

#[test]
fn an_open_loop_follows_its_plan() {
    let server = Server::start(|_| right());
    for keep_alive in [true, false] {
        let pace = Pace::Open {
            per_second: 1_000.0,
        };
        let loaded = run(&Load {
            pace,
            keep_alive,
            ..load(&server)
        })
        .unwrap();
        assert_eq!(counts(&loaded), (50, 50, 0));
        // The last is planned 49 ms after the first.
        assert!(
            loaded.requests.wall_ns >= 40_000_000,
            "{}",
            loaded.requests.wall_ns
        );
        let lateness = loaded.lateness.unwrap();
        assert_eq!((lateness.sends.len(), lateness.own.len()), (50, 50));
        assert!(lateness.own.min() <= lateness.sends.min());
    }
    let pace = Pace::Open {
        per_second: 1_000.0,
    };
    let loaded = run(&Load {
        pace,
        amount: Amount::Time(Duration::from_millis(20)),
        ..load(&server)
    })
    .unwrap();
    assert_eq!(counts(&loaded), (20, 20, 0));
}

/// The fault that open loops are for: a closed one asks nothing while the server stalls, and so
/// sees the stall once.
#[test]
fn a_stall_is_seen_by_every_request_that_it_keeps_waiting() {
    let stall = Duration::from_millis(200);
    let pace = Pace::Open { per_second: 500.0 };
    let server = Server::start(move |nth| {
        if nth == 20 {
            Act {
                wait: stall,
                ..right()
            }
        } else {
            right()
        }
    });
    let load = Load {
        pace,
        connections: 1,
        warm_up: 0,
        amount: Amount::Requests(150),
        ..load(&server)
    };
    let loaded = run(&load).unwrap();
    assert_eq!(counts(&loaded), (150, 150, 0));
    // 100 requests are planned within the stall, and 75 of them have 50 ms of it before them.
    let hit = loaded.latency.count_between(50_000_000, u64::MAX);
    assert!(hit >= 60, "{hit} requests were hit");
    assert!(loaded.requests.late >= 60, "{}", loaded.requests.late);
}

#[test]
fn requests_that_nobody_waits_for_any_more_are_dropped() {
    let wait = Duration::from_millis(200);
    let server = Server::start(move |_| Act { wait, ..right() });
    let pace = Pace::Open {
        per_second: 1_000.0,
    };
    let timeout = Duration::from_secs(1);
    let amount = Amount::Requests(100);
    let loaded = run(&Load {
        pace,
        connections: 1,
        warm_up: 0,
        timeout,
        amount,
        ..load(&server)
    })
    .unwrap();
    let (sent, ok, failed) = counts(&loaded);
    // The last one is planned within 99 ms, and one connection is given six at most before the
    // timeout of that ends.
    assert!(sent <= 6 && ok >= 1, "{:?}", loaded.requests);
    assert_eq!((sent + loaded.requests.dropped, ok + failed), (100, sent));
}

#[test]
fn other_machines_are_refused() {
    let server = Server::start(|_| right());
    for address in ["192.0.2.1:80", "0.0.0.0:80", "[2001:db8::1]:80"] {
        let refused = run(&Load {
            address: address.parse().unwrap(),
            ..load(&server)
        })
        .unwrap_err();
        assert!(matches!(refused, LoadError::Foreign(_)), "{refused}");
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    // Not one that the kernel gives to somebody else meanwhile.
    let address = ([127, 0, 0, 1], ports::free_port().unwrap()).into();
    let server = Server::start(|_| right());
    let error = run(&Load {
        address,
        ..load(&server)
    })
    .unwrap_err();
    assert!(matches!(error, LoadError::Connect { .. }), "{error}");
}

#[test]
fn the_generator_is_kept_on_the_core_that_it_reports() {
    let server = Server::start(|_| right());
    let before = cores::allowed();
    let loaded = run(&Load {
        core: Some(before[0]),
        ..load(&server)
    })
    .unwrap();
    assert_eq!(
        (counts(&loaded), loaded.core),
        ((50, 50, 0), Some(before[0]))
    );
    assert_eq!(
        cores::allowed(),
        before,
        "the thread that asked stays where it was"
    );
    let error = run(&Load {
        core: Some(100_000),
        ..load(&server)
    })
    .unwrap_err();
    assert!(
        matches!(error, LoadError::Pin { core: 100_000, .. }),
        "{error}"
    );
}

#[test]
fn the_exit_code_reports_the_outcome() {
    use clap::Parser;
    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: LoadArguments,
    }
    let server =
        Server::start(|nth| answer("200 OK", "", if nth % 2 == 0 { "hello" } else { "hullo" }));
    let url = format!("http://{}/", server.address);
    for (words, exit) in [
        (&["--format", "json"][..], Exit::Ok),
        (&["--expect-body", "hello"], Exit::Samples),
        (&["--expect-status", "404"], Exit::Nothing),
    ] {
        let words = [&["load", &url, "--requests", "20"], words].concat();
        assert_eq!(
            command(&Program::try_parse_from(words).unwrap().arguments).unwrap(),
            exit
        );
    }
}

/// `external load`, whose output is kept.
fn load_command(program: &str, words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(program).args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn too_few_descriptors_are_this_machines_fault_and_not_that_of_a_server_that_listens() {
    let server = Server::start(|_| right());
    let url = format!("http://{}/", server.address);
    let script = "ulimit -n 256; exec \"$0\" load \"$1\" --connections 3000";
    let external = env!("CARGO_BIN_EXE_external");
    let (code, _, said) = load_command("sh", &["-c", script, external, &url]);
    assert_eq!(code, Some(Exit::Internal.code().into()), "{said}");
    assert!(said.contains("ulimit -n"), "{said}");
    assert!(!said.contains("start the server"), "{said}");
    assert!(server.counts().0 > 0, "it was connected to");
}

/// A port of the loopback's IPv6 alone, while nobody can have it on IPv4; nothing where there is no
/// IPv6.
fn six_alone() -> Option<(TcpListener, OwnedFd)> {
    loop {
        let listener = TcpListener::bind("[::1]:0").ok()?;
        let port = listener.local_addr().unwrap().port();
        let flags = SockFlag::SOCK_CLOEXEC;
        let held = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
        // Bound and not listened on, it refuses connections.
        if bind(held.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)).is_ok() {
            return Some((listener, held));
        }
    }
}

#[test]
fn a_server_on_ipv6_alone_is_found_by_the_name_of_the_loopback() {
    let Some((listener, _held)) = six_alone() else {
        let _ = writeln!(std::io::stdout(), "not run: there is no IPv6 here");
        return;
    };
    let server = Server::at(listener, |_| right());
    let url = format!("http://localhost:{}/", server.address.port());
    let words = ["load", &url, "--requests", "20", "--expect", "body:hello"];
    let (code, printed, said) = load_command(env!("CARGO_BIN_EXE_external"), &words);
    assert_eq!(code, Some(0), "{printed}{said}");
    assert!(printed.contains("20 of 20"), "{printed}");
}

#[test]
fn what_a_service_can_hold_is_searched_for_up_to_its_capacity() {
    let server = Server::start(|_| right());
    let url = format!("http://{}/", server.address);
    // Whatever the machine does, no answer takes so long.
    let output = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(["load", &url, "--connections", "4", "--timeout", "600"])
        .args(["--p99", "600", "--duration", "0.5", "--format", "json"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rate = |key: &str| found[key].as_f64().unwrap();
    let capacity = rate("capacity_per_second");
    assert!((rate("held_per_second") / capacity - 1.0).abs() < 1e-9);
    assert!(found["missed_per_second"].is_null());
    let tried = found["tried"].as_array().unwrap();
    assert!(tried.iter().all(|it| it["held"] == true) && !tried.is_empty());
}

#[test]
fn each_request_has_its_headers_and_each_answer_is_compared_with_all_that_is_expected() {
    let (heads, seen) = std::sync::mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let heads = heads.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                while let Some(head) = read_request(&mut stream) {
                    let _ = heads.send(head);
                    let answer = answer("201 Created", "Location: /items/7\r\n", "{\"id\": 7}");
                    stream.write_all(answer.answer.as_bytes()).unwrap();
                }
            });
        }
    });
    let headers = [
        "Content-Type: application/json",
        "X-Twice: a",
        "X-Twice: b",
        "Host: own",
    ];
    let with = |expected: &[&str]| Load {
        address,
        request: Request::post("/items", "{}")
            .with_headers(&headers)
            .unwrap(),
        expected: expected
            .iter()
            .fold(Expectation::status(201), |expected, text| {
                expected.with(text).unwrap()
            }),
        connections: 2,
        ..load(&Server::start(|_| right()))
    };
    let right = [
        "header:location: /items/7",
        "body-contains:\"id\"",
        "body-contains:7",
    ];
    assert_eq!(counts(&run(&with(&right)).unwrap()), (50, 50, 0));
    let mut heads = 0;
    while let Ok(head) = seen.try_recv() {
        for line in [
            "content-type: application/json",
            "x-twice: a",
            "x-twice: b",
            "host: own",
        ] {
            assert_eq!(
                head.matches(&format!("\n{line}\r")).count(),
                1,
                "{line}: {head}"
            );
        }
        assert_eq!(head.matches("host:").count(), 1, "{head}");
        heads += 1;
    }
    assert_eq!(heads, 60);
    for (wrong, words) in [
        ("header:location: /", "location: /items/7, expected"),
        ("header:etag", "without the header etag"),
        ("body-contains:8", "does not contain \"8\""),
    ] {
        let loaded = run(&with(&[wrong])).unwrap();
        assert_eq!(counts(&loaded), (50, 0, 50), "{wrong}");
        assert!(reason(&loaded).contains(words), "{}", reason(&loaded));
    }
}
