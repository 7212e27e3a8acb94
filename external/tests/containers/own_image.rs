//! A person's own image under the layers below Docker: started as its configuration says, out of a file
//! that `docker save` could have written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use campaign::Exit;
use machine::ports;
use nix::unistd::{Gid, Uid};
use results::record::Outcome;
use results::{Evidence, Param, Params, Phase, Sample, ledger, run_folder};
use serde_json::{Value, json};
use workloads::target::{Image, ImageSource, OwnFile};
use workloads::{Call, Expectation, Request, Target, Workload};

use crate::support::{
    Run, answered, is_partitioned, is_there, names_of, nothing_is_left_of, request,
};

/// An archive of an image with a server in it, and the libraries that this is linked with.
fn saved(folder: &Path, config: &Value) -> OwnFile {
    let server = env!("CARGO_BIN_EXE_mock-server");
    let printed = Command::new("ldd").arg(server).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let libraries = printed.split_whitespace().filter(|it| it.starts_with('/'));
    let libraries: Vec<_> = libraries
        .map(|it| (it.to_owned(), PathBuf::from(it)))
        .collect();
    let file = folder.join("image.tar");
    let mut whole = tar::Builder::new(File::create(&file).unwrap());
    let server = vec![("/mock-server".to_owned(), PathBuf::from(server))];
    let mut digests = Vec::new();
    for (nth, files) in [libraries, server].into_iter().enumerate() {
        let mut layer = tar::Builder::new(Vec::new());
        for (inside, outside) in files {
            append(
                &mut layer,
                inside.trim_start_matches('/'),
                &std::fs::read(outside).unwrap(),
            );
        }
        let layer = layer.into_inner().unwrap();
        append(&mut whole, &format!("{nth}/layer.tar"), &layer);
        digests.push(format!("sha256:{}", results::digest::sha256_hex(&layer)));
    }
    // Docker itself takes none without the last three.
    let config = json!({
        "config": config,
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": digests },
    });
    append(&mut whole, "config.json", config.to_string().as_bytes());
    let manifest = json!([{"Config": "config.json", "Layers": ["0/layer.tar", "1/layer.tar"]}]);
    append(&mut whole, "manifest.json", manifest.to_string().as_bytes());
    whole.finish().unwrap();
    OwnFile {
        bytes: std::fs::metadata(&file).unwrap().len(),
        sha256: results::digest::sha256_file(&file).unwrap(),
        path: file,
    }
}

fn append(archive: &mut tar::Builder<impl std::io::Write>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, name, bytes).unwrap();
}

/// A service out of that archive. Names are those of one process.
fn service(name: &str, archive: OwnFile, arguments: Option<&[&str]>) -> Workload {
    let arguments = arguments.map(|them| them.iter().map(ToString::to_string).collect());
    let target = Target {
        name: name.to_owned(),
        call: Call::Http(Request::get("/")),
        expected: Expectation::status(200),
        sequence: Vec::new(),
        ready: None,
        native: None,
        component: None,
        module: None,
        image: Some(Image {
            source: ImageSource::Archive(archive),
            arguments,
        }),
        environment: Vec::new(),
        folders: Vec::new(),
        port: None,
        arguments: None,
        folder: PathBuf::from("/"),
        file: None,
        bodies: Vec::new(),
        secrets: Vec::new(),
    };
    Workload::register(target).unwrap()
}

fn starts_as_it_is(name: &str) {
    let run = Run::of(name);
    let config = json!({"Entrypoint": ["/mock-server"], "Cmd": ["dies", "x"], "User": "65534"});
    let archive = saved(run.ground.folder.path(), &config);
    let told = service(
        &format!("{name}-told"),
        archive,
        Some(&["answers", "{address}"]),
    );
    let mut engine = run.engine();
    // Twice: nothing of the first container is in the second one's way.
    for _ in 0..2 {
        let request = request(told, "host", false);
        let prepared = engine.prepare(&request).unwrap();
        assert_eq!(prepared.fixed_port, None);
        assert_eq!(prepared.attested[Evidence::PagesResident], 0);
        let port = ports::free_port().unwrap();
        let mut instance = engine.start(&request, Some(port)).unwrap();
        let first = answered(instance.as_mut(), told, port, request.deadline_ns);
        instance.verify_port(port).unwrap();
        instance.verify().unwrap();
        let names = [Phase::Create, Phase::Start, Phase::Connect, Phase::Respond];
        is_partitioned(instance.as_mut(), Some(&first), first.answered_ns, &names);
        // Of a sandbox the process is its kernel, whoever runs in it.
        if name != "gvisor" {
            is_of_nobody(instance.processes()[0]);
        }
        instance.remove().unwrap();
    }
    engine.clean().unwrap();
    drop(engine);
    nothing_is_left_of(&names_of(std::process::id()));
    assert_eq!(Gid::current(), Gid::from_raw(0));
}

/// Whether a process has the rights of the user whom the image names.
fn is_of_nobody(pid: u32) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |key: &str| status.lines().find_map(|it| it.strip_prefix(key)).unwrap();
    let user: Vec<_> = line("Uid:").split_whitespace().collect();
    assert_eq!(user[0], Uid::from_raw(65_534).to_string());
    assert_eq!(line("CapEff:").trim(), "0000000000000000");
}

