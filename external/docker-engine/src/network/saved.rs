//! What is kept about the network between a start and a stop: a folder of text that
//! `iptables-restore` could read, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::FAMILIES;
use super::rules::{self, Tables};
use crate::EngineError;

/// How the network is, or what was added to it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    /// By family.
    pub(super) tables: BTreeMap<&'static str, Tables>,
    /// The number of the bridge.
    pub(super) bridge: Option<u32>,
    /// Whether the machine forwards packets, as the kernel has it.
    pub(super) forward: String,
}

/// Where the kernel says which start of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Whether there is one, of this start of the machine. Nothing that an engine changed in the network
/// outlives the kernel, and what looks the same after another start is somebody else's.
pub(super) fn is_current(folder: &Path) -> bool {
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    fs::read_to_string(folder.join("boot")).is_ok_and(|kept| kept == boot)
}

/// Writes all of it, or nothing.
pub(super) fn write(folder: &Path, saved: &Saved) -> Result<(), EngineError> {
    let wrong = || EngineError::system(format!("write {}", folder.display()));
    let part = folder.with_extension("part");
    let _ = fs::remove_dir_all(&part);
    fs::create_dir(&part).map_err(wrong())?;
    for (family, tables) in &saved.tables {
        fs::write(part.join(family), rules::format(tables)).map_err(wrong())?;
    }
    let bridge = saved.bridge.map(|number| number.to_string());
    fs::write(part.join("bridge"), bridge.unwrap_or_default()).map_err(wrong())?;
    fs::write(part.join("forward"), saved.forward.trim()).map_err(wrong())?;
    let boot = fs::read_to_string(BOOT).map_err(wrong())?;
    fs::write(part.join("boot"), boot).map_err(wrong())?;
    fs::rename(&part, folder).map_err(wrong())
}

pub(super) fn read(folder: &Path) -> Result<Saved, EngineError> {
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let wrong = || EngineError::system(format!("read {}", folder.display()));
    let mut saved = Saved {
        bridge: read("bridge").map_err(wrong())?.trim().parse().ok(),
        forward: read("forward").map_err(wrong())?,
        ..Saved::default()
    };
    for family in FAMILIES {
        // There is none on a machine without the family.
        if let Ok(text) = read(family.name) {
            saved.tables.insert(family.name, rules::parse(&text));
        }
    }
    Ok(saved)
}

/// Removes one, if it is there.
pub(super) fn remove(folder: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(EngineError::system(
            format!("remove {}", folder.display()),
        )(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j X\nCOMMIT\n";
        let saved = Saved {
            tables: BTreeMap::from([("ip", rules::parse(text))]),
            bridge: Some(7),
            forward: "1".to_owned(),
        };
        let file = folder.path().join("saved");
        write(&file, &saved).unwrap();
        assert_eq!(read(&file).unwrap(), saved);
        assert!(is_current(&file));
        fs::write(file.join("boot"), "another").unwrap();
        assert!(!is_current(&file));
        remove(&file).unwrap();
        assert!(read(&file).is_err());
    }
}
