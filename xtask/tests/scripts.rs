//! `setup` and `test`, called where somebody has put something in their way.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn write_program(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
}

/// A folder in which every program that the scripts use, and every module that Python is asked for,
/// leaves a trace.
fn trap() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    for name in [
        "bash",
        "sh",
        "env",
        "sed",
        "awk",
        "grep",
        "cat",
        "dirname",
        "readlink",
        "mktemp",
        "uname",
        "python3",
        "stat",
        "dpkg-query",
        "apt-cache",
        "apt-get",
        "sudo",
        "rustc",
        "cargo",
        "npm",
        "wash",
        "wasmtime",
        "rm",
        "head",
    ] {
        for folder in [folder.path().to_owned(), folder.path().join("bin")] {
            let text = format!("#!/bin/sh\necho {name} >>{}\nexit 1\n", ran.display());
            write_program(&folder.join(name), &text);
        }
    }
    let text = format!(
        "open({:?}, 'a').write(__name__)\n",
        ran.display().to_string()
    );
    for module in ["pip.py", "pip/__main__.py", "zipfile.py", "runpy.py"] {
        write_program(&folder.path().join(module), &text);
    }
    folder
}

/// Runs a program there with such a `PATH`. Nothing may have left a trace.
fn called(folder: &Path, path: &str, program: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = fs::read_to_string(folder.join("ran")).unwrap_or_default();
    assert_eq!(ran, "", "PATH={path}, {} {arguments:?}", program.display());
    output
}

