//! What another user of the machine tries, and what a host that obeyed could do.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;

/// What another user of the machine tries: who is nobody in particular, and has a shell.
struct Attacker {
    /// What the programs of a run were launched with, which everybody may read.
    command_lines: String,
}

impl Attacker {
    const UID: u32 = 65_534;

    /// Nothing where these tests do not run as root, and so cannot be somebody else.
    fn of(ground: &Infrastructure) -> Option<Self> {
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            let _ = writeln!(std::io::stdout(), "not run: only root can be another user");
            return None;
        }
        let files: Vec<_> = ground
            .processes()
            .into_iter()
            .map(|(pid, _)| format!("/proc/{pid}/cmdline"))
            .collect();
        let command_lines = Self::shell(&format!("cat {} | tr '\\0' ' '", files.join(" "))).0;
        Some(Self { command_lines })
    }

    /// Runs a script as another user; what it printed, and whether it went well.
    fn shell(script: &str) -> (String, bool) {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", script]).current_dir("/").env_clear();
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        let output = command.uid(Self::UID).gid(Self::UID).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (
            String::from_utf8_lossy(&printed).into_owned(),
            output.status.success(),
        )
    }

    /// The port in what follows `before` in a command line.
    fn port(&self, before: &str) -> u16 {
        let after = self.command_lines.split_once(before).unwrap().1;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    /// Says something to NATS; what it answers within seconds.
    fn nats(&self, messages: &str) -> String {
        let port = self.port("--scheduler-nats-url nats://127.0.0.1:");
        Self::says_to(
            port,
            &format!("CONNECT {{\"verbose\":false}}\r\n{messages}PING\r\n"),
        )
    }

    fn says_to(port: u16, text: &str) -> String {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port} && printf %b {} >&3; timeout 5 cat <&3",
            quoted(
                &text
                    .replace('\\', "\\\\")
                    .replace('\r', "\\r")
                    .replace('\n', "\\n")
            )
        );
        Self::shell(&script).0
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The message by which a host is told to start a workload that may write to a folder of root's.
fn order_with_root_mounted(subject: &str) -> String {
    let order = r#"{"workloadId":"evil","workload":{"namespace":"a","name":"evil","volumes":[{"name":"v","hostPath":{"localPath":"/root"}}],"witWorld":{"components":[],"hostInterfaces":[]}}}"#;
    format!("PUB {subject} answer {}\r\n{order}\r\n", order.len())
}

/// A wasmCloud whose host runs, with the request that it was started by, and somebody who attacks
/// it. Nothing where nobody can be made another user.
fn attacked(ground: &Infrastructure) -> Option<(Box<dyn Engine>, StartRequest, Attacker)> {
    let mut engine = ground.engine();
    let running = request(Workload::HttpHello, &[("host", "running")]);
    sample(&mut *engine, &running);
    Some((engine, running, Attacker::of(ground)?))
}

#[test]
fn another_user_learns_nothing_of_a_host_and_orders_nothing() {
    let ground = Infrastructure::new();
    let Some((mut engine, running, attacker)) = attacked(&ground) else {
        return;
    };
    // With the host alive: whoever comes is one connection too many.
    let heard = attacker.nats("SUB > 1\r\n");
    assert!(
        !heard.contains("PONG") && !heard.contains("MSG "),
        "it is served: {heard}"
    );
    // Without it: the connection is that of a host, which hears and says nothing else.
    let new = request(Workload::HttpHello, &[("host", "new")]);
    sample(&mut *engine, &new);
    let script = format!(
        "SUB runtime.operator.heartbeat.> 1\r\nSUB answer 2\r\n{}",
        order_with_root_mounted("runtime.host.0.workload.start")
    );
    let heard = attacker.nats(&script);
    for denied in [
        "Permissions Violation for Subscription to \"runtime.operator.heartbeat.>\"",
        "Permissions Violation for Publish to \"runtime.host.0.workload.start\"",
    ] {
        assert!(heard.contains(denied), "{denied} is not in {heard}");
    }
    sample(&mut *engine, &running);
}

#[test]
fn another_user_on_the_line_makes_a_start_fail_and_answers_nothing() {
    let ground = Infrastructure::new();
    let Some((mut engine, _, attacker)) = attacked(&ground) else {
        return;
    };
    let new = request(Workload::HttpHello, &[("host", "new")]);
    let nats = attacker.port("--scheduler-nats-url nats://127.0.0.1:");
    // Ends the host.
    sample(&mut *engine, &new);
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", nats)).unwrap();
    // Whoever says nothing is sent away by NATS after a second or two.
    connection.write_all(b"CONNECT {}\r\nPING\r\n").unwrap();
    let refused = engine.prepare(&new).unwrap_err().to_string();
    assert!(refused.contains("somebody else is connected"), "{refused}");
    drop(connection);
    sample(&mut *engine, &new);
}

#[test]
fn another_user_replaces_no_image_and_reads_no_secret() {
    let ground = Infrastructure::new();
    let Some((_engine, _, attacker)) = attacked(&ground) else {
        return;
    };
    let registry = {
        let (pid, _) = ground
            .processes()
            .into_iter()
            .find(|(_, name)| name == "docker-registry")
            .unwrap();
        machine::ports::of_group(pid.cast_unsigned()).unwrap()[0]
    };
    let push = "POST /v2/http-hello/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let answer = Attacker::says_to(registry, push);
    assert!(
        ["HTTP/1.1 401", "HTTP/1.1 405"]
            .iter()
            .any(|no| answer.starts_with(no)),
        "{answer}"
    );
    let put = "PUT /v2/http-hello/manifests/built HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let answer = Attacker::says_to(registry, put);
    assert!(
        ["HTTP/1.1 401", "HTTP/1.1 405"]
            .iter()
            .any(|no| answer.starts_with(no)),
        "{answer}"
    );
    // All of the run's files, also where the folders above are everybody's.
    let folder = ground.folder.path().join("wasmcloud");
    let mode = folder.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    for file in secrets(&folder) {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        let content = std::fs::read_to_string(&file).unwrap();
        let words = content.split(|letter: char| !letter.is_ascii_alphanumeric());
        for word in words.filter(|word| word.len() >= 32) {
            assert!(!attacker.command_lines.contains(word), "{}", file.display());
        }
    }
}

