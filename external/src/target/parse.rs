//! From a description to targets: `[workload.NAME]` each.

use std::path::{Path, PathBuf};

use campaign::{Error, Exit};
use results::mask;
use workloads::target::{
    self, Component, Folder, Image, ImageSource, Module, NameError, NativeCommand, OwnFile, Step,
};
use workloads::{Call, Expectation, Request, Target};

use super::call::{self, expectation};
use super::files;
use crate::document::{Fields, Node, Source, Wrong};
use crate::system::placeholders::{self, Placeholder};

/// The most workloads of one file: each is measured on every system.
const MOST: usize = 32;

/// The keys of a workload.
const KEYS: [&str; 13] = [
    "kind",
    "request",
    "requests",
    "expect",
    "ready",
    "native",
    "component",
    "module",
    "image",
    "arguments",
    "environment",
    "folders",
    "port",
];

/// How a description begins, for hints.
const BEGINS: &str = "a file describes a workload as `[workload.NAME]`, and its keys below it";

/// How a workload is built, for hints.
const ARTIFACTS: &str = "name at least one of `native`, `component`, `module` and `image`";

/// A word of a credential that is shorter than this, in bytes, is one of anybody's.
const TOKEN: usize = 8;

/// What a workload is.
const SERVICE: &str = "service";
const COMMAND: &str = "command";

/// Where a description stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// What its relative paths are relative to.
    pub(super) folder: &'a Path,
    /// Its file; nothing of what a command line describes.
    pub(super) file: Option<&'a OwnFile>,
}

/// Reads the targets of a description.
///
/// # Errors
/// It is none, or something that it names cannot be used.
pub(super) fn targets(source: Source<'_>, place: Place<'_>) -> Result<Vec<Target>, Error> {
    let document = source.parse()?;
    let all = Fields::of(source, &document);
    all.check_keys(&["workload"]).map_err(|wrong| {
        if all.get("system").is_some() {
            wrong
                .hint("--system takes a file that describes systems, and --target one of workloads")
        } else {
            wrong.hint(BEGINS)
        }
    })?;
    let workloads = all.get("workload").map(|it| it.fields()).transpose();
    let workloads = workloads.map_err(|wrong| wrong.hint(BEGINS))?;
    let workloads = workloads.map_or_else(Vec::new, |it| it.all());
    if workloads.is_empty() || workloads.len() > MOST {
        let message = format!(
            "{}: {} workloads, expected 1 to {MOST}",
            source.name,
            workloads.len()
        );
        return Err(Error::new(Exit::Usage, message).hint(BEGINS));
    }
    let each = workloads.iter().map(|entry| target(entry, place));
    Ok(each.collect::<Result<_, Wrong>>()?)
}

fn target(workload: &Node<'_>, place: Place<'_>) -> Result<Target, Wrong> {
    if !workload.is_table() {
        return Err(workload.is_not("a table").hint(BEGINS));
    }
    target::check_name(workload.key).map_err(|error| {
        let hint = match error {
            NameError::BuiltIn(_) | NameError::Twice(_) => "give yours a name of its own",
            NameError::Bad { .. } | NameError::Comma(_) => {
                "it stands in records and reports: letters, digits and lines"
            }
        };
        workload.wrong(error.to_string()).hint(hint)
    })?;
    let keys = workload.known_fields(&KEYS)?;
    let kind = keys.get("kind");
    let kind = kind.map(|it| it.word("kind of workload", &[SERVICE, COMMAND]));
    let is_command = kind.transpose()? == Some(COMMAND);
    refuse_senseless(&keys, is_command)?;
    let arguments = keys.get("arguments").map(|it| arguments(&it)).transpose()?;
    let mut bodies = Vec::new();
    let sequence = keys
        .get("requests")
        .map(|it| call::sequence(&it, place, &mut bodies));
    let sequence = sequence.transpose()?.unwrap_or_default();
    let (call, usual) = match sequence.first() {
        Some(first) => (Call::Http(first.request.clone()), first.expected.clone()),
        None if is_command => {
            let call = Call::Run(arguments.clone().unwrap_or_default());
            (call, Expectation::exit(0))
        }
        None => {
            let request = keys
                .get("request")
                .map(|it| call::request(&it, place, &mut bodies));
            let request = request.transpose()?.unwrap_or_else(|| Request::get("/"));
            (Call::Http(request), Expectation::status(200))
        }
    };
    let expected = match keys.get("expect") {
        Some(entry) => {
            let code = if is_command { call::EXIT } else { call::STATUS };
            expectation(&entry, usual, code)?
        }
        None => usual,
    };
    let mut target = Target {
        name: workload.key.to_owned(),
        call,
        expected,
        // One alone is always the same.
        sequence: Some(sequence).filter(|it| it.len() > 1).unwrap_or_default(),
        ready: keys.get("ready").map(|it| ready(&it)).transpose()?,
        native: None,
        component: None,
        module: None,
        image: None,
        environment: environment(keys.get("environment").as_ref())?,
        folders: folders(keys.get("folders").as_ref(), place)?,
        port: port(keys.get("port").as_ref())?,
        arguments: arguments.clone().filter(|_| !is_command),
        folder: place.folder.to_owned(),
        file: place.file.cloned(),
        bodies,
        secrets: Vec::new(),
    };
    add_artifacts(&mut target, &keys, place, arguments)?;
    if target.native.is_none()
        && target.component.is_none()
        && target.module.is_none()
        && target.image.is_none()
    {
        return Err(workload.wrong("there is nothing to run").hint(ARTIFACTS));
    }
    target.secrets = secrets(&target);
    let secrets = &target.secrets;
    let mask = |step: &mut Step| step.name = mask::reason(&step.name, secrets);
    target.sequence.iter_mut().for_each(mask);
    Ok(target)
}

