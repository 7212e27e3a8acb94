//! From TOML to descriptions. Whatever is wrong is named by file, line and key.

use std::collections::BTreeMap;
use std::path::Path;

use results::digest::sha256_hex;
use results::manifest::{LONGEST_LABEL, SystemKind, check_label};
use results::names;
use results::values::{Lifecycle, Named as _};
use workloads::{Serving, Workload};

use super::super::{Acquire, Estimate};
use super::place::{Fields, Node, Source, Wrong};
use super::taken::Taken;
use super::template::{CommandLine, Placeholder, Template};
use super::{Described, Launches, Proof, Way};

/// The most bytes of a name: it is a part of the names of folders.
const LONGEST_NAME: usize = 60;

/// The keys of a system.
const KEYS: &[&str] = &[
    "label",
    "kind",
    "version",
    "install",
    "installed-in",
    "takes",
    "files",
    "out-extension",
    "prepare",
    "launch",
    "environment",
    "opens",
    "cache",
    "proves",
    "lifecycle",
    "too-much",
    "estimate",
    "before",
    "after",
];

/// The keys of a command line for each kind of workload.
const KINDS: &[&str] = &["service", "command"];

/// How a sample shows which way it went.
const PROOFS: &[&str] = &["mapped"];

/// Code that is mapped out of no file.
const ANONYMOUS: &str = "anonymous";

/// How long a start takes of which nobody has said it, in milliseconds.
const UNKNOWN_MS: f64 = 100.0;

