//! Components.

use host_probe::given::Interfaces;
use host_probe::request::{Kind, World};

use super::sections::{Import, Sections, Sort};
use super::{Inspected, Refusal, lacks, listed, lists};
use crate::engine::wasmtime::state;

/// Interfaces of `wasi:http/proxy`, and of `wasi:cli/imports` beside it. WASI 0.2.
const PROXY: &str = "wasi:http/types wasi:http/outgoing-handler wasi:io/error wasi:io/poll \
    wasi:io/streams wasi:clocks/monotonic-clock wasi:clocks/wall-clock wasi:random/random \
    wasi:cli/stdin wasi:cli/stdout wasi:cli/stderr";
const BEYOND_PROXY: &str = "wasi:cli/environment wasi:cli/exit wasi:cli/terminal-input \
    wasi:cli/terminal-output wasi:cli/terminal-stdin wasi:cli/terminal-stdout \
    wasi:cli/terminal-stderr wasi:filesystem/types wasi:filesystem/preopens wasi:random/insecure \
    wasi:random/insecure-seed wasi:sockets/network wasi:sockets/instance-network \
    wasi:sockets/ip-name-lookup wasi:sockets/tcp wasi:sockets/tcp-create-socket wasi:sockets/udp \
    wasi:sockets/udp-create-socket";

/// What a component is, or what is wrong with it.
pub(super) fn classify(sections: &Sections) -> Result<Inspected, Refusal> {
    let needed: Vec<&Import> = sections.imports.iter().filter(|it| is_needed(it)).collect();
    check_imports(sections, &needed)?;
    let exports = |export: &str| {
        sections.exports.iter().any(|it| {
            matches!(it.sort, Sort::Instance { .. })
                && interface(&it.name) == export
                && is_version2(&it.name)
        })
    };
    let serves = exports("wasi:http/incoming-handler");
    if !serves && !exports("wasi:cli/run") {
        return Err(without_entry(sections));
    }
    let imports = |known: &[&str]| {
        let mut names = needed.iter().map(|import| import.module.as_str());
        names.any(|name| known.contains(&name))
    };
    let interfaces = Interfaces {
        config: imports(&state::CONFIG),
        keyvalue: imports(&state::KEYVALUE),
    };
    let proxy = serves
        && needed
            .iter()
            .all(|import| lists(PROXY, interface(&import.module)) || state::has(&import.module));
    Ok(Inspected {
        kind: Kind::Component,
        world: if proxy { World::Proxy } else { World::Full },
        interfaces,
        serves,
    })
}

/// Whether a host has to give it. A type that is known already, and an instance of nothing else,
/// come out of the component itself: `use wasi:http/types.{…}` at the top of a world is such an
/// import.
fn is_needed(import: &Import) -> bool {
    !matches!(import.sort, Sort::Alias | Sort::Instance { empty: true })
}

fn interface(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

fn version(name: &str) -> &str {
    name.split_once('@').map_or("", |(_, version)| version)
}

/// Whether the version is a release of WASI 0.2, which any other release of it satisfies.
fn is_version2(name: &str) -> bool {
    version(name)
        .strip_prefix("0.2.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The version of a name, if it is one of WASI's before or beyond 0.2, with what to do about it.
fn other_version(name: &str) -> Option<String> {
    let version = version(name);
    if !name.starts_with("wasi:") {
        return None;
    }
    // Drafts, none of which stands for another.
    let known = if name.starts_with("wasi:config/") {
        state::CONFIG.as_slice()
    } else if name.starts_with("wasi:keyvalue/") {
        state::KEYVALUE.as_slice()
    } else {
        &[]
    };
    if !known.is_empty() {
        return Some(format!(
            "the host has {}; build it against one of these, or compose it with a component that \
                provides what it imports (`wac plug`)",
            known.join(", ")
        ));
    }
    if version.starts_with("0.2.") && version.contains('-') {
        return Some(format!(
            "it is built for {version}, a release candidate of WASI 0.2; build it with a \
                toolchain of 2024 or later, which builds for a release of it"
        ));
    }
    if version.starts_with("0.3.") {
        return Some("it is built for WASI 0.3; the host has WASI 0.2".to_owned());
    }
    None
}

fn check_imports(sections: &Sections, needed: &[&Import]) -> Result<(), Refusal> {
    let known = |import: &Import| {
        let interface = interface(&import.module);
        let of_wasi = is_version2(&import.module)
            && (lists(PROXY, interface) || lists(BEYOND_PROXY, interface));
        matches!(import.sort, Sort::Instance { .. }) && (of_wasi || state::has(&import.module))
    };
    let missing: Vec<_> = needed
        .iter()
        .filter(|import| !known(import))
        .map(|import| full_name(import))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if let Some(hint) = missing.iter().find_map(|name| other_version(name)) {
        return Err(Refusal::new(lacks(&missing), hint));
    }
    let hint = "the host has WASI 0.2, wasi:http, wasi:config and wasi:keyvalue; compose the component with one that provides \
        the rest (`wac plug`)";
    Err(Refusal::new(lacks(&missing), hint).told(sections))
}

/// An import as a message has it: what is no interface says what it is.
fn full_name(import: &Import) -> String {
    let sort = match import.sort {
        Sort::Function(_) => " (a function)",
        Sort::Resource => " (a resource)",
        Sort::Other => " (a module, a component or a value)",
        _ => "",
    };
    format!("{}{sort}", import.module)
}

fn without_entry(sections: &Sections) -> Refusal {
    let exported = |is: fn(Sort) -> bool| {
        let exports = sections.exports.iter().filter(move |it| is(it.sort));
        exports.map(|it| it.name.clone()).collect::<Vec<_>>()
    };
    let functions = exported(|sort| matches!(sort, Sort::Function(_)));
    let interfaces = exported(|sort| matches!(sort, Sort::Instance { .. }));
    if let Some(hint) = interfaces.iter().find_map(|name| other_version(name)) {
        let what = format!(
            "is a component for another version of WASI; it exports {}",
            listed(&interfaces)
        );
        return Refusal::new(what, hint).told(sections);
    }
    if interfaces.is_empty() && !functions.is_empty() {
        let what = format!(
            "is a component that exports functions at its root ({}) and no interface: a library",
            listed(&functions)
        );
        let hint = "services and commands can be measured; export wasi:http/incoming-handler or \
            wasi:cli/run, or compose it with a component that does and that calls it (`wac plug`)";
        return Refusal::new(what, hint).told(sections);
    }
    let what = format!(
        "is a component that exports neither wasi:http/incoming-handler@0.2 nor \
            wasi:cli/run@0.2; it exports {}",
        listed(&[interfaces, functions].concat())
    );
    let hint = "services and commands can be measured; build it for the world wasi:http/proxy or \
        wasi:cli/command";
    Refusal::new(what, hint).of_producer(sections)
}
