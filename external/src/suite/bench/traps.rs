//! Why a service that works elsewhere does not answer here: what can be seen of it from outside.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use machine::clock::now_ns;
use machine::ports;
use machine::processes::{Stat, descendants};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use workloads::Answer;

use crate::process::Running;

/// How long a service may take for what it is asked here: it was given all the time of a start before.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a service says that it cannot have its port.
const IN_USE: [&str; 4] = [
    "address already in use",
    "Address already in use",
    "EADDRINUSE",
    "Address in use",
];

/// What a client of HTTP/2 begins with that knows the server to speak it, and its empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The type of a frame of settings.
const SETTINGS: u8 = 4;

/// What a server that speaks TLS begins with where it is not spoken to in it.
const ALERT: u8 = 0x15;

/// Why a service that was launched has not answered, if it can be told.
pub(super) fn of_silence(running: &mut Running, address: SocketAddr) -> Option<String> {
    let ended = running.ended();
    if let Some(end) = ended {
        if end.code == Some(0)
            && let Some(pids) = left_behind(address.port(), running.launched_ns())
        {
            return Some(daemonised(&pids));
        }
        let log = running.log_tail();
        let taken = IN_USE.iter().any(|words| log.contains(words));
        return taken.then(|| {
            "its port is fixed, and taken: tell it where to listen by {address} or {port}"
                .to_owned()
        });
    }
    of_listener(running, address).or_else(|| of_protocol(address))
}

/// That a service has become a daemon.
pub(super) fn daemonised(pids: &[u32]) -> String {
    format!(
        "it is daemonised: processes {pids:?}, which it left behind, listened on its port; keep it in \
            the foreground (nginx: `-g 'daemon off;'`)"
    )
}

/// What listens, where nothing is to be reached.
fn of_listener(running: &Running, address: SocketAddr) -> Option<String> {
    let port = address.port();
    let group = ports::of_group(running.pid()).unwrap_or_default();
    if group.contains(&port) && TcpStream::connect_timeout(&address, PATIENCE).is_err() {
        let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
        let ip = address.ip();
        return Some(match TcpStream::connect_timeout(&six, PATIENCE) {
            Ok(_) => format!("it listens on IPv6 (`::`) alone: tell it {{ip}}, which is {ip}"),
            Err(_) => format!("it listens on another address than {ip}: tell it {{ip}}"),
        });
    }
    match group.as_slice() {
        [other] if *other != port => Some(format!(
            "its port is fixed: `port = {other}` says so, or tell it where to listen by {{address}} \
                or {{port}}"
        )),
        _ => None,
    }
}

/// Another protocol than HTTP/1.1.
pub(super) fn of_protocol(address: SocketAddr) -> Option<String> {
    let first = says(address, PREFACE)?;
    if first.len() >= 9 && first[3] == SETTINGS {
        return Some(
            "it speaks HTTP/2 with prior knowledge alone, and is asked in HTTP/1.1: let it speak \
                both"
                .to_owned(),
        );
    }
    (first.first() == Some(&ALERT)).then(|| "it speaks TLS, and is asked without".to_owned())
}

/// The first bytes that a service says to something.
fn says(address: SocketAddr, something: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(something).ok()?;
    let mut said = Vec::new();
    let mut piece = [0; 64];
    while said.len() < 9 {
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => said.extend_from_slice(&piece[..read]),
            _ => break,
        }
    }
    Some(said)
}

