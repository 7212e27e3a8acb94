//! Core modules.

use host_probe::given::Interfaces;
use host_probe::request::{Kind, World};

use super::sections::{Import, Sections, Sort};
use super::{Inspected, Refusal, lacks, listed, lists, producers};

/// Functions of `wasi_snapshot_preview1`. WASI, `legacy/preview1/witx/wasi_snapshot_preview1.witx`.
const PREVIEW1: &str = "args_get args_sizes_get environ_get environ_sizes_get clock_res_get \
    clock_time_get fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags \
    fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread \
    fd_prestat_get fd_prestat_dir_name fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync \
    fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times path_link \
    path_open path_readlink path_remove_directory path_rename path_symlink path_unlink_file \
    poll_oneoff proc_exit proc_raise sched_yield random_get sock_accept sock_recv sock_send \
    sock_shutdown";

/// Modules that hosts other than this one have, and what a guest that imports from them is for.
const OTHER_HOSTS: [(&str, &str); 9] = [
    (
        "wasi_unstable",
        "it is built for WASI 0.0; build it for wasm32-wasip1",
    ),
    (
        "wasix_",
        "it is built for WASIX, which Wasmer has; build it for wasm32-wasip1",
    ),
    (
        "wasi_ephemeral_",
        "it needs a proposal (such as wasi-nn or wasi-crypto) that no host here has",
    ),
    (
        "fastly_",
        "it is built for Fastly's host; its SDK for wasi:http makes a component",
    ),
    (
        "spin",
        "it is built for Spin's own interfaces; a component for wasi:http is served here too",
    ),
    (
        "env::proxy_",
        "it is a filter for Envoy (proxy-wasm), not a program",
    ),
    (
        "teavm",
        "TeaVM makes guests for JavaScript hosts; its target `wasi` makes a command",
    ),
    (
        "GOT.",
        "it is a shared library, to be linked at run time; link it statically",
    ),
    (
        "wasi::thread-spawn",
        "it starts threads (wasi-threads, wasm32-wasip1-threads), which no host here has; build \
            it for wasm32-wasip1",
    ),
];

/// What a core module is, or what is wrong with it.
pub(super) fn classify(sections: &Sections) -> Result<Inspected, Refusal> {
    check_imports(sections)?;
    let start = sections.exports.iter().find(|it| it.name == "_start");
    match start.map(|start| start.sort) {
        Some(Sort::Function(Some((0, 0)) | None)) => Ok(Inspected {
            kind: Kind::Module,
            world: World::Preview1,
            interfaces: Interfaces::default(),
            serves: false,
        }),
        Some(Sort::Function(Some((parameters, results)))) => Err(Refusal::new(
            format!(
                "exports a `_start` that takes {} and returns {}; that of a command takes and \
                    returns nothing",
                count(parameters, "parameter"),
                count(results, "value")
            ),
            "a command gets its arguments from WASI and exits by `proc_exit`; rename the function \
                and call it from a `_start` without parameters",
        )
        .told(sections)),
        Some(_) => Err(Refusal::new(
            "exports a `_start` that is no function",
            "that of a command is a function without parameters",
        )),
        None => Err(without_start(sections)),
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => "nothing".to_owned(),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn check_imports(sections: &Sections) -> Result<(), Refusal> {
    let missing = |import: &&Import| {
        import.module != "wasi_snapshot_preview1"
            || !matches!(import.sort, Sort::Function(_))
            || !lists(PREVIEW1, &import.name)
    };
    let missing: Vec<&Import> = sections.imports.iter().filter(missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|import| full_name(import)).collect();
    let refusal = Refusal::new(lacks(&names), hint(&missing, &names));
    Err(if of_other_host(&names).is_some() {
        refusal.told(sections)
    } else {
        match producers::of(sections) {
            // Compilers and linkers whose guests fit unless they ask for more themselves.
            Some(producer) if matches!(producer.name, "rustc" | "clang" | "Zig" | "Swift") => {
                refusal.told(sections)
            }
            _ => refusal.of_producer(sections),
        }
    })
}

/// An import as a message has it: what is no function says what it is.
fn full_name(import: &Import) -> String {
    let sort = match import.sort {
        Sort::Memory { shared: true } => " (a shared memory)",
        Sort::Memory { shared: false } => " (a memory)",
        Sort::Table => " (a table)",
        Sort::Global => " (a global)",
        Sort::Tag => " (a tag)",
        _ => "",
    };
    format!("{}::{}{sort}", import.module, import.name)
}

fn of_other_host(names: &[String]) -> Option<&'static str> {
    let mut hosts = OTHER_HOSTS.iter();
    let (_, hint) =
        hosts.find(|(beginning, _)| names.iter().any(|name| name.starts_with(beginning)))?;
    Some(hint)
}

fn hint(missing: &[&Import], names: &[String]) -> String {
    if let Some(hint) = of_other_host(names) {
        return hint.to_owned();
    }
    let memory = missing
        .iter()
        .find(|import| matches!(import.sort, Sort::Memory { .. }));
    match memory.map(|memory| memory.sort) {
        Some(Sort::Memory { shared: true }) => {
            "it expects a memory that threads share; build it without threads, so that it has a \
                memory of its own"
        }
        Some(_) => {
            "it expects its memory from the host (`--import-memory`); build it so that it defines \
                and exports one"
        }
        None => "the host has wasi_snapshot_preview1 and nothing else for core modules",
    }
    .to_owned()
}

fn without_start(sections: &Sections) -> Refusal {
    let functions: Vec<_> = sections
        .exports
        .iter()
        .filter(|export| matches!(export.sort, Sort::Function(_)))
        .map(|export| export.name.clone())
        .collect();
    let what = format!(
        "is a core module without `_start`; it exports {}",
        listed(&functions)
    );
    let exports = |name: &str| functions.iter().any(|export| export == name);
    if functions.iter().any(|name| name.contains('#')) || exports("cabi_realloc") {
        let hint = "it is the core of a component that was never made one: `wasm-tools component \
            new` makes it";
        return Refusal::new(what, hint).told(sections);
    }
    if exports("_initialize") {
        let hint = "it is a reactor, a library without a program; build it as a command, with a \
            main function";
        return Refusal::new(what, hint).told(sections);
    }
    let hint = "only commands can be measured: programs with a main function, built for \
        wasm32-wasip1";
    Refusal::new(what, hint).of_producer(sections)
}
