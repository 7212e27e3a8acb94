use super::*;
use crate::given::{Folder, Interfaces, Variable};
use crate::settings::{Configuration, Engine};

#[test]
fn a_spec_survives_as_arguments() {
    let http = Call::Http {
        method: "POST".into(),
        target: "/a b".into(),
        headers: vec![("Content-Type".into(), "text/plain; x".into())],
        body_hex: "00ff".into(),
        keeps_headers: false,
    };
    let calls = [
        Call::Run(vec![]),
        Call::Run(vec!["name".into(), String::new(), "--x".into()]),
        http,
    ];
    for (_, values) in crate::settings::parameters() {
        for value in values {
            let with = |engine: &Engine| Configuration::baseline(*engine).with(value);
            let Some(configuration) = Engine::ALL.iter().find_map(with) else {
                continue;
            };
            for (call, cache) in calls.iter().zip([None, Some("/cache".into()), None]) {
                let spec = Spec {
                    file: "/some where/x.wasm".into(),
                    kind: Kind::Component,
                    acquire: configuration.acquire,
                    cache,
                    settings: configuration.settings,
                    world: World::Full,
                    given: Given::default(),
                    call: call.clone(),
                    time_limit_ms: 30_000,
                    memory_limit_bytes: u64::MAX,
                };
                let mut message = spec.to_message();
                assert_eq!(message.input, None);
                let back = Spec::from_arguments(&mut message.arguments, || None);
                assert_eq!(back, Some(spec));
            }
        }
    }
}

#[test]
fn an_instance_set_survives_as_arguments() {
    let spec = Spec {
        file: "/x".into(),
        kind: Kind::Component,
        acquire: Configuration::BASELINE.acquire,
        cache: None,
        settings: Configuration::BASELINE.settings,
        world: World::Proxy,
        given: Given::default(),
        call: Call::Run(vec![]),
        time_limit_ms: 1,
        memory_limit_bytes: 2,
    };
    let set = InstanceSet {
        spec,
        instances: 10_000,
        touched: true,
    };
    assert_eq!(
        InstanceSet::from_arguments(&mut set.to_message().arguments, || None),
        Some(set)
    );
    assert_eq!(
        InstanceSet::from_arguments(&mut ["many".into(), "true".into()], || None),
        None
    );
}

#[test]
fn arguments_that_are_no_spec_are_refused() {
    let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
    let pool = "tables=2";
    let levers = Positions::DEFAULT.digits();
    for wrong in [
        "",
        "000000000 P L 1 1 f c",
        "000000000 P L 1 1 f c walk",
        "900000000 P L 1 1 f c run",
        "0000 P L 1 1 f c run",
        "000000000 P L x 1 f c run",
        "000000000 Q L 1 1 f c run",
        "000000000 P L 1 1 f c http GET /",
        "000000000 P L 1 1 f c http GET / 00 header-without-value",
        "000000000 P L 1 1 f c input",
        "000000000 P L 1 1 f c env A run",
        "000000000 P L 1 1 f c env A B",
        "000000000 P L 1 1 f c dir /x",
        "000000000 P 0 1 1 f c run",
    ] {
        let mut wrong = words(&wrong.replace('P', pool).replace('L', &levers));
        assert_eq!(Spec::from_arguments(&mut wrong, || None), None, "{wrong:?}");
    }
    let mut right = words(&format!("000000000 {pool} {levers} 1 1 f c run"));
    assert!(Spec::from_arguments(&mut right, || None).is_some());
}

#[test]
fn a_call_that_no_argument_holds_goes_through_the_input() {
    let calls = [
        Call::Http {
            method: "POST".into(),
            target: "/echo".into(),
            headers: vec![("X".into(), String::new())],
            body_hex: "00".repeat(70_000),
            keeps_headers: false,
        },
        Call::Run(vec!["name".into(), "é".repeat(200_000), String::new()]),
    ];
    for call in calls {
        let spec = Spec {
            file: "/x".into(),
            kind: Kind::Component,
            acquire: Configuration::BASELINE.acquire,
            cache: None,
            settings: Configuration::BASELINE.settings,
            world: World::Proxy,
            given: Given::default(),
            call,
            time_limit_ms: 1,
            memory_limit_bytes: 2,
        };
        let Message {
            mut arguments,
            input,
        } = spec.to_message();
        assert!(arguments.iter().all(|argument| argument.len() < 1024));
        assert!(input.as_ref().is_some_and(|input| input.len() > 100_000));
        assert_eq!(Spec::from_arguments(&mut arguments, || input), Some(spec));
    }
}

#[test]
fn what_a_guest_is_given_survives_in_both_ways_whatever_it_is() {
    let path = |name: &[u8]| PathBuf::from(OsString::from_vec(name.to_vec()));
    let folder = |host: PathBuf, writable| Folder {
        host,
        guest: "/data".into(),
        writable,
    };
    for value in ["run", "", &"x".repeat(100_000)] {
        let variable = Variable {
            name: "env".into(),
            value: value.into(),
        };
        let spec = Spec {
            file: "/x".into(),
            kind: Kind::Module,
            acquire: Configuration::BASELINE.acquire,
            cache: None,
            settings: Configuration::BASELINE.settings,
            world: World::Preview1,
            given: Given {
                environment: vec![variable.clone()],
                folders: vec![
                    folder(path(b"/caf\xe9"), false),
                    folder("http".into(), true),
                ],
                stdin: Some(path(b"/in\xff")),
                config: vec![variable.clone(), variable],
                interfaces: Interfaces::ALL,
            },
            call: Call::Http {
                method: "GET".into(),
                target: "/".into(),
                headers: vec![],
                body_hex: String::new(),
                keeps_headers: true,
            },
            time_limit_ms: 1,
            memory_limit_bytes: 2,
        };
        let Message {
            mut arguments,
            input,
        } = spec.to_message();
        assert_eq!(input.is_some(), value.len() > 1_000);
        assert_eq!(Spec::from_arguments(&mut arguments, || input), Some(spec));
    }
}

#[test]
fn a_preparation_survives_with_paths_that_are_no_text() {
    let path = |name: &[u8]| PathBuf::from(OsString::from_vec(name.to_vec()));
    for into in [
        Destination::File(path(b"/o\xff")),
        Destination::Cache(path(b"/c\xfe")),
    ] {
        let preparation = Preparation {
            file: path(b"/caf\xe9.wasm"),
            kind: Kind::Module,
            settings: Configuration::BASELINE.settings,
            into,
        };
        let message = preparation.to_message();
        let back = Preparation::from_arguments(&message.arguments);
        assert_eq!(back, Some(preparation));
    }
}
