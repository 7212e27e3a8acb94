//! Who may do what with a run's wasmCloud.
//!
//! NATS and the registries listen on the loopback, which every user of the machine reaches, and a
//! host does what it is told over NATS: it would mount root's home for a workload of anybody's.
//!
//! - **Orders** need a password, which is drawn anew whenever NATS starts and lies in a file that
//!   only we can read. A host has no means to show one: of what NATS knows to tell clients apart,
//!   `wash host` speaks TLS only, whose cryptography takes it 60 ms where the whole start of a host
//!   takes 15. So whoever shows none is taken for a host, and may hear orders, answer them and say
//!   that it lives: it may give none, and hears no other host. That nobody but our host is one is a
//!   matter of counting: there is room for our line and the two of one host, and for no other.
//! - **Images** come from a registry that nobody can write to, us included. What is pushed goes
//!   through another one over the same storage, which lives for a push and asks for a password
//!   drawn for it. Hosts are told an image by its digest, which they check.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::text;

/// Who gives orders, as NATS knows it.
pub(super) const USER: &str = "coldphase";

/// Connections to NATS: our line, and two of a host, for its orders and its workloads' data.
pub(super) const CONNECTIONS: usize = 3;

/// The least that the function for passwords can be told to work: a password that cannot be guessed
/// needs no work to be slow to guess.
const BCRYPT_COST: u32 = 4;

/// A word that nobody can guess: 256 bits of the system's, in hexadecimal digits.
pub(super) fn secret() -> Result<String, String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| format!("the system gives no random bytes: {error}"))?;
    Ok(bytes.iter().fold(String::new(), |mut word, byte| {
        let _ = write!(word, "{byte:02x}");
        word
    }))
}

/// A new file that only this user can read, in place of what had its name.
pub(super) fn write_private(file: &Path, content: &str) -> Result<(), String> {
    let write = || {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let new = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file);
        new?.write_all(content.as_bytes())
    };
    write().map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// A new folder that only this user can look into.
pub(super) fn make_private(folder: &Path) -> Result<(), String> {
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

/// The configuration of NATS, on a port, with the password of [`USER`].
pub(super) fn nats(port: u16, password: &str) -> Result<String, String> {
    let unused = secret()?;
    // An answer may be given for as long as a start may take.
    Ok(format!(
        r#"listen: "127.0.0.1:{port}"
max_connections: {CONNECTIONS}
no_auth_user: "host"
authorization {{
  users: [
    {{ user: "{USER}", password: "{password}"
      permissions: {{ publish: ["runtime.host.>"], subscribe: ["_INBOX.>"] }} }}
    {{ user: "host", password: "{unused}"
      permissions: {{ publish: ["runtime.operator.heartbeat.>"], subscribe: ["runtime.host.>"]
        allow_responses: {{ max: 1, expires: "1h" }} }} }}
  ]
}}
"#
    ))
}

/// Whom a registry asks that takes images: whoever knows the password of the file.
pub(super) fn auth(htpasswd: &Path) -> serde_json::Value {
    json!({ "htpasswd": { "realm": USER, "path": text(htpasswd) } })
}

/// The line of [`USER`] in the file that a registry reads passwords from.
pub(super) fn htpasswd(password: &str) -> Result<String, String> {
    let hash = bcrypt::hash(password, BCRYPT_COST)
        .map_err(|error| format!("a password cannot be hashed: {error}"))?;
    Ok(format!("{USER}:{hash}\n"))
}

/// The file from which `wash` reads what to say to a registry.
pub(super) fn credentials(port: u16, password: &str) -> String {
    let auth = STANDARD.encode(format!("{USER}:{password}"));
    json!({ "auths": { format!("127.0.0.1:{port}"): { "auth": auth } } }).to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_long_and_never_the_same() {
        let (one, other) = (secret().unwrap(), secret().unwrap());
        assert!(one.len() == 64 && one != other);
    }

    #[test]
    fn a_private_file_is_new_whatever_had_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (file, aim) = (folder.path().join("file"), folder.path().join("aim"));
        std::fs::write(&aim, "of somebody else").unwrap();
        std::os::unix::fs::symlink(&aim, &file).unwrap();
        write_private(&file, "secret").unwrap();
        assert_eq!(std::fs::read_to_string(&aim).unwrap(), "of somebody else");
        let found = file.symlink_metadata().unwrap();
        assert!(found.is_file() && found.permissions().mode() & 0o777 == 0o600);
        let inside = folder.path().join("inside");
        make_private(&inside).unwrap();
        assert_eq!(
            inside.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn a_password_is_kept_as_its_hash() {
        assert!(htpasswd("secret").unwrap().starts_with("coldphase:$2b$04$"));
    }
}
