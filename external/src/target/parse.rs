//! From a description to targets: `[workload.NAME]` each.

use std::path::{Path, PathBuf};

use campaign::{Error, Exit};
use results::mask;
use workloads::target::{self, Component, Folder, Image, ImageSource, NativeCommand, OwnFile};
use workloads::{Call, Expectation, Request, Target};

use super::call::{self, expectation};
use super::document::{Entry, Source};
use super::files;
use crate::system::placeholders;

/// The most workloads of one file: each is measured on every system.
const MOST: usize = 32;

/// The keys of a workload.
const KEYS: [&str; 12] = [
    "kind",
    "request",
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
    let all = source.entries(document.get_ref(), "", &["workload"])?;
    let workloads = all.iter().map(Entry::any_table);
    let workloads: Vec<_> = workloads.collect::<Result<Vec<_>, _>>()?.concat();
    if workloads.is_empty() || workloads.len() > MOST {
        let message = format!(
            "{}: {} workloads, expected 1 to {MOST}",
            source.name,
            workloads.len()
        );
        return Err(Error::new(Exit::Usage, message)
            .hint("a file describes a workload as `[workload.NAME]`, and its keys below it"));
    }
    let each = workloads.iter().map(|entry| target(entry, place));
    each.collect()
}

/// The entries of one workload, by their keys.
struct Keys<'e, 't>(&'e [Entry<'t>]);

impl<'e, 't> Keys<'e, 't> {
    fn get(&self, key: &str) -> Option<&'e Entry<'t>> {
        self.0.iter().find(|entry| entry.key == key)
    }
}

fn target(workload: &Entry<'_>, place: Place<'_>) -> Result<Target, Error> {
    target::check_name(&workload.key).map_err(|error| {
        workload
            .wrong(&error.to_string())
            .hint("it stands in records and reports: letters, digits and lines")
    })?;
    let entries = workload.table(&KEYS)?;
    let keys = Keys(&entries);
    let is_command = match keys.get("kind").map(|kind| kind.word(&[SERVICE, COMMAND])) {
        Some(kind) => kind? == COMMAND,
        None => false,
    };
    refuse_senseless(&keys, is_command)?;
    let arguments = keys.get("arguments").map(arguments).transpose()?;
    let (call, usual) = if is_command {
        let call = Call::Run(arguments.clone().unwrap_or_default());
        (call, Expectation::exit(0))
    } else {
        let request = keys.get("request").map(|it| call::request(it, place));
        let request = request.transpose()?.unwrap_or_else(|| Request::get("/"));
        (Call::Http(request), Expectation::status(200))
    };
    let expected = match keys.get("expect") {
        Some(entry) => expectation(entry, usual)?,
        None => usual,
    };
    let mut target = Target {
        name: workload.key.clone(),
        call,
        expected,
        ready: keys.get("ready").map(ready).transpose()?,
        native: None,
        component: None,
        module: None,
        image: None,
        environment: environment(keys.get("environment"))?,
        folders: folders(keys.get("folders"), place)?,
        port: port(keys.get("port"))?,
        folder: place.folder.to_owned(),
        file: place.file.cloned(),
        secrets: Vec::new(),
    };
    let native = keys.get("native").map(|it| native(it, place));
    target.native = native.transpose()?;
    let component = keys.get("component").map(|it| component(it, place));
    target.component = component.transpose()?;
    target.module = keys.get("module").map(|it| module(it, place)).transpose()?;
    let image = keys.get("image").map(|it| image(it, place, arguments));
    target.image = image.transpose()?;
    if target.native.is_none()
        && target.component.is_none()
        && target.module.is_none()
        && target.image.is_none()
    {
        return Err(workload.wrong("there is nothing to run").hint(ARTIFACTS));
    }
    target.secrets = secrets(&target);
    Ok(target)
}

/// Keys that say something of the other kind of workload, or of an artifact that is not there.
fn refuse_senseless(keys: &Keys<'_, '_>, is_command: bool) -> Result<(), Error> {
    let of_services = ["request", "ready", "port"];
    if is_command && let Some(entry) = of_services.iter().find_map(|key| keys.get(key)) {
        return Err(entry
            .wrong("a command runs to its end, and is asked nothing")
            .hint("`arguments` are what it is given; a service has `kind = \"service\"`"));
    }
    let guests = ["component", "module", "image"];
    let takes_arguments = guests
        .iter()
        .any(|key| keys.get(key).is_some() && (is_command || *key == "image"));
    if let (Some(entry), false) = (keys.get("arguments"), takes_arguments) {
        return Err(entry.wrong("nothing is given them").hint(
            "they are for a guest that is a command, or take the place of an image's command; a native \
                command has its own in `native`",
        ));
    }
    Ok(())
}

/// Arguments, with placeholders that exist.
fn arguments(entry: &Entry<'_>) -> Result<Vec<String>, Error> {
    let each = entry.texts()?;
    for (text, entry) in each.iter().zip(entry.each()) {
        check_placeholders(&entry, text)?;
    }
    Ok(each)
}

fn check_placeholders(entry: &Entry<'_>, text: &str) -> Result<(), Error> {
    placeholders::check(text).map_err(|(message, hint)| entry.wrong(&message).hint(hint))
}

