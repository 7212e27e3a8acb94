//! Descriptions that are right, and every way for them to be wrong.

use std::path::Path;

use workloads::Workload;

use super::super::Instancing;
use super::*;

const RIGHT: &str = r#"
[system.mine]
label = "My engine"
version = ["mine", "--version"]
install = "cargo install mine"
takes = ["module", "component"]
environment = { MINE_HOME = "{work}/home" }
cache = "{work}/cache"
lifecycle = "reused"
prepare.aot = ["mine", "compile", "{artifact}", "-o", "{out}"]
launch.aot = { service = ["mine", "serve", "--port={port}", "{out}"], command = ["mine", "run", "{out}", "{arguments}", "--end"] }
proves.aot = { mapped = "{out}" }
launch.cache_hit = ["mine", "run", "{artifact}", "{address}"]
before = ["mine", "clear"]
estimate.aot = { start-ms = 7.5, request-us = 10 }
too-much.cache_hit = ["cpu-hash"]
"#;

fn read(text: &str) -> Result<Described, String> {
    let read = read::read(Path::new("/etc/mine.toml"), text);
    read.map(|mut all| all.remove(0))
        .map_err(|wrong| wrong.to_string())
}

fn request(workload: Workload, acquire: Acquire) -> BuildRequest<'static> {
    BuildRequest {
        workload,
        acquire: Some(acquire),
        instancing: Instancing::PROCESS,
        own: None,
        left_out: &[],
        folder: Path::new("/work"),
    }
}

fn paths() -> Paths {
    Paths {
        guest: "GUEST".to_owned(),
        code: "CODE".to_owned(),
        cache: String::new(),
        cache_config: String::new(),
    }
}

#[test]
fn what_is_described_is_what_is_launched() {
    let mine = read(RIGHT).unwrap();
    assert_eq!((mine.name(), mine.label()), ("mine", "My engine"));
    assert_eq!(mine.acquire_modes(), [Acquire::Aot, Acquire::CacheHit]);
    assert_eq!(mine.instancings(), [Instancing::PROCESS]);
    let commands = |workload, acquire| {
        mine.commands(&request(workload, acquire), &paths())
            .unwrap()
    };
    let aot = commands(Workload::HttpHello, Acquire::Aot);
    assert_eq!(aot.program, "mine");
    assert_eq!(aot.launch, ["serve", "--port={port}", "CODE"]);
    assert_eq!(aot.compile.unwrap(), ["compile", "GUEST", "-o", "CODE"]);
    let [(name, value)] = aot.environment.as_slice() else {
        panic!("{:?}", aot.environment)
    };
    assert_eq!((name.as_str(), value.as_str()), ("MINE_HOME", "WORK/home"));
    let aot = commands(Workload::CpuHash, Acquire::Aot);
    assert_eq!(aot.launch, ["run", "CODE", "1000000", "--end"]);
    // A command listens nowhere, and its arguments come last unless their place is marked.
    let cached = commands(Workload::CpuHash, Acquire::CacheHit);
    assert_eq!(cached.launch, ["run", "GUEST", "1000000"]);
    assert_eq!(cached.compile, None);
    let estimate = mine.estimate(Some(Acquire::Aot), Scenario::WarmDisk);
    assert!((estimate.start_ms - 7.5).abs() < f64::EPSILON);
    assert!(mine.too_much(Some(Acquire::CacheHit), Workload::CpuHash));
    assert!(!mine.too_much(Some(Acquire::Aot), Workload::CpuHash));
    let description = mine.description().unwrap();
    assert_eq!(description.kind, SystemKind::Wasm);
    assert_eq!(description.sha256, sha256_hex(RIGHT.as_bytes()));
}

