//! What a guest may use up, whichever command runs it: one table, with what holds for one engine
//! only marked so. The guide to `host serve` has what holds for the server beside it.

use std::time::Duration;

/// The most that a guest may print to either of its standard streams, or answer. More is refused,
/// not cut: a cut answer would be a wrong one.
pub const OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// How long a guest may go on after its answer is complete, if its time limit is not shorter.
pub const AFTER_ANSWER: Duration = Duration::from_secs(1);

/// How long a guest may take to answer, where nothing else is asked for.
pub const TIME: Duration = Duration::from_secs(30);

/// How large a guest's memories and tables may become together, where nothing else is asked for.
pub const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;

/// Core instances in one guest.
pub const CORE_INSTANCES: usize = 256;

/// Memories of one guest.
pub const MEMORIES: usize = 64;

/// Tables of one guest.
pub const TABLES: usize = 256;

/// What the host keeps for a guest at a time, such as streams, lists of headers, and what it waits
/// for.
pub const HANDLES: usize = 4096;

/// One list of headers that a guest makes, with what the host needs to keep it.
pub const HEADERS_BYTES: usize = 32 * 1024;

/// What a guest has written of a body and nobody has taken yet.
pub const BODY_CHUNK_BYTES: usize = 64 * 1024;

/// What one call of a guest may hand to the host.
pub const HOST_CALL_BYTES: usize = 16 * 1024 * 1024;

/// What the guests of a process keep in `wasi:keyvalue` together.
pub const KEYVALUE_BYTES: usize = 64 * 1024 * 1024;

/// The name of a bucket, and a key, in `wasi:keyvalue`.
pub const KEY_BYTES: usize = 4096;

/// The last bytes of what a guest printed to its standard error that a reason quotes.
pub const QUOTED_BYTES: usize = 600;

/// The most that a child may report: a service's two answers in hexadecimal, and its evidence.
pub const REPORT_BYTES: usize = 2 * 2 * OUTPUT_BYTES + 16 * 1024 * 1024;

/// A limit as documents have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What is limited.
    pub what: &'static str,
    /// How far.
    pub limit: &'static str,
    /// What happens then.
    pub exceeded: &'static str,
    /// What moves it, if anything does.
    pub flag: Option<&'static str>,
}

/// Every limit of a guest that is measured.
pub const TABLE: [Row; 12] = [
    Row {
        what: "time until the answer",
        limit: "30 s",
        exceeded: "the guest is stopped, and the start fails (`time_limit`)",
        flag: Some("--time-limit SECONDS"),
    },
    Row {
        what: "time after the answer",
        limit: "1 s",
        exceeded: "the guest is stopped; the start counts, and says so (`after_answer`)",
        flag: None,
    },
    Row {
        what: "memories together, with tables on Wasmtime and Wasmi; each memory on Wasmer",
        limit: "1 GiB",
        exceeded: "the guest is stopped, and the start fails",
        flag: Some("--memory-limit MIB"),
    },
    Row {
        what: "printed to standard output",
        limit: "16 MiB",
        exceeded: "the start fails: a cut answer would be a wrong one",
        flag: None,
    },
    Row {
        what: "printed to standard error",
        limit: "16 MiB",
        exceeded: "the start fails; of less, the last 600 bytes are quoted where a start fails",
        flag: None,
    },
    Row {
        what: "an HTTP answer's body",
        limit: "16 MiB",
        exceeded: "the start fails: a cut answer would be a wrong one",
        flag: None,
    },
    Row {
        what: "core instances, memories and tables of one guest, on Wasmtime",
        limit: "256, 64 and 256",
        exceeded: "the start fails",
        flag: None,
    },
    Row {
        what: "what the host keeps for a guest at a time (streams, headers, …), on Wasmtime",
        limit: "4,096",
        exceeded: "the guest traps",
        flag: None,
    },
    Row {
        what: "one list of headers that a guest makes, on Wasmtime",
        limit: "32 KiB",
        exceeded: "the guest is told",
        flag: None,
    },
    Row {
        what: "what a guest has written of a body and nobody has taken, on Wasmtime",
        limit: "64 KiB",
        exceeded: "the guest waits",
        flag: None,
    },
    Row {
        what: "what one call of a guest hands to the host, on Wasmtime",
        limit: "16 MiB",
        exceeded: "the guest traps",
        flag: None,
    },
    Row {
        what: "what all guests of a process keep in `wasi:keyvalue`, and one key in it",
        limit: "64 MiB and 4 KiB",
        exceeded: "the guest is told",
        flag: None,
    },
];

/// The reason where a guest `did` more than [`OUTPUT_BYTES`].
pub fn too_much(did: &str) -> String {
    format!(
        "the guest {did} more than {} MiB, which is the most that is kept",
        OUTPUT_BYTES / (1024 * 1024)
    )
}

/// What a guest printed to its standard error, as a reason quotes it: its end, and nothing if there
/// is none.
pub fn quote(printed: &[u8]) -> String {
    let tail = &printed[printed.len().saturating_sub(QUOTED_BYTES)..];
    let text = String::from_utf8_lossy(tail);
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    format!("; its standard error: {text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_holds() {
        let says = |nth: usize, limit: &str| assert_eq!(TABLE[nth].limit, limit);
        says(0, &format!("{} s", TIME.as_secs()));
        says(1, &format!("{} s", AFTER_ANSWER.as_secs()));
        says(2, &format!("{} GiB", MEMORY_BYTES >> 30));
        for nth in 3..6 {
            says(nth, &format!("{} MiB", OUTPUT_BYTES >> 20));
        }
        says(6, &format!("{CORE_INSTANCES}, {MEMORIES} and {TABLES}"));
        assert_eq!(TABLE[7].limit.replace(',', ""), HANDLES.to_string());
        says(8, &format!("{} KiB", HEADERS_BYTES >> 10));
        says(9, &format!("{} KiB", BODY_CHUNK_BYTES >> 10));
        says(10, &format!("{} MiB", HOST_CALL_BYTES >> 20));
        let keyvalue = (KEYVALUE_BYTES >> 20, KEY_BYTES >> 10);
        says(11, &format!("{} MiB and {} KiB", keyvalue.0, keyvalue.1));
        assert!(TABLE[4].exceeded.contains(&QUOTED_BYTES.to_string()));
    }

    #[test]
    fn the_end_of_what_was_printed_is_quoted() {
        assert_eq!(quote(b""), "");
        assert_eq!(quote(b" \n"), "");
        assert_eq!(quote(b"no file\n"), "; its standard error: \"no file\"");
        let long = [vec![b'x'; 10_000], b"the end".to_vec()].concat();
        assert!(quote(&long).len() < QUOTED_BYTES + 50 && quote(&long).ends_with("the end\""));
    }
}
