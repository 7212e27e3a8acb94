//! What is measured: a built-in workload, or an artifact of the user.

use std::path::PathBuf;

use results::digest::sha256_hex;
use workloads::{Answer, Artifact, Dialect, Expectation, Form, Request, Workload};

use super::user::UserArtifact;
use crate::error::unusable_artifact;
use crate::inspect::{self, Inspected};
use crate::source;
use campaign::{Error, Exit};
use host_probe::given::{Given, Interfaces};
use host_probe::report::Answered;
use host_probe::request::{Call, Kind, World};
use host_probe::settings::{Engine, Named as _};

/// A program under test, with all that a start of it needs.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its name in cells.
    pub(crate) name: String,
    /// Where it is read.
    pub(crate) path: PathBuf,
    /// Where it came from, as records and messages say it.
    pub(crate) given: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) inspected: Inspected,
    /// The engines that run this very file. A workload that two engines run in two forms is two
    /// targets.
    pub(crate) engines: Vec<Engine>,
    /// What it is given besides its call.
    pub(crate) provided: Given,
    pub(crate) call: Call,
    expected: [Expectation; 2],
    /// Whether an instance must answer a second request. The built-in workloads do; others need
    /// not: WASI 0.2 lets a host make a new instance for each.
    pub(crate) answers_twice: bool,
    /// Why an interpreter is not measured with it, if it is not.
    pub(crate) too_much_for_interpreters: Option<&'static str>,
}

impl Target {
    /// A workload of the registry in each form that some engine runs, the artifacts checked against
    /// their recorded digests.
    pub(crate) fn from_workload(workload: Workload) -> Result<Vec<Self>, Error> {
        let [Some(component), Some(sockets)] = [Dialect::WasiHttp, Dialect::WasmEdgeSockets]
            .map(|dialect| workload.artifact_for(dialect))
        else {
            let message = format!("{} is no workload that is built in", workload.name());
            return Err(Error::new(Exit::Usage, message).hint("--artifact FILE measures your own"));
        };
        if component == sockets {
            return Ok(vec![Self::new(workload, component, Engine::ALL.to_vec())?]);
        }
        // Those that cannot run it are rows that say so, with the form that they come nearest to.
        let others = Engine::ALL.iter().copied();
        let others = others.filter(|engine| *engine != Engine::Wasmtime);
        Ok(vec![
            Self::new(workload, component, vec![Engine::Wasmtime])?,
            Self::new(workload, sockets, others.collect())?,
        ])
    }

    fn new(workload: Workload, artifact: Artifact, engines: Vec<Engine>) -> Result<Self, Error> {
        let bytes = artifact.read()?;
        let call = match workload.call() {
            workloads::Call::Run(arguments) => run(workload.name(), &arguments),
            workloads::Call::Http(request) => http(&request, false),
        };
        let inspected = match artifact.form() {
            // Its imports beyond preview 1 are WasmEdge's own, which is the only engine that gets
            // it.
            Form::SocketsModule => Inspected {
                kind: Kind::Module,
                world: World::Preview1,
                interfaces: Interfaces::default(),
                serves: true,
            },
            Form::CoreModule | Form::HttpComponent | Form::BootImage => {
                inspect::inspect(&artifact.path(), &bytes)?
            }
        };
        Ok(Self {
            name: workload.name().to_owned(),
            inspected,
            engines,
            path: artifact.path(),
            given: artifact.path(),
            bytes: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
            provided: Given::default(),
            call,
            expected: [workload.expected(1), workload.expected(2)],
            answers_twice: true,
            too_much_for_interpreters: workload.too_much_for_interpreters(),
        })
    }

    /// An artifact of the user.
    pub(crate) fn from_user(artifact: &UserArtifact) -> Result<Self, Error> {
        let given = &artifact.file;
        let path = source::find(given)?.path;
        let bytes = std::fs::read(&path).map_err(|error| {
            unusable_artifact(
                given,
                format!("cannot read it: {error}"),
                "is it being rebuilt?",
            )
        })?;
        let inspected = inspect::inspect(given, &bytes)?;
        let name = UserArtifact::workload_name(given);
        let usage = |message: String, hint: &str| Error::new(Exit::Usage, message).hint(hint);
        let usual = if inspected.serves {
            Expectation::status(200)
        } else {
            Expectation::exit(0)
        };
        let expected = artifact.call.expectation(usual)?;
        let asked = artifact.call.says_request();
        let call = match (asked, inspected.serves) {
            (true, false) => {
                return Err(usage(
                    format!(
                        "{} runs to completion: it takes no --request, --header and --body",
                        given.display()
                    ),
                    "--arg passes it arguments, --stdin FILE its standard input",
                ));
            }
            (_, true) if !artifact.arguments.is_empty() || artifact.stdin.is_some() => {
                return Err(usage(
                    format!(
                        "{} serves HTTP: it takes no --arg and no --stdin",
                        given.display()
                    ),
                    "--request sets its request",
                ));
            }
            (_, true) => http(&artifact.call.request()?, expected.needs_headers()),
            (false, false) => run(&name, &artifact.arguments),
        };
        let (bytes, sha256) = (bytes.len() as u64, sha256_hex(&bytes));
        // WasmEdge's component model is experimental and without wasi:http, and the others have none;
        // a module is a command, which all of them run.
        let engines = match inspected.kind {
            Kind::Module => Engine::ALL.to_vec(),
            Kind::Component => vec![Engine::Wasmtime],
        };
        Ok(Self {
            name,
            path,
            given: given.clone(),
            bytes,
            sha256,
            inspected,
            engines,
            provided: Given {
                interfaces: inspected.interfaces,
                ..artifact.given()?
            },
            call,
            expected: [expected.clone(), expected],
            answers_twice: false,
            too_much_for_interpreters: None,
        })
    }

    /// Compares the answer to the `nth` call, from 1, with what was expected.
    pub(crate) fn check(&self, nth: usize, answered: &Answered) -> Result<(), String> {
        let body = hex::decode(&answered.body_hex).map_err(|error| error.to_string())?;
        self.expected[nth - 1].check(&Answer {
            code: answered.code,
            headers: answered.headers.clone(),
            body,
        })
    }
}

fn run(name: &str, arguments: &[String]) -> Call {
    Call::Run(
        std::iter::once(name.to_owned())
            .chain(arguments.iter().cloned())
            .collect(),
    )
}

fn http(request: &Request, keeps_headers: bool) -> Call {
    Call::Http {
        method: request.method.clone(),
        target: request.target.clone(),
        headers: request.headers.clone(),
        body_hex: hex::encode(&request.body),
        keeps_headers,
    }
}
