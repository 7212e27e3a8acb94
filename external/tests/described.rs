//! A system that nobody but a file describes, as a person measures it: the program is a small server
//! of ours, which does as it is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use results::manifest::{Manifest, SystemKind};
use results::record::Outcome;
use results::{ledger, run_folder};

/// Exit code, and all that was said.
fn external(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(arguments)
        .env_remove("CARGO")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), said)
}

/// A description of the small server, in a folder of its own.
struct Mine {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Mine {
    /// One that behaves so, with further lines.
    fn new(behaviour: &str, lines: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = folder.path().join("mine.toml");
        let mine = Self { folder, file };
        mine.write(behaviour, lines);
        mine
    }

    fn write(&self, behaviour: &str, lines: &str) {
        let mock = env!("CARGO_BIN_EXE_mock-server");
        let text = format!(
            "[system.mine]\nlabel = \"Mine, all mine\"\nversion = [\"/bin/echo\", \"mine 1.2.3\"]\n\
                takes = [\"program\"]\nlaunch = {{ service = [\"{mock}\", \"{behaviour}\", \
                \"{{ip}}:{{port}}\"] }}\n{lines}\n"
        );
        fs::write(&self.file, text).unwrap();
    }

    /// A guest's runtime in two modes, neither of which looks at its guest.
    fn guests(cache: &str, proof: &str) -> Self {
        let mine = Self::new("answers", "");
        let mock = env!("CARGO_BIN_EXE_mock-server");
        let text = format!(
            "[system.mine]\nversion = [\"/bin/echo\", \"1.0\"]\ntakes = [\"component\"]\nlifecycle = \
                \"reused\"\n{cache}\n{proof}\nlaunch.cache_hit = [\"{mock}\", \"answers\", \
                \"{{address}}\"]\nlaunch.compile = [\"{mock}\", \"answers\", \"{{address}}\"]\n"
        );
        fs::write(&mine.file, text).unwrap();
        mine
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("raw")
    }

    fn suite(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (file, out) = (self.file.to_str().unwrap(), self.out());
        let out = out.to_str().unwrap();
        let mine = "system=mine,workload=http-hello";
        let usual = [
            "suite",
            "--system",
            file,
            "--out",
            out,
            "--no-observer",
            "--only",
            mine,
        ];
        external(&[&usual[..], arguments].concat())
    }

    fn check(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let usual = ["system", "check", self.file.to_str().unwrap()];
        let quick = ["--workload", "http-hello"];
        external(&[&usual[..], &quick, arguments].concat())
    }

    fn run(&self) -> PathBuf {
        let out = self.out();
        out.join(run_folder::runs(&out).pop().unwrap())
    }

    fn manifest(&self) -> Manifest {
        run_folder::read_manifest(&self.run()).unwrap()
    }
}

#[test]
fn a_described_system_is_measured_like_any_other_and_its_run_goes_on_with_its_file_only() {
    let mine = Mine::new("answers", "");
    let notes = mine.folder.path().join("notes");
    let note = |what: &str| {
        let notes = notes.display();
        format!("{what} = [\"/bin/sh\", \"-c\", \"echo {what} >> {notes}\"]")
    };
    let lines = [note("before"), note("after")].join("\n");
    mine.write("answers", &lines);
    let only = "scenario=warm-disk,scenario=throughput";
    let (code, said) = mine.suite(&["--only", only, "--samples", "2", "--requests", "50"]);
    assert_eq!(code, Some(0), "{said}");
    let samples = ledger::read(&mine.run().join("samples.jsonl"))
        .unwrap()
        .samples;
    assert!(samples.len() >= 4, "{samples:?}");
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        assert_eq!(sample.cell.system, "mine");
    }
    // Once more for the start that is tried before all samples.
    let written = fs::read_to_string(&notes).unwrap();
    let expected = "before\nafter\n".repeat(samples.len() + 1);
    assert_eq!(written, expected);

    let manifest = mine.manifest();
    let [system] = manifest.systems.as_slice() else {
        panic!("{:?}", manifest.systems)
    };
    assert_eq!((&*system.name, &*system.version), ("mine", "1.2.3"));
    let description = system.description.as_ref().unwrap();
    assert_eq!(description.label, "Mine, all mine");
    assert_eq!(description.kind, SystemKind::Native);
    let file = fs::read(&mine.file).unwrap();
    assert_eq!(description.sha256, results::digest::sha256_hex(&file));

