//! What is measured: a built-in workload, or an artifact of the user.

use std::path::{Path, PathBuf};

use results::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use workloads::{Answer, Artifact, Dialect, Expectation, Form, Request, Workload};

use super::inspect::{self, Inspected};
use campaign::{Error, Exit};
use host_probe::report::Answered;
use host_probe::request::{Call, Kind, World};
use host_probe::settings::{Engine, Named as _};

/// A program under test, with all that a start of it needs.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its name in cells.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) inspected: Inspected,
    /// The engines that run this very file. A workload that two engines run in two forms is two
    /// targets.
    pub(crate) engines: Vec<Engine>,
    pub(crate) call: Call,
    expected: [Expectation; 2],
    /// Whether an instance must answer a second request. The built-in workloads do; others need
    /// not: WASI 0.2 lets a host make a new instance for each.
    pub(crate) answers_twice: bool,
}

/// An artifact of the user, and how it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserArtifact {
    pub(crate) file: PathBuf,
    /// `METHOD /target [body]`.
    pub(crate) request: Option<String>,
    /// A status or exit code, or a body.
    pub(crate) expect: Option<String>,
    /// Arguments of a command.
    pub(crate) arguments: Vec<String>,
}

impl Target {
    /// A workload of the registry in each form that some engine runs, the artifacts checked against
    /// their recorded digests.
    pub(crate) fn from_workload(workload: Workload) -> Result<Vec<Self>, Error> {
        let [component, sockets] = [Dialect::WasiHttp, Dialect::WasmEdgeSockets]
            .map(|dialect| workload.artifact_for(dialect));
        if component == sockets {
            return Ok(vec![Self::new(workload, component, Engine::ALL.to_vec())?]);
        }
        Ok(vec![
            Self::new(workload, component, vec![Engine::Wasmtime])?,
            Self::new(workload, sockets, vec![Engine::WasmEdge])?,
        ])
    }

    fn new(workload: Workload, artifact: Artifact, engines: Vec<Engine>) -> Result<Self, Error> {
        let bytes = artifact.read()?;
        let call = match workload.call() {
            workloads::Call::Run(arguments) => run(workload.name(), &arguments),
            workloads::Call::Http(request) => http(&request),
        };
        let inspected = match artifact.form() {
            // Its imports beyond preview 1 are WasmEdge's own, which is the only engine that gets
            // it.
            Form::SocketsModule => Inspected {
                kind: Kind::Module,
                world: World::Preview1,
                serves: true,
            },
            Form::CoreModule | Form::HttpComponent => inspect::inspect(&artifact.path(), &bytes)?,
        };
        Ok(Self {
            name: workload.name().to_owned(),
            inspected,
            engines,
            path: artifact.path(),
            bytes: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
            call,
            expected: [workload.expected(1), workload.expected(2)],
            answers_twice: true,
        })
    }

    /// An artifact of the user.
    pub(crate) fn from_user(artifact: &UserArtifact) -> Result<Self, Error> {
        let path = &artifact.file;
        let read = std::fs::canonicalize(path).and_then(|path| Ok((std::fs::read(&path)?, path)));
        let (bytes, path) = read.map_err(|error| {
            Error::new(
                Exit::Artifact,
                format!("cannot read {}: {error}", path.display()),
            )
            .hint("--artifact takes the path of a Wasm module or component")
        })?;
        let inspected = inspect::inspect(&artifact.file, &bytes)?;
        let name = workload_name(&path);
        let usage = |message: String, hint: &str| Error::new(Exit::Usage, message).hint(hint);
        let call = match (&artifact.request, inspected.serves) {
            (Some(_), false) => {
                return Err(usage(
                    format!(
                        "{} runs to completion: it takes no --request",
                        path.display()
                    ),
                    "--arg passes it arguments",
                ));
            }
            (_, true) if !artifact.arguments.is_empty() => {
                return Err(usage(
                    format!("{} serves HTTP: it takes no --arg", path.display()),
                    "--request sets its request",
                ));
            }
            (request, true) => http(&parse_request(request.as_deref().unwrap_or("GET /"))?),
            (None, false) => run(&name, &artifact.arguments),
        };
        let expected = expectation(artifact.expect.as_deref(), inspected.serves)?;
        let (bytes, sha256) = (bytes.len() as u64, sha256_hex(&bytes));
        // WasmEdge's component model is experimental and without wasi:http; a module is a command,
        // which both run.
        let engines = match inspected.kind {
            Kind::Module => Engine::ALL.to_vec(),
            Kind::Component => vec![Engine::Wasmtime],
        };
        Ok(Self {
            name,
            path,
            bytes,
            sha256,
            inspected,
            engines,
            call,
            expected: [expected.clone(), expected],
            answers_twice: false,
        })
    }

