//! The programs under test: which artifact serves which kind of system, what each answers, and how
//! that is checked.
//!
//! Guests are reached through this registry, never by a path written elsewhere.

mod answer;
mod artifact;
#[cfg(feature = "builder")]
pub mod builder;
mod request;

pub use answer::{Answer, Expectation};
pub use artifact::{Artifact, ArtifactError, VerifyError, verify};
pub use request::{Request, RequestError};

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
    /// All of them.
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
            Self::Hello => "hello",
            Self::CpuHash => "cpu-hash",
            Self::HttpHello => "http-hello",
            Self::HttpCpu => "http-cpu",
            Self::HttpEcho => "http-echo",
            Self::HttpState => "http-state",
        }
    }

    /// The workload of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|workload| workload.name() == name)
    }

    /// The form in which an engine that speaks WASI 0.1 and 0.2 takes it.
    pub const fn form(self) -> Form {
        self.artifact().form()
    }

    /// The built guest that serves it on an engine that speaks WASI 0.1 and 0.2.
    pub const fn artifact(self) -> Artifact {
        self.artifact_for(Dialect::WasiHttp)
    }

    /// The built guest that serves it on a system of this dialect. Commands are the same for all.
    pub const fn artifact_for(self, dialect: Dialect) -> Artifact {
        match (self, dialect) {
            (Self::Hello, _) => Artifact::Hello,
            (Self::CpuHash, _) => Artifact::CpuHash,
            (_, Dialect::WasiHttp) => Artifact::HttpComponent,
            (_, Dialect::WasmEdgeSockets) => Artifact::HttpSockets,
        }
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
        }
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
    fn only_services_differ_by_dialect() {
        for workload in Workload::ALL {
            let [component, sockets] =
                [Dialect::WasiHttp, Dialect::WasmEdgeSockets].map(|d| workload.artifact_for(d));
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
            assert_eq!(
                (workload.artifact(), workload.form()),
                (component, component.form())
            );
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
