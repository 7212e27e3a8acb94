//! Hours of whatever clients and guests do at once: memory and descriptors stay what they were.
//!
//! `COLDPHASE_ENDURANCE_S=3600` goes on for an hour; `COLDPHASE_ENDURANCE_SEED` begins elsewhere. What both
//! servers take is told as it goes.

#![expect(clippy::print_stderr, reason = "a long test reports how far it is")]

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use machine::clock::now_ns;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::endless::ENDLESS;
use crate::{Answered, HANG, Server, answered, endless, wait_for};

/// How long the short form goes on: long enough that some thousand requests of each kind were there.
const SECONDS: u64 = 20;

/// Clients at once.
const CLIENTS: u64 = 6;

/// How much more a server may take at its end than in its first half, beside a tenth of that: arenas of
/// the allocator, and a table that had not been its longest yet.
const ROOM_BYTES: u64 = 8 << 20;

/// The largest body that a client sends.
const LARGE: usize = 1 << 20;

/// What a variable of the environment says.
fn variable(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |it| it.parse().expect(name))
}

/// What a server takes.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    rss_bytes: u64,
    descriptors: usize,
}

impl Taken {
    fn by(server: &Server) -> Self {
        let folder = format!("/proc/{}", server.child.id());
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
        let rss = status.lines().find_map(|line| {
            let kib = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
            kib.parse::<u64>().ok()
        });
        Self {
            rss_bytes: rss.unwrap() * 1024,
            descriptors: std::fs::read_dir(format!("{folder}/fd")).unwrap().count(),
        }
    }
}

/// One that answers rightly, and one whose guest does what it likes.
struct Servers {
    service: Server,
    guest: Server,
    _folder: tempfile::TempDir,
    /// Requests of all clients, by what they were.
    counts: [AtomicU64; KINDS.len()],
}

/// What a client does.
type Kind = (&'static str, fn(&Servers, &mut ChaCha8Rng));

const KINDS: [Kind; 10] = [
    ("good", good),
    ("kept alive", kept_alive),
    ("large", large),
    ("slow", slow),
    ("gone", gone),
    ("broken", broken),
    ("looping", looping),
    ("trapping", trapping),
    ("trapping after its answer", trapping_after),
    ("lingering", lingering),
];

fn good(servers: &Servers, _: &mut ChaCha8Rng) {
    let hello = Answered::new(200, "Hello from coldphase");
    assert_eq!(servers.service.get("/"), hello);
}

fn kept_alive(servers: &Servers, random: &mut ChaCha8Rng) {
    let mut stream = servers.service.connect();
    for _ in 0..random.random_range(1..8) {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"Hello from coldphase") {
            let mut some = [0; 512];
            let n = stream.read(&mut some).unwrap();
            assert!(n > 0, "{:?}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&some[..n]);
        }
    }
}

fn large(servers: &Servers, random: &mut ChaCha8Rng) {
    let body = vec![b'x'; random.random_range(LARGE / 4..LARGE)];
    let answer = servers.service.ask("POST", "/echo", &body);
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
}

/// A head in pieces, then a body in pieces.
fn slow(servers: &Servers, random: &mut ChaCha8Rng) {
    let mut stream = servers.service.connect();
    let text = b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\nall of it";
    for piece in text.chunks(random.random_range(7..30)) {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(random.random_range(0..12)));
    }
    assert_eq!(answered(stream), Answered::new(200, "all of it"));
}

/// In the middle of a request, or of its answer.
fn gone(servers: &Servers, random: &mut ChaCha8Rng) {
    let mut stream = servers.service.connect();
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&vec![b'x'; random.random_range(0..=LARGE)]);
    if random.random_bool(0.5) {
        let _ = stream.read(&mut [0; 64]);
    }
}

/// What is no request, to its end or cut off.
fn broken(servers: &Servers, random: &mut ChaCha8Rng) {
    let texts: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    ];
    let mut stream = servers.service.connect();
    let _ = stream.write_all(texts[random.random_range(0..texts.len())]);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    // Refused or closed, whatever it was.
    let _ = stream.read_to_end(&mut Vec::new());
}

fn looping(servers: &Servers, _: &mut ChaCha8Rng) {
    assert_eq!(servers.guest.get(ENDLESS).status, 504);
}

fn trapping(servers: &Servers, _: &mut ChaCha8Rng) {
    assert_eq!(servers.guest.get("/unreachable").status, 500);
}

fn trapping_after(servers: &Servers, _: &mut ChaCha8Rng) {
    assert_eq!(servers.guest.get("/trap").status, 200);
}

