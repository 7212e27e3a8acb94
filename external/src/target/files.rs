//! The files that a description names, looked at before anything is measured.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use results::digest::sha256_file;
use wasmparser::{Parser, Payload};
use workloads::target::{Component, Module, OwnFile, Sockets};

use crate::system::{Contents, OwnArtifact, OwnArtifactError};

/// What is wrong with a file, and what to do.
type Wrong = (String, &'static str);

/// The longest body that is sent, in bytes: it is kept in memory for each connection.
const LONGEST_BODY: u64 = 64 * 1024 * 1024;

/// The interface by which a component is called for each request.
const HANDLER: &str = "wasi:http/incoming-handler";

/// The interface by which a component listens by itself.
const SOCKETS: &str = "wasi:sockets/tcp";

/// The file of a program: by its path, where the name has a slash, or on the path of programs.
pub(super) fn program(name: &str, folder: &Path) -> Result<OwnFile, Wrong> {
    const HINT: &str = "a program with a slash in its name is relative to the file that names it, \
        one without is looked up in PATH";
    let path = if name.contains('/') {
        folder.join(name)
    } else {
        machine::programs::find(name, &[])
            .ok_or_else(|| (format!("there is no program `{name}` in PATH"), HINT))?
    };
    let file = own_file(&path).map_err(|message| (message, HINT))?;
    let mode = std::fs::metadata(&path).map(|it| it.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o111 == 0) {
        let message = format!("{} is not executable", path.display());
        return Err((message, "`chmod +x` makes it so"));
    }
    Ok(file)
}

/// A component, and how its service may be reached.
pub(super) fn component(path: &Path) -> Result<Component, Wrong> {
    const HINT: &str = "`component` takes a component; a core module goes into `module`";
    let file = guest(path, Contents::Component, HINT)?;
    let names = outer_names(path, "component")?;
    let is_of = |name: &String, interface: &str| name.split('@').next() == Some(interface);
    Ok(Component {
        file,
        handles_http: names.exports.iter().any(|it| is_of(it, HANDLER)),
        opens_sockets: names.imports.iter().any(|it| is_of(it, SOCKETS)),
        uses_command: names.imports.iter().any(|it| is_of_command(it)),
    })
}

/// Whether an interface is one that commands have and `wasi:http/proxy` has not.
fn is_of_command(name: &str) -> bool {
    const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];
    let interface = name.split('@').next().unwrap_or_default();
    match interface.split_once('/') {
        Some(("wasi:cli", of)) => !STREAMS.contains(&of),
        Some((package, _)) => matches!(package, "wasi:filesystem" | "wasi:sockets"),
        None => false,
    }
}

/// A core module, and what it may listen on.
pub(super) fn module(path: &Path) -> Result<Module, Wrong> {
    const HINT: &str = "`module` takes a core module; a component goes into `component`";
    let file = guest(path, Contents::Module, HINT)?;
    let names = outer_names(path, "core module")?;
    let has = |name: &str| names.imports.iter().any(|it| it == name);
    let sockets = if has("sock_listen") || has("sock_open") {
        Sockets::Opened
    } else if has("sock_accept") {
        Sockets::Handed
    } else {
        Sockets::None
    };
    Ok(Module { file, sockets })
}

fn guest(path: &Path, wanted: Contents, hint: &'static str) -> Result<OwnFile, Wrong> {
    let found = OwnArtifact::open(path).map_err(|error| (error.to_string(), hint))?;
    if found.contents != wanted {
        return Err((format!("{} holds {}", path.display(), found.contents), hint));
    }
    let file = own_file(path).map_err(|message| (message, hint))?;
    Ok(file)
}

/// A file made by `docker save`, which is an archive, compressed or not.
pub(super) fn archive(path: &Path) -> Result<OwnFile, Wrong> {
    own_file(path).map_err(|message| (message, "`docker save NAME -o FILE` makes one"))
}

