//! How the programs that run a guest are told what it is given: its environment and its folders.

use workloads::Target;
use workloads::target::Folder;

/// The flags of a program, which come right after its first argument, the name of its command.
#[derive(Debug, Clone, Copy)]
struct Flags {
    /// What follows `--dir`; nothing where a folder that may only be read cannot be given.
    folder: fn(&Folder) -> Option<String>,
}

/// The flags by the system's name.
fn flags_of(system: &str) -> Option<Flags> {
    let folder: fn(&Folder) -> Option<String> = match system {
        "wasmtime-embedded" | "wasmedge-embedded" => |it| {
            let mode = if it.writable { ":rw" } else { "" };
            Some(format!("{}::{}{mode}", it.host.display(), it.guest))
        },
        // Whatever is in a folder that it opens may be written.
        "wasmtime-cli" => |it| {
            it.writable
                .then(|| format!("{}::{}", it.host.display(), it.guest))
        },
        "wasmedge-cli" => |it| {
            let mode = if it.writable { "" } else { ":readonly" };
            Some(format!("{}:{}{mode}", it.guest, it.host.display()))
        },
        _ => return None,
    };
    Some(Flags { folder })
}

/// The arguments that give a target's guest what it is given. Values may hold placeholders.
///
/// # Errors
/// The system cannot be told, and what would be needed.
pub(super) fn arguments(system: &str, target: &Target) -> Result<Vec<String>, (String, String)> {
    if target.environment.is_empty() && target.folders.is_empty() {
        return Ok(Vec::new());
    }
    let flags = flags_of(system).ok_or_else(|| {
        let message = format!("{system} gives a guest neither variables nor folders");
        (message, "measure it without them".to_owned())
    })?;
    let mut arguments = Vec::new();
    for (name, value) in &target.environment {
        arguments.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    for folder in &target.folders {
        let text = (flags.folder)(folder).ok_or_else(|| {
            let message = format!("{system} opens no folder that may only be read");
            let remedy = format!(
                "`folders.\"{}\" = {{ path = \"…\", write = true }}` lets it be written",
                folder.guest
            );
            (message, remedy)
        })?;
        arguments.extend(["--dir".to_owned(), text]);
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_only_unless_it_may_be_written() {
        let folder = |writable| Folder {
            guest: "/data".to_owned(),
            host: "/srv/x".into(),
            writable,
        };
        let told = |system: &str, writable| (flags_of(system).unwrap().folder)(&folder(writable));
        assert_eq!(told("wasmtime-embedded", false).unwrap(), "/srv/x::/data");
        assert_eq!(told("wasmedge-embedded", true).unwrap(), "/srv/x::/data:rw");
        assert_eq!(
            told("wasmedge-cli", false).unwrap(),
            "/data:/srv/x:readonly"
        );
        assert_eq!(told("wasmtime-cli", true).unwrap(), "/srv/x::/data");
        assert_eq!(told("wasmtime-cli", false), None);
        assert!(flags_of("native").is_none());
    }
}