    /// Compares the answer to the `nth` call, from 1, with what was expected.
    pub(crate) fn check(&self, nth: usize, answered: &Answered) -> Result<(), String> {
        let body = hex::decode(&answered.body_hex).map_err(|error| error.to_string())?;
        self.expected[nth - 1].check(&Answer {
            code: answered.code,
            body,
        })
    }
}

/// The file's name as far as it is a name, made different from the name of any built-in workload.
fn workload_name(path: &Path) -> String {
    let name = results::Workload::of_file(path.file_name().unwrap_or_default());
    if Workload::from_name(&name).is_some() {
        format!("{name}.wasm")
    } else {
        name.to_string()
    }
}

fn run(name: &str, arguments: &[String]) -> Call {
    Call::Run(
        std::iter::once(name.to_owned())
            .chain(arguments.iter().cloned())
            .collect(),
    )
}

fn http(request: &Request) -> Call {
    Call::Http {
        method: request.method.clone(),
        target: request.target.clone(),
        body_hex: hex::encode(&request.body),
    }
}

fn parse_request(text: &str) -> Result<Request, Error> {
    let mut parts = text.trim_start().splitn(3, ' ');
    let method = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or_default();
    let valid = hyper::Method::from_bytes(method.as_bytes())
        .is_ok_and(|_| method.bytes().all(|b| b.is_ascii_uppercase()))
        && target.starts_with('/')
        && target.parse::<hyper::Uri>().is_ok();
    if !valid {
        return Err(
            Error::new(Exit::Usage, format!("--request {text:?} is no request")).hint(
                "write a method in capitals, a path, and a body if there is one: `POST /items \
                    {\"n\":1}`",
            ),
        );
    }
    Ok(Request {
        method: method.into(),
        target: target.into(),
        body: parts.next().unwrap_or_default().into(),
    })
}

/// Three digits or `status:` is a status or an exit code, all else or `body:` a body.
fn expectation(text: Option<&str>, serves: bool) -> Result<Expectation, Error> {
    let whole = if serves {
        Expectation::status(200)
    } else {
        Expectation::exit(0)
    };
    let Some(text) = text else { return Ok(whole) };
    let is_code = |text: &str| {
        !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let code = match text.split_once(':') {
        Some(("body", body)) => return Ok(whole.with_body(body)),
        Some(("status", code)) if is_code(code) => code,
        Some(("status", code)) => {
            return Err(
                Error::new(Exit::Usage, format!("--expect status:{code} is no status")).hint(
                    "a status or an exit code is up to three digits; `body:TEXT` expects a body",
                ),
            );
        }
        _ if is_code(text) => text,
        _ => return Ok(whole.with_body(text)),
    };
    let code: u16 = code.parse().expect("up to three digits fit");
    Ok(if serves {
        Expectation::status(code)
    } else {
        Expectation::exit(code.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_method_a_path_and_perhaps_a_body() {
        assert_eq!(parse_request("GET /x?y=1").unwrap(), Request::get("/x?y=1"));
        assert_eq!(
            parse_request("POST /items {\"a b\": 1}").unwrap(),
            Request::post("/items", "{\"a b\": 1}")
        );
        for wrong in ["", "GET", "get /", "GET x", "/", "GET /\u{7f}"] {
            assert_eq!(
                parse_request(wrong).unwrap_err().exit,
                Exit::Usage,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn an_expectation_is_a_code_or_a_body() {
        let expect = |text, serves| expectation(Some(text), serves).unwrap();
        assert_eq!(expect("404", true), Expectation::status(404));
        assert_eq!(expect("3", false), Expectation::exit(3));
        assert_eq!(expect("status:204", true), Expectation::status(204));
        assert_eq!(
            expect("hello", true),
            Expectation::status(200).with_body("hello")
        );
        assert_eq!(
            expect("body:404", true),
            Expectation::status(200).with_body("404")
        );
        assert_eq!(
            expect("a:b", true),
            Expectation::status(200).with_body("a:b")
        );
        assert_eq!(
            expectation(Some("status:abc"), true).unwrap_err().exit,
            Exit::Usage
        );
        assert_eq!(expectation(None, false).unwrap(), Expectation::exit(0));
    }
}
