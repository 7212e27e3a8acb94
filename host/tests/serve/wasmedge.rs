//! The same service on the other engine, in a program of its own: what it answers, what it refuses,
//! and how it ends.

use std::path::{Path, PathBuf};
use std::process::Command;

use campaign::sibling::Package;

use crate::command_line::refused;
use crate::given::{Try, teller, trier};
use crate::limits::{computed, wait_until_busy};
use crate::{Answered, Server, built, ended, wait_for};

/// The program, brought up to date; nothing where its library is missing, which is then said.
/// `./test` installs it where it can be had.
fn program() -> Option<PathBuf> {
    if !Path::new("/usr/include/wasmedge/wasmedge.h").exists() {
        let message = b"not tested here: `./setup wasmedge` installs WasmEdge\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), message);
        return None;
    }
    let package = Package {
        name: "host-wasmedge",
        arguments: &["--features", "wasmedge"],
        flags: None,
        first_build: "building the programs of WasmEdge",
    };
    Some(package.program("host-wasmedge").unwrap())
}

/// Compiles ahead.
fn compile(program: &Path, artifact: &Path, output: &Path) {
    let compiling = Command::new(program)
        .arg("compile")
        .arg("--artifact")
        .arg(artifact)
        .arg("--output")
        .arg(output)
        .status();
    assert!(compiling.unwrap().success());
}

/// How a command ends: its code, and what it printed.
fn run(program: &Path, artifact: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(program)
        .arg("run")
        .arg("--artifact")
        .arg(artifact)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn native_code_runs_only_if_it_is_asked_for_and_nobody_else_can_write_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Whatever it is called, and however it is to be run.
    for name in ["evil.so", "evil.wasm", "evil"] {
        let evil = folder.path().join(name);
        let compiled = folder.path().join("compiled.so");
        compile(&program, &built("hello.wasm"), &compiled);
        std::fs::rename(&compiled, &evil).unwrap();
        let (code, printed, stderr) = run(&program, &evil, &[]);
        assert_eq!((code, printed.as_str()), (Some(3), ""), "{name}: {stderr}");
        assert!(stderr.contains("it is native code"), "{name}: {stderr}");
        let (code, ..) = run(&program, &evil, &["--acquire", "interpret"]);
        assert_eq!(code, Some(2), "{name}");
        let (code, printed, stderr) = run(&program, &evil, &["--acquire", "aot"]);
        assert_eq!(code, Some(0), "{name}: {stderr}");
        assert_eq!(printed, "Hello from coldphase\n");
        let mode = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(&evil, mode).unwrap();
        let (code, printed, stderr) = run(&program, &evil, &["--acquire", "aot"]);
        assert_eq!((code, printed.as_str()), (Some(3), ""), "{name}: {stderr}");
        assert!(stderr.contains("others can write"), "{name}: {stderr}");
    }
}

#[test]
fn what_compiles_removes_no_folder_of_anybodys() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let thesis = folder.path().join("model.compiling/thesis");
    std::fs::create_dir(thesis.parent().unwrap()).unwrap();
    std::fs::write(&thesis, "years of work").unwrap();
    compile(
        &program,
        &built("hello.wasm"),
        &folder.path().join("model.so"),
    );
    assert_eq!(std::fs::read_to_string(&thesis).unwrap(), "years of work");
    let names = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["model.compiling", "model.so"]);
}

