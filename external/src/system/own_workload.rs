//! A person's own workload under a system: whether that has what it takes, and what is launched.

use std::path::PathBuf;

use results::digest::sha256_file;
use results::{Skip, SkipKind};
use workloads::target::{OwnFile, Sockets};
use workloads::{Call, Dialect, Target};

use super::placeholders::{Placeholder, Values, fill};
use super::{BuildRequest, Contents, Found, LaunchSpec, System, Takes, given, text};

/// That a system has nothing of a target to run.
fn without(target: &Target, lacks: &str, remedy: &str) -> Skip {
    let reason = format!("{} has no {lacks}", target.name);
    Skip::new(SkipKind::NotApplicable, reason).remedy(remedy)
}

fn not_applicable((reason, remedy): (String, String)) -> Skip {
    Skip::new(SkipKind::NotApplicable, reason).remedy(remedy)
}

/// Whether a program that is launched, or that an engine gives a guest, has what it takes of a target.
///
/// # Errors
/// What would be needed.
pub(super) fn usual_check(
    name: &str,
    takes: Option<Takes>,
    gives_sockets: bool,
    target: &Target,
) -> Result<(), Skip> {
    match takes {
        Some(Takes::Program) => native(target).map(drop),
        Some(Takes::Guest(dialect)) => check_guest(name, dialect, gives_sockets, target),
        None => Err(without(
            target,
            &format!("form that {name} runs"),
            "it runs what is built here, and nothing else",
        )),
    }
}

fn native(target: &Target) -> Result<&workloads::target::NativeCommand, Skip> {
    target.native.as_ref().ok_or_else(|| {
        let remedy = "`native = [\"./program\", \"{address}\"]` gives it one";
        without(target, "native command", remedy)
    })
}

/// Whether a target has a guest for an engine of this dialect, which can be told what the guest is
/// given, and gives it sockets to listen on itself if so.
///
/// # Errors
/// What would be needed.
pub(super) fn check_guest(
    system: &str,
    dialect: Dialect,
    gives_sockets: bool,
    target: &Target,
) -> Result<(), Skip> {
    guest(target, dialect)?;
    let refused = || {
        let reason = format!(
            "the guest of {} listens by itself, and {system} gives it no sockets",
            target.name
        );
        Skip::new(SkipKind::NotApplicable, reason).remedy(
            "`wasmtime-cli` does; `component` takes one for the world `wasi:http/proxy`, which \
                listens nowhere",
        )
    };
    if dialect == Dialect::WasiHttp && !gives_sockets && listens_itself(target) {
        return Err(refused());
    }
    let given = given::arguments(system, target);
    given.map(drop).map_err(not_applicable)
}

/// Whether the guest of a service listens by itself, by `wasi:sockets`, for an engine of WASI's own
/// interfaces. One that handles requests is called for each.
pub(super) fn listens_itself(target: &Target) -> bool {
    let component = target.component.as_ref();
    let listens = component.is_some_and(|it| it.opens_sockets && !it.handles_http);
    listens && matches!(target.call, Call::Http(_))
}

/// Whether the component of a target imports what commands have.
pub(super) fn uses_command(target: &Target) -> bool {
    let component = target.component.as_ref();
    component.is_some_and(|it| it.uses_command)
}

/// What a guest is told that listens by itself: by its description, or where to.
pub(super) fn listening_arguments(target: &Target) -> Vec<String> {
    let usual = || vec![Placeholder::Address.written().to_owned()];
    target.arguments.clone().unwrap_or_else(usual)
}