/// Every system that a file describes. A program whose path is relative lies relative to it.
pub(super) fn read(file: &Path, text: &str) -> Result<Vec<Described>, Wrong> {
    let source = Source { file, text };
    let parsed = source.parse()?;
    let fields = Fields::of(source, &parsed);
    fields.check_keys(&["system"])?;
    let Some(systems) = fields.get("system") else {
        return Err(fields.lacks("system", "a description begins with `[system.NAME]`"));
    };
    let systems = systems.fields()?.all();
    if systems.is_empty() {
        return Err(fields.lacks("system.NAME", "no system is described"));
    }
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let sha256 = sha256_hex(text.as_bytes());
    let one = |(name, node): (&str, Node<'_>)| system(name, &node, folder, &sha256);
    systems.into_iter().map(one).collect()
}

fn system(name: &str, node: &Node<'_>, folder: &Path, sha256: &str) -> Result<Described, Wrong> {
    check_name(name, node)?;
    let fields = node.fields()?;
    fields.check_keys(KEYS)?;
    let taken = Taken::read(&fields)?;
    let ways = ways(&fields, taken)?;
    let modes: Vec<_> = ways.iter().filter_map(|way| way.acquire).collect();
    let version = fields.get("version");
    let version = version
        .map(|node| CommandLine::read(&node, &[]))
        .transpose()?;
    if version.is_none() && !ways.iter().all(Way::launches_artifact) {
        let what = "the command that prints it, such as [\"wasmer\", \"--version\"]";
        return Err(fields.lacks("version", what));
    }
    let before = hook(&fields, "before")?;
    let after = hook(&fields, "after")?;
    let lifecycle = lifecycle(&fields, taken)?;
    Ok(Described {
        // Descriptions are read once and live as long as the program.
        name: Box::leak(name.to_owned().into_boxed_str()),
        label: label(&fields, name)?,
        kind: kind(&fields, taken)?,
        known: false,
        folder: folder.to_owned(),
        sha256: sha256.to_owned(),
        version,
        install: text(&fields, "install")?,
        installed_in: installed_in(&fields)?,
        files: files(&fields)?,
        taken,
        modes: Box::leak(modes.into_boxed_slice()),
        ways,
        out_extension: out_extension(&fields)?,
        environment: environment(&fields)?,
        cache: cache(&fields)?,
        lifecycle,
        before,
        after,
    })
}

fn check_name(name: &str, node: &Node<'_>) -> Result<(), Wrong> {
    names::check(name).map_err(|error| node.wrong(error.to_string()))?;
    let system = results::System::from(name);
    if name.len() > LONGEST_NAME {
        return Err(node.wrong(format!("a system's name has at most {LONGEST_NAME} bytes")));
    }
    if name.starts_with(['-', '.']) || name.contains([',', '=', '{', '}']) {
        let what =
            "a system's name neither begins with `-` or `.` nor contains `,`, `=`, `{` or `}`";
        return Err(node.wrong(what));
    }
    if name.contains(char::is_whitespace) {
        return Err(node.wrong("a system's name has no spaces; its label may"));
    }
    if system.is_twin() {
        return Err(node.wrong("a name that ends in `-aa` is the second one of an A/A control"));
    }
    if results::System::current_name(name) != name {
        let now = results::System::current_name(name);
        return Err(node.wrong(format!("this is an old name of the system `{now}`")));
    }
    Ok(())
}

fn text(fields: &Fields<'_>, key: &str) -> Result<Option<String>, Wrong> {
    let text = fields.get(key).map(|node| node.text().map(str::to_owned));
    text.transpose()
}

/// The folder in which `./setup` puts its programs, below that of all that it puts anywhere.
fn installed_in(fields: &Fields<'_>) -> Result<Option<String>, Wrong> {
    let Some(node) = fields.get("installed-in") else {
        return Ok(None);
    };
    let folder = node.text()?;
    if !is_below(folder) {
        let what = "a folder below the one of `./setup` is expected: \"bun-1.4.5\"";
        return Err(node.wrong(what));
    }
    Ok(Some(folder.to_owned()))
}

/// Whether a relative path leads nowhere but down.
fn is_below(path: &str) -> bool {
    let mut names = path.split('/');
    !path.contains('\0') && names.all(|it| !["", ".", ".."].contains(&it))
}

/// The files that it is given beside the artifact, by their names.
fn files(fields: &Fields<'_>) -> Result<BTreeMap<String, Template>, Wrong> {
    let Some(node) = fields.get("files") else {
        return Ok(BTreeMap::new());
    };
    let file = |(name, node): (&str, Node<'_>)| {
        if name.contains('/') || !is_below(name) {
            return Err(node.wrong("this is no name of a file: each lies in {work}"));
        }
        Ok((name.to_owned(), Template::read(&node, Placeholder::PATHS)?))
    };
    node.fields()?.all().into_iter().map(file).collect()
}

/// The folder of compiled code. It is emptied: it is never somebody's.
fn cache(fields: &Fields<'_>) -> Result<Option<Template>, Wrong> {
    let Some(node) = fields.get("cache") else {
        return Ok(None);
    };
    if !node.text()?.strip_prefix("{work}/").is_some_and(is_below) {
        let what = "this folder is emptied, so it lies in the system's own: \"{work}/cache\"";
        return Err(node.wrong(what));
    }
    Template::read(&node, &[Placeholder::Work]).map(Some)
}

fn label(fields: &Fields<'_>, name: &str) -> Result<String, Wrong> {
    let Some(node) = fields.get("label") else {
        return Ok(name.to_owned());
    };
    let label = node.text()?;
    check_label(label).map_err(|why| {
        node.wrong(format!(
            "{why}; it has at most {LONGEST_LABEL} bytes, all printable"
        ))
    })?;
    Ok(label.to_owned())
}

fn kind(fields: &Fields<'_>, taken: Taken) -> Result<SystemKind, Wrong> {
    let known = ["native", "wasm", "container", "isolate"];
    let Some(node) = fields.get("kind") else {
        return Ok(taken.kind());
    };
    match node.text()? {
        "native" => Ok(SystemKind::Native),
        "wasm" => Ok(SystemKind::Wasm),
        "container" => Ok(SystemKind::Container),
        "isolate" => Ok(SystemKind::Isolate),
        other => Err(node.none_of(other, "kind", &known)),
    }
}

/// Its ways to start: one for each code acquisition mode, or one for machine code.
fn ways(fields: &Fields<'_>, taken: Taken) -> Result<Vec<Way>, Wrong> {
    let Some(node) = fields.get("launch") else {
        return Err(fields.lacks("launch", "the command line of a start"));
    };
    let is_line = |key: &str| KINDS.contains(&key);
    let has_modes = node.is_table() && !node.fields()?.all().iter().any(|(key, _)| is_line(key));
    if let Taken::Program(_) = taken {
        if has_modes {
            return Err(node.wrong("machine code has no modes: `launch` is one command line"));
        }
        return Ok(vec![way(fields, None, &node, taken)?]);
    }
    if !has_modes {
        let what = format!(
            "how code is acquired is missing: `launch.MODE`, {}",
            modes().join(", ")
        );
        return Err(node.wrong(what));
    }
    for key in ["prepare", "proves"] {
        check_modes(fields, key, &node.fields()?)?;
    }
    let of_modes = node.fields()?.all().into_iter().map(|(key, line)| {
        let mode = Acquire::from_name(key);
        let mode = mode.ok_or_else(|| line.none_of(key, "code acquisition mode", &modes()))?;
        way(fields, Some(mode), &line, taken)
    });
    let ways: Vec<Way> = of_modes.collect::<Result<_, _>>()?;
    if ways.is_empty() {
        return Err(node.wrong("no mode is described"));
    }
    Ok(ways)
}

fn modes() -> Vec<&'static str> {
    Acquire::ALL.iter().map(|mode| mode.name()).collect()
}

