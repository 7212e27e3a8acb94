use super::*;

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

fn served(text: &str) -> Options {
    match serve(&words(text)) {
        Ok(Asked::Serve(options)) => *options,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> (String, String) {
    let error = serve(&words(text)).unwrap_err();
    assert_eq!(error.exit(), 2, "{text}");
    (error.to_string(), error.hint().to_owned())
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
        (Instances::PerRequest, None)
    );
    assert_eq!(options.limits, Limits::default());
}

#[test]
fn every_flag_is_taken_in_both_spellings() {
    let pairs = [
        ("--addr", "[::1]:80"),
        ("--acquire", "cache_hit"),
        ("--cache", "folder"),
        ("--allocator", "pooling"),
        ("--instances", "reused"),
        ("--engine", "wasmtime"),
        ("--threads", "3"),
        ("--max-body", "10"),
        ("--max-head", "8192"),
        ("--max-concurrent", "7"),
        ("--time-limit", "0.5"),
        ("--memory-limit", "2"),
        ("--write-limit", "0.25"),
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
    assert_eq!(
        (options.instances, options.threads.map(NonZeroUsize::get)),
        (Instances::Reused, Some(3))
    );
    let limits = Limits {
        body_bytes: 10,
        head_bytes: 8192,
        concurrent: 7,
        time: Duration::from_millis(500),
        write_time: Duration::from_millis(250),
        memory_bytes: 2 * 1024 * 1024,
    };
    assert_eq!(options.limits, limits);
    assert_eq!(options.milestones, Some("m.json".into()));
    for (flag, _) in pairs {
        assert!(SERVE_HELP.contains(flag), "--help is silent about {flag}");
    }
}

#[test]
fn what_is_impossible_is_refused_with_a_way_out() {
    for (line, message, hint) in [
        ("", "--artifact FILE is missing", "--help"),
        ("--artifact", "--artifact needs a value", "--help"),
        ("--artifact=", "--artifact needs a path", "--help"),
        ("x.wasm", "unexpected argument x.wasm", "--help"),
        ("--artifact x --port 80", "unknown flag --port", "--help"),
        (
            "--artifact x --addr localhost",
            "`localhost` is not an IP address and a port",
            "--help",
        ),
        (
            "--artifact x --acquire fast",
            "`fast` is no value",
            "compile, cache_miss, cache_hit",
        ),
        (
            "--artifact x --acquire interpret",
            "`interpret` is no value",
            "deserialize_file",
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
            "`many` is no value",
            "per-request, reused",
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
            "`0` is not a number from 1",
            "--help",
        ),
        (
            "--artifact x --max-body -1",
            "`-1` is not a number of bytes",
            "--help",
        ),
        ("--artifact x --max-head 100", "100 is too small", "8192"),
        (
            "--artifact x --max-concurrent 0",
            "0 is too small",
            "the least is 1",
        ),
        ("--artifact x --time-limit 0", "0 is out of bounds", "86400"),
        (
            "--artifact x --time-limit nan",
            "NaN is out of bounds",
            "86400",
        ),
        (
            "--artifact x --memory-limit 0",
            "0 MiB is out of bounds",
            "the least is 1",
        ),
        (
            "--artifact x --memory-limit 99999999999999999",
            "out of bounds",
            "the least is 1",
        ),
    ] {
        let (said, way_out) = refused(line);
        assert!(said.contains(message), "{line}: {said}");
        assert!(way_out.contains(hint), "{line}: {way_out}");
    }
}

#[test]
fn help_needs_nothing_else() {
    assert_eq!(serve(&words("--help")).unwrap(), Asked::Help);
    assert_eq!(serve(&words("-h")).unwrap(), Asked::Help);
    assert_eq!(compile(&words("--help")).unwrap(), None);
}

#[test]
fn another_engine_gets_all_other_arguments() {
    let others = Asked::WasmEdge(words("--artifact x --acquire aot"));
    assert_eq!(
        serve(&words("--artifact x --engine wasmedge --acquire aot")).unwrap(),
        others
    );
    assert_eq!(
        serve(&words("--artifact x --engine=wasmedge --acquire aot")).unwrap(),
        others
    );
}

#[test]
fn compiling_needs_both_files() {
    let options = compile(&words("--artifact a --output b --allocator pooling"))
        .unwrap()
        .unwrap();
    let wanted = CompileOptions {
        artifact: "a".into(),
        output: "b".into(),
        allocator: Allocator::Pooling,
    };
    assert_eq!(options, wanted);
    for (line, message) in [
        ("--artifact a", "--output FILE is missing"),
        ("--output b", "--artifact FILE is missing"),
    ] {
        assert!(
            compile(&words(line))
                .unwrap_err()
                .to_string()
                .contains(message)
        );
    }
}

proptest::proptest! {
    /// Whatever is typed is taken or refused.
    #[test]
    fn nothing_typed_brings_it_down(arguments: Vec<String>) {
        let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
        let _ = serve(&arguments);
        let _ = compile(&arguments);
    }
}
