//! What a launcher passes on: signal masks, dispositions, limits.

use super::*;

#[test]
fn inherited_masks_and_dispositions_disable_no_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "spin.wasm", command("", "(loop (br 0))"));
    let host = Host::new();
    let own = host.command(&["--artifact", &path, "--time-limit", "0.3"]);
    let mut command = Command::new("timeout");
    command.args([
        "60",
        "env",
        "--block-signal",
        "--ignore-signal=ALRM,CHLD,TERM",
    ]);
    command.arg(own.get_program()).args(own.get_args());
    let ran = ran(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("time limit"), "{}", ran.stderr);
}

#[test]
fn a_server_that_inherits_a_mask_keeps_its_limits_and_ends_when_it_is_told_to() {
    use std::io::{BufRead as _, Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "endless.wasm", endless::component());
    let mut server = Command::new("env")
        .args(["--block-signal", "--ignore-signal=ALRM,TERM"])
        .arg(env!("CARGO_BIN_EXE_host"))
        .args(["serve", "--time-limit", "0.3", "--artifact", &path])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut printed = std::io::BufReader::new(server.stdout.take().unwrap());
    printed.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let patience = std::time::Duration::from_mins(1);
    stream.set_read_timeout(Some(patience)).unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        endless::ENDLESS
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(server.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let mut ended = None;
    for _ in 0..600 {
        ended = server.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    if ended.is_none() {
        server.kill().unwrap();
        server.wait().unwrap();
    }
    assert!(
        read.is_ok() && answer.starts_with("HTTP/1.1 504"),
        "{answer}"
    );
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}

#[test]
fn the_limits_of_the_machine_are_not_the_guests_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "nothing.wasm", command("", ""));
    // From what not even the program starts in, to what the first memory does not fit into.
    let service = built("http.component.wasm");
    for kib in [250_000, 1_000_000, 4_000_000, 4_200_000] {
        for (arguments, guest) in [
            ("phases --samples 1", &path),
            ("density-embedded --samples 1 --instances 1", &service),
            ("run", &path),
        ] {
            let out = if arguments == "run" {
                ""
            } else {
                "--out \"$OUT\""
            };
            let script =
                format!("ulimit -v {kib}; exec \"$HOST\" {arguments} --artifact \"$GUEST\" {out}");
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &script])
                .env("HOST", env!("CARGO_BIN_EXE_host"))
                .env("GUEST", guest)
                .env("OUT", folder.path());
            let ran = ran(shell.stdin(Stdio::null()).output().unwrap());
            assert_eq!(ran.code, 8, "{kib} {arguments}: {}", ran.stderr);
            assert!(ran.stderr.contains("ulimit -v unlimited"), "{}", ran.stderr);
        }
    }
}

/// Measures a file in a shell that has set `limit`.
fn limited(limit: &str, guest: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new();
    let path = file(folder.path(), "guest.wasm", command("", guest));
    let own = host.command(&["--artifact", &path, "--samples", "1"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")])
        .arg(own.get_program())
        .args(own.get_args());
    ran(shell.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_limit_that_kills_is_named_with_what_lifts_it() {
    let small_stack = limited("ulimit -s 64", "");
    assert_eq!(small_stack.code, 8, "{}", small_stack.stderr);
    assert!(
        small_stack.stderr.contains("`ulimit -s` is 64 KiB"),
        "{}",
        small_stack.stderr
    );
    let little_time = limited("ulimit -t 1", "(loop (br 0))");
    assert_eq!(little_time.code, 8, "{}", little_time.stderr);
    assert!(
        little_time.stderr.contains("`ulimit -t` is 1 s"),
        "{}",
        little_time.stderr
    );
    let no_files = limited("ulimit -f 0", "");
    assert_eq!(no_files.code, 5, "{}", no_files.stderr);
    assert!(no_files.stderr.contains("ulimit -f"), "{}", no_files.stderr);
}

#[test]
fn a_server_that_the_machine_leaves_no_room_for_says_that_and_blames_no_guest() {
    use std::io::{BufRead as _, Read as _, Write as _};
    let script = "ulimit -v 4000000; exec \"$0\" serve --artifact \"$1\"";
    let mut server = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_host")])
        .arg(built("http.component.wasm"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut printed = std::io::BufReader::new(server.stdout.take().unwrap());
    printed.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    server.kill().unwrap();
    let output = server.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(said.contains("ulimit -v unlimited"), "{said}");
}