/// A body: its bytes, and the file that holds them.
pub(super) fn body(path: &Path) -> Result<(Vec<u8>, OwnFile), String> {
    let shown = path.display();
    let cannot = |error| format!("cannot read {shown}: {error}");
    // Before it is opened: that waits where a pipe has no writer.
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(format!(
            "{shown} is no file; a run that is resumed reads it again, which no pipe allows"
        ));
    }
    if metadata.len() > LONGEST_BODY {
        return Err(format!("{shown} is longer than {LONGEST_BODY} bytes"));
    }
    let file = own_file(path)?;
    Ok((std::fs::read(path).map_err(cannot)?, file))
}

/// A file as it is now, by its absolute path.
pub(super) fn own_file(path: &Path) -> Result<OwnFile, String> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(OwnArtifactError::NoFile(path.to_owned()).to_string());
    }
    let absolute = std::path::absolute(path).map_err(cannot)?;
    if absolute.to_str().is_none() {
        return Err(format!("the path {} is no text", path.display()));
    }
    Ok(OwnFile {
        sha256: sha256_file(path).map_err(cannot)?,
        bytes: metadata.len(),
        path: absolute,
    })
}

/// What a guest imports and exports, by name. What is nested in it does not count.
#[derive(Debug, Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn outer_names(path: &Path, what: &str) -> Result<Names, Wrong> {
    const HINT: &str = "build it anew";
    let wrong = |error: &dyn std::fmt::Display| {
        let message = format!("{} is no whole {what}: {error}", path.display());
        (message, HINT)
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
    names_in(&bytes).map_err(|error| wrong(&error))
}

fn names_in(bytes: &[u8]) -> Result<Names, wasmparser::BinaryReaderError> {
    let mut depth = 0_usize;
    let mut found = Names::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ImportSection(section) if depth == 0 => {
                for import in section.into_imports() {
                    found.imports.push(import?.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a text can be the name of an image: as `repository:tag` or by a digest, and no option.
pub(super) fn is_image_name(text: &str) -> bool {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    text.len() <= 255
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(belongs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use workloads::{Artifact, Dialect, Workload};

    #[test]
    fn what_a_component_is_called_by_is_in_its_exports() {
        let http = Workload::HttpHello.artifact_for(Dialect::WasiHttp).unwrap();
        assert!(component(&http.path()).unwrap().handles_http);
        for (name, is_more) in [
            ("wasi:cli/environment@0.2.9", true),
            ("wasi:cli/stdout@0.2.12", false),
            ("wasi:filesystem/types@0.2.0", true),
            ("wasi:http/types@0.2.0", false),
            ("own:thing/x", false),
        ] {
            assert_eq!(is_of_command(name), is_more, "{name}");
        }
        let (message, hint) = component(&Artifact::Hello.path()).unwrap_err();
        assert!(message.contains("holds a core module"), "{message}");
        assert!(hint.contains("goes into `module`"), "{hint}");
        let hello = module(&Artifact::Hello.path()).unwrap();
        assert_eq!(hello.sockets, Sockets::None);
        let listens = Workload::HttpHello.artifact_for(Dialect::WasmEdgeSockets);
        let listens = module(&listens.unwrap().path()).unwrap();
        assert_eq!(listens.sockets, Sockets::Opened);
        let folder = tempfile::tempdir().unwrap();
        let cut = folder.path().join("cut.wasm");
        let bytes = http.read().unwrap();
        std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
        let (message, _) = component(&cut).unwrap_err();
        assert!(message.contains("no whole component"), "{message}");
    }

    #[test]
    fn a_program_is_found_where_it_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let (message, _) = program("./run", folder.path()).unwrap_err();
        assert!(message.contains("not executable"), "{message}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = program("./run", folder.path()).unwrap();
        assert_eq!((found.bytes, found.sha256.len()), (10, 64));
        assert!(program("run", folder.path()).is_err());
        assert!(program("sh", folder.path()).is_ok());
        assert!(program("./", folder.path()).is_err());
    }

    #[test]
    fn the_name_of_an_image_is_no_option() {
        for good in ["nginx", "a/b:c", "localhost:5000/x@sha256:ab", "x_y.z-1"] {
            assert!(is_image_name(good), "{good}");
        }
        for bad in ["", "-x", "a b", "a;b", "../x"] {
            assert!(!is_image_name(bad), "{bad}");
        }
    }
}