    let out = mine.out();
    let resume = [
        "suite",
        "--resume",
        "latest",
        "--out",
        out.to_str().unwrap(),
    ];
    let (code, said) = external(&resume);
    assert_eq!(code, Some(0), "{said}");
    mine.write("answers", &format!("{lines}\n# another one"));
    let (code, said) = external(&resume);
    assert_eq!(code, Some(7), "{said}");
    assert!(
        said.contains("the digest of the description of mine was "),
        "{said}"
    );
    fs::remove_file(&mine.file).unwrap();
    let (code, said) = external(&resume);
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("mine.toml: No such file"), "{said}");
}

#[test]
fn nothing_that_a_strangers_run_names_is_executed_when_it_is_resumed() {
    let mine = Mine::new("answers", "");
    let few = ["--only", "scenario=warm-disk", "--samples", "1"];
    let (code, said) = mine.suite(&few);
    assert_eq!(code, Some(0), "{said}");
    let ran = mine.folder.path().join("ran");
    let trace = format!("echo mine 1.2.3; touch {}", ran.display());
    let program = mine.folder.path().join("evil");
    fs::write(&program, format!("#!/bin/sh\n{trace}\n")).unwrap();
    fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let (out, path) = (mine.out(), mine.run().join("manifest.json"));
    let resume = [
        "suite",
        "--resume",
        "latest",
        "--out",
        out.to_str().unwrap(),
    ];
    let begun = fs::read_to_string(&path).unwrap();
    // As they may come from somebody: with another description, program or workload, signed for what was there.
    let evil = mine.folder.path().join("evil.toml");
    let described = fs::read_to_string(&mine.file).unwrap();
    let described = described.replace(
        "[\"/bin/echo\", \"mine 1.2.3\"]",
        &format!("[\"/bin/sh\", \"-c\", {trace:?}]"),
    );
    assert!(described.contains("touch"), "{described}");
    fs::write(&evil, described).unwrap();
    let native = format!("[workload.x]\nnative = [\"/bin/sh\", \"-c\", {trace:?}]\n");
    for (key, value) in [
        ("system_files", serde_json::json!([&evil])),
        (
            "targets",
            serde_json::json!([{"text": native, "folder": "/"}]),
        ),
        (
            "builds",
            serde_json::json!({"native-a": &program, "native-b": &program}),
        ),
        (
            "hosts",
            serde_json::json!({"wasmtime-embedded-a": &program}),
        ),
    ] {
        let mut manifest: serde_json::Value = serde_json::from_str(&begun).unwrap();
        manifest["config"][key]["value"] = value;
        fs::write(&path, manifest.to_string()).unwrap();
        let (code, said) = external(&resume);
        assert_eq!(code, Some(7), "{key}: {said}");
        assert!(said.contains("this user has not begun it"), "{key}: {said}");
        assert!(!ran.exists(), "{key}: {said}");
    }
    // Nor is one gone on with that another user has begun.
    fs::write(&path, &begun).unwrap();
    let other = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(resume)
        .env_remove("CARGO")
        .env("XDG_DATA_HOME", mine.folder.path().join("home"))
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(7));
    let (code, said) = external(&resume);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_hook_that_fails_is_a_reason_and_no_figure() {
    let before = Mine::new("answers", "before = [\"/bin/sh\", \"-c\", \"exit 3\"]");
    let (code, said) = before.suite(&["--only", "scenario=warm-disk", "--samples", "1"]);
    assert_eq!(code, Some(8), "{said}");
    assert!(
        said.contains("before: `/bin/sh -c exit 3` exited with code 3"),
        "{said}"
    );
    // The start that is tried needs it to end well: the second time it does not.
    let flag = before.folder.path().join("flag");
    let script = format!("test ! -e {0} && touch {0}", flag.display());
    before.write(
        "answers",
        &format!("after = [\"/bin/sh\", \"-c\", \"{script}\"]"),
    );
    let (code, said) = before.suite(&["--only", "scenario=warm-disk", "--samples", "1"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("after: "), "{said}");
}

#[test]
fn what_is_described_is_listed_with_all_of_its_modes_and_found_by_the_doctor() {
    let mine = Mine::guests("cache = \"{work}/cache\"", "");
    let (code, said) = mine.suite(&["--list"]);
    assert_eq!(code, Some(0), "{said}");
    for mode in ["acquire=cache_hit", "acquire=compile"] {
        assert!(said.contains(mode), "{said}");
    }
    let file = mine.file.to_str().unwrap();
    let (code, said) = external(&["doctor", "--system", file, "--json"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\"name\": \"mine\""), "{said}");
    let list = [
        "density",
        "--system",
        file,
        "--only",
        "system=mine",
        "--list",
    ];
    let (code, said) = external(&list);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = external(&["suite", "--only", "system=mine", "--list"]);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn what_is_wrong_is_one_message_with_file_line_and_key() {
    let mine = Mine::new("answers", "lable = \"x\"");
    for arguments in [
        &["suite", "--list", "--system"][..],
        &["compare", "cold-start", "--system"],
        &["doctor", "--system"],
        &["system", "check"],
    ] {
        let arguments = [arguments, &[mine.file.to_str().unwrap()]].concat();
        let (code, said) = external(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        let wrong = format!("{}:6: system.mine.lable: ", mine.file.display());
        assert!(said.contains(&wrong), "{arguments:?}: {said}");
        assert!(said.contains("did you mean `label`?"), "{said}");
    }
    let text = fs::read_to_string(&mine.file).unwrap();
    let taken = text
        .replace("lable = \"x\"", "")
        .replace("[system.mine]", "[system.docker]");
    fs::write(&mine.file, taken).unwrap();
    let (code, said) = mine.suite(&["--list"]);
    assert_eq!(code, Some(2), "{said}");
    let wrong = format!(
        "{}: system.docker: a system of that name is there already",
        mine.file.display()
    );
    assert!(said.contains(&wrong), "{said}");
}

#[test]
fn a_description_that_holds_is_checked_in_all_its_parts() {
    let (code, said) = Mine::new("answers", "").check(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("mine 1.2.3: "), "{said}");
    assert!(
        said.contains("ok      http-hello, machine code, a start: "),
        "{said}"
    );
    assert!(
        said.contains("requests\neverything went as described"),
        "{said}"
    );
}

#[test]
fn each_thing_that_is_missing_is_named() {
    let launch = "see `launch`";
    for (behaviour, lines, said) in [
        ("dies", "", &["cannot find my configuration", launch][..]),
        ("never-listens", "", &["tried once", launch]),
        ("wrong-port", "", &["it listens on", launch]),
        ("status-500", "", &["500", launch]),
        ("wrong-body", "", &["Hello from elsewhere", launch]),
        (
            "answers",
            "proves = { mapped = \"anonymous\" }",
            &["compiled code was not mapped", "see `proves`"],
        ),
        (
            "answers",
            "opens = \"{work}/nothing\"",
            &["its milestones: ", "see `opens`"],
        ),
        (
            "answers",
            "prepare = [\"/bin/sh\", \"-c\", \"exit 5\"]",
            &["prepare: `/bin/sh -c exit 5` exited with code 5"],
        ),
        (
            "answers",
            "prepare = [\"/bin/true\", \"{out}\"]",
            &["prepare: ", "has not made"],
        ),
        (
            "answers",
            "lifecycle = \"per-request\"",
            &["its instances are reused", "see `lifecycle`"],
        ),
    ] {
        let mine = Mine::new(behaviour, lines);
        let (code, found) = mine.check(&["--time-limit", "2"]);
        assert_eq!(code, Some(4), "{behaviour} {lines}: {found}");
        assert!(
            found.contains("MISSING") && found.contains("not as described: "),
            "{found}"
        );
        for said in said {
            assert!(found.contains(said), "{behaviour} {lines}: {found}");
        }
    }
    let unfilled = Mine::guests("cache = \"{work}/cache\"", "");
    let (code, said) = unfilled.check(&[]);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("no start before has put any there; see `cache`"),
        "{said}"
    );
    assert!(
        said.contains("ok      http-hello, compile, a start"),
        "{said}"
    );
}

#[test]
fn a_program_or_a_version_that_is_not_there_is_said_with_what_installs_it() {
    let mine = Mine::new("answers", "install = \"cargo install mine\"");
    let text = fs::read_to_string(&mine.file).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from));
        fs::write(&mine.file, text.replace(from, to)).unwrap();
        mine.check(&[])
    };
    let (code, said) = with("/bin/echo", "/bin/false");
    assert_eq!(code, Some(8), "{said}");
    assert!(
        said.contains("version: `/bin/false mine 1.2.3` exited with code 1"),
        "{said}"
    );
    assert!(said.contains("`cargo install mine` installs it"), "{said}");
    let (code, said) = with(env!("CARGO_BIN_EXE_mock-server"), "no-such-program");
    assert_eq!(code, Some(8), "{said}");
    assert!(
        said.contains("there is no program `no-such-program`"),
        "{said}"
    );
    let beside = Path::new(env!("CARGO_BIN_EXE_mock-server"));
    std::os::unix::fs::symlink(beside, mine.folder.path().join("here")).unwrap();
    let (code, said) = with(env!("CARGO_BIN_EXE_mock-server"), "./here");
    assert_eq!(code, Some(0), "{said}");
}