#[test]
fn an_image_is_started_by_runc_as_it_is() {
    starts_as_it_is("runc");
}

#[test]
fn an_image_is_started_by_crun_as_it_is() {
    starts_as_it_is("crun");
}

#[test]
fn an_image_is_started_by_youki_as_it_is() {
    if is_there("youki") {
        starts_as_it_is("youki");
    }
}

#[test]
fn an_image_is_started_by_gvisor_as_it_is() {
    if is_there("gvisor") {
        starts_as_it_is("gvisor");
    }
}

#[test]
fn an_image_is_started_by_containerd_as_it_is() {
    starts_as_it_is("containerd");
}

#[test]
fn the_one_port_of_an_image_is_found_and_must_be_free() {
    let run = Run::of("runc");
    let port = ports::free_port().unwrap();
    let config = json!({
        "Cmd": ["/mock-server", "answers", format!("127.0.0.1:{port}")],
        "ExposedPorts": { format!("{port}/tcp"): {} },
    });
    let archive = saved(run.ground.folder.path(), &config);
    let fixed = service("fixed", archive, None);
    let mut engine = run.engine();
    let request = request(fixed, "host", false);
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let refused = engine.prepare(&request).unwrap_err();
    assert!(
        refused.reason.contains(&std::process::id().to_string()),
        "{refused:?}"
    );
    drop(taken);
    let prepared = engine.prepare(&request).unwrap();
    assert_eq!(prepared.fixed_port, Some(port));
    let other = ports::free_port().unwrap();
    let mut instance = engine.start(&request, Some(other)).unwrap();
    answered(instance.as_mut(), fixed, other, request.deadline_ns);
    instance.verify_port(other).unwrap();
    instance.remove().unwrap();
}

#[test]
fn an_image_is_pulled_with_all_of_its_layers() {
    let run = Run::of("containerd");
    let config = json!({"Entrypoint": ["/mock-server"]});
    let archive = saved(run.ground.folder.path(), &config);
    let pulled = service("pulled", archive, Some(&["answers", "{address}"]));
    let mut engine = run.engine();
    let mut request = request(pulled, "host", false);
    request
        .variant
        .extend(Params::from([(Param::Registry, "plain")]));
    let prepared = engine.prepare(&request).unwrap();
    assert_eq!(prepared.attested.number(Evidence::ImageLayers), Some(2));
    let port = ports::free_port().unwrap();
    let mut instance = engine.start(&request, Some(port)).unwrap();
    let first = answered(instance.as_mut(), pulled, port, request.deadline_ns);
    let names = [
        Phase::Pull,
        Phase::Create,
        Phase::Start,
        Phase::Connect,
        Phase::Respond,
    ];
    is_partitioned(instance.as_mut(), Some(&first), first.answered_ns, &names);
    instance.remove().unwrap();
}

/// A suite of a service that answers as a program, and whose image says why it cannot start and ends:
/// what is recorded of these systems.
fn suite_of_the_failing(systems: &[&str]) -> Vec<Sample> {
    // The systems are there, and no other test has the engine.
    let run = Run::of("containerd");
    let folder = run.ground.folder.path();
    saved(folder, &json!({"Entrypoint": ["/mock-server"]}));
    let described = folder.join("own.toml");
    let text = format!(
        "[workload.failing]\nnative = [{:?}, \"answers\", \"{{address}}\"]\nimage = \"./image.tar\"\n\
            arguments = [\"dies\", \"{{address}}\"]\n",
        env!("CARGO_BIN_EXE_mock-server")
    );
    std::fs::write(&described, text).unwrap();
    let named = systems.iter().map(|name| format!("system={name},"));
    let only = named.collect::<String>() + "system=native,scenario=warm-disk";
    let out = folder.join("runs");
    let output = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(["suite", "--samples", "1", "--no-observer", "--only", &only])
        .arg("--target")
        .arg(&described)
        .arg("--out")
        .arg(&out)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let some = Some(Exit::Samples.code().into());
    assert_eq!(output.status.code(), some, "{said}");
    let recorded = out.join(&run_folder::runs(&out)[0]);
    let samples = ledger::read(&recorded.join("samples.jsonl"));
    samples.unwrap().samples
}

#[test]
fn what_an_image_says_before_it_ends_is_a_part_of_the_reason_under_every_engine() {
    let mut systems = vec!["docker", "containerd", "runc", "crun"];
    let named = ["youki", "gvisor"].into_iter();
    systems.extend(named.filter(|name| is_there(name)));
    let samples = suite_of_the_failing(&systems);
    for system in systems {
        let of = samples.iter().filter(|it| it.cell.system == system);
        let of: Vec<_> = of.collect();
        assert!(!of.is_empty(), "{system}");
        for sample in of {
            assert_ne!(sample.outcome, Outcome::Ok, "{system}");
            let reason = sample.reason.as_deref().unwrap();
            assert!(
                reason.contains("mock: cannot find my configuration"),
                "{system}: {reason}"
            );
        }
    }
}
