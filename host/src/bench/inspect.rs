//! What a file is, by its bytes alone and before any engine sees it.

use std::path::Path;

use wasmparser::{ComponentExternalKind, Encoding, ExternalKind, Parser, Payload, TypeRef};

use campaign::{Error, Exit};
use host_probe::request::{Kind, World};

/// What a usable artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) kind: Kind,
    /// The smallest set of host functions that has all its imports.
    pub(crate) world: World,
    /// Whether it handles HTTP requests; otherwise it runs to completion.
    pub(crate) serves: bool,
}

/// Functions of `wasi_snapshot_preview1`. WASI, `legacy/preview1/witx/wasi_snapshot_preview1.witx`.
const PREVIEW1: &str = "args_get args_sizes_get environ_get environ_sizes_get clock_res_get \
    clock_time_get fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags \
    fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread \
    fd_prestat_get fd_prestat_dir_name fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync \
    fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times path_link \
    path_open path_readlink path_remove_directory path_rename path_symlink path_unlink_file \
    poll_oneoff proc_exit proc_raise sched_yield random_get sock_accept sock_recv sock_send \
    sock_shutdown";

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

fn lists(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|known| known == name)
}

/// Looks at the bytes of `path`.
///
/// # Errors
/// Why they cannot be measured, and what would mend it.
pub(crate) fn inspect(path: &Path, bytes: &[u8]) -> Result<Inspected, Error> {
    let refuse = |what: &str, hint: &str| {
        Err(Error::new(Exit::Artifact, format!("{} {what}", path.display())).hint(hint))
    };
    match bytes {
        [] => return refuse("is empty", "was its build interrupted?"),
        [b'\0', b'a', b's', b'm', ..] => {}
        [0x7f, b'E', b'L', b'F', ..] => {
            return refuse(
                "is an ELF file, not Wasm",
                "a native program or precompiled code; give the .wasm that it was made from, \
                    coldphase compiles it itself",
            );
        }
        _ if is_text_format(bytes) => {
            return refuse(
                "is Wasm in the text format",
                "turn it into the binary format with `wasm-tools parse` or `wat2wasm`",
            );
        }
        _ if b"\0asm".starts_with(bytes) => {
            return refuse(
                "is cut off: it ends within its header",
                "copy or build it again",
            );
        }
        _ => {
            return refuse(
                "is not Wasm: it does not begin with `\\0asm`",
                "give a core module or a component",
            );
        }
    }
    let found = match Found::parse(bytes) {
        Ok(found) => found,
        Err(error) if error.message().contains("unexpected end") => {
            return refuse(&format!("is cut off: {error}"), "copy or build it again");
        }
        Err(error) => {
            return refuse(
                &format!("is damaged: {error}"),
                "`wasm-tools validate` reports more",
            );
        }
    };
    found.classify().map_err(|(what, hint)| {
        Error::new(Exit::Artifact, format!("{} {what}", path.display())).hint(hint)
    })
}

