use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Iterations when none are asked for.
pub const DEFAULT_ITERATIONS: u32 = 1_000;

/// The most iterations that one call does: a bound, so that no request can occupy a server for
/// minutes.
pub const MAX_ITERATIONS: u32 = 10_000_000;

/// SHA-256 applied to its own output, `iterations` times, starting from 32 zero bytes; in
/// lower-case hexadecimal.
///
/// Zero iterations give 64 zeros. Each step needs the one before it, so no compiler can shorten the
/// work.
pub fn cpu_hash_hex(iterations: u32) -> String {
    let mut digest = [0_u8; 32];
    for _ in 0..iterations {
        digest = Sha256::digest(digest).into();
    }
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Reads an iteration count from what a user typed.
///
/// # Errors
/// A sentence for the user, when it is no number or above [`MAX_ITERATIONS`].
pub fn parse_iterations(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(iterations) if iterations <= MAX_ITERATIONS => Ok(iterations),
        _ => Err(format!(
            "iterations must be a whole number from 0 to {MAX_ITERATIONS}, not `{text}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_published_vector() {
        // SHA-256 of 32 zero bytes, as `head -c 32 /dev/zero | sha256sum` prints it.
        assert_eq!(
            cpu_hash_hex(1),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    #[test]
    fn each_step_hashes_the_one_before() {
        // SHA-256 of the digest above, by `head -c 32 /dev/zero | sha256sum | cut -c1-64 | xxd -r
        // -p | sha256sum`.
        assert_eq!(
            cpu_hash_hex(2),
            "2b32db6c2c0a6235fb1397e8225ea85e0f0e6e8c7b126d0016ccbde0e667151e"
        );
        assert_eq!(cpu_hash_hex(0), "0".repeat(64));
    }

    #[test]
    fn refuses_what_is_no_count() {
        for bad in ["", "-1", "1.5", "ten", "10000001", "99999999999"] {
            assert!(parse_iterations(bad).unwrap_err().contains(bad), "{bad}");
        }
        assert_eq!(parse_iterations("10000000"), Ok(MAX_ITERATIONS));
    }
}