/// Who listens on the port of a service that has ended, and is what it has left behind: a descendant of this
/// process's, which adopts what its services orphan, and begun after the launch. They are ended; nobody else would.
/// Whoever else listens there, a person's own server, is left.
pub(super) fn left_behind(port: u16, launched_ns: u64) -> Option<Vec<u32>> {
    /// A tick of the kernel's, in nanoseconds.
    const TICK_NS: u64 = 10_000_000;
    let owners = ports::owner_of(port).ok()?;
    let owners: Vec<_> = owners.into_iter().flat_map(|owner| owner.pids).collect();
    let left: Vec<_> = descendants(std::process::id())
        .into_iter()
        .filter(|(pid, began)| {
            owners.contains(pid) && (began + 1).saturating_mul(TICK_NS) >= launched_ns
        })
        .collect();
    if left.is_empty() {
        return None;
    }
    let lives = |(pid, began): &(u32, u64)| {
        Stat::of(*pid).is_some_and(|stat| stat.lives && stat.began == *began)
    };
    let signal = |signal| {
        for (pid, _) in left.iter().filter(|it| lives(it)) {
            let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
        }
    };
    signal(Signal::SIGTERM);
    let until_ns = now_ns() + u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
    while now_ns() < until_ns && left.iter().any(lives) {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(Signal::SIGKILL);
    for (pid, _) in &left {
        // Those that were adopted; the others have parents that wait for them.
        let _ = waitpid(Pid::from_raw(pid.cast_signed()), Some(WaitPidFlag::WNOHANG));
    }
    Some(left.into_iter().map(|(pid, _)| pid).collect())
}

/// Where an answer leads that is none itself.
pub(super) fn of_redirect(answer: &Answer) -> Option<String> {
    if !matches!(answer.code, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut headers = answer.headers.iter();
    let location = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    let location = location.map_or("nowhere", |(_, value)| value.as_str());
    Some(format!(
        "it redirects to {location}: ask for that path, or expect the status {}",
        answer.code
    ))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::process::Adopting;

    fn server(says: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.read(&mut [0; 64]);
                let _ = stream.write_all(says);
            }
        });
        address
    }

    /// Listens on a port in a process of another session whose parent ends, and answers nothing.
    fn daemon(port: u16) -> u32 {
        let program = "import os, socket, time
if os.fork(): os._exit(0)
os.setsid()
s = socket.create_server(('127.0.0.1', PORT))
print(os.getpid(), flush=True)
time.sleep(1000)
";
        let output = std::process::Command::new("python3")
            .args(["-I", "-c", &program.replace("PORT", &port.to_string())])
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .spawn();
        let mut child = output.unwrap();
        let mut said = String::new();
        let mut printed = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut printed, &mut said).unwrap();
        child.wait().unwrap();
        said.trim().parse().unwrap()
    }

    #[test]
    fn only_what_a_service_has_left_behind_is_ended() {
        let lives = |pid| Stat::of(pid).is_some_and(|stat| stat.lives);
        // Not ours, and begun later: a person's own server, that has taken the port meanwhile.
        let (launched_ns, port) = (now_ns(), ports::free_port().unwrap());
        let persons = daemon(port);
        assert_eq!(left_behind(port, launched_ns), None);
        assert!(lives(persons));
        let _ = kill(Pid::from_raw(persons.cast_signed()), Signal::SIGKILL);
        let port = ports::free_port().unwrap();
        let adopting = Adopting::begin().unwrap();
        let left = daemon(port);
        assert_eq!(left_behind(port, u64::MAX), None, "it was there before");
        assert_eq!(left_behind(port, launched_ns), Some(vec![left]));
        assert!(!lives(left));
        drop(adopting);
    }

    #[test]
    fn another_protocol_is_named() {
        let of = |says| of_protocol(server(says));
        let two = of(b"\0\0\0\x04\0\0\0\0\0").unwrap();
        assert!(two.contains("HTTP/2 with prior knowledge"), "{two}");
        assert!(of(b"\x15\x03\x01\0\x02\x02\x46").unwrap().contains("TLS"));
        assert_eq!(of(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
        assert_eq!(of(b""), None);
    }

    #[test]
    fn a_redirection_is_named_with_where_it_leads() {
        let mut answer = Answer::new(302, Vec::new());
        answer.headers = vec![("Location".to_owned(), "/login".to_owned())];
        assert!(
            of_redirect(&answer)
                .unwrap()
                .contains("redirects to /login")
        );
        assert_eq!(of_redirect(&Answer::new(200, Vec::new())), None);
    }
}
