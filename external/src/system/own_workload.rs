//! A person's own workload under a system: whether that has what it takes, and what is launched.

use std::path::PathBuf;

use results::digest::sha256_file;
use results::{Skip, SkipKind};
use workloads::target::OwnFile;
use workloads::{Call, Dialect, Target};

use super::placeholders::{Placeholder, Values, fill};
use super::{BuildRequest, Found, LaunchSpec, System, Takes, given, text};

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
pub(super) fn usual_check(name: &str, takes: Option<Takes>, target: &Target) -> Result<(), Skip> {
    match takes {
        Some(Takes::Program) => native(target).map(drop),
        Some(Takes::Guest(dialect)) => check_guest(name, dialect, target),
        None if target.image.is_some() => Err(without(
            target,
            &format!("root file system that {name} could start"),
            "`docker` starts its image",
        )),
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
/// given.
///
/// # Errors
/// What would be needed.
pub(super) fn check_guest(system: &str, dialect: Dialect, target: &Target) -> Result<(), Skip> {
    guest(target, dialect)?;
    let given = given::arguments(system, target);
    given.map(drop).map_err(not_applicable)
}

/// What of a target an engine of this dialect runs.
///
/// # Errors
/// What would be needed.
pub(super) fn guest(target: &Target, dialect: Dialect) -> Result<&OwnFile, Skip> {
    let serves = matches!(target.call, Call::Http(_));
    match (dialect, serves) {
        (Dialect::WasiHttp, true) => match &target.component {
            Some(component) if component.handles_http => Ok(&component.file),
            Some(_) => Err(Skip::new(
                SkipKind::NotApplicable,
                format!(
                    "the component of {} exports no `wasi:http/incoming-handler`, and what would \
                        listen by itself is given no sockets",
                    target.name
                ),
            )
            .remedy("`component` takes one for the world `wasi:http/proxy`")),
            None => Err(without(
                target,
                "component",
                "`component = \"orders.wasm\"` gives it one",
            )),
        },
        (Dialect::WasiHttp, false) => {
            let component = target.component.as_ref().map(|it| &it.file);
            component.or(target.module.as_ref()).ok_or_else(|| {
                let remedy = "`component` or `module` gives it one";
                without(target, "component, and no core module", remedy)
            })
        }
        (Dialect::WasmEdgeSockets, _) => target.module.as_ref().ok_or_else(|| {
            let remedy = if serves {
                "`module` takes one that listens by itself, on the sockets that WasmEdge adds: its \
                    first argument is the address"
            } else {
                "`module = \"program.wasm\"` gives it one"
            };
            without(target, "core module", remedy)
        }),
    }
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
        return prepare_native(target);
    }
    let mut spec = system.prepare(found, build)?;
    let given = given::arguments(system.name(), target).map_err(not_applicable)?;
    // After the name of the command, before the guest, whose arguments follow it.
    let after = spec.arguments.len().min(1);
    spec.arguments.splice(after..after, given);
    Ok(spec)
}

/// The person's program where it is: it may find its files by where it lies itself.
fn prepare_native(target: &Target) -> Result<LaunchSpec, Skip> {
    let command = native(target)?;
    let program = check_unchanged(&command.program)?;
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
        ..LaunchSpec::new(program, command.program.sha256.clone())
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
    arguments.chain(values).any(|text| placeholder.is_in(text))
}
