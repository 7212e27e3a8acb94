//! What it answers, and what becomes of state.

use crate::{Answered, Server, built};

#[test]
fn every_route_answers_as_it_does_natively() {
    let server = Server::start(&[]);
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
    assert_eq!(server.get("/state"), Answered::new(200, "0"));
    assert_eq!(server.get("/nowhere").status, 404);
    assert_eq!(server.ask("POST", "/", b"").status, 405);
    assert_eq!(server.terminate(), (Some(0), String::new()));
}

#[test]
fn it_serves_however_its_code_is_acquired() {
    let folder = tempfile::tempdir().unwrap();
    let (wasm, cache) = (
        built("http.component.wasm"),
        folder.path().to_str().unwrap().to_owned(),
    );
    for arguments in [
        vec!["--acquire", "compile"],
        vec!["--acquire", "cache_miss", "--cache", &cache],
        vec![
            "--acquire",
            "cache_hit",
            "--cache",
            &cache,
            "--instances",
            "reused",
        ],
        vec!["--allocator", "pooling"],
    ] {
        Server::of(&wasm, &arguments).is_well();
    }
    Server::start(&["--acquire", "deserialize"]).is_well();
    Server::start(&["--acquire", "deserialize_file", "--allocator", "pooling"]).is_well();
}

#[test]
fn a_fresh_instance_has_no_memory_of_the_last() {
    let server = Server::start(&[]);
    for _ in 0..3 {
        assert_eq!(server.ask("POST", "/state", b""), Answered::new(200, "1"));
    }
}

#[test]
fn a_reused_instance_loses_no_count_among_64_writers() {
    no_count_is_lost(&Server::start(&["--instances", "reused", "--threads", "2"]));
}

/// 64 clients at a time count ten times each, on a server that has not counted yet.
pub(crate) fn no_count_is_lost(server: &Server) {
    const WRITERS: u64 = 64;
    const EACH: u64 = 10;
    let mut seen: Vec<u64> = std::thread::scope(|scope| {
        let count = || server.ask("POST", "/state", b"").body.parse().unwrap();
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(move || (0..EACH).map(|_| count()).collect::<Vec<u64>>()))
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    seen.sort_unstable();
    assert_eq!(seen, (1..=WRITERS * EACH).collect::<Vec<_>>());
    assert_eq!(server.get("/state").body, (WRITERS * EACH).to_string());
}

#[test]
fn milestones_are_in_the_order_of_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("milestones.json");
    let server = Server::start(&["--milestones", file.to_str().unwrap(), "--threads", "1"]);
    server.get("/");
    // Written between two requests: whoever is answered a second time can read it.
    server.get("/");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 1);
    let milestones: serde_json::Value = serde_json::from_str(&text).unwrap();
    let instants = [
        "first_statement_ns",
        "listening_ns",
        "engine_ns",
        "acquired_ns",
        "linked_ns",
        "first_accepted_ns",
        "first_answered_ns",
    ]
    .map(|name| milestones[name].as_u64().unwrap());
    assert!(instants.is_sorted(), "{milestones}");
    assert_eq!(milestones["acquire"], "deserialize_file");
    assert_eq!(milestones["allocator"], "on_demand");
    assert_eq!(milestones["instances"], "per-request");
}
