//! Firecracker, by its API over a Unix socket.
//!
//! It is in no registry of packages. What is sent here is what its public description of the API says; which
//! orders there are, and what becomes of a refusal, is tested against a listener that stands in for it.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use results::values::Virtualisation;
use serde_json::{Value, json};

use super::super::programs::unavailable;
use super::super::{Found, Unavailable, found, named_or_installed, run};
use super::monitor::{MEMORY_MIB, Monitor, Network, Order, Wire};
use super::virtualisation::{check_kvm_and_tap, under_kvm};

/// The variable of the environment that names the program.
const VARIABLE: &str = "FIRECRACKER";

/// The oldest version that enters an image by the PVH protocol.
const OLDEST: (u64, u64) = (1, 12);

/// Where it listens, in the folder that it runs in: the whole path may be longer than a socket's may.
pub(super) const SOCKET: &str = "firecracker.socket";

/// From one look whether it listens to the next.
const LOOK: Duration = Duration::from_micros(200);

/// The most that an answer of its may be long.
const LONGEST: u64 = 64 * 1024;

pub(in crate::system) struct Firecracker;

impl Monitor for Firecracker {
    fn name(&self) -> &'static str {
        "firecracker"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "put the program firecracker out of its own releases, 1.12 or newer, on PATH, or name it in \
            the variable FIRECRACKER";
        let unavailable = unavailable(remedy);
        let program = named_or_installed(VARIABLE, "firecracker").map_err(&unavailable)?;
        let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
        let version = version(&printed)
            .ok_or_else(|| unavailable(format!("{} is no Firecracker", program.display())))?;
        if number(&version) < Some(OLDEST) {
            let reason =
                format!("Firecracker {version} does not enter an image by the PVH protocol");
            return Err(unavailable(reason));
        }
        check_kvm_and_tap()?;
        found(program, version, remedy)
    }

    fn choices(&self) -> Vec<Virtualisation> {
        vec![under_kvm()]
    }

    fn wire(&self) -> Wire {
        Wire::Tap
    }

    /// Its serial port is its standard output; its own log, but for errors, stays out of it.
    fn arguments(&self, _: &Order) -> Vec<OsString> {
        ["--api-sock", SOCKET, "--level", "Error"]
            .map(Into::into)
            .to_vec()
    }

    fn configure(&self, order: &Order, pid: u32, until_ns: u64) -> Result<(), String> {
        let socket = PathBuf::from(format!("/proc/{pid}/cwd")).join(SOCKET);
        orders(order)
            .into_iter()
            .try_for_each(|(path, body)| put(&socket, path, &body, until_ns))
    }

    /// It ends with 0 whatever the guest ended with, by a reset.
    fn guests_code(&self, code: i32) -> Option<i64> {
        (code == 0).then_some(0)
    }
}

/// The version in what it prints: `Firecracker v1.13.1`, and lines of no matter.
fn version(printed: &str) -> Option<String> {
    let first = printed.lines().next()?;
    let version = first.strip_prefix("Firecracker v")?.trim();
    Some(version.to_owned())
}

/// A version's first two numbers.
fn number(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    let mut next = || parts.next()?.parse().ok();
    Some((next()?, next()?))
}

/// What it is told, in this order: the last has the machine start.
fn orders(order: &Order) -> Vec<(&'static str, Value)> {
    let mut orders = vec![
        (
            "/machine-config",
            json!({"vcpu_count": 1, "mem_size_mib": MEMORY_MIB}),
        ),
        (
            "/boot-source",
            json!({"kernel_image_path": order.image, "boot_args": order.command_line}),
        ),
    ];
    if let Some(Network::Tap { device, mac }) = &order.network {
        let body = json!({"iface_id": "net", "guest_mac": mac, "host_dev_name": device});
        orders.push(("/network-interfaces/net", body));
    }
    orders.push(("/actions", json!({"action_type": "InstanceStart"})));
    orders
}