/// What of a target an engine of this dialect runs.
///
/// # Errors
/// What would be needed.
pub(super) fn guest(target: &Target, dialect: Dialect) -> Result<&OwnFile, Skip> {
    let serves = matches!(target.call, Call::Http(_));
    let component = target.component.as_ref();
    let module = target.module.as_ref();
    match (dialect, serves) {
        (Dialect::WasiHttp, true) => match (component, module) {
            (Some(it), _) if it.handles_http || it.opens_sockets => Ok(&it.file),
            (Some(_), _) => Err(Skip::new(
                SkipKind::NotApplicable,
                format!(
                    "the component of {} neither exports `wasi:http/incoming-handler` nor imports \
                        `wasi:sockets`, so that it answers nowhere",
                    target.name
                ),
            )
            .remedy("`component` takes one for the world `wasi:http/proxy`")),
            (None, Some(it)) if it.sockets == Sockets::Handed => Err(Skip::new(
                SkipKind::NotApplicable,
                format!(
                    "the module of {} accepts on a socket that it is handed, and no engine here hands it \
                        one: Wasmtime has given that up with its first implementation of WASI preview 1",
                    target.name
                ),
            )
            .remedy("build it as a component that opens its socket by `wasi:sockets`")),
            (None, _) => Err(without(
                target,
                "component",
                "`component = \"orders.wasm\"` gives it one",
            )),
        },
        (Dialect::WasiHttp, false) => {
            let component = component.map(|it| &it.file);
            component.or(module.map(|it| &it.file)).ok_or_else(|| {
                let remedy = "`component` or `module` gives it one";
                without(target, "component, and no core module", remedy)
            })
        }
        (Dialect::WasmEdgeSockets, _) => {
            let remedy = if serves {
                "`module` takes one that listens by itself, on the sockets that WasmEdge adds: its \
                    first argument is the address"
            } else {
                "`module = \"program.wasm\"` gives it one"
            };
            match module {
                Some(it) if serves && it.sockets != Sockets::Opened => Err(without(
                    target,
                    "core module that opens sockets of its own (`sock_listen` is not among its \
                        imports)",
                    remedy,
                )),
                Some(it) => Ok(&it.file),
                None => Err(without(target, "core module", remedy)),
            }
        }
    }
}

/// What the file holds that an engine of this dialect runs; nothing where there is none.
pub(super) fn guest_contents(target: &Target, dialect: Dialect) -> Option<Contents> {
    let file = guest(target, dialect).ok()?;
    let component = target.component.as_ref().map(|it| &it.file);
    Some(if component == Some(file) {
        Contents::Component
    } else {
        Contents::Module
    })
}

/// What a start of a system finds prepared: of a person's own workload, what that is given besides.
///
/// # Errors
/// Why it cannot be prepared.
pub fn prepare(
    system: System,
    found: &Found,
    build: &BuildRequest<'_>,
) -> Result<LaunchSpec, Skip> {
    let Some(target) = build.workload.own() else {
        return Ok(system.prepare(found, build)?);
    };
    if system.takes() == Some(Takes::Program) {
        return prepare_native(target, build);
    }
    let mut spec = system.prepare(found, build)?;
    let given = given::arguments(system.name(), target).map_err(not_applicable)?;
    // After the name of the command, before the guest, whose arguments follow it.
    let after = spec.arguments.len().min(1);
    spec.arguments.splice(after..after, given);
    Ok(spec)
}

/// The person's program where it is: it may find its files by where it lies itself. One of two builds is
/// copied, as all of them are: both lie in one file system.
fn prepare_native(target: &Target, build: &BuildRequest<'_>) -> Result<LaunchSpec, Skip> {
    let command = native(target)?;
    let (program, sha256) = if let Some(own) = build.own {
        let name = command.program.path.file_name().unwrap_or_default();
        let program = build.folder.join(name);
        own.copy_to(&program)?;
        (program, own.sha256.clone())
    } else {
        let program = check_unchanged(&command.program)?;
        (program, command.program.sha256.clone())
    };
    let values = Values {
        artifact: Some(&program),
        ..Values::default()
    };
    let filled = command.arguments.iter().map(|it| fill(it, &values));
    let environment = target.environment.iter();
    let environment = environment.map(|(name, value)| (name.clone(), fill(value, &values)));
    Ok(LaunchSpec {
        arguments: filled.collect(),
        environment: environment.collect(),
        files: vec![program.clone()],
        folder: Some(target.folder.clone()),
        ..LaunchSpec::new(program, sha256)
    })
}

/// Where a file is that is what it was when the run was planned.
///
/// # Errors
/// It cannot be read, or is another one.
pub(super) fn check_unchanged(file: &OwnFile) -> Result<PathBuf, String> {
    let path = text(&file.path);
    let sha256 = sha256_file(&file.path).map_err(|error| format!("cannot read {path}: {error}"))?;
    if sha256 == file.sha256 {
        Ok(file.path.clone())
    } else {
        Err(format!(
            "{path} is another file than when the run was planned"
        ))
    }
}

