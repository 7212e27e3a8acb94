//! What a guest may take, whichever command runs it on whichever engine: the defaults of the flags
//! that set it, and what no flag sets. The guide has the whole table.

use std::time::Duration;

/// Time until a guest has answered or ended.
pub const TIME: Duration = Duration::from_secs(30);
/// Memories and tables of a guest, together.
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
