//! The programs under test: which artifact serves which kind of system, what each answers, and how
//! that is checked.
//!
//! Guests are reached through this registry, never by a path written elsewhere.

mod answer;
mod artifact;
#[cfg(feature = "builder")]
pub mod builder;
mod request;
mod script;
pub mod target;

pub use answer::{Answer, Expectation};
pub use artifact::{Artifact, ArtifactError, VerifyError, verify};
pub use request::{Request, RequestError};
pub use script::{Script, ScriptError, Serving, Sha256};
pub use target::Target;

use std::sync::LazyLock;

use workload_core::{DEFAULT_ITERATIONS, HELLO, cpu_hash_hex};

/// The rounds of SHA-256 that `cpu-hash` computes: 50 ms and more of machine code that has the
/// processor's instructions for it, so that the work and not the start is most of what a sample takes.
///
/// An argument, so that no guest depends on it.
pub const CPU_HASH_ITERATIONS: u32 = 1_000_000;

/// A program under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// A command that prints one line.
    Hello,
    /// A command that computes: [`CPU_HASH_ITERATIONS`] rounds of SHA-256.
    CpuHash,
    /// The service, asked for one line: `GET /`.
    HttpHello,
    /// The service, asked to compute: `GET /cpu?iterations=1000`.
    HttpCpu,
    /// The service, sent 1 KiB and asked for it back: `POST /echo`.
    HttpEcho,
    /// The service, asked to count: `POST /state`.
    HttpState,
    /// A person's own.
    Own(&'static Target),
}

/// What is asked of a program, once it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Run to completion, with these arguments after the program's name.
    Run(Vec<String>),
    /// Handle a request.
    Http(Request),
}

/// The form that a system needs its workload in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A core module for WASI preview 1, with `_start`.
    CoreModule,
    /// A `wasi:http/proxy` component.
    HttpComponent,
    /// A core module for WASI preview 1, with `_start`, that listens by itself on the sockets which
    /// WasmEdge adds.
    SocketsModule,
    /// Machine code for x86-64 that a virtual machine enters by the PVH protocol, with nothing below it.
    BootImage,
}

/// How a system lets a program serve HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// It calls the program for each request, by `wasi:http`.
    WasiHttp,
    /// It gives the program sockets, as WasmEdge does beside WASI preview 1, and the program
    /// listens.
    WasmEdgeSockets,
}

impl Workload {
    /// All that are built in.
    pub const ALL: [Self; 6] = [
        Self::Hello,
        Self::CpuHash,
        Self::HttpHello,
        Self::HttpCpu,
        Self::HttpEcho,
        Self::HttpState,
    ];

    /// The name in cells and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own(target) => target.name.as_str(),
            Self::Hello => "hello",
            Self::CpuHash => "cpu-hash",
            Self::HttpHello => "http-hello",
            Self::HttpCpu => "http-cpu",
            Self::HttpEcho => "http-echo",
            Self::HttpState => "http-state",
        }
    }

    /// All that there are: built in, and [registered](Self::register).
    pub fn all() -> Vec<Self> {
        let own = Self::registered();
        Self::ALL.into_iter().chain(own).collect()
    }

    /// The workload of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::all().into_iter();
        all.find(|workload| workload.name() == name)
    }

    /// The description of a person's own; nothing of one that is built in.
    pub const fn own(self) -> Option<&'static Target> {
        match self {
            Self::Own(target) => Some(target),
            _ => None,
        }
    }

    /// The built guest that serves it on an engine that speaks WASI 0.1 and 0.2; nothing of a
    /// person's own.
    pub const fn artifact(self) -> Option<Artifact> {
        self.artifact_for(Dialect::WasiHttp)
    }

    /// The built guest that serves it on a system of this dialect; nothing of a person's own.
    /// Commands are the same for all.
    pub const fn artifact_for(self, dialect: Dialect) -> Option<Artifact> {
        Some(match (self, dialect) {
            (Self::Own(_), _) => return None,
            (Self::Hello, _) => Artifact::Hello,
            (Self::CpuHash, _) => Artifact::CpuHash,
            (_, Dialect::WasiHttp) => Artifact::HttpComponent,
            (_, Dialect::WasmEdgeSockets) => Artifact::HttpSockets,
        })
    }

    /// Why an interpreter is not measured with it, if it is not.
    ///
    /// An interpreter takes some 30 µs for a round of SHA-256: what a compiler's code computes in a tenth
    /// of a second would take it half a minute, which is the time limit of a sample.
    pub const fn too_much_for_interpreters(self) -> Option<&'static str> {
        match self {
            Self::CpuHash => Some(
                "a million rounds of SHA-256 would take an interpreter about half a minute, which is \
                    as long as a sample may take",
            ),
            _ => None,
        }
    }

    /// What is asked of it.
    pub fn call(self) -> Call {
        match self {
            Self::Hello => Call::Run(vec![]),
            Self::CpuHash => Call::Run(vec![CPU_HASH_ITERATIONS.to_string()]),
            Self::HttpHello => Call::Http(Request::get("/")),
            Self::HttpCpu => Call::Http(Request::get(&format!(
                "/cpu?iterations={DEFAULT_ITERATIONS}"
            ))),
            Self::HttpEcho => Call::Http(Request::post("/echo", echo_body())),
            Self::HttpState => Call::Http(Request::post("/state", [])),
            Self::Own(target) => target.call.clone(),
        }
    }

    /// What a load asks on each connection, in order; nothing where it is always the same.
    pub fn sequence(self) -> Vec<target::Step> {
        self.own().map_or_else(Vec::new, |own| own.sequence.clone())
    }

    /// What the `nth` call (from 1) on one instance must answer.
    pub fn expected(self, nth: u64) -> Expectation {
        match self {
            Self::Hello => Expectation::exit(0).with_body(format!("{HELLO}\n")),
            Self::CpuHash => {
                // Once: it takes as long as the program under test does.
                static DIGEST: LazyLock<String> =
                    LazyLock::new(|| cpu_hash_hex(CPU_HASH_ITERATIONS));
                Expectation::exit(0).with_body(format!("{}\n", *DIGEST))
            }
            Self::HttpHello => Expectation::status(200).with_body(HELLO),
            Self::HttpCpu => Expectation::status(200).with_body(cpu_hash_hex(DEFAULT_ITERATIONS)),
            Self::HttpEcho => Expectation::status(200).with_body(echo_body()),
            Self::HttpState => Expectation::status(200).with_body(nth.to_string()),
            Self::Own(target) => target.expected.clone(),
        }
    }

    /// What any call must answer, whichever it is: a service that counts may answer any number.
    pub fn expected_of_any(self) -> Expectation {
        match self {
            Self::HttpState => Expectation::status(200),
            _ => self.expected(1),
        }
    }
}