/// Has it do something, once it listens.
fn put(socket: &Path, path: &str, body: &Value, until_ns: u64) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("Firecracker does not answer to {path}: {error}");
    let mut stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            // It may not have come so far; that it has ended is seen by who waits for the guest.
            Err(error) if now_ns() >= until_ns || !is_early(&error) => return Err(wrong(error)),
            Err(_) if !socket.parent().is_some_and(Path::exists) => {
                return Err(format!("Firecracker ended before it took {path}"));
            }
            Err(_) => std::thread::sleep(LOOK),
        }
    };
    let left = until_ns.saturating_sub(now_ns()).max(1_000_000);
    let left = Some(Duration::from_nanos(left));
    stream.set_read_timeout(left).map_err(wrong)?;
    stream.set_write_timeout(left).map_err(wrong)?;
    let body = body.to_string();
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: \
            application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(wrong)?;
    let (status, said) = answer(&mut stream).map_err(wrong)?;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let fault = serde_json::from_slice::<Value>(&said).ok();
    let fault = fault.and_then(|it| Some(it.get("fault_message")?.as_str()?.trim().to_owned()));
    let fault = fault.unwrap_or_else(|| String::from_utf8_lossy(&said).trim().to_owned());
    Err(format!("Firecracker refuses {path} with {status}: {fault}"))
}

fn is_early(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}

/// The status and the body of an answer, as long as it says it is.
fn answer(stream: &mut UnixStream) -> std::io::Result<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece)?;
        bytes.extend_from_slice(&piece[..read]);
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(&bytes).map_err(std::io::Error::other)?;
        if let httparse::Status::Complete(head) = parsed {
            let mut fields = response.headers.iter();
            let length = fields.find(|field| field.name.eq_ignore_ascii_case("content-length"));
            let length =
                length.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
            let end = head.saturating_add(length.unwrap_or(0_usize));
            if bytes.len() >= end {
                return Ok((response.code.unwrap_or(0), bytes[head..end].to_vec()));
            }
        }
        if read == 0 || bytes.len() as u64 > LONGEST {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    const HANG_NS: u64 = 60_000_000_000;

    fn order() -> Order {
        Order {
            virtualisation: Virtualisation::Hardware,
            image: "/image".into(),
            initramfs: None,
            command_line: "run=http".into(),
            network: Some(Network::Tap {
                device: "tap".into(),
                mac: "02:00:00:00:00:01".into(),
            }),
        }
    }

    #[test]
    fn versions_are_read_and_old_ones_known() {
        assert_eq!(
            version("Firecracker v1.13.1\n\nx").as_deref(),
            Some("1.13.1")
        );
        assert_eq!(version("Python 3"), None);
        assert!(number("1.11.0") < Some(OLDEST) && number("1.12.0") >= Some(OLDEST));
        assert!(number("2.0") > Some(OLDEST));
    }

    #[test]
    fn the_machine_starts_last() {
        let orders = orders(&order());
        let paths: Vec<_> = orders.iter().map(|(path, _)| *path).collect();
        assert_eq!(
            paths,
            [
                "/machine-config",
                "/boot-source",
                "/network-interfaces/net",
                "/actions"
            ]
        );
        assert_eq!(orders[1].1["kernel_image_path"], "/image");
        assert_eq!(orders[2].1["host_dev_name"], "tap");
    }

    /// No Firecracker: a listener that stands in for one, for what it would refuse.
    fn refused_by(answers: &'static [&'static str]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join(SOCKET);
        let listener = UnixListener::bind(&socket).unwrap();
        let double = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let until_ns = now_ns() + HANG_NS;
        let mut orders = orders(&order()).into_iter();
        let told = orders.try_for_each(|(path, body)| put(&socket, path, &body, until_ns));
        double.join().unwrap();
        told
    }

    #[test]
    fn a_refusal_is_one_sentence_with_its_own_words() {
        const REFUSED: [&str; 3] = [
            "HTTP/1.1 204 \r\nServer: Firecracker API\r\n\r\n",
            "HTTP/1.1 204 \r\nServer: Firecracker API\r\n\r\n",
            "HTTP/1.1 400 \r\nContent-Length: 40\r\n\r\n{\"fault_message\": \"Open tap device: no\"}",
        ];
        assert_eq!(
            refused_by(&REFUSED).unwrap_err(),
            "Firecracker refuses /network-interfaces/net with 400: Open tap device: no"
        );
    }

    #[test]
    fn one_that_hangs_up_or_never_was_there_is_an_error() {
        let error = refused_by(&["HTTP/1.1 400 \r\nContent-Length: 40\r\n\r\n{"]).unwrap_err();
        assert!(
            error.starts_with("Firecracker does not answer to /machine-config"),
            "{error}"
        );
        let nowhere = Path::new("/no/such/folder/socket");
        let error = put(nowhere, "/actions", &json!({}), now_ns() + HANG_NS).unwrap_err();
        assert_eq!(error, "Firecracker ended before it took /actions");
    }
}