#[test]
fn no_program_of_the_current_folder_is_run() {
    let folder = trap();
    let path = std::env::var("PATH").unwrap();
    let relative_too = [format!(":{path}"), format!(".:bin::{path}")];
    // A shell takes a `PATH` without anything for the current folder.
    let relative_alone = ["", ":", "."].map(str::to_owned);
    for path in relative_too.iter().chain(&relative_alone) {
        for (script, arguments) in [
            ("setup", &["--check"][..]),
            ("setup", &["--help"]),
            ("test", &["--help"]),
        ] {
            // What is missing without the folders that are named cannot be told from what is not there.
            if arguments == ["--check"] && relative_alone.contains(path) {
                continue;
            }
            let output = called(folder.path(), path, &checkout().join(script), arguments);
            let code = output.status.code();
            assert!(
                code == Some(0) || arguments == ["--check"] && code == Some(3),
                "{script} {arguments:?}: {code:?} {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn no_module_of_the_current_folder_is_imported() {
    let folder = trap();
    let source = format!(". {}/setup; has_pip || true", checkout().display());
    let path = std::env::var("PATH").unwrap();
    called(
        folder.path(),
        &path,
        Path::new("/bin/bash"),
        &["-c", &source],
    );
}

/// Installs as `setup` does, with another apt-get in the place of the system's, and another folder
/// in the place of the one that policies lie in. Prints what the policy says while apt-get runs, when
/// everything but apt-get has been killed (`setup` is a group of processes, and what it would do when
/// it ends must not come before the question), when that has been too, and what is left then.
const KILLED: &str = r#"
set -um
mount --bind "$T/sbin" /usr/sbin
asked() { /usr/sbin/policy-rc.d nats-server start; echo "$1 $?"; }
bash -c ". '$SETUP'; apt_install_unstarted nats-server=1" </dev/null >/dev/null 2>&1 & setup=$!
until [ -s "$T/began" ]; do sleep 0.02; done
asked during
kill -9 -- -$setup
wait $setup
asked orphaned
kill -9 "$(cat "$T/began")"
while kill -0 "$(cat "$T/began")" 2>/dev/null; do sleep 0.02; done
asked killed
ls /usr/sbin
"#;

#[test]
fn a_policy_that_a_killed_setup_has_left_allows_everything_and_is_gone() {
    if !fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0) {
        let _ = writeln!(std::io::stdout(), "not run: this needs root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sbin")).unwrap();
    write_program(
        &folder.path().join("bin/apt-get"),
        &format!(
            "#!/bin/sh\nexec setsid sh -c 'echo $$ >{}/began; exec sleep 600'\n",
            folder.path().display()
        ),
    );
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "bash",
            "-c",
            KILLED,
        ])
        .env("T", folder.path())
        .env("SETUP", checkout().join("setup"))
        .env(
            "PATH",
            format!("{}/bin:/usr/bin:/bin", folder.path().display()),
        )
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        printed,
        "during 101\norphaned 101\nkilled 0\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A cargo that leaves in the folder `$T` how it was called, and builds a program of a version that
/// is in a file there.
const CARGO: &str = r#"#!/bin/bash
echo "$PWD|$CARGO_TARGET_DIR|${RUSTFLAGS-}|$*" >>"$T/called"
while [[ $1 != --root ]]; do shift; done
mkdir -p "$2/bin"
printf '#!/bin/sh\necho wasmtime %s\n' "$(cat "$T/version")" >"$2/bin/wasmtime"
chmod 755 "$2/bin/wasmtime"
"#;

/// Calls `./setup wasmtime` with that cargo and with `folder/lib` in the place of the folder that
/// programs are put below.
fn setup_wasmtime(folder: &Path, builds: &str) -> Output {
    fs::write(folder.join("version"), builds).unwrap();
    let root = fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    let source = if root {
        "mount --bind \"$T/lib\" /var/lib && exec \"$SETUP\" wasmtime"
    } else {
        "exec \"$SETUP\" wasmtime"
    };
    let mut command = Command::new(if root { "unshare" } else { "env" });
    command.args(root.then_some("--mount"));
    command
        .args(["bash", "-c", source])
        .env("T", folder)
        .env("SETUP", checkout().join("setup"))
        .env("PATH", format!("{}/bin:/usr/bin:/bin", folder.display()))
        .env("XDG_DATA_HOME", folder.join("lib"))
        .env("RUSTFLAGS", "-Ctarget-cpu=native")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn root_runs_no_program_out_of_a_folder_that_is_somebody_elses() {
    if !fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0) {
        let _ = writeln!(std::io::stdout(), "not run: this needs root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("lib/coldphase");
    let ran = folder.path().join("ran");
    let trap = format!(
        "#!/bin/sh\necho ran >>{}\necho wasmi 2.0.0\n",
        ran.display()
    );
    write_program(&data.join("wasmi-2.0.0/wasmi"), &trap);
    let check = || {
        let mut command = Command::new("unshare");
        let source =
            "mount --bind \"$T/lib\" /var/lib && \"$SETUP\" wasmi --check; \"$SETUP\" wasmi";
        command.args(["--mount", "bash", "-c", source]);
        command
            .env("T", folder.path())
            .env("SETUP", checkout().join("setup"))
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8(text).unwrap()
    };
    std::os::unix::fs::chown(&data, Some(65_534), None).unwrap();
    let said = check();
    assert!(!ran.exists(), "{said}");
    assert!(
        said.contains("wasmi 2.0.0"),
        "it is said to be missing: {said}"
    );
    // Root's own is run.
    std::os::unix::fs::chown(&data, Some(0), None).unwrap();
    let said = check();
    assert!(ran.exists() && said.contains("nothing to do"), "{said}");
}

#[test]
fn the_command_line_of_the_embedded_version_is_built_once_and_outside_of_the_checkout() {
    let cargo = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    let (_, rest) = cargo.split_once("\nwasmtime = { version = \"=").unwrap();
    let (version, _) = rest.split_once('"').unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lib")).unwrap();
    write_program(&folder.path().join("bin/cargo"), CARGO);

    let other = setup_wasmtime(folder.path(), "48.0");
    assert_eq!(other.status.code(), Some(1));
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("is of another version"), "{said}");

    for _ in 0..2 {
        let output = setup_wasmtime(folder.path(), version);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
    let called = fs::read_to_string(folder.path().join("called")).unwrap();
    let [_, call] = called.lines().collect::<Vec<_>>()[..] else {
        panic!("once for each version: {called}");
    };
    let [_, build, flags, arguments] = call.split('|').collect::<Vec<_>>()[..] else {
        panic!("{call}");
    };
    let outside = !Path::new(build).starts_with(checkout());
    assert!(outside && Path::new(build).is_absolute(), "{build}");
    assert_eq!(flags, "", "a person's own flags make another program");
    let wanted = format!("install wasmtime-cli --version ={version} --locked --features ");
    assert!(arguments.starts_with(&wanted), "{arguments}");
    let data = folder.path().join("lib/coldphase");
    let left: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [format!("wasmtime-{version}").as_str()]);
    let program = data.join(format!("wasmtime-{version}/wasmtime"));
    let said = Command::new(program).output().unwrap().stdout;
    assert_eq!(
        String::from_utf8_lossy(&said),
        format!("wasmtime {version}\n")
    );
}
