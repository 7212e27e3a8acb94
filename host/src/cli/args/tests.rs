use campaign::Exit;

use super::*;
use crate::cli::{Command, Parsed};

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

fn served(text: &str) -> ServeArgs {
    match parse_serve(&words(text)) {
        Ok(Some(Parsed::Run(Command::Serve(args)))) => *args,
        other => panic!("{text}: {other:?}"),
    }
}

/// The message and the hint.
fn refused(text: &str) -> (String, String) {
    let error = parse_serve(&words(text)).unwrap_err();
    assert_eq!(error.exit, Exit::Usage, "{text}");
    let error = error.to_string();
    let (message, hint) = error.split_once("\n  hint: ").expect("it has a hint");
    (message.to_owned(), hint.to_owned())
}

#[test]
fn an_artifact_is_enough() {
    let options = served("--artifact x.wasm");
    assert_eq!(options.artifact, PathBuf::from("x.wasm"));
    assert_eq!(options.address.to_string(), "127.0.0.1:0");
    assert_eq!(
        (options.acquire, options.allocator),
        (None, Allocator::OnDemand)
    );
    assert_eq!(
        (options.instances, options.threads),
        (Lifecycle::PerRequest, None)
    );
    assert_eq!(options.limits, Limits::DEFAULT);
}

#[test]
fn every_flag_is_taken_in_both_spellings() {
    let pairs = [
        ("--addr", "[::1]:80"),
        ("--acquire", "cache_hit"),
        ("--cache", "folder"),
        ("--allocator", "pooling"),
        ("--pool", "tuned,slots=16"),
        ("--interrupt", "none"),
        ("--instances", "reused"),
        ("--engine", "wasmtime"),
        ("--threads", "3"),
        ("--max-body", "10"),
        ("--max-head", "8192"),
        ("--max-concurrent", "7"),
        ("--time-limit", "0.5"),
        ("--memory-limit", "2"),
        ("--write-limit", "0.25"),
        ("--read-limit", "0.75"),
        ("--total-memory", "3"),
        ("--milestones", "m.json"),
    ];
    let spelt = |between: &str| {
        pairs
            .iter()
            .fold("--artifact x".to_owned(), |line, (flag, value)| {
                format!("{line} {flag}{between}{value}")
            })
    };
    let options = served(&spelt(" "));
    assert_eq!(options, served(&spelt("=")));
    assert_eq!(options.address.to_string(), "[::1]:80");
    assert_eq!(
        (options.acquire, options.allocator),
        (Some(Acquire::CacheHit), Allocator::Pooling)
    );
    assert_eq!(options.pool, Some(PoolSettings::TUNED.with_slots(16)));
    assert_eq!(options.interrupt, Interrupt::None);
    assert_eq!(
        (options.instances, options.threads.map(NonZeroUsize::get)),
        (Lifecycle::Reused, Some(3))
    );
    let limits = Limits {
        body_bytes: 10,
        head_bytes: 8192,
        concurrent: 7,
        time: Duration::from_millis(500),
        write_time: Duration::from_millis(250),
        read_time: Duration::from_millis(750),
        memory_bytes: 2 * 1024 * 1024,
        total_memory_bytes: Some(3 * 1024 * 1024),
    };
    assert_eq!(options.limits, limits);
    assert_eq!(options.milestones, Some("m.json".into()));
}

