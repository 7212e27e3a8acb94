//! Files whose names are no text.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use campaign::Exit;
use results::run_folder;

use super::*;

/// As a file is called that came with an older encoding of text: the last letter of café, in Latin-1.
const NAME: &[u8] = b"caf\xe9";

#[test]
fn a_file_whose_name_is_no_text_is_refused_and_the_remedy_is_named() {
    let ground = Ground::new();
    let file = ground.folder.path().join(OsStr::from_bytes(NAME));
    let component = workloads::Workload::HttpHello.artifact().unwrap().path();
    let described = ground.describe("[workload.x]\nnative = [\"MOCK\", \"x\", \"{address}\"]");
    for (flag, contents) in [
        ("--native", Path::new(env!("CARGO_BIN_EXE_mock-server"))),
        ("--component", &component),
        ("--module", &component),
        ("--image", &component),
        ("--target", Path::new(&described)),
    ] {
        fs::copy(contents, &file).unwrap();
        let few = ground.few().map(OsString::from);
        let named = [flag.into(), file.clone().into_os_string()];
        let ran = Ran::of(&mut suite_command(
            &ground.runs(),
            &[&few[..], &named].concat(),
        ));
        let usage = Some(Exit::Usage.code().into());
        assert_eq!(ran.code, usage, "{flag}: {}", ran.stderr);
        assert!(ran.stderr.contains("UTF-8"), "{flag}: {}", ran.stderr);
        assert_eq!(run_folder::runs(&ground.runs()), [""; 0], "{flag}");
    }
}

#[test]
fn a_folder_for_runs_may_have_any_name() {
    let ground = Ground::new();
    let described = ground.describe("[workload.x]\nnative = [\"MOCK\", \"x\", \"{address}\"]");
    let out = ground.folder.path().join(OsStr::from_bytes(NAME));
    let few = ground.few();
    let few = few.each_ref().map(String::as_str);
    let more = ["--target", &described, "--only"];
    let only = ["system=native,scenario=warm-disk"];
    let ran = Ran::of(&mut suite_command(&out, &[&few[..], &more, &only].concat()));
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let [run] = run_folder::runs(&out).try_into().unwrap();
    let samples = ledger::read(&out.join(run).join("samples.jsonl"));
    let samples = samples.unwrap().samples;
    assert!(!samples.is_empty());
    assert!(samples.iter().all(|it| it.outcome == Outcome::Ok));
}