/// A command that connects to a port of this machine, and exits with 33 if it may: the functions are
/// WasmEdge's own. `wasmedge_wasi_socket`, `socket.rs`.
fn connects(port: u16) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "sock_open" (func $open (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "sock_connect" (func $connect (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            ;; The address, and where it lies.
            (data (i32.const 16) "\7f\00\00\01")
            (data (i32.const 32) "\10\00\00\00\04\00\00\00")
            (func (export "_start")
                (if (call $open (i32.const 1) (i32.const 2) (i32.const 0)) (then (call $exit (i32.const 4))))
                (if (call $connect (i32.load (i32.const 0)) (i32.const 32) (i32.const {port}))
                    (then (call $exit (i32.const 5))))
                (call $exit (i32.const 33))))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn only_what_runs_a_command_by_itself_lends_it_the_network() {
    let Some(program) = program() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let guest = folder.path().join("connects.wasm");
    std::fs::write(&guest, connects(listener.local_addr().unwrap().port())).unwrap();
    // As security.md says of `host-wasmedge run`: so the guest does what it is for.
    let (code, _, stderr) = run(&program, &guest, &[]);
    assert_eq!(code, Some(33), "{stderr}");
    listener.accept().unwrap();
    // What measures a stranger's guest does not start one that asks for sockets.
    let artifact = guest.to_str().unwrap();
    let only = ["--samples", "1", "--select", "system=wasmedge-embedded"];
    let (code, _, stderr) = ended(&[&["phases", "--artifact", artifact][..], &only].concat());
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("sock_open"), "{stderr}");
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn time_and_memory_of_a_command_are_limited() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let guest = |name: &str, memory: &str, body: &str| {
        let text = format!(
            r#"(module
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") {memory})
                (func (export "_start") {body}))"#
        );
        let path = folder.path().join(name);
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        path
    };
    let spin = guest("spin", "1", "(loop (br 0))");
    let (code, _, stderr) = run(&program, &spin, &["--time-limit", "0.3"]);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains("within its time limit"), "{stderr}");
    // It ends with the pages that it has at last: fewer than it asked for.
    let grow = guest(
        "grow",
        "1",
        "(loop $again
            (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (call $exit (memory.size))",
    );
    let (code, _, stderr) = run(&program, &grow, &["--memory-limit", "4"]);
    assert_eq!(code, Some(64), "{stderr}");
}

#[test]
fn a_command_is_given_what_is_named_and_nothing_else() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let guest = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let environment = guest("environment", &teller("environment"));
    guest("text", b"contents");
    let read = guest("read", &trier(Try::Read("text")));
    let write = guest("write", &trier(Try::Write("new")));
    let printed = |artifact: &Path, arguments: &[&str]| {
        let (code, printed, stderr) = run(&program, artifact, arguments);
        assert_eq!(code, Some(0), "{stderr}");
        printed
    };
    assert_eq!(printed(&environment, &[]), "");
    let variables = ["--env", "A=b", "--env=C="];
    assert_eq!(printed(&environment, &variables), "A=b\0C=\0");
    let given = format!("{}::/data", folder.path().display());
    assert_eq!(printed(&read, &["--dir", &given]), "contents");
    assert_eq!(printed(&read, &[]), "refused");
    assert_eq!(printed(&write, &["--dir", &given]), "refused");
    assert_eq!(printed(&write, &["--dir", &format!("{given}:rw")]), "done");
    assert!(folder.path().join("new").exists());
    for wrong in [["--dir", "/nowhere"], ["--env", "A"]] {
        let (code, _, stderr) = run(&program, &read, &wrong);
        assert_eq!(code, Some(2), "{wrong:?}: {stderr}");
    }
}

#[test]
fn a_trap_in_a_start_function_is_the_guests_failure() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let guest = |name: &str, parts: &str| {
        let path = folder.path().join(name);
        let text =
            format!("(module {parts} (memory (export \"memory\") 1) (func (export \"_start\")))");
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        path
    };
    let traps = guest("traps", "(func $trap unreachable) (start $trap)");
    let lacks = guest("lacks", r#"(import "nobody" "has" (func))"#);
    for (artifact, code) in [(&traps, 4), (&lacks, 3)] {
        let (found, _, stderr) = run(&program, artifact, &[]);
        assert_eq!(found, Some(code), "{stderr}");
        // As the other engine's program ends.
        let (wanted, ..) = ended(&["run", "--artifact", artifact.to_str().unwrap()]);
        assert_eq!(wanted, code);
    }
}

fn start(arguments: &[&str]) -> Server {
    Server::of(
        &built("http-sockets.wasm"),
        &[&["--engine", "wasmedge"], arguments].concat(),
    )
}

/// Ends it by SIGTERM.
fn ends(server: Server) {
    assert_eq!(server.terminate(), (Some(0), String::new()));
}

#[test]
fn every_route_answers_as_it_does_natively() {
    if program().is_none() {
        return;
    }
    let server = start(&[]);
    assert_eq!(server.get("/"), Answered::new(200, "Hello from coldphase"));
    let hash = server.get("/cpu?iterations=1000");
    assert_eq!((hash.status, hash.body.len()), (200, 64));
    assert_eq!(server.get("/cpu?iterations=x").status, 400);
    assert_eq!(
        server.ask("POST", "/echo", b"back"),
        Answered::new(200, "back")
    );
    let large = vec![b'x'; 1024 * 1024];
    let echoed = server.ask("POST", "/echo", &large);
    assert_eq!((echoed.status, echoed.body.len()), (200, large.len()));
    assert_eq!(server.get("/nowhere").status, 404);
    ends(server);
}

#[test]
fn it_counts_across_requests_and_loses_none_among_64_writers() {
    if program().is_none() {
        return;
    }
    let server = start(&[]);
    assert_eq!(server.get("/state"), Answered::new(200, "0"));
    crate::answers::no_count_is_lost(&server);
    ends(server);
}