#[test]
fn what_a_system_takes_says_what_it_supports() {
    let taking = |takes: &str| {
        read(&format!(
            "[system.a]\nversion=[\"a\"]\ntakes=[{takes}]\nlaunch.interpret=[\"a\",\"{{artifact}}\",\"{{address}}\"]"
        ))
        .unwrap()
    };
    let supported = |takes: &str| -> Vec<&str> {
        let described = taking(takes);
        let all = Workload::ALL.into_iter();
        all.filter(|it| described.supports(*it))
            .map(Workload::name)
            .collect()
    };
    assert_eq!(supported(r#""module""#), ["hello", "cpu-hash"]);
    assert_eq!(supported(r#""component""#).len(), 4);
    assert_eq!(supported(r#""module", "sockets-module""#).len(), 6);
    assert!(taking(r#""component""#).keeps_state().is_err());
    assert!(taking(r#""sockets-module""#).keeps_state().is_ok());
    assert_eq!(supported(r#""javascript""#).len(), 6);
    assert_eq!(supported(r#""fetch-handler""#).len(), 4);
    assert_eq!(
        supported(r#""plain-sha-javascript""#),
        ["cpu-hash", "http-cpu"]
    );
    assert_eq!(supported(r#""plain-sha-fetch-handler""#), ["http-cpu"]);
    let isolate = taking(r#""javascript""#);
    assert!(isolate.keeps_state().is_ok() && isolate.takes().is_none());
    assert_eq!(isolate.description().unwrap().kind, SystemKind::Isolate);
    let program = "[system.a]\ntakes=[\"program\"]\nlaunch={command=[\"{artifact}\"]}";
    let program = read(program).unwrap();
    assert!(program.supports(Workload::Hello) && !program.supports(Workload::HttpHello));
    assert_eq!(program.description().unwrap().kind, SystemKind::Native);
}

#[test]
fn files_lie_beside_the_artifact_and_take_none_of_its_names() {
    let with = |name: &str| {
        read(&format!(
            "[system.a]\nversion=[\"a\"]\ntakes=[\"fetch-handler\"]\nfiles.\"{name}\" = \
                \"run({{artifact}}) {{}}\"\nlaunch.source=[\"/bin/sh\", \"{{work}}/{name}\", \
                \"{{address}}\"]"
        ))
    };
    let folder = tempfile::tempdir().unwrap();
    let build = BuildRequest {
        folder: folder.path(),
        ..request(Workload::HttpHello, Acquire::Source)
    };
    let found = Found {
        program: "/bin/sh".into(),
        version: String::new(),
        engine_version: None,
        sha256: String::new(),
    };
    let spec = with("a.capnp").unwrap().prepare(&found, &build).unwrap();
    let entry = folder.path().join("fetch.mjs");
    let written = folder.path().join("a.capnp");
    assert_eq!(
        std::fs::read_to_string(&written).unwrap(),
        format!("run({}) {{}}", entry.display())
    );
    assert_eq!(spec.artifact.as_ref(), Some(&entry));
    // All that a start reads goes in and out of the page cache.
    let imports = ["service.mjs", "sha256.mjs"].map(|name| folder.path().join(name));
    assert_eq!(
        spec.files,
        [vec![entry], imports.to_vec(), vec![written]].concat()
    );
    let refused = with("service.mjs").unwrap().prepare(&found, &build);
    assert!(
        refused
            .unwrap_err()
            .contains("the workload has a file of that name")
    );
    for name in ["../a", "a/b", ".."] {
        let said = with(name).unwrap_err();
        assert!(said.contains("this is no name of a file"), "{said}");
    }
}

/// What is wrong with [`RIGHT`] once `from` is `to`.
fn wrong(from: &str, to: &str) -> String {
    assert!(RIGHT.contains(from), "{from}");
    read(&RIGHT.replacen(from, to, 1)).expect_err(to)
}

/// What stands in [`RIGHT`], what is put in its place, and what is then said.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "label =",
        "lable =",
        "/etc/mine.toml:3: system.mine.lable: `lable` is no key: there are label, ",
    ),
    ("label =", "lable =", "did you mean `label`?"),
    (
        "[system.mine]",
        "[sytem.mine]",
        ":2: sytem: `sytem` is no key: there are system; did you mean `system`?",
    ),
    (
        "launch.aot",
        "launch.oat",
        ":10: system.mine.prepare.aot: `aot` is no mode that is launched: there are oat, cache_hit",
    ),
    (
        "launch.cache_hit",
        "launch.cache-hit",
        ":13: system.mine.launch.cache-hit: `cache-hit` is no code acquisition mode",
    ),
    (
        "launch.cache_hit",
        "launch.cache-hit",
        "did you mean `cache_hit`?",
    ),
    (
        r#""{out}"]"#,
        r#""{oot}"]"#,
        ":10: system.mine.prepare.aot[4]: `{oot}` is no placeholder of this key: there are {artifact}, {out}, {work}; did you mean `{out}`?",
    ),
    (
        r#""--port={port}""#,
        r#""--port""#,
        ":11: system.mine.launch.aot: service: it is not told where to listen",
    ),
    (
        r#""{arguments}""#,
        r#""-a {arguments}""#,
        "stands for several arguments, and alone",
    ),
    ("service =", "servce =", "did you mean `service`?"),
    (
        r#""component"]"#,
        r#""komponent"]"#,
        ":6: system.mine.takes[1]: `komponent` is no form of a workload",
    ),
    (
        r#""component"]"#,
        r#""module"]"#,
        "`module` stands here twice",
    ),
    (
        r#""component"]"#,
        r#""component", "sockets-module"]"#,
        "the same services in two forms",
    ),
    (r#""component"]"#, r#""program"]"#, "and nothing else"),
    (
        r#""component"]"#,
        r#""javascript"]"#,
        "takes it in one form, and nothing else",
    ),
    (
        "lifecycle =",
        "installed-in = \"/usr\"\nlifecycle =",
        "a folder below the one of `./setup`",
    ),
    (
        r#"takes = ["module", "component"]"#,
        "takes = []",
        "the list is empty",
    ),
    (
        r#"takes = ["module", "component"]"#,
        "takes = 3",
        "this is a number, and a list of texts is expected",
    ),
    (
        r#"takes = ["module", "component"]"#,
        "",
        ":2: system.mine: `takes` is missing",
    ),
    (
        r#"version = ["mine", "--version"]"#,
        "",
        ":2: system.mine: `version` is missing",
    ),
    (
        r#""mine", "--version""#,
        r#""mine", "{work}""#,
        ":4: system.mine.version[1]: {work} stands for nothing here",
    ),
    (
        r#""mine", "--version""#,
        r#""{artifact}", "--version""#,
        ":4: system.mine.version[0]: {artifact} stands for nothing here",
    ),
    (
        "estimate.aot",
        "estimate.oat",
        "system.mine.estimate.oat: `oat` is no mode that is launched: there are aot, cache_hit; did you mean `aot`?",
    ),
    (
        "too-much.cache_hit",
        "too-much.cache_mis",
        "`cache_mis` is no mode that is launched: there are aot, cache_hit",
    ),
    (
        "lifecycle =",
        "opens.jit = \"{out}\"\nlifecycle =",
        "system.mine.opens.jit: `jit` is no mode that is launched: there are aot, cache_hit",
    ),
    (
        "prepare.aot",
        "#",
        ":11: system.mine.launch.aot: {out} is made by nothing",
    ),
    ("mapped =", "maped =", "did you mean `mapped`?"),
    (
        r#"cache = "{work}/cache""#,
        r#"cache = "/home/me""#,
        ":8: system.mine.cache: this folder is emptied",
    ),
    (
        r#"cache = "{work}/cache""#,
        r#"cache = "{work}/../me""#,
        "this folder is emptied",
    ),
    (r#"cache = "{work}/cache""#, "", "`cache` is missing"),
    (
        r#"lifecycle = "reused""#,
        r#"lifecycle = "reuse""#,
        "did you mean `reused`?",
    ),
    (r#""cpu-hash""#, r#""cpu_hash""#, "did you mean `cpu-hash`?"),
    (
        "start-ms = 7.5",
        "start-ms = 0",
        "a number above 0 is expected",
    ),
    (
        "start-ms = 7.5",
        "start-ms = inf",
        "a number above 0 is expected",
    ),
    ("start-ms", "start", "`start` is no key"),
    (
        r#""My engine""#,
        r#""""#,
        ":3: system.mine.label: the text is empty",
    ),
    (r#""My engine""#, r#""a\u200bb""#, "in a label"),
    (
        r#"before = ["mine", "clear"]"#,
        r#"before = "mine clear""#,
        "this is a text, and a list of texts is expected",
    ),
    (
        r#"MINE_HOME = "{work}/home""#,
        "MINE_HOME = 1",
        "system.mine.environment.MINE_HOME: this is a number",
    ),
    (
        r#""{work}/home""#,
        r#""{address}""#,
        "`{address}` is no placeholder of this key",
    ),
    (
        "[system.mine]",
        "[system.mine-aa]",
        "the second one of an A/A control",
    ),
    ("[system.mine]", "[system.\"my engine\"]", "has no spaces"),
    ("[system.mine]", "[system.\"a/b\"]", "`/` in a name"),
    ("[system.mine]", "[system.\"a,b\"]", "nor contains"),
    (
        "[system.mine]",
        "[system.native-portable]",
        "an old name of the system `native-soft-sha`",
    ),
    ("[system.mine]", "[system.mine", "/etc/mine.toml:2: "),
];

#[test]
fn whatever_is_wrong_is_named_by_file_line_and_key_with_the_nearest_right_word() {
    for (from, to, said) in WRONG {
        let found = wrong(from, to);
        assert!(found.contains(said), "{to}\n  {found}\n  {said}");
    }
    let empty = read("").unwrap_err();
    assert!(
        empty.contains("a description begins with `[system.NAME]`"),
        "{empty}"
    );
    let empty = read("[system]").unwrap_err();
    assert!(empty.contains("no system is described"), "{empty}");
    let no_mode =
        read("[system.a]\nversion=[\"a\"]\ntakes=[\"module\"]\nlaunch=[\"a\"]").unwrap_err();
    assert!(
        no_mode.contains(":4: system.a.launch: how code is acquired is missing"),
        "{no_mode}"
    );
    let mode = "[system.a]\ntakes=[\"program\"]\nlaunch.aot=[\"{artifact}\"]";
    assert!(
        read(mode)
            .unwrap_err()
            .contains("machine code has no modes")
    );
    let unprepared = "[system.a]\nversion=[\"a\"]\ntakes=[\"module\"]\nlaunch.aot=[\"a\"]";
    assert!(
        read(unprepared)
            .unwrap_err()
            .contains("`prepare.aot` is missing")
    );
}

#[test]
fn programs_are_looked_for_where_setup_puts_that_version() {
    let setup = std::fs::read_to_string(results::checkout::root().join("setup")).unwrap();
    let mut installed = 0;
    for described in SYSTEMS.iter() {
        let Some(folder) = &described.installed_in else {
            continue;
        };
        let folder = folder.split('/').next().unwrap();
        let (name, version) = folder.split_once('-').unwrap();
        let line = format!("readonly {}_VERSION={version}\n", name.to_uppercase());
        assert!(setup.contains(&line), "{line}");
        installed += 1;
    }
    assert!(installed > 0);
}

#[test]
fn a_program_is_found_on_absolute_paths_or_beside_its_description() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(folder.path().join("run.sh"), "").unwrap();
    let text = "[system.a]\nversion=[\"a\"]\ntakes=[\"module\"]\nlaunch.interpret=[\"a\"]";
    std::fs::write(&file, text).unwrap();
    let described = Described::read(&file).unwrap().remove(0);
    assert_eq!(
        described.program("./run.sh").unwrap(),
        folder.path().join("./run.sh")
    );
    assert!(described.program("sh").unwrap().is_absolute());
    assert!(
        described
            .program("./none")
            .unwrap_err()
            .contains("there is no program")
    );
    assert!(described.program("no-such-program").is_err());
    assert!(
        described
            .find()
            .unwrap_err()
            .reason
            .contains("there is no program `a`")
    );
}

#[test]
fn a_version_is_the_first_word_that_is_one() {
    for (printed, version) in [
        ("wasmtime 48.0.8 (0123abc 2026-11-01)", "48.0.8"),
        (
            "wasmedge version 0.17.1\n/usr/lib/plugin.so (plugin) version 2.0",
            "0.17.1",
        ),
        ("\nwasmi_cli 2.0.0", "2.0.0"),
        ("v20.11.0", "v20.11.0"),
        ("nginx version: nginx/1.22", "nginx version: nginx/1.22"),
        ("3", "3"),
    ] {
        assert_eq!(untimed::version_in(printed).as_deref(), Some(version));
    }
    assert_eq!(untimed::version_in(" \n"), None);
}

#[test]
fn an_untimed_command_that_fails_says_why_and_one_that_hangs_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let run = |script: &str, limit| {
        Untimed {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![("WHO".to_owned(), "me".to_owned())],
            folder: folder.path().to_owned(),
            limit,
        }
        .run()
    };
    assert_eq!(run("echo $WHO", untimed::QUICK).unwrap(), "me");
    assert_eq!(run("echo there >&2", untimed::QUICK).unwrap(), "there");
    let failed = run("echo no licence >&2; exit 3", untimed::QUICK).unwrap_err();
    assert!(
        failed.contains("exited with code 3") && failed.contains("no licence"),
        "{failed}"
    );
    let printed = run("echo no such proposal; exit 1", untimed::QUICK).unwrap_err();
    assert!(printed.contains("no such proposal"), "{printed}");
    let hung = run("while :; do sleep 1000; done", std::time::Duration::ZERO).unwrap_err();
    assert!(hung.contains("did not end within"), "{hung}");
}