/// Whether any text of a target's native command has this placeholder.
pub fn uses(target: &Target, placeholder: Placeholder) -> bool {
    let arguments = target.native.iter().flat_map(|it| &it.arguments);
    let values = target.environment.iter().map(|(_, value)| value);
    let arguments = arguments.chain(target.arguments.iter().flatten());
    arguments.chain(values).any(|text| placeholder.is_in(text))
}

#[cfg(test)]
mod tests {
    use workloads::target::{Component, Module};
    use workloads::{Expectation, Request};

    use super::super::System;
    use super::*;

    fn file() -> OwnFile {
        OwnFile {
            path: "/x.wasm".into(),
            bytes: 1,
            sha256: String::new(),
        }
    }

    fn service(component: Option<(bool, bool)>, module: Option<Sockets>) -> Target {
        Target {
            name: "x".to_owned(),
            call: Call::Http(Request::get("/")),
            expected: Expectation::status(200),
            sequence: Vec::new(),
            ready: None,
            native: None,
            component: component.map(|(handles_http, opens_sockets)| Component {
                file: file(),
                handles_http,
                opens_sockets,
                uses_command: opens_sockets,
            }),
            module: module.map(|sockets| Module {
                file: file(),
                sockets,
            }),
            image: None,
            environment: Vec::new(),
            folders: Vec::new(),
            port: None,
            arguments: None,
            folder: "/".into(),
            file: None,
            bodies: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// Which systems run it, of those that take guests; what the others say.
    fn run_by(target: &Target) -> (Vec<&'static str>, Vec<String>) {
        let names = ["wasmtime-embedded", "wasmtime-cli", "wasmedge-cli"];
        let (mut run, mut said) = (Vec::new(), Vec::new());
        for name in names {
            match System::from_name(name).unwrap().check_own(target) {
                Ok(()) => run.push(name),
                Err(skip) => said.push(skip.to_string()),
            }
        }
        (run, said)
    }

    #[test]
    fn a_guest_that_listens_by_itself_runs_where_it_is_given_sockets() {
        let handler = service(Some((true, false)), None);
        assert_eq!(run_by(&handler).0, ["wasmtime-embedded", "wasmtime-cli"]);
        let itself = service(Some((false, true)), None);
        assert!(listens_itself(&itself) && !listens_itself(&handler));
        let (run, said) = run_by(&itself);
        assert_eq!(run, ["wasmtime-cli"]);
        assert!(
            said[0].contains("gives it no sockets; `wasmtime-cli` does"),
            "{said:?}"
        );
        let nothing = service(Some((false, false)), None);
        let (run, said) = run_by(&nothing);
        assert!(
            run.is_empty() && said[1].contains("answers nowhere"),
            "{said:?}"
        );
        let handed = service(None, Some(Sockets::Handed));
        let (run, said) = run_by(&handed);
        assert!(run.is_empty(), "{run:?}");
        assert!(said[1].contains("no engine here hands it one"), "{said:?}");
        assert!(
            said[2].contains("`sock_listen` is not among its imports"),
            "{said:?}"
        );
        let opened = service(None, Some(Sockets::Opened));
        assert_eq!(run_by(&opened).0, ["wasmedge-cli"]);
    }

    #[test]
    fn an_engine_that_takes_nothing_of_a_persons_own_says_which_do() {
        let podman = System::from_name("podman").unwrap();
        let refused = podman.check_own(&service(None, None)).unwrap_err();
        assert_eq!(refused.kind, SkipKind::NotApplicable);
        let said = refused.to_string();
        assert!(said.contains("`docker` starts `image`"), "{said}");
    }

    #[test]
    fn what_listens_by_itself_is_told_where_unless_something_else_is_said() {
        let mut target = service(Some((false, true)), None);
        assert_eq!(listening_arguments(&target), ["{address}"]);
        target.arguments = Some(vec!["--port".to_owned(), "{port}".to_owned()]);
        assert_eq!(listening_arguments(&target), ["--port", "{port}"]);
    }
}
