//! Descriptions: what they mean, and everything that can be wrong with one.

use std::path::Path;

use results::digest::sha256_hex;
use workloads::target::ImageSource;
use workloads::{Answer, Call, Request, Target};

use super::parse::{Place, targets};
use super::*;

/// A folder with what descriptions name.
fn ground() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("serve"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(at("serve"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(at("order.json"), "{\"n\": 1}").unwrap();
    std::fs::write(at("saved.tar"), "an archive").unwrap();
    std::fs::create_dir(at("fixtures")).unwrap();
    for name in ["http.component.wasm", "hello.wasm"] {
        let built = results::checkout::root()
            .join("workloads/artifacts")
            .join(name);
        std::fs::copy(built, at(name)).unwrap();
    }
    folder
}

fn parsed(folder: &Path, text: &str) -> Result<Vec<Target>, Error> {
    let source = Source {
        name: "x.toml",
        text,
    };
    let place = Place { folder, file: None };
    targets(source, place)
}

#[test]
fn a_service_is_all_that_its_description_says() {
    let ground = ground();
    let text = r#"
        [workload.orders]
        kind = "service"
        request = { method = "POST", path = "/orders", headers = { content-type = "application/json", x-many = ["1", "2"] }, body-file = "order.json" }
        expect = [{ status = 201, body-contains = ["\"id\"", "7"], header = { location = "/orders/7" } }, "header:etag"]
        ready = "/health"
        native = ["./serve", "--listen", "{address}", "{\"a\": 1}"]
        component = "http.component.wasm"
        module = "hello.wasm"
        image = "orders:dev"
        arguments = ["--port", "{port}"]
        environment = { RUST_LOG = "off", PORT = "{port}" }
        folders = { "/data" = "./fixtures", "/tmp" = { path = "fixtures", write = true } }
        port = 8080

        [workload.page]
        native = ["serve-not-here-is-sh-on-path"]
    "#;
    let error = parsed(ground.path(), text).unwrap_err().to_string();
    assert!(
        error.contains("x.toml:17: workload.page.native[0]: "),
        "{error}"
    );
    let text = text.replace("serve-not-here-is-sh-on-path", "sh");
    let [orders, page] = &parsed(ground.path(), &text).unwrap()[..] else {
        panic!("two workloads");
    };
    let request = Request {
        method: "POST".into(),
        target: "/orders".into(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("x-many".into(), "1".into()),
            ("x-many".into(), "2".into()),
        ],
        body: b"{\"n\": 1}".to_vec(),
    };
    assert_eq!(orders.call, Call::Http(request));
    assert_eq!(orders.ready, Some(Request::get("/health")));
    let mut answer = Answer::new(201, b"{\"id\": 7}".to_vec());
    assert!(orders.expected.check(&answer).is_err());
    answer.headers = vec![
        ("Location".into(), "/orders/7".into()),
        ("ETag".into(), "x".into()),
    ];
    assert_eq!(orders.expected.check(&answer), Ok(()));
    let native = orders.native.as_ref().unwrap();
    assert_eq!(native.program.path, ground.path().join("./serve"));
    assert_eq!(native.arguments, ["--listen", "{address}", "{\"a\": 1}"]);
    assert!(orders.component.as_ref().unwrap().handles_http);
    let image = orders.image.as_ref().unwrap();
    assert_eq!(image.source, ImageSource::Engine("orders:dev".into()));
    assert_eq!(image.arguments.as_deref().unwrap(), ["--port", "{port}"]);
    let folders: Vec<_> = orders
        .folders
        .iter()
        .map(|it| (&*it.guest, it.writable))
        .collect();
    assert_eq!(folders, [("/data", false), ("/tmp", true)]);
    assert_eq!((orders.port, page.port), (Some(8080), None));
    // What is not said is what is usual.
    assert_eq!(page.call, Call::Http(Request::get("/")));
    assert_eq!(page.expected, workloads::Expectation::status(200));
}

#[test]
fn a_command_has_arguments_and_an_exit_code() {
    let ground = ground();
    let text = r#"
        workload.sum = { kind = "command", module = "hello.wasm", arguments = ["1", "2"], expect = { exit = 3, body = "3\n" } }
        workload.count.kind = "command"
        workload.count.native = ["sh", "-c", "echo 3"]
        workload.count.expect = 0
        workload.kept = { image = "./saved.tar", kind = "command" }
    "#;
    let all = parsed(ground.path(), text).unwrap();
    let names: Vec<_> = all.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["sum", "count", "kept"]);
    assert_eq!(all[0].call, Call::Run(vec!["1".into(), "2".into()]));
    let answer = |code: i64, body: &str| Answer::new(code, body.into());
    assert_eq!(all[0].expected.check(&answer(3, "3\n")), Ok(()));
    assert!(all[0].expected.check(&answer(0, "3\n")).is_err());
    let archive = &all[2].image.as_ref().unwrap().source;
    assert!(matches!(archive, ImageSource::Archive(file) if file.bytes == 10));
}

#[test]
fn requests_of_a_sequence_have_names_and_answers_of_their_own() {
    let ground = ground();
    let text = r#"
        [workload.shop]
        native = ["sh"]
        requests = [
            { name = "login", method = "POST", path = "/login", body = "me", expect = 204 },
            "GET /items?page=1",
            { path = "/items?page=2", expect = { status = 200, body-contains = "2" } },
        ]
        [workload.one]
        native = ["sh"]
        requests = [{ path = "/x", expect = 404 }]
    "#;
    let all = parsed(ground.path(), text).unwrap();
    let names: Vec<_> = all[0].sequence.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["login", "GET /items", "GET /items (2)"]);
    let login = &all[0].sequence[0];
    assert_eq!(all[0].call, Call::Http(login.request.clone()));
    assert_eq!(
        (&*login.request.method, &*login.request.body),
        ("POST", &b"me"[..])
    );
    assert_eq!(all[0].expected, workloads::Expectation::status(204));
    let last = &all[0].sequence[2].expected;
    assert!(last.check(&Answer::new(200, "page 2".into())).is_ok());
    assert!(last.check(&Answer::new(200, "page 1".into())).is_err());
    // One alone is always the same.
    assert_eq!(all[1].call, Call::Http(Request::get("/x")));
    assert!(all[1].sequence.is_empty());
    for (line, said) in [
        (
            "request = \"GET /\"",
            "x.toml:4: workload.x.request: each of `requests` says",
        ),
        (
            "expect = 200",
            "x.toml:4: workload.x.expect: each of `requests` says",
        ),
        ("kind = \"command\"", "a command runs to its end"),
    ] {
        let text = format!("[workload.x]\nnative = [\"sh\"]\nrequests = [\"GET /\"]\n{line}");
        let error = parsed(ground.path(), &text).unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
}

#[test]
fn a_token_in_the_path_of_a_request_is_in_no_name() {
    let ground = ground();
    let text = "[workload.x]\nnative = [\"sh\"]\nrequests = [{ headers = { authorization = \"Bearer \
        tr0ub4dor-and-3\" }, path = \"/tr0ub4dor-and-3/x\" }, \"GET /y\"]";
    let target = &parsed(ground.path(), text).unwrap()[0];
    assert!(
        !target.sequence[0].name.contains("tr0ub4dor"),
        "{:?}",
        target.sequence[0].name
    );
}

/// Lines of a description, each with the key that is wrong in it, what is said, and what is advised.
const WRONG: &str = r#"
requst = 1 | requst | is no key | did you mean `request`?
zzz = 1 | zzz | is no key | there are kind, request
kind = "servce" | kind | `servce` is no kind | did you mean `service`?
kind = 3 | kind | a text is expected | 
request = "get /" | request | is no request | method in capitals
request = { path = "/a b" } | request.path | no blanks | %20
request = { path = "x" } | request | is no request | 
request = { mehod = "GET" } | request.mehod | is no key | did you mean `method`?
request = { body = "a", body-file = "b" } | request.body-file | two bodies | 
request = { body-file = "gone" } | request.body-file | cannot read | 
request = { body-file = "fixtures" } | request.body-file | is no file | 
request = { headers = { "a b" = "c" } } | request.headers.a b | is no header | 
request = { headers = { content-length = "1" } } | request.headers.content-length | follows from the body | leave it out
requests = [] | requests | the list is empty | 
requests = "GET /" | requests | a list of requests is expected | 
requests = [{ pth = "/" }] | requests[0].pth | is no key | did you mean `path`?
requests = ["GET /", "get /x"] | requests[1] | is no request | method in capitals
requests = [{ name = "a" }, { name = "a" }] | requests[1].name | two requests are called `a` | 
requests = [{ expect = { staus = 1 } }] | requests[0].expect.staus | is no key | did you mean `status`?
expect = { staus = 200 } | expect.staus | is no key | did you mean `status`?
expect = { status = 1000 } | expect.status | this is 1000, and a whole number from 0 to 999 | 
expect = { body-sha256 = "12" } | expect.body-sha256 | is no digest | 64 hexadecimal
expect = { header = "a b" } | expect.header | names no header | 
expect = [200, true] | expect[1] | a code, a text or a table is expected | 
expect = { exit = 1 } | expect.exit | answers with a `status` | 
request = 1.5 | request | a text or a table is expected | 
env = { A = "b" } | env | is no key | did you mean `environment`?
ready = "health" | ready | is no path | /health
native = "./serve" | native | a list of texts is expected | 
native = [] | native | there is no program | {address}
native = ["./gone"] | native[0] | cannot read | relative to the file
native = ["./order.json"] | native[0] | not executable | chmod +x
native = ["./fixtures"] | native[0] | is no file | 
native = ["no-such-program-here"] | native[0] | no program | PATH
native = ["sh", "{adress}"] | native[1] | no placeholder {adress} | {address}
native = ["sh", "{PORT}"] | native[1] | no placeholder {PORT} | {port}
native = ["sh", "{out}"] | native[1] | {out} stands for nothing here | {work}
native = ["sh", 1] | native[1] | a text is expected | 
image = "-v /:/x" | image | no name of an image | docker save
image = "./gone.tar" | image | cannot read | docker save
component = "hello.wasm" | component | holds a core module | goes into `module`
component = "gone.wasm" | component | cannot read | 
module = "http.component.wasm" | module | holds a component | goes into `component`
module = "order.json" | module | neither WebAssembly | 
arguments = ["x"] | arguments | nothing is given them | image's command
arguments = ["x"]; component = "http.component.wasm" | arguments | nothing is given them | called for each request
environment = { "A=B" = "c" } | environment.A=B | no name of a variable | 
environment = { A = 1 } | environment.A | a text is expected | 
environment = { A = "{prot}" } | environment.A | {prot} | {port}
folders = { data = "fixtures" } | folders.data | no absolute path | what a guest calls
folders = { "/d" = "gone" } | folders./d | cannot open | 
folders = { "/d" = "serve" } | folders./d | is no folder | 
folders = { "/d" = { path = "fixtures", wirte = true } } | folders./d.wirte | is no key | `write`
folders = { "/d" = { path = "fixtures", write = 1 } } | folders./d.write | true or false | 
port = 0 | port | this is 0, and a whole number from 1 to 65535 | 
port = 70000 | port | this is 70000 | 
"#;

#[test]
fn whatever_is_wrong_is_named_by_line_and_key_with_what_was_meant() {
    let ground = ground();
    for row in WRONG.trim().lines() {
        let parts: Vec<_> = row.split('|').map(str::trim).collect();
        let [line, key, said, hint] = parts[..] else {
            panic!("{row}");
        };
        let runs = if line.starts_with("native") {
            ""
        } else {
            "native = [\"sh\"]\n"
        };
        let lines = line.replace("; ", "\n");
        let text = format!("# a comment\n[workload.x]\n{lines}\n{runs}");
        let error = parsed(ground.path(), &text).unwrap_err();
        let shown = error.to_string();
        let place = format!("x.toml:3: workload.x.{key}");
        assert!(
            shown.contains(&place) && shown.contains(said) && shown.contains(hint),
            "{line}: {shown}"
        );
        let of_artifact = ["component", "module", "image = \"./"]
            .iter()
            .any(|it| line.starts_with(it));
        let exit = if of_artifact {
            Exit::Artifact
        } else {
            Exit::Usage
        };
        assert_eq!(error.exit, exit, "{line}");
    }
}

#[test]
fn what_is_no_description_says_what_one_is() {
    let ground = ground();
    for (text, said) in [
        ("", "x.toml: 0 workloads, expected 1 to 32"),
        ("[workloads.x]", "did you mean `workload`?"),
        (
            "[workload]\nx = 1",
            "x.toml:2: workload.x: this is a number, and a table is expected",
        ),
        ("workload = [", "x.toml:1: "),
        (
            "[workload]\nnative = [\"sh\"]",
            "x.toml:2: workload.native: this is a list, and a table is expected",
        ),
        ("[workload]\nnative = [\"sh\"]", "`[workload.NAME]`"),
        ("[system.x]", "x.toml:1: system: `system` is no key"),
        ("[system.x]", "--system takes a file that describes systems"),
        ("[workload.x]", "there is nothing to run"),
        (
            "[workload.hello]\nnative = [\"sh\"]",
            "there is a built-in workload `hello`\n  hint: give yours a name of its own",
        ),
        ("[workload.\"a/b\"]\nnative = [\"sh\"]", "`/` in a name"),
        (
            "[workload.x]\nkind = \"command\"\nnative = [\"sh\"]\nport = 1",
            "asked nothing",
        ),
    ] {
        let error = parsed(ground.path(), text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    let many: Vec<_> = (0..40).map(|n| format!("[workload.w{n}]\n")).collect();
    let many = many.concat();
    let error = parsed(ground.path(), &many).unwrap_err().to_string();
    assert!(error.contains("40 workloads"), "{error}");
}

#[test]
fn a_body_is_a_file_that_the_record_knows() {
    let ground = ground();
    let text = "[workload.x]\nnative = [\"sh\"]\nrequests = [\"GET /\", { method = \"POST\", body-file = \
        \"order.json\" }]";
    let target = &parsed(ground.path(), text).unwrap()[0];
    assert_eq!(target.sequence[1].request.body, b"{\"n\": 1}");
    let [body] = &target.bodies[..] else {
        panic!("{:?}", target.bodies);
    };
    assert_eq!(body.path, ground.path().join("order.json"));
    assert_eq!(body.sha256, sha256_hex(b"{\"n\": 1}"));
    // One that waits for a writer is refused before it is opened.
    let pipe = ground.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = parsed(ground.path(), &text.replace("order.json", "pipe")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("x.toml:3: workload.x.requests[1].body-file: "),
        "{error}"
    );
    assert!(error.to_string().contains("no pipe allows"), "{error}");
}

#[test]
fn a_file_that_is_none_is_refused() {
    let ground = ground();
    let at = |name: &str| Described::File {
        file: ground.path().join(name).display().to_string(),
    };
    std::fs::write(ground.path().join("long.toml"), vec![b'#'; 1 << 21]).unwrap();
    std::fs::write(ground.path().join("bytes.toml"), [0xff, 0xfe]).unwrap();
    for (described, said) in [
        (at("gone.toml"), "cannot read"),
        (at("fixtures"), "is no file"),
        (at("long.toml"), "more than"),
        (at("bytes.toml"), "is no text"),
        (
            Described::File {
                file: "/dev/zero".to_owned(),
            },
            "is no file",
        ),
    ] {
        let error = load(&[described]).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn credentials_are_known_and_are_in_no_record() {
    let ground = ground();
    let text = "[workload.x]\nnative = [\"sh\"]\nrequest = { headers = { authorization = [\"Bearer \
        tr0ub4dor-and-3\"] } }\nenvironment = { API_TOKEN = \"hunter2-hunter2\" }";
    let target = &parsed(ground.path(), text).unwrap()[0];
    let said = "it said tr0ub4dor-and-3 and hunter2-hunter2";
    let kept = mask::reason(said, &target.secrets);
    assert!(
        !kept.contains("tr0ub4dor") && !kept.contains("hunter2"),
        "{kept}"
    );
    let flags = Described::Flags {
        text: text.to_owned(),
        folder: "/x".to_owned(),
    };
    let [recorded] = &recorded(&[flags])[..] else {
        panic!("one description");
    };
    let kept = serde_json::to_string(recorded).unwrap();
    assert!(
        !kept.contains("tr0ub4dor") && !kept.contains("hunter2"),
        "{kept}"
    );
    let error = recorded.clone().expanded().unwrap_err();
    assert_eq!(error.exit, Exit::Resume);
    assert!(error.to_string().contains("--target FILE.toml"), "{error}");
}

mod flags {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        own: TargetArguments,
    }

    fn described(arguments: &[&str]) -> Result<Vec<Described>, Error> {
        let program = Program::try_parse_from([&["x"], arguments].concat());
        program.unwrap().own.described()
    }

    fn target(arguments: &[&str]) -> Result<Target, Error> {
        let described = described(arguments)?;
        let [Described::Flags { text, folder }] = &described[..] else {
            panic!("{described:?}");
        };
        let place = Place {
            folder: Path::new(folder),
            file: None,
        };
        let source = Source {
            name: short::NAME,
            text,
        };
        Ok(targets(source, place)?.remove(0))
    }

    #[test]
    fn say_the_same_as_a_file() {
        let ground = ground();
        let at = |name: &str| ground.path().join(name).display().to_string();
        let (component, serve) = (at("http.component.wasm"), at("serve"));
        let body = format!("@{}", at("order.json"));
        let found = target(&[
            "--component",
            &component,
            "--native",
            &serve,
            "--image",
            "orders:dev",
            "--request",
            "POST /orders",
            "--header",
            "X-A: 1",
            "--header",
            "X-A: 2",
            "--body",
            &body,
            "--expect",
            "201",
            "--expect",
            "body-contains:{id}",
            "--env",
            "A=b=c",
        ])
        .unwrap();
        assert_eq!(found.name, "http.component.wasm");
        let Call::Http(request) = &found.call else {
            panic!("a service");
        };
        assert_eq!((&*request.method, &*request.target), ("POST", "/orders"));
        assert_eq!(request.body, b"{\"n\": 1}");
        assert_eq!(request.headers.len(), 2);
        let answer = Answer::new(201, b"{id}".to_vec());
        assert_eq!(found.expected.check(&answer), Ok(()));
        assert_eq!(found.native.unwrap().arguments, ["{address}"]);
        assert_eq!(found.environment, [("A".to_owned(), "b=c".to_owned())]);
        let found = target(&[
            "--native",
            "sh -c 'exit 3' x",
            "--run-to-end",
            "--name",
            "three",
        ]);
        let found = found.unwrap();
        assert_eq!((&*found.name, &found.call), ("three", &Call::Run(vec![])));
        assert_eq!(found.native.unwrap().arguments, ["-c", "exit 3", "x"]);
        let found = target(&["--native", "sh", "--run-to-end", "--arg", "-c"]).unwrap();
        assert_eq!(found.native.unwrap().arguments, ["-c"]);
        let named = target(&["--module", &at("hello.wasm"), "--run-to-end"]).unwrap();
        assert_eq!(named.name, "hello.wasm");
    }

    #[test]
    fn say_what_is_wrong_with_them() {
        for (arguments, said) in [
            (&["--request", "GET /"][..], "nothing of that is given"),
            (&["--native", "'open"], "is no command"),
            (&["--native", "sh", "--env", "A"], "it has no value"),
            (&["--native", "sh", "--request", "x"], "is no request"),
            (
                &["--native", "sh", "--body", "@/nowhere"],
                "cannot read the body",
            ),
            (&["--native", "no-such-program-here"], "there is no program"),
            (
                &["--native", "sh", "--name", "hello"],
                "built-in workload `hello`",
            ),
            (
                &["--component", "/nowhere.wasm"],
                "cannot read /nowhere.wasm",
            ),
        ] {
            let error = target(arguments).unwrap_err().to_string();
            assert!(error.contains(said), "{arguments:?}: {error}");
        }
    }
}

#[test]
fn the_flags_that_a_resumed_run_has_already_are_all_of_them() {
    use clap::Args as _;
    let command = TargetArguments::augment_args(clap::Command::new("x"));
    let flags: Vec<_> = command
        .get_arguments()
        .map(|it| it.get_id().as_str())
        .collect();
    assert_eq!(flags, TargetArguments::NAMES);
}
