//! What is forwarded passes the firewall, in both roles that a machine forwards in: a router between
//! two networks, and a host whose ports are translated to a container's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use external::network::firewall::{Level, ruleset};

use super::support::{Ground, HANG};

/// How long an answer is waited for that must not come.
const SILENCE: Duration = Duration::from_millis(700);

/// A port of the benchmark's, by the numbers.
const PORT: u16 = 20_000;

/// Three networks in a row, with addresses of both families: somebody elsewhere, the machine that
/// the firewall is on, and what lies behind it.
struct Row {
    outside: Ground,
    machine: Ground,
    behind: Ground,
}

impl Row {
    fn new() -> Option<Self> {
        let (outside, machine, behind) = (Ground::new()?, Ground::new()?, Ground::new()?);
        machine.connect(
            "west",
            &["10.99.1.1/24", "fd99:1::1/64"],
            &outside,
            &["10.99.1.2/24", "fd99:1::2/64"],
        );
        machine.connect(
            "east",
            &["10.99.2.1/24", "fd99:2::1/64"],
            &behind,
            &["10.99.2.2/24", "fd99:2::2/64"],
        );
        for (ground, net) in [(&outside, 1), (&behind, 2)] {
            ground.ip(&format!("route add default via 10.99.{net}.1"));
            ground.ip(&format!("-6 route add default via fd99:{net}::1"));
        }
        machine.forward();
        Some(Self {
            outside,
            machine,
            behind,
        })
    }

    /// What somebody elsewhere is answered at an address.
    fn answer(&self, address: &str, patience: Duration) -> Option<u16> {
        let address: SocketAddr = address.parse().unwrap();
        let asked = self
            .outside
            .namespace()
            .within(|| -> std::io::Result<String> {
                let mut stream = TcpStream::connect_timeout(&address, patience)?;
                stream.set_read_timeout(Some(HANG))?;
                stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                Ok(answer)
            });
        asked.unwrap().ok()?.split(' ').nth(1)?.parse().ok()
    }
}

/// Serves on an address of a namespace, until the test ends.
fn serve(ground: &Ground, address: &str) {
    let listener = ground.namespace().within(|| TcpListener::bind(address));
    let listener = listener.unwrap().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 512];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
}

fn firewall(row: &Row, words: &str) {
    let (code, said) = row.machine.firewall(words);
    assert_eq!(code, 0, "{said}");
}

/// Whether each address answers 200 with the firewall off, on and off again, and what listens on
/// the machine itself is blocked in the middle.
fn is_reached_throughout(row: &Row, addresses: &[&str]) {
    let all_answer = |when: &str| {
        for address in addresses {
            assert_eq!(row.answer(address, HANG), Some(200), "{address} {when}");
        }
    };
    all_answer("before");
    firewall(row, "enable --level rules:5");
    for address in addresses {
        // Not for as long as a hang: silence is what today's mistake looks like.
        assert_eq!(
            row.answer(address, SILENCE * 4),
            Some(200),
            "{address} during"
        );
    }
    // What listens for others already would be left open.
    for own in ["10.99.1.1:20005", "[fd99:1::1]:20005"] {
        serve(&row.machine, own);
        assert_eq!(row.answer(own, SILENCE), None, "{own} is the machine's own");
    }
    firewall(row, "disable");
    all_answer("after");
    for own in ["10.99.1.1:20005", "[fd99:1::1]:20005"] {
        assert_eq!(row.answer(own, HANG), Some(200), "{own} after");
    }
}

#[test]
fn a_router_keeps_every_port_of_the_machines_behind_it() {
    let Some(row) = Row::new() else { return };
    for port in [PORT, 30_123] {
        serve(&row.behind, &format!("0.0.0.0:{port}"));
        serve(&row.behind, &format!("[fd99:2::2]:{port}"));
    }
    is_reached_throughout(
        &row,
        &[
            "10.99.2.2:20000",
            "10.99.2.2:30123",
            "[fd99:2::2]:20000",
            "[fd99:2::2]:30123",
        ],
    );
}

#[test]
fn a_host_of_containers_keeps_every_published_port_whether_or_not_something_listens_on_it() {
    let Some(row) = Row::new() else { return };
    serve(&row.behind, "0.0.0.0:8080");
    serve(&row.behind, "[fd99:2::2]:8080");
    // One that is translated to the same number, which the firewall's rules name too.
    serve(&row.behind, "0.0.0.0:20002");
    row.machine.nft(
        "add table ip theirs; add chain ip theirs pre { type nat hook prerouting priority -100; }; \
         add rule ip theirs pre tcp dport { 20000, 20001 } dnat to 10.99.2.2:8080; \
         add rule ip theirs pre tcp dport 20002 dnat to 10.99.2.2:20002; \
         add table ip6 theirs; add chain ip6 theirs pre { type nat hook prerouting priority -100; }; \
         add rule ip6 theirs pre tcp dport 20000 dnat to [fd99:2::2]:8080",
    );
    // As an engine's proxy listens on a published port, for its own machine's sake.
    serve(&row.machine, "0.0.0.0:20001");
    is_reached_throughout(
        &row,
        &[
            "10.99.1.1:20000",
            "10.99.1.1:20001",
            "10.99.1.1:20002",
            "[fd99:1::1]:20000",
        ],
    );
}

/// Packets that a counter of the suite's table has counted.
fn counted(ground: &Ground, counter: &str) -> u64 {
    let rules = ground.rules();
    let (_, rest) = rules.split_once(&format!("counter {counter} {{")).unwrap();
    let mut words = rest.split_whitespace();
    words.find(|word| *word == "packets");
    words.next().unwrap().parse().unwrap()
}

#[test]
fn what_is_forwarded_to_a_container_goes_through_a_suites_rules_both_ways() {
    let Some(row) = Row::new() else { return };
    serve(&row.behind, "0.0.0.0:8080");
    row.machine.nft(
        "add table ip theirs; add chain ip theirs pre { type nat hook prerouting priority -100; }; \
         add rule ip theirs pre tcp dport 20000 dnat to 10.99.2.2:8080",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    let table = ruleset::replacing(Level::Rules(7), &[PORT..=PORT], Some(8_080), "1-1");
    std::fs::write(&file, table).unwrap();
    row.machine.nft(&format!("-f {}", file.display()));
    assert_eq!(row.answer("10.99.1.1:20000", HANG), Some(200));
    // A connection with a request is three packets each way at least.
    let forwarded = counted(&row.machine, "forwarded");
    assert!(forwarded >= 6, "{forwarded}");
    for other in ["loopback", "to_container", "from_container", "blocked"] {
        assert_eq!(counted(&row.machine, other), 0, "{other}");
    }
}