/// The files in a folder of wasmCloud's that hold passwords.
fn secrets(folder: &Path) -> Vec<PathBuf> {
    let files = ["nats.conf", "htpasswd", "credentials/config.json"].map(|name| folder.join(name));
    assert!(files.iter().all(|file| file.exists()), "{files:?}");
    files.into()
}

#[test]
fn a_host_has_no_rights_but_those_that_it_needs() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    let running = request(Workload::HttpHello, &[("host", "running")]);
    sample(&mut *engine, &running);
    let (pid, _) = ground
        .processes()
        .into_iter()
        .find(|(_, name)| name == "wash")
        .unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    // Only what overrides the owners of files, which Landlock bounds.
    let capabilities = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:\t"))
        .unwrap();
    assert!(
        u64::from_str_radix(capabilities, 16).unwrap() & !0b110 == 0,
        "{capabilities}"
    );
}

#[test]
fn an_image_that_was_replaced_is_not_run() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    let pulled = request(Workload::HttpHello, &[("host", "new"), ("image", "pulled")]);
    sample(&mut *engine, &pulled);
    engine.prepare(&pulled).unwrap();
    // As somebody with the rights of this user could: the component, in the registry's storage.
    let blobs = ground
        .folder
        .path()
        .join("wasmcloud/registry/docker/registry/v2/blobs");
    let component = Workload::HttpHello.artifact().unwrap();
    let component = results::digest::sha256_hex(&component.read().unwrap());
    let blob = blobs.join(format!("sha256/{}/{component}/data", &component[..2]));
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes.extend_from_slice(b"\x00\x05\x04evil");
    std::fs::write(&blob, bytes).unwrap();
    let refused = engine
        .start(&pulled, Some(ports::free_port().unwrap()))
        .err()
        .unwrap();
    assert!(refused.contains("did not start the workload"), "{refused}");
}

/// The registry that takes what is pushed lives for a push, a moment that nobody can be sure to meet: it is
/// started here as it was then.
#[test]
fn another_user_pushes_nothing_while_something_is_pushed() {
    struct Registry(std::process::Child);
    impl Drop for Registry {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let ground = Infrastructure::new();
    let Some((engine, ..)) = attacked(&ground) else {
        return;
    };
    let configuration = ground.folder.path().join("wasmcloud/push.yml");
    let text = std::fs::read_to_string(&configuration).unwrap();
    let program = machine::programs::find("docker-registry", &[]).unwrap();
    let mut registry = Command::new(program);
    registry.arg("serve").arg(&configuration);
    registry
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let registry = Registry(registry.spawn().unwrap());
    let after = text.split_once("127.0.0.1:").unwrap().1;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let port = digits.parse().unwrap();
    let until_ns = now_ns() + HANG_NS;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(now_ns() < until_ns, "it does not listen");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let answered = |head: &str| {
        let request =
            format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Attacker::says_to(port, &request)
    };
    for head in [
        "POST /v2/http-hello/blobs/uploads/",
        "DELETE /v2/http-hello/manifests/built",
        "GET /v2/",
    ] {
        let said = answered(head);
        assert!(said.starts_with("HTTP/1.1 401 "), "{head}: {said}");
    }
    drop(registry);
    drop(engine);
}

#[test]
fn a_tag_that_leads_elsewhere_is_not_followed() {
    let ground = Infrastructure::new();
    let mut engine = ground.engine();
    let [_, _, _, deployed, _] = <[_; 5]>::try_from(variants(Scenario::ImageCold)).unwrap();
    let deployed = StartRequest {
        variant: deployed,
        ..request(Workload::HttpHello, &[])
    };
    // Another component of the same name, which a host has never seen.
    sample(&mut *engine, &deployed);
    let folder = ground.folder.path().join("wasmcloud");
    let tags = folder.join("registry/docker/registry/v2/repositories/http-hello/_manifests/tags");
    let link = |tag: &std::ffi::OsStr| tags.join(tag).join("current/link");
    let other = std::fs::read_dir(&tags).unwrap().flatten();
    let other = other
        .map(|tag| tag.file_name())
        .find(|tag| tag != "built")
        .unwrap();
    std::fs::copy(link(&other), link("built".as_ref())).unwrap();
    let pulled = request(Workload::HttpHello, &[("host", "new"), ("image", "pulled")]);
    sample(&mut *engine, &pulled);
    let component = Workload::HttpHello.artifact().unwrap();
    let component = results::digest::sha256_hex(&component.read().unwrap());
    let cached = std::fs::read_dir(folder.join("cache")).unwrap().flatten();
    let cached: Vec<_> = cached
        .flat_map(|image| {
            std::fs::read_dir(image.path())
                .into_iter()
                .flatten()
                .flatten()
        })
        .map(|file| file.path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "wasm"))
        .map(|file| results::digest::sha256_file(&file).unwrap())
        .collect();
    assert_eq!(cached, [component], "it runs what the tag leads to");
}
