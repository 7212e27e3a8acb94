//! Native code: who is asked before it is run, and whose is.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::command_line::refused;
use crate::{Server, built, compile, ended, service};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// A command that is compiled, under a name that says otherwise.
fn command(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("evil.wasm");
    compile(&built("hello.wasm"), &path);
    path
}

#[test]
fn native_code_runs_only_if_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let service = {
        let disguised = folder.path().join("service.wasm");
        std::fs::copy(service(), &disguised).unwrap();
        disguised
    };
    let command = command(&folder);
    for (name, file) in [("serve", &service), ("run", &command)] {
        let file = file.to_str().unwrap();
        refused(&[name, "--artifact", file], 3, "it is native code");
        refused(
            &[name, "--artifact", file, "--acquire", "compile"],
            2,
            "is precompiled",
        );
    }
    let command = command.to_str().unwrap();
    for mode in ["deserialize", "deserialize_file"] {
        let (code, printed, stderr) = ended(&["run", "--artifact", command, "--acquire", mode]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{mode}");
        assert_eq!(printed, "Hello from coldphase\n");
    }
    Server::of_compiled(&service, &[]).is_well();
}

#[test]
fn native_code_that_others_can_write_is_not_run() {
    let asked = |file: &str, message: &str| {
        for mode in ["deserialize", "deserialize_file"] {
            for name in ["serve", "run"] {
                refused(&[name, "--artifact", file, "--acquire", mode], 3, message);
            }
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let file = command(&folder);
    let path = file.to_str().unwrap();
    set_mode(&file, 0o666);
    asked(path, "others can write to");
    set_mode(&file, 0o644);
    set_mode(folder.path(), 0o777);
    asked(path, "others can write to");
    set_mode(folder.path(), 0o755);
    let (code, ..) = ended(&["run", "--artifact", path, "--acquire", "deserialize"]);
    assert_eq!(code, 0, "nothing else was wrong with it");
    if !nix::unistd::geteuid().is_root() {
        let message = b"not tested here: only root can give files away\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), message);
        return;
    }
    chown(&file, Some(12_345), None).unwrap();
    asked(path, "belongs to user 12345");
    chown(&file, Some(0), None).unwrap();
    chown(folder.path(), Some(12_345), None).unwrap();
    asked(path, "belongs to user 12345");
    // By a link out of a folder that is one's own, it is the same file.
    let own = tempfile::tempdir().unwrap();
    let link = own.path().join("link.cwasm");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    asked(link.to_str().unwrap(), "belongs to user 12345");
}

/// The owner of a pipe is not who wrote what comes out of it.
#[test]
fn native_code_out_of_a_pipe_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let code = std::fs::read(command(&folder)).unwrap();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (name, mode) in [
        ("run", "deserialize"),
        ("run", "deserialize_file"),
        ("serve", "deserialize"),
    ] {
        let (into, code) = (pipe.clone(), code.clone());
        let writer = std::thread::spawn(move || std::fs::write(into, code));
        refused(
            &[
                name,
                "--artifact",
                pipe.to_str().unwrap(),
                "--acquire",
                mode,
            ],
            3,
            "nobody can tell who wrote what comes out of a pipe",
        );
        writer.join().unwrap().unwrap();
    }
}

#[test]
fn what_is_cached_is_native_code_too() {
    let wasm = built("hello.wasm");
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("new/cache");
    let command = [
        "run",
        "--artifact",
        wasm.to_str().unwrap(),
        "--acquire",
        "cache_hit",
        "--cache",
        cache.to_str().unwrap(),
    ];
    assert_eq!(ended(&command).0, 0);
    let made = std::fs::metadata(&cache).unwrap().permissions().mode();
    assert_eq!(made & 0o777, 0o700, "a new one is one's own");
    assert_eq!(ended(&command).0, 0);
    // A folder that others may enter, as one that an older version made.
    set_mode(&cache, 0o755);
    assert_eq!(ended(&command).0, 0);
    let modules = cache.join("modules");
    set_mode(&modules, 0o777);
    refused(&command, 3, "others can write to");
    set_mode(&modules, 0o755);
    let cached =
        std::fs::read_dir(modules.join(format!("wasmtime-{}", host::engine::wasmtime::VERSION)))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
    set_mode(&cached, 0o666);
    refused(&command, 3, "others can write to");
    set_mode(&cached, 0o644);
    set_mode(&cache, 0o1777);
    refused(&command, 3, "others can write to");
}
