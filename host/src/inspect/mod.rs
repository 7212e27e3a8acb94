//! What a file is and what it would need, by its bytes alone and before any engine sees it.

mod component;
mod module;
mod producers;
mod sections;

use std::path::Path;

use campaign::{Error, Exit};
use host_probe::given::Interfaces;
use host_probe::request::{Kind, World};

use self::sections::{Broken, Sections};

/// What a usable artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) kind: Kind,
    /// The smallest set of host functions that has all its imports.
    pub(crate) world: World,
    /// What it imports beyond that, and the host has.
    pub(crate) interfaces: Interfaces,
    /// Whether it handles HTTP requests; otherwise it runs to completion.
    pub(crate) serves: bool,
}

/// Why a file cannot be measured, and what would mend it.
struct Refusal {
    what: String,
    hint: String,
}

impl Refusal {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// The same, with who made the file.
    fn told(mut self, sections: &Sections) -> Self {
        self.what.push_str(&producers::told(sections));
        self
    }

    /// The same, with that toolchain's own advice for a hint, if it is known.
    fn of_producer(self, sections: &Sections) -> Self {
        let mut this = self.told(sections);
        if let Some(producer) = producers::of(sections) {
            this.hint = format!("made by {}: {}", producer.name, producer.advice);
        }
        this
    }
}

/// Looks at the bytes of `path`.
///
/// # Errors
/// Why they cannot be measured, and what would mend it.
pub(crate) fn inspect(path: &Path, bytes: &[u8]) -> Result<Inspected, Error> {
    classify(bytes).map_err(|Refusal { what, hint }| {
        Error::new(Exit::Artifact, format!("{} {what}", path.display())).hint(hint)
    })
}

/// Whether these bytes are a service that can be served here.
pub(crate) fn serves(bytes: &[u8]) -> bool {
    classify(bytes).is_ok_and(|inspected| inspected.serves)
}

/// What keeps a file that an engine would not take from being used, in other words than the
/// engine's: nothing, if its sections do not say. It was `given` so, and is read at `readable`.
pub(crate) fn explain(given: &Path, readable: &Path) -> Option<Error> {
    let bytes = std::fs::read(readable).ok()?;
    // Of precompiled code, the engine's own words are the better ones.
    bytes.starts_with(b"\0asm").then_some(())?;
    inspect(given, &bytes).err()
}

/// What a file is that does not begin as Wasm does: nothing, if it cannot be read. It was `given` so,
/// and is read at `readable`.
pub(crate) fn explain_other(given: &Path, readable: &Path) -> Option<Error> {
    /// What a file is shows long before; it may be a disk's image.
    const BEGINNING: u64 = 64 * 1024;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(readable).ok()?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, BEGINNING), &mut bytes).ok()?;
    let Refusal { what, hint } = check_beginning(&bytes).err()?;
    Some(Error::new(Exit::Artifact, format!("{} {what}", given.display())).hint(hint))
}

fn classify(bytes: &[u8]) -> Result<Inspected, Refusal> {
    check_beginning(bytes)?;
    let sections = Sections::parse(bytes).map_err(|broken| refuse_broken(&broken, bytes.len()))?;
    match sections.kind() {
        Kind::Module => module::classify(&sections),
        Kind::Component => component::classify(&sections),
    }
}

/// Whether the file begins as Wasm does; if not, what it is instead.
fn check_beginning(bytes: &[u8]) -> Result<(), Refusal> {
    Err(match bytes {
        [] => Refusal::new("is empty", "was its build interrupted?"),
        [b'\0', b'a', b's', b'm', _, _, _, _, ..] => return Ok(()),
        [0x7f, b'E', b'L', b'F', ..] => Refusal::new(
            "is an ELF file, not Wasm",
            "a native program or precompiled code; give the .wasm that it was made from, \
                coldphase compiles it itself",
        ),
        _ if is_text_format(bytes) => Refusal::new(
            "is Wasm in the text format",
            "turn it into the binary format with `wasm-tools parse` or `wat2wasm`",
        ),
        _ if bytes.starts_with(b"\0asm") || b"\0asm".starts_with(bytes) => Refusal::new(
            "is cut off: it ends within its header",
            "copy or build it again",
        ),
        _ if bytes.starts_with(b"version https://git-lfs") => Refusal::new(
            "is a pointer of Git LFS, and not the file that it stands for",
            "`git lfs pull` fetches that",
        ),
        [b'{' | b'<', ..] => Refusal::new(
            "is not Wasm: it begins like a text file",
            "was an error page or a description downloaded in its place?",
        ),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [b'P', b'K', 3, 4, ..] => Refusal::new(
            "is compressed",
            "decompress it first: gunzip, unzstd or unzip",
        ),
        _ => Refusal::new(
            "is not Wasm: it does not begin with `\\0asm`",
            "give a core module or a component",
        ),
    })
}

fn is_text_format(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    [&b"(module"[..], b"(component", b";;", b"(;"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn refuse_broken(broken: &Broken, length: usize) -> Refusal {
    match broken {
        Broken::CutOff(error) => {
            Refusal::new(format!("is cut off: {error}"), "copy or build it again")
        }
        Broken::Continues { end } => Refusal::new(
            format!("has {} bytes after its end", length - end),
            format!(
                "padding, a checksum or another file was appended to it: its first {end} bytes \
                    are whole (`head -c {end}`)"
            ),
        ),
        Broken::Damaged(error) => Refusal::new(
            format!("is damaged: {error}"),
            "`wasm-tools validate` reports more",
        ),
    }
}

fn lists(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|known| known == name)
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
mod tests;
