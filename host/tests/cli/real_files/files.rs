//! Where files come from and go to, and what they are called.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use results::text::is_printable;

use super::*;
use crate::engines::built_program;

#[test]
fn an_artifact_that_can_be_read_once_is_read_once() {
    let guest = std::fs::read(built("hello.wasm")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("pipe");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (path, commands) in [
        ("/dev/stdin", ["phases", "run"]),
        (fifo.to_str().unwrap(), ["phases", "run"]),
    ] {
        for name in commands {
            let host = Host::new();
            let mut command = if name == "phases" {
                let arguments = ["--artifact", path, "--samples", "1"];
                host.command(&[&arguments[..], &ONE_CELL].concat())
            } else {
                let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
                command.args([name, "--artifact", path]);
                command
            };
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let stdin = child.stdin.take().unwrap();
            let (guest, fifo) = (guest.clone(), fifo.clone());
            let piped = path == "/dev/stdin";
            let writer = std::thread::spawn(move || {
                use std::io::Write as _;
                if piped {
                    { stdin }.write_all(&guest)
                } else {
                    std::fs::write(fifo, guest)
                }
            });
            let ran = ran(child.wait_with_output().unwrap());
            writer.join().unwrap().unwrap();
            if name == "phases" {
                ran.measured_all(&host);
            } else {
                assert_eq!(ran.code, 0, "{}", ran.stderr);
                assert_eq!(ran.stdout, "Hello from coldphase\n");
            }
        }
    }
}

#[test]
fn a_name_that_is_no_text_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"caf\xe9.wasm"));
    std::fs::copy(built("hello.wasm"), &path).unwrap();
    let host = Host::new();
    let mut command = host.command(&[&["--samples", "1"], &ONE_CELL[..]].concat());
    let ran = ran(command.arg("--artifact").arg(&path).output().unwrap());
    ran.measured_all(&host);
    let out = folder.path().join(OsStr::from_bytes(b"r\xe9sum\xe9s"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .args(["phases", "--samples", "1", "--select", "acquire=cache_hit"])
        .args([
            "--select",
            "system=wasmtime-embedded",
            "--workload",
            "hello",
        ])
        .args(["--select", "page_cache=hot", "--out"]);
    let output = command.arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn an_argument_that_is_no_text_is_refused_and_not_changed() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .args(["run", "--artifact", &built("hello.wasm"), "--"])
        .arg(OsStr::from_bytes(b"caf\xe9"));
    let ran = ran(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("is no text"), "{}", ran.stderr);
}

#[test]
fn compiling_replaces_no_input_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let guest = std::fs::read(built("hello.wasm")).unwrap();
    let path = file(folder.path(), "a.wasm", &guest);
    std::fs::hard_link(&path, folder.path().join("b.wasm")).unwrap();
    let other = folder.path().join("b.wasm");
    for output in [path.as_str(), other.to_str().unwrap()] {
        let ran = host(&["compile", "--artifact", &path, "--output", output]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("is the artifact itself"),
            "{}",
            ran.stderr
        );
        assert_eq!(std::fs::read(&path).unwrap(), guest);
    }
    // As long as names can be.
    let long = "n".repeat(255);
    for name in ["a.cwasm", long.as_str()] {
        let compiled = folder.path().join(name);
        let compiled = compiled.to_str().unwrap();
        let ran = host(&["compile", "--artifact", &path, "--output", compiled]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 4, "a draft was left");
}

#[test]
fn a_server_writes_its_milestones_over_no_input() {
    let folder = tempfile::tempdir().unwrap();
    let guest = std::fs::read(built("http.component.wasm")).unwrap();
    let path = file(folder.path(), "service.wasm", &guest);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for milestones in [path.as_str(), link.to_str().unwrap()] {
        let ran = host(&["serve", "--artifact", &path, "--milestones", milestones]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("is the artifact itself"),
            "{}",
            ran.stderr
        );
        assert_eq!(std::fs::read(&path).unwrap(), guest);
    }
}

#[test]
fn a_body_that_can_be_read_once_is_read_once() {
    let host = Host::new();
    let arguments = [
        "--artifact",
        &built("http.component.wasm"),
        "--request",
        "POST /echo",
        "--body",
        "@/dev/stdin",
        "--expect",
        "body:once",
        "--samples",
        "1",
    ];
    let mut command = host.command(&[&arguments[..], &ONE_CELL].concat());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"once").unwrap();
    let ran = ran(child.wait_with_output().unwrap());
    ran.measured_all(&host);
}

#[test]
fn a_cache_may_be_named_from_where_one_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    command
        .args(["run", "--artifact", &built("hello.wasm")])
        .args(["--acquire", "cache_miss", "--cache", "relative"])
        .current_dir(folder.path());
    let ran = ran(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(folder.path().join("relative").is_dir());
}

