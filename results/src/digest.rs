//! SHA-256 digests of bytes and files, in lower-case hexadecimal.

use std::fs::File;
use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The digest of `bytes`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The digest of `bytes` that only who has `key` can make: HMAC of SHA-256.
///
/// # Panics
/// Never: the function takes keys of every length.
pub fn keyed(key: &[u8; 32], bytes: &[u8]) -> String {
    let mut code = Hmac::<Sha256>::new_from_slice(key).expect("any length is that of a key");
    code.update(bytes);
    hex::encode(code.finalize().into_bytes())
}

/// The digest of the file's contents, read piece by piece.
///
/// # Errors
/// The error of opening or reading the file.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    sha256_of(File::open(path)?)
}

/// The digest of all that a reader gives, read piece by piece.
///
/// # Errors
/// The error of reading.
pub fn sha256_of(mut reader: impl io::Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_sha256sum() {
        // `printf abc | sha256sum`
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), known);
        // `printf abc | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf 0%.0s {1..64})`
        let keyed_abc = "fd7adb152c05ef80dccf50a1fa4c05d5a3ec6da95575fc312ae7c5d091836351";
        assert_eq!(keyed(&[0; 32], b"abc"), keyed_abc);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(sha256_file(file.path()).unwrap(), known);
    }
}
