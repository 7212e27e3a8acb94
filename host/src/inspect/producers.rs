//! Toolchains that people make guests with: how a guest of each is recognised, and what to build
//! where it does not fit.

use super::sections::{Import, Sections};

/// A toolchain.
pub(super) struct Producer {
    /// What it is called.
    pub(super) name: &'static str,
    /// Each of them alone recognises it.
    marks: &'static [Mark],
    /// What makes a guest that can be measured with it.
    pub(super) advice: &'static str,
}

/// What a toolchain leaves in a guest.
enum Mark {
    /// This entry in the `producers` section, under whichever field.
    Produced(&'static str),
    /// An import from this module, of a name that begins so.
    Import(&'static str, &'static str),
    /// A custom section.
    Section(&'static str),
}

use Mark::{Import as Imports, Produced, Section};

/// Every toolchain that is known. The first that left a mark is the one whose advice helps: what a
/// language's own compiler made is often processed further, by a linker or by an encoder of
/// components.
const KNOWN: &[Producer] = &[
    Producer {
        name: "componentize-js",
        marks: &[Produced("ComponentizeJS"), Produced("StarlingMonkey")],
        advice: "`componentize-js` with a world that exports wasi:http/incoming-handler@0.2.x, \
            such as wasi:http/proxy",
    },
    Producer {
        name: "componentize-py",
        marks: &[Produced("componentize-py")],
        advice: "`componentize-py -w wasi:http/proxy@0.2.0 componentize app` makes a service, the \
            world wasi:cli/command a command",
    },
    Producer {
        name: "Javy",
        marks: &[
            Produced("Javy"),
            Produced("javy"),
            Imports("javy_quickjs_provider", ""),
            Imports("javy-default-plugin", ""),
        ],
        advice: "`javy build` without `-C dynamic` makes a module that needs WASI only",
    },
    Producer {
        name: "TinyGo",
        marks: &[Produced("TinyGo")],
        advice: "`tinygo build -target=wasip1` makes a command, `-target=wasip2` a component",
    },
    Producer {
        name: "Go's compiler",
        marks: &[
            Produced("Go cmd/compile"),
            Produced("Go"),
            Imports("gojs", ""),
            Imports("go", "runtime."),
            Imports("go", "syscall/js."),
        ],
        advice: "`GOOS=wasip1 GOARCH=wasm go build` makes a command; GOOS=js is for JavaScript \
            hosts",
    },
    Producer {
        name: "wasm-bindgen",
        marks: &[
            Produced("wasm-bindgen"),
            Imports("__wbindgen", ""),
            Imports("wbg", ""),
        ],
        advice: "its guests are for JavaScript hosts; `cargo build --target \
            wasm32-wasip1` without it makes a command, wasm32-wasip2 a component",
    },
    Producer {
        name: "AssemblyScript",
        marks: &[
            Produced("AssemblyScript"),
            Imports("env", "abort"),
            Imports("env", "seed"),
            Imports("env", "trace"),
        ],
        advice: "`asc --config node_modules/@assemblyscript/wasi-shim/asconfig.json \
            --exportStart _start` makes a command for WASI 0.1",
    },
    Producer {
        name: "Emscripten",
        marks: &[
            Produced("Emscripten"),
            Section("emscripten_metadata"),
            Imports("env", "emscripten_"),
            Imports("env", "_emscripten_"),
            Imports("env", "_embind_"),
            Imports("env", "invoke_"),
            Imports("env", "__syscall_"),
            Imports("env", "__cxa_"),
            Imports("env", "__assert_fail"),
            // Names as `-O3` shortens them.
            Imports("a", ""),
        ],
        advice: "its guests are for JavaScript hosts; `emcc -sSTANDALONE_WASM` or the \
            clang of wasi-sdk makes a command for WASI 0.1",
    },
    Producer {
        name: "Kotlin",
        marks: &[
            Produced("Kotlin"),
            Imports("intrinsics", ""),
            Imports("js_code", ""),
        ],
        advice: "its target `wasmWasi` makes guests for WASI 0.1, `wasmJs` for JavaScript \
            hosts",
    },
    Producer {
        name: "dart2wasm",
        marks: &[Imports("dart2wasm", "")],
        advice: "its guests are for JavaScript hosts only",
    },
    Producer {
        name: "cargo-component",
        marks: &[Produced("cargo-component")],
        advice: "`cargo component new` without `--lib` makes a command; a service implements the \
            world wasi:http/proxy",
    },
    Producer {
        name: "rustc",
        marks: &[Produced("rustc"), Produced("Rust")],
        advice: "`cargo build --target wasm32-wasip1` of a program with `main` makes a command, \
            `--target wasm32-wasip2` a component",
    },
    Producer {
        name: "Swift",
        marks: &[Produced("Swift")],
        advice: "its SDK for wasm32-unknown-wasip1 makes a command of a program with `@main`",
    },
    Producer {
        name: "Zig",
        marks: &[Produced("Zig")],
        advice: "`zig build-exe -target wasm32-wasi` makes a command",
    },
    Producer {
        name: "clang",
        marks: &[Produced("clang")],
        advice: "wasi-sdk's `clang --target=wasm32-wasip1` makes a command of a program with \
            `main`, unless `-mexec-model=reactor` is set",
    },
    Producer {
        name: "jco",
        marks: &[Produced("jco")],
        advice: "`jco componentize` with a world that exports wasi:http/incoming-handler@0.2.x \
            makes a service",
    },
    Producer {
        name: "wit-component",
        marks: &[Produced("wit-component")],
        advice: "`wasm-tools component new` with the adapter for commands makes a command of a \
            module for WASI 0.1",
    },
];

impl Mark {
    fn is_left_in(&self, sections: &Sections) -> bool {
        match self {
            Produced(name) => sections.producers.iter().any(|entry| entry.name == *name),
            Imports(module, name) => sections.imports.iter().any(|import: &Import| {
                // The modules of two toolchains have a version or a hash in their names.
                let of_module = import.module == *module
                    || (module.len() > 2 && import.module.starts_with(module));
                of_module && import.name.starts_with(name)
            }),
            Section(name) => sections.customs.iter().any(|custom| custom == name),
        }
    }
}

/// The toolchain that made a guest, if it is known.
pub(super) fn of(sections: &Sections) -> Option<&'static Producer> {
    let mut known = KNOWN.iter();
    known.find(|producer| producer.marks.iter().any(|mark| mark.is_left_in(sections)))
}

/// What the `producers` sections name, as a message has it: nothing if they name nothing.
pub(super) fn told(sections: &Sections) -> String {
    const SHOWN: usize = 4;
    if sections.producers.is_empty() {
        return String::new();
    }
    let entry = |entry: &super::sections::Produced| match entry.version.split(' ').next() {
        Some("") | None => entry.name.clone(),
        Some(version) => format!("{} {version}", entry.name),
    };
    let names: Vec<_> = sections.producers.iter().take(SHOWN).map(entry).collect();
    format!(" (its producers: {})", names.join(", "))
}