/// 1 KiB in which every byte value occurs, so that nothing that treats bodies as text goes
/// unnoticed.
fn echo_body() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(1024).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for workload in Workload::ALL {
            assert_eq!(Workload::from_name(workload.name()), Some(workload));
        }
        assert_eq!(Workload::from_name("nothing"), None);
    }

    #[test]
    fn an_own_workload_is_found_by_a_name_that_nothing_else_has() {
        let target = |name: &str| Target {
            name: name.to_owned(),
            call: Call::Http(Request::get("/x")),
            expected: Expectation::status(204),
            sequence: Vec::new(),
            arguments: None,
            ready: None,
            native: None,
            component: None,
            module: None,
            image: None,
            environment: Vec::new(),
            folders: Vec::new(),
            port: None,
            folder: "/".into(),
            file: None,
            bodies: Vec::new(),
            secrets: Vec::new(),
        };
        let own = Workload::register(target("orders")).unwrap();
        assert_eq!(Workload::from_name("orders"), Some(own));
        assert_eq!((own.artifact(), own.name()), (None, "orders"));
        assert_eq!(own.call(), Call::Http(Request::get("/x")));
        assert_eq!(own.expected(7), Expectation::status(204));
        assert_eq!(own.expected_of_any(), own.expected(1));
        for (name, words) in [
            ("orders", "two workloads are called `orders`"),
            ("hello", "there is a built-in workload `hello`"),
            ("", "a name is empty"),
            ("a/b", "`/` in a name"),
            ("a,b", "parts names at commas"),
            ("a\u{200b}", "in a name"),
        ] {
            let error = Workload::register(target(name)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn only_services_differ_by_dialect() {
        for workload in Workload::ALL {
            let [component, sockets] = [Dialect::WasiHttp, Dialect::WasmEdgeSockets]
                .map(|dialect| workload.artifact_for(dialect).unwrap());
            match workload.call() {
                Call::Run(_) => {
                    assert_eq!((component, component.form()), (sockets, Form::CoreModule));
                }
                Call::Http(_) => {
                    assert_eq!(
                        (component.form(), sockets.form()),
                        (Form::HttpComponent, Form::SocketsModule)
                    );
                }
            }
            assert_eq!(workload.artifact(), Some(component));
        }
    }

    #[test]
    fn what_is_expected_is_what_the_shared_core_answers() {
        let counter = workload_core::Counter::new();
        for workload in Workload::ALL {
            for nth in 1..=2 {
                let Call::Http(request) = workload.call() else {
                    continue;
                };
                let answer =
                    workload_core::answer(&request.method, &request.target, request.body, &counter);
                let answer = Answer::new(answer.status.into(), answer.body);
                assert_eq!(
                    workload.expected(nth).check(&answer),
                    Ok(()),
                    "{}",
                    workload.name()
                );
            }
        }
    }
}