/// What the workload is built as.
fn add_artifacts(
    target: &mut Target,
    keys: &Fields<'_>,
    place: Place<'_>,
    arguments: Option<Vec<String>>,
) -> Result<(), Wrong> {
    let native = keys.get("native").map(|it| native(&it, place));
    target.native = native.transpose()?;
    let component = keys.get("component").map(|it| component(&it, place));
    target.component = component.transpose()?;
    let module = keys.get("module").map(|it| module(&it, place));
    target.module = module.transpose()?;
    let image = keys.get("image").map(|it| image(&it, place, arguments));
    target.image = image.transpose()?;
    let is_called = target.component.as_ref().is_some_and(|it| it.handles_http);
    let is_alone = target.module.is_none() && target.image.is_none();
    match keys.get("arguments") {
        Some(entry) if is_called && is_alone && matches!(target.call, Call::Http(_)) => Err(entry
            .wrong("nothing is given them: the component handles `wasi:http`")
            .hint("it is called for each request; `environment` may say what it is to know")),
        _ => Ok(()),
    }
}

/// Keys that say something of the other kind of workload, or of an artifact that is not there.
fn refuse_senseless(keys: &Fields<'_>, is_command: bool) -> Result<(), Wrong> {
    let of_services = ["request", "requests", "ready", "port"];
    if is_command && let Some(entry) = of_services.iter().find_map(|key| keys.get(key)) {
        return Err(entry
            .wrong("a command runs to its end, and is asked nothing")
            .hint("`arguments` are what it is given; a service has `kind = \"service\"`"));
    }
    let other = ["request", "expect"].iter().find_map(|key| keys.get(key));
    if let (Some(entry), Some(_)) = (other, keys.get("requests")) {
        return Err(entry
            .wrong("each of `requests` says what is asked and what is expected")
            .hint("`requests = [{ path = \"/login\", expect = 204 }, \"GET /items\"]`"));
    }
    let guests = ["component", "module", "image"];
    let takes_arguments = guests.iter().any(|key| keys.get(key).is_some());
    if let (Some(entry), false) = (keys.get("arguments"), takes_arguments) {
        return Err(entry.wrong("nothing is given them").hint(
            "they are for a guest, or take the place of an image's command; a native command has its \
                own in `native`",
        ));
    }
    Ok(())
}

/// Arguments, with placeholders that exist.
fn arguments(entry: &Node<'_>) -> Result<Vec<String>, Wrong> {
    if entry.is_empty_list() {
        return Ok(Vec::new());
    }
    let each = entry.list()?.into_iter();
    let argument = |entry: Node<'_>| {
        let text = entry.any_text()?;
        check_placeholders(&entry, text)?;
        Ok(text.to_owned())
    };
    each.map(argument).collect()
}

fn check_placeholders(entry: &Node<'_>, text: &str) -> Result<(), Wrong> {
    placeholders::check(text, Placeholder::OF_WORKLOADS)
        .map_err(|(message, hint)| entry.wrong(message).hint(hint))
}

fn ready(entry: &Node<'_>) -> Result<Request, Wrong> {
    let text = entry.text()?;
    let head = format!("GET {text}");
    match Request::split(&head) {
        Ok((request, "")) => Ok(request),
        _ => Err(entry
            .wrong(format!("{text:?} is no path"))
            .hint("`ready = \"/health\"` is asked until it is answered 200")),
    }
}

fn port(entry: Option<&Node<'_>>) -> Result<Option<u16>, Wrong> {
    entry.map(|it| it.whole(1..=u16::MAX)).transpose()
}

fn native(entry: &Node<'_>, place: Place<'_>) -> Result<NativeCommand, Wrong> {
    let mut words = arguments(entry)?;
    if words.is_empty() {
        return Err(entry
            .wrong("there is no program")
            .hint("`native = [\"./orders\", \"--listen\", \"{address}\"]`"));
    }
    let name = words.remove(0);
    let program = files::program(&name, place.folder);
    let program = program.map_err(|(message, hint)| entry.each()[0].wrong(message).hint(hint))?;
    Ok(NativeCommand {
        program,
        arguments: words,
    })
}

fn path(entry: &Node<'_>, place: Place<'_>) -> Result<PathBuf, Wrong> {
    Ok(place.folder.join(entry.text()?))
}