#[test]
fn an_impossible_value_is_refused_with_a_hint() {
    for (line, message, hint) in [
        ("", "--artifact FILE is missing", "--help"),
        ("--artifact", "--artifact needs a value", "--help"),
        ("--artifact=", "--artifact needs a path", "--help"),
        ("x.wasm", "unexpected argument x.wasm", "--help"),
        ("--artifact x --port 80", "unknown flag --port", "--help"),
        (
            "--artifact x --addr localhost",
            "`localhost`: expected an IP address and a port",
            "--help",
        ),
        (
            "--artifact x --acquire fast",
            "`fast`: expected one of compile, cache_miss, cache_hit",
            "--help",
        ),
        (
            "--artifact x --acquire interpret",
            "`interpret`: expected one of compile, cache_miss, cache_hit, deserialize, ",
            "--help",
        ),
        (
            "--artifact x --acquire cache_hit",
            "need a cache",
            "--cache FOLDER",
        ),
        (
            "--artifact x --cache f",
            "--cache goes with",
            "leave it out",
        ),
        (
            "--artifact x --instances many",
            "`many`: expected one of per-request, reused",
            "--help",
        ),
        (
            "--artifact x --engine v8",
            "`v8` is no engine",
            "wasmtime, wasmedge",
        ),
        (
            "--artifact x --engine",
            "`` is no engine",
            "wasmtime, wasmedge",
        ),
        (
            "--artifact x --threads 0",
            "`0`: expected a number from 1",
            "--help",
        ),
        (
            "--artifact x --max-body -1",
            "`-1`: expected a number of bytes",
            "--help",
        ),
        (
            "--artifact x --max-head 100",
            "`100`: expected a whole number from 8192",
            "--help",
        ),
        (
            "--artifact x --max-concurrent 0",
            "`0`: expected a whole number from 1",
            "--help",
        ),
        (
            "--artifact x --time-limit 0",
            "`0`: expected seconds from 0.001 to 86400",
            "--help",
        ),
        (
            "--artifact x --time-limit nan",
            "`nan`: expected seconds from 0.001 to 86400",
            "--help",
        ),
        (
            "--artifact x --memory-limit 0",
            "`0`: expected a number of MiB from 1",
            "--help",
        ),
        (
            "--artifact x --total-memory 0",
            "`0`: expected a number of MiB from 1",
            "--help",
        ),
        (
            "--artifact x --memory-limit 99999999999999999",
            "expected a number of MiB from 1",
            "--help",
        ),
    ] {
        let (found, way_out) = refused(line);
        assert!(found.contains(message), "{line}: {found}");
        assert!(way_out.contains(hint), "{line}: {way_out}");
    }
}

#[test]
fn help_needs_nothing_else() {
    for help in ["--help", "-h"] {
        assert!(parse_serve(&words(help)).unwrap().is_none());
        assert!(parse_run(&words(help)).unwrap().is_none());
        assert!(parse_compile(&words(help)).unwrap().is_none());
    }
}

#[test]
fn another_engine_gets_all_other_arguments() {
    for line in [
        "--artifact x --engine wasmedge --acquire aot",
        "--artifact x --engine=wasmedge --acquire aot",
    ] {
        match parse_serve(&words(line)) {
            Ok(Some(Parsed::ServeWithWasmEdge(others))) => {
                assert_eq!(others, words("--artifact x --acquire aot"));
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn compiling_needs_both_files() {
    let expected = CompileArgs {
        artifact: "a".into(),
        output: "b".into(),
        allocator: Allocator::Pooling,
        interrupt: Some(Interrupt::None),
    };
    let line = "--artifact a --output b --allocator pooling --interrupt none";
    match parse_compile(&words(line)) {
        Ok(Some(Parsed::Run(Command::Compile(args)))) => assert_eq!(args, expected),
        other => panic!("{other:?}"),
    }
    for (line, message) in [
        ("--artifact a", "--output FILE is missing"),
        ("--output b", "--artifact FILE is missing"),
    ] {
        assert!(
            parse_compile(&words(line))
                .unwrap_err()
                .to_string()
                .contains(message)
        );
    }
}

proptest::proptest! {
    /// Whatever is typed is taken or refused.
    #[test]
    fn no_command_line_makes_it_panic(arguments: Vec<String>) {
        let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
        let _ = parse_serve(&arguments);
        let _ = parse_run(&arguments);
        let _ = parse_compile(&arguments);
    }
}