fn ready(entry: &Entry<'_>) -> Result<Request, Error> {
    let text = entry.text()?;
    let head = format!("GET {text}");
    match Request::split(&head) {
        Ok((request, "")) => Ok(request),
        _ => Err(entry
            .wrong(&format!("{text:?} is no path"))
            .hint("`ready = \"/health\"` is asked until it is answered 200")),
    }
}

fn port(entry: Option<&Entry<'_>>) -> Result<Option<u16>, Error> {
    entry.map(|it| it.number(1..=u16::MAX)).transpose()
}

fn native(entry: &Entry<'_>, place: Place<'_>) -> Result<NativeCommand, Error> {
    let mut words = arguments(entry)?;
    if words.is_empty() {
        return Err(entry
            .wrong("there is no program")
            .hint("`native = [\"./orders\", \"--listen\", \"{address}\"]`"));
    }
    let name = words.remove(0);
    let program = files::program(&name, place.folder);
    let program = program.map_err(|(message, hint)| entry.each()[0].wrong(&message).hint(hint))?;
    Ok(NativeCommand {
        program,
        arguments: words,
    })
}

fn path(entry: &Entry<'_>, place: Place<'_>) -> Result<PathBuf, Error> {
    let text = entry.text()?;
    if text.is_empty() {
        return Err(entry.wrong("it names no file"));
    }
    Ok(place.folder.join(text))
}

fn component(entry: &Entry<'_>, place: Place<'_>) -> Result<Component, Error> {
    let found = files::component(&path(entry, place)?);
    found.map_err(|(message, hint)| artifact(entry, &message, hint))
}

fn module(entry: &Entry<'_>, place: Place<'_>) -> Result<OwnFile, Error> {
    let found = files::module(&path(entry, place)?);
    found.map_err(|(message, hint)| artifact(entry, &message, hint))
}

/// An artifact cannot be used: named as everything that is wrong, and another way to end.
fn artifact(entry: &Entry<'_>, message: &str, hint: &str) -> Error {
    let mut error = entry.wrong(message).hint(hint);
    error.exit = Exit::Artifact;
    error
}

fn image(
    entry: &Entry<'_>,
    place: Place<'_>,
    arguments: Option<Vec<String>>,
) -> Result<Image, Error> {
    let text = entry.text()?;
    let is_path =
        text.starts_with(['.', '/']) || Path::new(text).extension().is_some_and(|it| it == "tar");
    let source = if is_path {
        let archive = files::archive(&path(entry, place)?);
        ImageSource::Archive(archive.map_err(|(message, hint)| artifact(entry, &message, hint))?)
    } else if files::is_image_name(text) {
        ImageSource::Engine(text.to_owned())
    } else {
        return Err(entry.wrong(&format!("{text:?} is no name of an image")).hint(
            "`image = \"orders:dev\"` is one in the engine, `image = \"./orders.tar\"` a file made \
                by `docker save`",
        ));
    };
    Ok(Image { source, arguments })
}

fn environment(entry: Option<&Entry<'_>>) -> Result<Vec<(String, String)>, Error> {
    let Some(entry) = entry else {
        return Ok(Vec::new());
    };
    let variable = |entry: Entry<'_>| {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            return Err(entry.wrong("it is no name of a variable"));
        }
        let value = entry.text()?;
        check_placeholders(&entry, value)?;
        Ok((entry.key.clone(), value.to_owned()))
    };
    entry.any_table()?.into_iter().map(variable).collect()
}

fn folders(entry: Option<&Entry<'_>>, place: Place<'_>) -> Result<Vec<Folder>, Error> {
    let Some(entry) = entry else {
        return Ok(Vec::new());
    };
    let each = entry.any_table()?.into_iter();
    each.map(|entry| folder(&entry, place)).collect()
}

/// A folder by its path, or with what may be done with it.
fn folder(entry: &Entry<'_>, place: Place<'_>) -> Result<Folder, Error> {
    if !entry.key.starts_with('/') || entry.key.contains([':', '\0']) {
        return Err(entry
            .wrong("it is no absolute path without a colon")
            .hint("the key is what a guest calls the folder: `\"/data\" = \"./fixtures\"`"));
    }
    let (at, writable) = if entry.is_table() {
        let fields = entry.table(&["path", "write"])?;
        let keys = Keys(&fields);
        let at = keys
            .get("path")
            .cloned()
            .ok_or_else(|| entry.wrong("there is no `path`"))?;
        let write = keys.get("write").map(Entry::flag).transpose()?;
        (at, write.unwrap_or(false))
    } else {
        (entry.clone(), false)
    };
    let host = path(&at, place)?;
    let host = std::fs::canonicalize(&host)
        .map_err(|error| at.wrong(&format!("cannot open {}: {error}", host.display())))?;
    if !host.is_dir() {
        return Err(at.wrong(&format!("{} is no folder", host.display())));
    }
    if host.to_str().is_none_or(|text| text.contains(':')) {
        return Err(at
            .wrong(&format!("{} cannot be handed on", host.display()))
            .hint("engines part the two names of a folder at a colon, and take text"));
    }
    Ok(Folder {
        guest: entry.key.clone(),
        host,
        writable,
    })
}

/// What of a target is a credential: by the same words as in a command line.
fn secrets(target: &Target) -> Vec<String> {
    let mut texts = Vec::new();
    if let Call::Http(request) = &target.call {
        texts.push(format!("{} {}", request.method, request.target));
        texts.extend(
            request
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
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
