//! Modules of a Linux kernel: which a guest needs, and in what order they are loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a guest's network card is driven by.
const WANTED: [&str; 2] = ["virtio_pci", "virtio_net"];

/// What begins the entry of a module's own description that names those that it needs.
const NEEDS: &[u8] = b"\0depends=";

/// A module, named as the kernel names it.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// The wanted modules out of a folder, each after those that it needs.
///
/// # Errors
/// One is missing or cannot be read.
pub(super) fn in_order(folder: &Path) -> Result<Vec<Module>, String> {
    let wrong = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        files.insert(stem.replace('-', "_"), path);
    }
    let mut ordered = Vec::new();
    for name in WANTED {
        add(name, &files, &mut ordered)?;
    }
    Ok(ordered)
}

/// Adds a module and, before it, what it needs. Modules never need each other in a circle.
fn add(
    name: &str,
    files: &BTreeMap<String, PathBuf>,
    ordered: &mut Vec<Module>,
) -> Result<(), String> {
    if ordered.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let path = files
        .get(name)
        .ok_or_else(|| format!("the kernel's module {name} is missing"))?;
    let bytes =
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    for needed in needs(&bytes) {
        add(&needed, files, ordered)?;
    }
    ordered.push(Module {
        name: name.to_owned(),
        bytes,
    });
    Ok(())
}

/// The names of the modules that one needs, as it says itself in its section `.modinfo`: texts that end with a
/// zero.
fn needs(module: &[u8]) -> Vec<String> {
    let place = module.windows(NEEDS.len()).position(|it| it == NEEDS);
    let rest = place.map_or(&[][..], |place| &module[place + NEEDS.len()..]);
    let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let names = text.split(',').filter(|name| !name.is_empty());
    names.map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, needs: &str) {
        let text = format!("ELF\0license=GPL\0depends={needs}\0retpoline=Y\0");
        std::fs::write(folder.join(format!("{name}.ko")), text).unwrap();
    }

    #[test]
    fn each_comes_once_and_after_what_it_needs() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "virtio", "");
        write(folder.path(), "virtio_ring", "virtio");
        write(folder.path(), "virtio_pci", "virtio-ring,virtio");
        write(folder.path(), "net-failover", "");
        write(folder.path(), "virtio_net", "net_failover,virtio_ring");
        write(folder.path(), "unwanted", "");
        let ordered = in_order(folder.path()).unwrap();
        let names: Vec<_> = ordered.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "virtio",
                "virtio_ring",
                "virtio_pci",
                "net_failover",
                "virtio_net"
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "virtio_pci", "virtio_ring");
        let error = in_order(folder.path()).unwrap_err();
        assert_eq!(error, "the kernel's module virtio_ring is missing");
    }
}