fn component(entry: &Node<'_>, place: Place<'_>) -> Result<Component, Wrong> {
    let found = files::component(&path(entry, place)?);
    found.map_err(|(message, hint)| artifact(entry, &message, hint))
}

fn module(entry: &Node<'_>, place: Place<'_>) -> Result<Module, Wrong> {
    let found = files::module(&path(entry, place)?);
    found.map_err(|(message, hint)| artifact(entry, &message, hint))
}

/// An artifact cannot be used: named as everything that is wrong, and another way to end.
fn artifact(entry: &Node<'_>, message: &str, hint: &str) -> Wrong {
    Wrong {
        exit: Exit::Artifact,
        ..entry.wrong(message).hint(hint)
    }
}

fn image(
    entry: &Node<'_>,
    place: Place<'_>,
    arguments: Option<Vec<String>>,
) -> Result<Image, Wrong> {
    let text = entry.text()?;
    let is_path =
        text.starts_with(['.', '/']) || Path::new(text).extension().is_some_and(|it| it == "tar");
    let source = if is_path {
        let archive = files::archive(&path(entry, place)?);
        ImageSource::Archive(archive.map_err(|(message, hint)| artifact(entry, &message, hint))?)
    } else if files::is_image_name(text) {
        ImageSource::Engine(text.to_owned())
    } else {
        return Err(entry.wrong(format!("{text:?} is no name of an image")).hint(
            "`image = \"orders:dev\"` is one in the engine, `image = \"./orders.tar\"` a file made \
                by `docker save`",
        ));
    };
    Ok(Image { source, arguments })
}

fn environment(entry: Option<&Node<'_>>) -> Result<Vec<(String, String)>, Wrong> {
    let Some(entry) = entry else {
        return Ok(Vec::new());
    };
    let variable = |entry: Node<'_>| {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            return Err(entry.wrong("it is no name of a variable"));
        }
        let value = entry.any_text()?;
        check_placeholders(&entry, value)?;
        Ok((entry.key.to_owned(), value.to_owned()))
    };
    entry.fields()?.all().into_iter().map(variable).collect()
}

fn folders(entry: Option<&Node<'_>>, place: Place<'_>) -> Result<Vec<Folder>, Wrong> {
    let Some(entry) = entry else {
        return Ok(Vec::new());
    };
    let each = entry.fields()?.all().into_iter();
    each.map(|entry| folder(&entry, place)).collect()
}

/// A folder by its path, or with what may be done with it.
fn folder(entry: &Node<'_>, place: Place<'_>) -> Result<Folder, Wrong> {
    if !entry.key.starts_with('/') || entry.key.contains([':', '\0']) {
        return Err(entry
            .wrong("it is no absolute path without a colon")
            .hint("the key is what a guest calls the folder: `\"/data\" = \"./fixtures\"`"));
    }
    let (at, writable) = if entry.is_table() {
        let fields = entry.known_fields(&["path", "write"])?;
        let at = fields.get("path");
        let at = at.ok_or_else(|| fields.lacks("path", "where the folder is"))?;
        let write = fields.get("write").map(|it| it.flag()).transpose()?;
        (at, write.unwrap_or(false))
    } else {
        (entry.clone(), false)
    };
    let host = path(&at, place)?;
    let host = std::fs::canonicalize(&host)
        .map_err(|error| at.wrong(format!("cannot open {}: {error}", host.display())))?;
    if !host.is_dir() {
        return Err(at.wrong(format!("{} is no folder", host.display())));
    }
    if host.to_str().is_none_or(|text| text.contains(':')) {
        return Err(at
            .wrong(format!("{} cannot be handed on", host.display()))
            .hint("engines part the two names of a folder at a colon, and take text"));
    }
    Ok(Folder {
        guest: entry.key.to_owned(),
        host,
        writable,
    })
}

/// What of a target is a credential: by the same words as in a command line.
fn secrets(target: &Target) -> Vec<String> {
    let mut texts = Vec::new();
    let first = match &target.call {
        Call::Http(request) => Some(request),
        Call::Run(_) => None,
    };
    let others = target.sequence.iter().map(|step| &step.request);
    for request in first.into_iter().chain(others) {
        texts.push(format!("{} {}", request.method, request.target));
        let headers = request.headers.iter();
        texts.extend(headers.map(|(name, value)| format!("{name}: {value}")));
        texts.extend(String::from_utf8(request.body.clone()));
    }
    texts.extend(
        target
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    texts.extend(target.native.iter().flat_map(|it| it.arguments.clone()));
    if let Call::Run(arguments) = &target.call {
        texts.extend(arguments.clone());
    }
    let mut secrets = mask::secrets(&texts);
    // A program may repeat a token without the word before it.
    let words = secrets.iter().flat_map(|it| it.split_whitespace());
    let tokens = words.filter(|word| word.len() >= TOKEN);
    let tokens: Vec<_> = tokens.map(str::to_owned).collect();
    secrets.extend(tokens);
    secrets
}