#[test]
fn milestones_are_in_the_order_of_a_start_and_tell_the_mode() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("service.so");
    compile(&program, &built("http-sockets.wasm"), &compiled);
    for (artifact, acquire, mode) in [
        (&built("http-sockets.wasm"), "interpret", "interpreter"),
        (&compiled, "aot", "aot"),
    ] {
        let file = folder.path().join(mode);
        let mut server = Server::of(
            artifact,
            &[
                "--engine",
                "wasmedge",
                "--acquire",
                acquire,
                "--milestones",
                file.to_str().unwrap(),
            ],
        );
        // Written before it listens: whoever knows its address can read it.
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 1);
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let instants = [
            "first_statement_ns",
            "engine_ns",
            "imports_ns",
            "acquired_ns",
            "instantiated_ns",
        ]
        .map(|name| told[name].as_u64().unwrap());
        assert!(instants.is_sorted(), "{told}");
        assert_eq!(
            (&told["engine"], &told["run_mode"]),
            (&"wasmedge".into(), &mode.into())
        );
        server.is_well();
        ends(server);
    }
}

#[test]
fn it_ends_at_once_whatever_its_clients_do() {
    if program().is_none() {
        return;
    }
    let server = start(&[]);
    let (_idle, mut computing) = (server.connect(), server.connect());
    // Interpreted, this takes minutes: thousands of times as long as it is computed here.
    std::io::Write::write_all(
        &mut computing,
        b"GET /cpu?iterations=10000000 HTTP/1.1\r\nhost: x\r\n\r\n",
    )
    .unwrap();
    wait_until_busy(&server);
    let before = computed(&server).0;
    server.signal();
    wait_for("it ends", || computed(&server).1);
    // It asks nobody before it ends: a guest that is waited for, or is given a while, goes on to
    // compute.
    let ticks = computed(&server).0 - before;
    assert!(ticks < 100, "{ticks} ticks were computed after the signal");
    ends(server);
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut computing, &mut answer);
    assert_eq!(
        String::from_utf8_lossy(&answer),
        "",
        "the guest was not waited for"
    );
}

#[test]
fn what_it_cannot_serve_is_one_message() {
    if program().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let service = built("http-sockets.wasm").to_str().unwrap().to_owned();
    let refused = |artifact: &str, arguments: &[&str], code: i32, message: &str| {
        let begin = ["serve", "--engine", "wasmedge", "--artifact", artifact];
        refused(&[&begin, arguments].concat(), code, message);
    };
    refused(
        &service,
        &["--addr", "nowhere"],
        2,
        "`nowhere` is no IP:PORT",
    );
    refused(&service, &["--addr"], 2, "--addr lacks its value");
    refused(
        &service,
        &["--allocator", "pooling"],
        2,
        "there is no flag --allocator",
    );
    refused(
        &service,
        &["--acquire=aot"],
        2,
        "does not go with that --acquire",
    );
    refused(
        &service,
        &["--memory-limit", "much"],
        2,
        "`much` is no number of MiB",
    );
    refused("/no/such/file", &[], 3, "cannot use /no/such/file");
    refused(&file("text", b"not wasm at all"), &[], 3, "cannot use");
    refused(&file("empty.wasm", b""), &[], 3, "cannot use");
    refused(
        &file("elf.so", b"\x7fELF\x02\x01\x01 and then nothing"),
        &[],
        3,
        "cannot use",
    );
    refused(
        built("http.component.wasm").to_str().unwrap(),
        &[],
        3,
        "cannot use",
    );
    refused(
        &service,
        &["--milestones", "/no/such/folder/x"],
        5,
        "cannot write /no/such/folder/x",
    );
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    refused(&service, &["--addr", &address], 1, "cannot listen on");
    let (code, stdout, _) = ended(&["serve", "--engine", "wasmedge", "--help"]);
    assert_eq!((code, stdout.lines().count()), (0, 1), "{stdout}");
}

#[test]
fn at_its_level_it_compiles_what_the_engines_command_line_does() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        folder.path().join("ours.so"),
        folder.path().join("theirs.so"),
    );
    let guest = built("hello.wasm");
    let compiled = |program: &Path, arguments: &[&std::ffi::OsStr]| {
        let compiling = Command::new(program)
            .arg("compile")
            .args(arguments)
            .output();
        assert!(compiling.unwrap().status.success());
    };
    let code = |path: &Path| std::fs::read(path).unwrap();
    let with = |level: &str| {
        let arguments = [
            "--artifact".as_ref(),
            guest.as_os_str(),
            "--output".as_ref(),
            ours.as_os_str(),
            "--optimize".as_ref(),
            level.as_ref(),
        ];
        compiled(&program, &arguments);
        code(&ours)
    };
    compiled(
        Path::new("wasmedge"),
        &[guest.as_os_str(), theirs.as_os_str()],
    );
    assert!(
        with("2") == code(&theirs),
        "level 2 is that of the command line"
    );
    compile(&program, &guest, &theirs);
    assert!(with("3") == code(&theirs), "level 3 is that of the SDK");
    let (exit, _, stderr) = ended_with(&program, &["compile", "--optimize", "fast"]);
    assert_eq!(exit, Some(2), "{stderr}");
    assert!(
        stderr.contains("--optimize has no value `fast`"),
        "{stderr}"
    );
}

fn ended_with(program: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}
