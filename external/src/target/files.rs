//! The files that a description names, looked at before anything is measured.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use results::digest::sha256_file;
use wasmparser::{Parser, Payload};
use workloads::target::{Component, OwnFile};

use crate::system::{Contents, OwnArtifact};

/// What is wrong with a file, and what to do.
type Wrong = (String, &'static str);

/// The longest body that is sent, in bytes: it is kept in memory for each connection.
const LONGEST_BODY: u64 = 64 * 1024 * 1024;

/// The interface by which a component is called for each request.
const HANDLER: &str = "wasi:http/incoming-handler";

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

/// A component, and whether it handles requests by itself.
pub(super) fn component(path: &Path) -> Result<Component, Wrong> {
    const HINT: &str = "`component` takes a component; a core module goes into `module`";
    let file = guest(path, Contents::Component, HINT)?;
    let bytes = std::fs::read(path).map_err(|error| (error.to_string(), HINT))?;
    let handles_http = exports(&bytes, HANDLER).map_err(|error| {
        let message = format!("{} is no whole component: {error}", path.display());
        (message, "build it anew")
    })?;
    Ok(Component { file, handles_http })
}

/// A core module.
pub(super) fn module(path: &Path) -> Result<OwnFile, Wrong> {
    const HINT: &str = "`module` takes a core module; a component goes into `component`";
    guest(path, Contents::Module, HINT)
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

/// The bytes of a body.
pub(super) fn body(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_BODY + 1).read_to_end(&mut bytes))
        .map_err(cannot)?;
    if bytes.len() as u64 > LONGEST_BODY {
        let path = path.display();
        return Err(format!("{path} is longer than {LONGEST_BODY} bytes"));
    }
    Ok(bytes)
}

/// A file as it is now, by its absolute path.
pub(super) fn own_file(path: &Path) -> Result<OwnFile, String> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err(format!("{} is no file", path.display()));
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

/// Whether a component exports an interface, of any version. What is nested in it does not count.
fn exports(bytes: &[u8], interface: &str) -> Result<bool, wasmparser::BinaryReaderError> {
    let mut depth = 0_usize;
    let mut found = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let name = export?.name.name;
                    found |= name.split('@').next() == Some(interface);
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
        let (message, hint) = component(&Artifact::Hello.path()).unwrap_err();
        assert!(message.contains("holds a core module"), "{message}");
        assert!(hint.contains("goes into `module`"), "{hint}");
        assert!(module(&Artifact::Hello.path()).is_ok());
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
