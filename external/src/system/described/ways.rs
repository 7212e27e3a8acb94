//! The ways to start that a description has: by its code acquisition modes.

use results::values::Named as _;
use workloads::{Serving, Workload};

use super::super::placeholders::Placeholder;
use super::super::{Acquire, Estimate};
use super::taken::Taken;
use super::template::{CommandLine, Template};
use super::{Launches, Proof, Way};
use crate::document::{Fields, Node, Wrong};

/// The keys of a command line for each kind of workload.
const KINDS: &[&str] = &["service", "command"];

/// How a sample shows which way it went.
const PROOFS: &[&str] = &["mapped"];

/// Code that is mapped out of no file.
const ANONYMOUS: &str = "anonymous";

/// Keys that say something for each mode, and those that may say it for all at once.
const OF_EACH_MODE: [&str; 2] = ["prepare", "proves"];
const OF_SOME_MODES: [&str; 3] = ["opens", "too-much", "estimate"];

/// How long a start takes of which nobody has said it, in milliseconds.
const UNKNOWN_MS: f64 = 100.0;

/// Its ways to start: one for each code acquisition mode, or one for machine code.
pub(super) fn read(fields: &Fields<'_>, taken: Taken) -> Result<Vec<Way>, Wrong> {
    let Some(node) = fields.get("launch") else {
        return Err(fields.lacks("launch", "the command line of a start"));
    };
    let is_line = |key: &str| KINDS.contains(&key);
    let has_modes = node.is_table() && !node.fields()?.all().iter().any(|it| is_line(it.key));
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
    let launches = node.fields()?;
    let described = launches.all();
    for key in OF_EACH_MODE {
        check_modes(fields, key, &launches)?;
    }
    let of_modes = described.iter().map(|line| {
        let mode = Acquire::from_name(line.key);
        let mode = mode.ok_or_else(|| line.none_of(line.key, "code acquisition mode", &modes()))?;
        Ok((mode, line))
    });
    let of_modes = of_modes.collect::<Result<Vec<_>, _>>()?;
    // A launch that is misspelt is named itself, and not what says something for it.
    for key in OF_SOME_MODES {
        check_modes(fields, key, &launches)?;
    }
    let of_modes = of_modes
        .into_iter()
        .map(|(mode, line)| way(fields, Some(mode), line, taken));
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
    if !OF_EACH_MODE.contains(&key) && !says_modes(&node, key)? {
        return Ok(());
    }
    let described = launches.all();
    let known: Vec<_> = described.iter().map(|it| it.key).collect();
    for node in node.fields()?.all() {
        if !known.contains(&node.key) {
            return Err(node.none_of(node.key, "mode that is launched", &known));
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
    let (Some(acquire), true) = (acquire, says_modes(&node, key)?) else {
        // What is for each mode is not for machine code, and what is for all is no command.
        return Ok(Some(node).filter(|_| acquire.is_none() || !OF_EACH_MODE.contains(&key)));
    };
    Ok(node.fields()?.get(acquire.name()))
}

/// Whether what a key says is for modes by their names: of an estimate there are tables for that, in a
/// table which would else have numbers.
fn says_modes(node: &Node<'_>, key: &str) -> Result<bool, Wrong> {
    if !node.is_table() {
        return Ok(false);
    }
    let values = node.fields()?.all();
    Ok(key != "estimate" || values.iter().any(Node::is_table))
}

/// The command lines of a way: one for both kinds of workloads, or one for each.
fn launches(node: &Node<'_>, taken: Taken) -> Result<Launches, Wrong> {
    let read = |node: &Node<'_>| CommandLine::read(node, Placeholder::LAUNCH);
    let (service, command) = if node.is_table() {
        let fields = node.known_fields(KINDS)?;
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
    let fields = node.known_fields(PROOFS)?;
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
    let fields = node.known_fields(&["start-ms", "request-us"])?;
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
