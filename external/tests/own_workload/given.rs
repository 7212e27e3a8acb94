//! What a person's own workload is given: headers and a body with its request, variables and folders.

use std::net::TcpStream;
use std::process::Child;
use std::time::Duration;

use campaign::Exit;
use machine::clock::now_ns;

use super::*;
use crate::guest::teller;
use crate::waiting::HANG_NS;

/// A service that takes what is of its type and nothing else, and answers with it.
const ORDERS: &str = r#"
    [workload.orders]
    native = ["MOCK", "needs-type", "{address}"]
    request = { method = "POST", path = "/orders", HEADERS body-file = "order.json" }
    expect = { status = 201, body-sha256 = "DIGEST" }
"#;

/// What it is sent, and the digest of that.
fn order(ground: &Ground) -> (String, String) {
    let file = ground.at("order.json");
    fs::write(&file, "{\"item\": 7}\n").unwrap();
    let digest = sha256_file(&file).unwrap();
    (file.display().to_string(), digest)
}

#[test]
fn a_service_that_needs_a_header_and_a_body_gets_them_at_its_start_and_under_load() {
    let ground = Ground::new();
    let (_, digest) = order(&ground);
    let measure = |headers: &str| {
        let described = ORDERS.replace("DIGEST", &digest);
        let file = ground.describe(&described.replace("HEADERS", headers));
        ground.measure(&["--target", &file, "--only", "system=native"])
    };
    // Without the header it is no order.
    let ran = measure("");
    assert_eq!(ran.code, Some(3), "{}\n{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("HTTP status 415, expected 201"),
        "{}",
        ran.stderr
    );
    let ran = measure("headers = { Content-Type = \"application/json\" },");
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (manifest, samples) = ground.recorded();
    for scenario in [Scenario::WarmDisk, Scenario::Warm] {
        let mut of = samples.iter().filter(|it| it.cell.scenario == scenario);
        assert!(of.clone().count() > 0, "{scenario:?}");
        assert!(of.all(|it| it.outcome == Outcome::Ok), "{samples:#?}");
    }
    assert!(manifest.artifacts.iter().any(|it| it.sha256 == digest));
}

/// A server that runs until the end of a test, however that ends.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_load_generator_sends_a_header_and_a_body_out_of_a_file() {
    let ground = Ground::new();
    let (file, digest) = order(&ground);
    let address = format!("127.0.0.1:{}", ports::free_port().unwrap());
    let mut mock = Command::new(env!("CARGO_BIN_EXE_mock-server"));
    let _served = Served(mock.args(["needs-type", &address]).spawn().unwrap());
    let until_ns = now_ns() + HANG_NS;
    while TcpStream::connect(&address).is_err() {
        assert!(now_ns() < until_ns, "the server does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    let load = |headers: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
        command.args(["load", &format!("http://{address}/orders")]);
        command.args(["--method", "POST", "--body-file", &file]);
        command.args(["--expect", "201", "--expect"]);
        command.arg(format!("body-sha256:{digest}")).args(headers);
        Ran::of(command.args(["--requests", "20"]))
    };
    let ran = load(&["--header", "Content-Type: application/json"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("20 of 20"), "{}", ran.stdout);
    let ran = load(&[]);
    let nothing = Some(Exit::Nothing.code().into());
    assert_eq!(ran.code, nothing, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("HTTP status 415"), "{}", ran.stdout);
}

#[test]
fn a_command_is_given_the_variables_and_folders_that_are_named_and_nothing_else() {
    let ground = Ground::new();
    fs::create_dir(ground.at("data")).unwrap();
    fs::write(ground.at("data/file"), "what is in it").unwrap();
    fs::write(ground.at("teller.wasm"), teller()).unwrap();
    let file = ground.describe(
        r#"
        [workload.told]
        kind = "command"
        module = "teller.wasm"
        environment = { FIRST = "1", SECOND = "a=b" }
        folders = { "/data" = "data" }
        expect = { body-contains = ["FIRST=1", "SECOND=a=b", "what is in it"] }

        [workload.told-nothing]
        kind = "command"
        module = "teller.wasm"
        expect = { body = "" }
        "#,
    );
    let only = "system=wasmtime-embedded";
    // What the suite has itself is nobody else's.
    let few = ground.few();
    let few = few.each_ref().map(String::as_str);
    let arguments = [&few, &["--target", &file, "--only", only][..]].concat();
    let mut command = suite_command(&ground.runs(), &arguments);
    let ran = Ran::of(command.env("OF_THE_SUITE", "1"));
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (manifest, samples) = ground.recorded();
    for name in ["told", "told-nothing"] {
        let mut of = samples.iter().filter(|it| it.cell.workload == name);
        assert!(of.clone().count() > 0, "{name}");
        assert!(of.all(|it| it.outcome == Outcome::Ok), "{samples:#?}");
    }
    // The description and the guest, by their digests: another of them is another run.
    for name in ["own.toml", "teller.wasm"] {
        let digest = sha256_file(&ground.at(name)).unwrap();
        let fact = manifest.artifacts.iter().find(|it| it.sha256 == digest);
        let fact = fact.unwrap_or_else(|| panic!("{name}: {:?}", manifest.artifacts));
        assert_eq!(fact.workloads, ["told", "told-nothing"], "{name}");
    }
}

#[test]
fn the_record_has_the_variables_that_a_command_line_gives() {
    let ground = Ground::new();
    let guest = ground.at("teller.wasm");
    fs::write(&guest, teller()).unwrap();
    let guest = guest.display().to_string();
    let described = ["--module", &guest, "--run-to-end", "--env", "FIRST=1"];
    let more = ["--expect", "body-contains:FIRST=1", "--only"];
    let only = ["system=wasmtime-embedded"];
    let ran = ground.measure(&[&described[..], &more, &only].concat());
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let (manifest, samples) = ground.recorded();
    assert!(samples.iter().all(|it| it.outcome == Outcome::Ok));
    let manifest = serde_json::to_string(&manifest).unwrap();
    assert!(manifest.contains(r#"FIRST = \"1\""#), "{manifest}");
}