fn lingering(servers: &Servers, _: &mut ChaCha8Rng) {
    assert_eq!(servers.guest.get("/linger").status, 200);
}

/// Has what a server reports read, which would fill a pipe in minutes.
fn read(mut server: Server) -> Server {
    let mut reports = server.child.stderr.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut reports, &mut std::io::sink()));
    server
}

impl Servers {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // More places than clients: none is ever refused for want of one.
        let guest = endless(&folder, &["--time-limit", "0.2", "--max-concurrent", "64"]);
        Self {
            service: read(Server::start(&["--max-concurrent", "64"])),
            guest: read(guest),
            _folder: folder,
            counts: Default::default(),
        }
    }

    fn client(&self, seed: u64, ends: &AtomicBool) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        while !ends.load(Ordering::Relaxed) {
            let at = random.random_range(0..KINDS.len());
            KINDS[at].1(self, &mut random);
            self.counts[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn taken(&self) -> [Taken; 2] {
        [&self.service, &self.guest].map(Taken::by)
    }

    fn told(&self, seconds: u64) {
        let counts = KINDS.iter().zip(&self.counts);
        let counts: Vec<_> = counts
            .map(|((name, _), count)| format!("{} {name}", count.load(Ordering::Relaxed)))
            .collect();
        for (name, taken) in ["service", "guest"].iter().zip(self.taken()) {
            let (kib, descriptors) = (taken.rss_bytes / 1024, taken.descriptors);
            eprintln!("{seconds} s: {name}: {kib} KiB resident, {descriptors} descriptors");
        }
        eprintln!("{seconds} s: {}", counts.join(", "));
    }
}

/// Looks until the time is over; the most that each took in the first half, and in the last tenth.
fn watch(servers: &Servers, seconds: u64) -> [[u64; 2]; 2] {
    let begun_ns = now_ns();
    let (mut first, mut last) = ([0; 2], [0; 2]);
    let mut told = 0;
    loop {
        let passed = (now_ns() - begun_ns) / 1_000_000_000;
        if passed >= seconds {
            return [first, last];
        }
        if passed / 60 >= told {
            servers.told(passed);
            told += 1;
        }
        let taken = servers.taken().map(|it| it.rss_bytes);
        let most = if passed * 2 < seconds {
            &mut first
        } else {
            &mut last
        };
        if passed * 2 < seconds || passed * 10 >= seconds * 9 {
            most.iter_mut()
                .zip(taken)
                .for_each(|(most, it)| *most = it.max(*most));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn memory_and_descriptors_stay_what_they_were_under_mixed_load() {
    let seconds = variable("COLDPHASE_ENDURANCE_S", SECONDS);
    let seed = variable("COLDPHASE_ENDURANCE_SEED", 16);
    let mut servers = Servers::start();
    // Each kind once: what is opened or set up at the first is there.
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    KINDS
        .iter()
        .for_each(|(_, kind)| kind(&servers, &mut random));
    let idle = servers.taken().map(|it| it.descriptors);

    let ends = AtomicBool::new(false);
    let [first, last] = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (servers, ends) = (&servers, &ends);
                scope.spawn(move || servers.client(seed ^ (client << 32), ends))
            })
            .collect();
        let watched = watch(&servers, seconds);
        ends.store(true, Ordering::Relaxed);
        let ended: Vec<_> = clients.into_iter().map(|it| it.join().is_ok()).collect();
        assert!(ended.iter().all(|it| *it), "seed {seed}: {ended:?}");
        watched
    });
    servers.told(seconds);
    let counts = servers.counts.iter().map(|it| it.load(Ordering::Relaxed));
    assert!(
        counts.clone().all(|n| n > 0),
        "{:?}",
        counts.collect::<Vec<_>>()
    );
    for (name, (first, last)) in ["service", "guest"].iter().zip(first.iter().zip(last)) {
        assert!(
            last <= first + first / 10 + ROOM_BYTES,
            "{name}: {first} bytes at most in the first half, {last} at the end"
        );
    }
    // A connection that its client has left is closed when the server comes to it.
    let mut now = [0; 2];
    let begun_ns = now_ns();
    while now_ns() - begun_ns < u64::try_from(HANG.as_nanos()).unwrap() {
        now = servers.taken().map(|it| it.descriptors);
        if now.iter().zip(idle).all(|(now, idle)| *now <= idle) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        now.iter().zip(idle).all(|(now, idle)| *now <= idle),
        "{idle:?} descriptors before, {now:?} now"
    );
    servers.service.is_well();
    wait_for("the guest's server answers", || {
        servers.guest.get("/").status == 200
    });
}
