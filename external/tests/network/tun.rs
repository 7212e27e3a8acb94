//! Packets held back in user space: by how much, in which order, and whole.
//!
//! A busy machine makes packets later, never earlier: what is asserted is the least.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use external::network::link::{Link, LinkedNamespace, Means, Wire};

use super::support::{HANG, is_possible, is_tun_possible, not_run, told, wait_for};

/// A link over TUN devices with this delay and jitter; nothing where there can be none.
fn link(delay_ms: u32, jitter_ms: u32) -> Option<LinkedNamespace> {
    if !is_possible() || !is_tun_possible() {
        return None;
    }
    let link = Link {
        wire: Wire::Tun,
        delay_ms,
        jitter_ms,
        rate_mbit: None,
    };
    let made = LinkedNamespace::make(link, None).unwrap();
    assert_eq!(made.means(), Means::Tun);
    Some(made)
}

const MS: u64 = 1_000_000;

/// How much too early a packet may be: what is taken off at most for what it takes anyway.
const EARLY: u64 = 50_000;

#[test]
fn a_delay_is_felt_each_way_by_every_packet_and_in_the_kernels_own_round_trips() {
    let Some(link) = link(10, 0) else { return };
    let proof = link.proof().expect("it was proven when it was made");
    assert!(proof.median_ns() >= 10 * MS - EARLY);
    let probed = link.probe(100, Duration::from_micros(100)).unwrap();
    for times_ns in [&probed.out_ns, &probed.back_ns] {
        assert_eq!(times_ns.len(), 100);
        assert!(
            times_ns.iter().all(|ns| *ns >= 10 * MS - EARLY),
            "{times_ns:?}"
        );
    }
    assert_eq!((probed.lost, probed.overtaken), (0, 0));
    let trips = link.round_trips(10).unwrap();
    let all = trips.connects_ns.iter().chain(&trips.echoes_ns);
    assert!(
        all.min().is_some_and(|ns| *ns >= 20 * MS - 2 * EARLY),
        "{trips:?}"
    );
    assert!(trips.kernel_ns >= 20 * MS - 2 * EARLY, "{trips:?}");
    let passed = link.passed().unwrap().unwrap();
    assert!(passed.packets > 300 && passed.dropped == 0, "{passed:?}");
    let none = link.passed().unwrap().unwrap();
    assert!(
        none.packets < passed.packets,
        "it is counted anew: {none:?}"
    );
}

#[test]
fn a_delay_on_veth_is_made_by_what_there_is() {
    if !is_possible() || !is_tun_possible() {
        return;
    }
    let link = Link {
        delay_ms: 5,
        ..Link::PLAIN
    };
    let made = LinkedNamespace::make(link, None).unwrap();
    assert!([Means::Netem, Means::Tun].contains(&made.means()));
    assert!(made.proof().unwrap().shortest() >= Some(Duration::from_micros(4_950)));
    let plain = LinkedNamespace::make(Link::PLAIN, None).unwrap();
    assert_eq!((plain.means(), plain.proof()), (Means::Veth, None));
    assert_eq!(plain.passed(), Ok(None));
    // Of unequal delay netem would let packets overtake each other.
    let varied = Link {
        jitter_ms: 2,
        ..link
    };
    let varied = LinkedNamespace::make(varied, None).unwrap();
    assert_eq!(varied.means(), Means::Tun);
}

#[test]
fn jitter_varies_the_delay_and_no_packet_overtakes_another() {
    let Some(link) = link(10, 8) else { return };
    let probed = link.probe(200, Duration::from_millis(1)).unwrap();
    assert_eq!((probed.lost, probed.overtaken), (0, 0));
    for times_ns in [&probed.out_ns, &probed.back_ns] {
        let (shortest, longest) = (times_ns.iter().min(), times_ns.iter().max());
        assert!(
            shortest.is_some_and(|ns| *ns >= 2 * MS - EARLY),
            "{times_ns:?}"
        );
        assert!(longest.is_some_and(|ns| *ns >= 14 * MS), "{times_ns:?}");
    }
    assert_eq!(link.probe(500, Duration::ZERO).unwrap().overtaken, 0);
}

#[test]
fn what_is_sent_arrives_whole_both_ways() {
    let Some(link) = link(1, 1) else { return };
    let address = link.address();
    let listener = link
        .within(|| TcpListener::bind((address, 0)).unwrap())
        .unwrap();
    let target = listener.local_addr().unwrap();
    // Large segments, whose checksums are the other end's to make, in both directions at once.
    let sent: Vec<u8> = (0..8_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let exchange = |stream: TcpStream| {
        stream.set_read_timeout(Some(HANG)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (&stream).write_all(&sent).unwrap());
            let mut heard = vec![0; sent.len()];
            (&stream).read_exact(&mut heard).unwrap();
            assert!(heard == sent, "what arrived is something else");
        });
    };
    std::thread::scope(|scope| {
        scope.spawn(|| exchange(listener.accept().unwrap().0));
        exchange(TcpStream::connect(target).unwrap());
    });
    assert_eq!(link.passed().unwrap().unwrap().dropped, 0);
}

/// The devices of the machine's network whose address is this one's.
fn is_there(link: &str) -> bool {
    Path::new("/sys/class/net").join(link).exists()
}

#[test]
fn the_devices_go_with_the_link() {
    let Some(link) = link(1, 0) else { return };
    let (name, address) = (link.name().to_owned(), link.outside());
    let device = format!("coldphase-{}", name.rsplit('-').next().unwrap());
    assert!(is_there(&device));
    drop(link);
    assert!(!is_there(&device));
    assert!(!Path::new("/run/netns").join(&name).exists());
    assert!(std::net::UdpSocket::bind((address, 0)).is_err());
}

#[test]
fn a_device_that_is_taken_away_is_told() {
    let Some(link) = link(1, 0) else { return };
    let device = format!("coldphase-{}", link.name().rsplit('-').next().unwrap());
    let deleted = Command::new("ip")
        .args(["link", "delete", &device])
        .status();
    if !deleted.unwrap().success() {
        return not_run("this kernel does not delete the TUN device of a program");
    }
    wait_for("the forwarder notices", || link.passed().is_err());
}

#[test]
fn the_command_measures_a_link_and_runs_what_it_is_given() {
    if !is_possible() || !is_tun_possible() {
        return;
    }
    let external = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
        command.arg("link").args(words.split_whitespace());
        told(&command.output().unwrap())
    };
    let (code, said) = external("--wire tun --delay 0,5ms --packets 20 --flood");
    assert_eq!(code, 0, "{said}");
    for words in [
        "0 ms each way, by a forwarder between TUN devices",
        "5 ms each way, by a forwarder between TUN devices",
        "0 of 40 packets overtaken, 0 lost",
        "packets of 64 bytes a second",
        "TCP, kernel",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (code, said) = external("--delay 1 -- echo at {address}");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("at 198.19."), "{said}");
    let (code, said) = external("--delay 1 --jitter 2");
    assert!(code == 2 && said.contains("no more than itself"), "{said}");
}
