//! What fuzz targets have in common.

use std::path::Path;

/// A folder in memory for one input, always the same one: making a new one takes longer than reading it.
pub fn folder() -> &'static Path {
    use std::sync::LazyLock;
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let made = tempfile::Builder::new()
            .prefix("fuzz-")
            .tempdir_in("/dev/shm");
        made.or_else(|_| tempfile::tempdir())
            .expect("a folder can be made")
    });
    FOLDER.path()
}

/// Writes an input to a file of that folder.
pub fn write(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("it can be written");
    path
}