fn is_text_format(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    [&b"(module"[..], b"(component", b";;", b"(;"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// The outermost level of a binary.
struct Found {
    kind: Kind,
    imports: Vec<(String, String)>,
    exports: Vec<String>,
}

impl Found {
    fn parse(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut found = Self {
            kind: Kind::Module,
            imports: Vec::new(),
            exports: Vec::new(),
        };
        // How deep the parser is in modules and components within the component.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { encoding, .. } if depth == 0 => {
                    found.kind = if encoding == Encoding::Component {
                        Kind::Component
                    } else {
                        Kind::Module
                    };
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ImportSection(section) if depth == 0 => {
                    for import in section.into_imports() {
                        let import = import?;
                        let name = if matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
                        {
                            import.name.to_owned()
                        } else {
                            format!("{} (not a function)", import.name)
                        };
                        found.imports.push((import.module.to_owned(), name));
                    }
                }
                Payload::ExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            found.exports.push(export.name.to_owned());
                        }
                    }
                }
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        found
                            .imports
                            .push((import?.name.name.to_owned(), String::new()));
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export?;
                        if export.kind == ComponentExternalKind::Instance {
                            found.exports.push(export.name.name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// What it is, or what is wrong with it and what would mend it.
    fn classify(&self) -> Result<Inspected, (String, String)> {
        match self.kind {
            Kind::Module => self.classify_module(),
            Kind::Component => self.classify_component(),
        }
    }

    fn classify_module(&self) -> Result<Inspected, (String, String)> {
        let missing = |(module, name): &&(String, String)| {
            module != "wasi_snapshot_preview1" || !lists(PREVIEW1, name)
        };
        let missing: Vec<_> = self
            .imports
            .iter()
            .filter(missing)
            .map(|(module, name)| format!("{module}::{name}"))
            .collect();
        if !missing.is_empty() {
            let hint = if missing.iter().any(|name| name.starts_with("env::")) {
                "a module from Emscripten or wasm-bindgen expects a JavaScript host; build it for \
                    wasm32-wasip1"
            } else if missing.iter().any(|name| name.starts_with("wasi_unstable")) {
                "it is built for WASI 0.0; build it for wasm32-wasip1"
            } else {
                "the host has wasi_snapshot_preview1 and nothing else for core modules"
            };
            return Err((lacks(&missing), hint.to_owned()));
        }
        if self.exports.iter().any(|name| name == "_start") {
            return Ok(Inspected {
                kind: Kind::Module,
                world: World::Preview1,
                serves: false,
            });
        }
        let hint = if self.exports.iter().any(|name| name == "_initialize") {
            "it is a reactor, a library without a program; build it as a command, with a main \
                function"
        } else {
            "only commands can be measured: programs with a main function, built for wasm32-wasip1"
        };
        Err((
            format!(
                "is a core module without `_start`; it exports {}",
                listed(&self.exports)
            ),
            hint.to_owned(),
        ))
    }

    fn classify_component(&self) -> Result<Inspected, (String, String)> {
        let interface = |name: &str| name.split('@').next().unwrap_or(name).to_owned();
        let version2 = |name: &str| {
            name.split_once('@')
                .is_some_and(|(_, version)| version.starts_with("0.2."))
        };
        let names = || self.imports.iter().map(|(name, _)| name.as_str());
        let known = |name: &str| {
            version2(name)
                && (lists(PROXY, &interface(name)) || lists(BEYOND_PROXY, &interface(name)))
        };
        let missing: Vec<_> = names()
            .filter(|name| !known(name))
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            let p3 = missing.iter().any(|name| name.contains("@0.3."));
            let hint = if p3 {
                "it is built for WASI 0.3; the host has WASI 0.2"
            } else {
                "the host has WASI 0.2 and wasi:http; compose the component with one that \
                    provides the rest (`wac plug`)"
            };
            return Err((lacks(&missing), hint.to_owned()));
        }
        let exports = |export: &str| {
            self.exports
                .iter()
                .any(|name| interface(name) == export && version2(name))
        };
        let serves = exports("wasi:http/incoming-handler");
        if !serves && !exports("wasi:cli/run") {
            return Err((
                format!(
                    "is a component that exports neither wasi:http/incoming-handler@0.2 nor \
                        wasi:cli/run@0.2; it exports {}",
                    listed(&self.exports)
                ),
                "services and commands can be measured; build it for the world wasi:http/proxy or \
                    wasi:cli/command"
                    .to_owned(),
            ));
        }
        let proxy = serves && names().all(|name| lists(PROXY, &interface(name)));
        Ok(Inspected {
            kind: Kind::Component,
            world: if proxy { World::Proxy } else { World::Full },
            serves,
        })
    }
}

fn lacks(missing: &[String]) -> String {
    format!("imports what the host lacks: {}", listed(missing))
}

/// The names, or as many as a person reads.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0 => "nothing".to_owned(),
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use workloads::Artifact;

    use super::*;

    fn message(bytes: &[u8]) -> String {
        inspect(Path::new("guest"), bytes).unwrap_err().to_string()
    }

    fn wat(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn the_built_guests_are_what_they_are_for() {
        let inspected =
            |artifact: Artifact| inspect(&artifact.path(), &artifact.read().unwrap()).unwrap();
        let command = Inspected {
            kind: Kind::Module,
            world: World::Preview1,
            serves: false,
        };
        assert_eq!(inspected(Artifact::Hello), command);
        assert_eq!(inspected(Artifact::CpuHash), command);
        let service = Inspected {
            kind: Kind::Component,
            world: World::Proxy,
            serves: true,
        };
        assert_eq!(inspected(Artifact::HttpComponent), service);
    }

    #[test]
    fn says_what_a_file_is_instead() {
        insta::assert_snapshot!(
            [
                message(b""),
                message(b"\0as"),
                message(b"\x7fELF and so on"),
                message(b"  (module)"),
                message(b"#!/bin/sh"),
                message(&Artifact::Hello.read().unwrap()[..20_000]),
                message(b"\0asm\x01\0\0\0\xff\xff\xff"),
                message(&wat("(module)")),
                message(&wat(r#"(module (func (export "_initialize")))"#)),
                message(&wat(r#"(module (import "env" "emscripten_memcpy" (func)) (func (export "_start")))"#)),
                message(&wat(r#"(module (import "wasi_snapshot_preview1" "sock_open" (func)) (func (export "_start")))"#)),
                message(&wat("(component)")),
                message(&wat(
                    r#"(component (import "acme:kv/store@1.0.0" (instance)) (import "wasi:io/error@0.2.3" (instance)) (import "log" (func)))"#
                )),
                message(&wat(r#"(component (import "wasi:http/types@0.3.0" (instance)))"#)),
            ]
            .join("\n")
        );
    }
}