#[test]
fn a_request_may_be_large_come_from_a_file_and_have_headers() {
    let body = "x".repeat(70_000);
    let component = built("http.component.wasm");
    let folder = tempfile::tempdir().unwrap();
    let sent = file(folder.path(), "body.bin", &body);
    for request in [format!("POST /echo {body}"), format!("POST /echo @{sent}")] {
        let host = Host::new();
        let arguments = [
            "--artifact",
            &component,
            "--request",
            &request,
            "--header",
            "Content-Type: text/plain",
            "--expect",
            &body,
            "--samples",
            "1",
        ];
        let ran = host.phases(&[&arguments[..], &ONE_CELL].concat());
        ran.measured_all(&host);
    }
    let arguments = ["--artifact", &component, "--header", "nonsense"];
    let host = Host::new();
    let ran = host.phases(&arguments);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[test]
fn a_relative_folder_for_runs_is_as_good_as_any_and_is_found_again_from_another() {
    let within = |folder: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command.args(arguments).current_dir(folder);
        ran(command.stdin(Stdio::null()).output().unwrap())
    };
    for arguments in [
        &[
            "phases",
            "--workload",
            "hello",
            "--select",
            "system=wasmtime-embedded",
            "--select",
            "acquire=deserialize_file",
            "--select",
            "page_cache=hot",
        ][..],
        &[
            "density-embedded",
            "--instances",
            "2",
            "--select",
            "allocator=on_demand",
            "--select",
            "memory_init=cow",
        ],
    ] {
        let host = Host::new();
        let here = results::checkout::root();
        let out = host.out.path().file_name().unwrap().to_str().unwrap();
        let begun = within(
            here,
            &[arguments, &["--samples", "2", "--out", out]].concat(),
        );
        begun.measured_all(&host);
        let all = host.samples().len();
        for (folder, out) in [
            (here.to_owned(), out.to_owned()),
            (here.join("workloads"), format!("../{out}")),
        ] {
            // As if it had been interrupted after its first sample.
            let ledger = host.runs()[0].join("samples.jsonl");
            let text = std::fs::read_to_string(&ledger).unwrap();
            let first = text.split_inclusive('\n').next().unwrap();
            std::fs::write(&ledger, first).unwrap();
            let resumed = [arguments[0], "--resume", "latest", "--out", &out];
            within(&folder, &resumed).measured_all(&host);
            assert_eq!(host.samples().len(), all);
        }
    }
}

#[test]
fn code_is_proved_to_be_mapped_whatever_leads_to_the_folder_of_its_run() {
    // On a disk, as every run's folder.
    let host = Host::new();
    let folder = host.out.path();
    for name in ["real", "sub"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    std::os::unix::fs::symlink("real", folder.join("link")).unwrap();
    for out in [
        &b"./plain"[..],
        b"sub/../up",
        b"link",
        b"two\nlines",
        b"r\xe9sum\xe9s",
    ] {
        let out = OsStr::from_bytes(out);
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command
            .args(["phases", "--workload", "hello", "--samples", "1"])
            .args(["--select", "acquire=deserialize_file"])
            .args(["--select", "acquire=aot", "--select", "page_cache=hot"])
            .arg("--out")
            .arg(out)
            .current_dir(folder)
            .stdin(Stdio::null());
        let ran = ran(command.output().unwrap());
        let runs = folder.join(out);
        let names = results::run_folder::runs(&runs);
        assert_eq!(names.len(), 1, "{out:?}: {}", ran.stderr);
        let ledger = runs.join(&names[0]).join("samples.jsonl");
        let samples = results::ledger::read(&ledger).unwrap().samples;
        let measured = samples.iter().filter(|it| it.outcome != Outcome::Skipped);
        assert!(measured.clone().count() > 0, "{out:?}: {}", ran.stderr);
        for sample in measured {
            is_undisturbed(sample);
            let params = &sample.cell.params;
            if params.is(Param::MemoryInit, "copy") {
                continue;
            }
            let (evidence, proof) = if params.is(Param::Acquire, "aot") {
                (Evidence::CodeMapped, true.into())
            } else {
                (Evidence::MemoryImage, "precompiled_file".into())
            };
            assert_eq!(sample.attested.get(evidence), Some(&proof), "{out:?}");
        }
    }
}

/// Asserts that nothing that was printed acts on a terminal.
fn is_quiet(ran: &Ran) {
    for printed in [&ran.stdout, &ran.stderr] {
        let acts = |it: &char| *it != '\n' && !is_printable(*it);
        assert_eq!(printed.chars().find(acts), None, "{printed:?}");
    }
}

#[test]
fn whatever_an_artifact_is_called_it_is_measured_and_its_run_is_reported() {
    let Some(analysis) = built_program("analysis", "cargo build -p analysis") else {
        return;
    };
    let long = "x".repeat(250);
    let names = [
        b"my service.wasm",
        &b"app (1).wasm"[..],
        b"x=y,z|w&50%_$~^{}#.wasm",
        b"<script>alert(1)<.wasm",
        b"a\tb\x1b[31mc\nd.wasm",
        b"\xff\xfe.wasm",
        long.as_bytes(),
    ];
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(OsStr::from_bytes(name));
        std::fs::copy(built("hello.wasm"), &path).unwrap();
        let phases = |host: &Host| {
            let mut command = host.command(&[&["--samples", "3"], &ONE_CELL[..]].concat());
            ran(command.arg("--artifact").arg(&path).output().unwrap())
        };
        let host = Host::new();
        let measured = phases(&host);
        measured.measured_all(&host);
        is_quiet(&measured);

        let reports = folder.path().join("reports");
        for name in ["report", "verify"] {
            let mut command = Command::new(&analysis);
            command
                .args([name, "latest", "--in"])
                .arg(host.out.path())
                .arg("--out")
                .arg(&reports);
            let done = ran(command.stdin(Stdio::null()).output().unwrap());
            assert_eq!(done.code, 0, "{name}: {}{}", done.stdout, done.stderr);
            is_quiet(&done);
        }

        // What fails is named too.
        std::fs::write(&path, super::command("", "unreachable")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command.args(["run", "--artifact"]).arg(&path);
        let failed = ran(command.stdin(Stdio::null()).output().unwrap());
        for failed in [failed, phases(&Host::new())] {
            assert_eq!(failed.code, 4, "{}", failed.stderr);
            is_quiet(&failed);
            assert!(failed.stderr.contains("unreachable"), "{}", failed.stderr);
        }
    }
}