/// Checks that what a key says for each mode, it says for modes that there are.
fn check_modes(fields: &Fields<'_>, key: &str, launches: &Fields<'_>) -> Result<(), Wrong> {
    let Some(node) = fields.get(key) else {
        return Ok(());
    };
    let described = launches.all();
    let known: Vec<_> = described.iter().map(|(mode, _)| *mode).collect();
    for (mode, node) in node.fields()?.all() {
        if !known.contains(&mode) {
            return Err(node.none_of(mode, "mode that is launched", &known));
        }
    }
    Ok(())
}

/// One way to start.
fn way(
    fields: &Fields<'_>,
    acquire: Option<Acquire>,
    line: &Node<'_>,
    taken: Taken,
) -> Result<Way, Wrong> {
    let of_mode = |key| of_mode(fields, key, acquire);
    let prepare = of_mode("prepare")?;
    let prepare = prepare
        .map(|node| CommandLine::read(&node, Placeholder::PATHS))
        .transpose()?;
    let launches = launches(line, taken)?;
    let writes_out = prepare
        .as_ref()
        .is_some_and(|it| it.mentions(Placeholder::Out));
    if !writes_out && launches.any(Placeholder::Out) {
        let mode = acquire.map_or("", Acquire::name);
        return Err(line.wrong(format!(
            "{{out}} is made by nothing: `prepare.{mode}` would say by what"
        )));
    }
    if let (Some(acquire), None) = (acquire, &prepare)
        && acquire.takes_precompiled()
    {
        let mode = acquire.name();
        return Err(line.wrong(format!(
            "code that was compiled before is compiled by something: `prepare.{mode}` is missing"
        )));
    }
    let cached = matches!(acquire, Some(Acquire::CacheMiss | Acquire::CacheHit));
    if cached && fields.get("cache").is_none() {
        let what =
            "the folder of compiled code, which is emptied or kept, such as \"{work}/cache\"";
        return Err(fields.lacks("cache", what));
    }
    let opens = match (of_mode("opens")?, taken) {
        (Some(node), _) => Some(Template::read(&node, Placeholder::PATHS)?),
        (None, Taken::Program(_)) => None,
        (None, _) => Some(Template::placeholder(if writes_out {
            Placeholder::Out
        } else {
            Placeholder::Artifact
        })),
    };
    Ok(Way {
        acquire,
        prepare,
        writes_out,
        launches,
        opens,
        proof: of_mode("proves")?.map(|it| proof(&it)).transpose()?,
        estimate: estimate(of_mode("estimate")?)?,
        too_much: too_much(of_mode("too-much")?)?,
    })
}

/// What a key says for a mode: for this one, or for all of them where it says nothing of modes.
fn of_mode<'a>(
    fields: &Fields<'a>,
    key: &str,
    acquire: Option<Acquire>,
) -> Result<Option<Node<'a>>, Wrong> {
    let Some(node) = fields.get(key) else {
        return Ok(None);
    };
    let known = modes();
    let of_modes = |node: &Node<'a>| -> Result<bool, Wrong> {
        Ok(node.is_table()
            && node
                .fields()?
                .all()
                .iter()
                .all(|(key, _)| known.contains(key)))
    };
    let (Some(acquire), true) = (acquire, of_modes(&node)?) else {
        // What is for each mode is not for machine code, and what is for all is no command.
        return Ok(
            Some(node).filter(|_| acquire.is_none() || !["prepare", "proves"].contains(&key))
        );
    };
    Ok(node.fields()?.get(acquire.name()))
}

/// The command lines of a way: one for both kinds of workloads, or one for each.
fn launches(node: &Node<'_>, taken: Taken) -> Result<Launches, Wrong> {
    let read = |node: &Node<'_>| CommandLine::read(node, Placeholder::LAUNCH);
    let (service, command) = if node.is_table() {
        let fields = node.fields()?;
        fields.check_keys(KINDS)?;
        let line = |key| fields.get(key).map(|it| read(&it)).transpose();
        let service = line("service")?;
        if service.as_ref().is_some_and(|it| !it.has_address()) {
            let what = "it is not told where to listen: {address}, or {ip} and {port}, say so";
            return Err(node.wrong(format!("service: {what}")));
        }
        (service, line("command")?)
    } else {
        let line = read(node)?;
        (
            Some(line.clone()).filter(CommandLine::has_address),
            Some(line),
        )
    };
    let lines = Launches { service, command };
    let (commands, services) = match taken {
        Taken::Program(_) | Taken::Scripts(Serving::Itself, _) => return Ok(lines),
        Taken::Scripts(Serving::Called, _) => (false, true),
        Taken::Guests { commands, services } => (commands, services.is_some()),
    };
    let wanted = [
        (
            commands && lines.command.is_none(),
            "takes `module`, and has no `command`",
        ),
        (
            services && lines.service.is_none(),
            "takes services, and none is told where to listen: {address}, or {ip} and {port}, \
                    say so",
        ),
    ];
    match wanted.into_iter().find(|(is_missing, _)| *is_missing) {
        Some((_, what)) => Err(node.wrong(format!("the system {what}"))),
        None => Ok(lines),
    }
}

fn proof(node: &Node<'_>) -> Result<Proof, Wrong> {
    let fields = node.fields()?;
    fields.check_keys(PROOFS)?;
    let Some(mapped) = fields.get("mapped") else {
        return Err(fields.lacks("mapped", "what the kernel maps, such as \"{out}\""));
    };
    if mapped.text()? == ANONYMOUS {
        return Ok(Proof::Anonymous);
    }
    Template::read(&mapped, Placeholder::PATHS).map(Proof::File)
}

fn estimate(node: Option<Node<'_>>) -> Result<Estimate, Wrong> {
    let unknown = Estimate::start(UNKNOWN_MS);
    let Some(node) = node else {
        return Ok(unknown);
    };
    let fields = node.fields()?;
    fields.check_keys(&["start-ms", "request-us"])?;
    let number = |key| fields.get(key).map(|it| it.number()).transpose();
    Ok(Estimate {
        start_ms: number("start-ms")?.unwrap_or(unknown.start_ms),
        request_us: number("request-us")?.unwrap_or(unknown.request_us),
    })
}

fn too_much(node: Option<Node<'_>>) -> Result<Vec<Workload>, Wrong> {
    let Some(node) = node else {
        return Ok(Vec::new());
    };
    let workload = |node: &Node<'_>| {
        let name = node.text()?;
        let known = Workload::ALL.map(Workload::name);
        Workload::from_name(name).ok_or_else(|| node.none_of(name, "workload", &known))
    };
    node.list()?.iter().map(workload).collect()
}

fn lifecycle(fields: &Fields<'_>, taken: Taken) -> Result<Lifecycle, Wrong> {
    let Some(node) = fields.get("lifecycle") else {
        return Ok(taken.lifecycle());
    };
    let name = node.text()?;
    let known: Vec<_> = Lifecycle::ALL.iter().map(|it| it.name()).collect();
    Lifecycle::from_name(name)
        .ok_or_else(|| node.none_of(name, "life cycle of an instance", &known))
}

fn out_extension(fields: &Fields<'_>) -> Result<String, Wrong> {
    let Some(node) = fields.get("out-extension") else {
        return Ok("out".to_owned());
    };
    let text = node.text()?;
    let is_plain = text.len() <= 16 && text.bytes().all(|it| it.is_ascii_alphanumeric());
    if !is_plain || text == "wasm" {
        return Err(
            node.wrong("the ending of a file's name is expected, without its point: \"so\"")
        );
    }
    Ok(text.to_owned())
}

fn environment(fields: &Fields<'_>) -> Result<BTreeMap<String, Template>, Wrong> {
    let Some(node) = fields.get("environment") else {
        return Ok(BTreeMap::new());
    };
    let variable = |(name, node): (&str, Node<'_>)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(node.wrong("this is no name of a variable"));
        }
        Ok((name.to_owned(), Template::read(&node, Placeholder::PATHS)?))
    };
    node.fields()?.all().into_iter().map(variable).collect()
}

fn hook(fields: &Fields<'_>, key: &str) -> Result<Option<CommandLine>, Wrong> {
    let node = fields.get(key);
    node.map(|node| CommandLine::read(&node, Placeholder::PATHS))
        .transpose()
}
