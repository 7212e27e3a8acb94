//! What is mapped into this process, as the kernel tells it: `proc_pid_maps(5)`.

use std::io;
use std::path::Path;

/// The kernel's lines, one a mapping. A path among them that is no text keeps nobody from the others.
///
/// # Errors
/// The system's.
pub fn lines() -> io::Result<String> {
    let maps = std::fs::read("/proc/self/maps")?;
    Ok(String::from_utf8_lossy(&maps).into_owned())
}

/// What a line ends with that maps this file: the kernel tells where a file lies, whatever links and
/// `..` it was opened through.
pub fn name(file: &Path) -> String {
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    // As the kernel writes what would end its line.
    file.to_string_lossy().replace('\n', "\\012")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_whatever_leads_to_it() {
        let this = std::env::current_exe().unwrap();
        let (folder, file) = (this.parent().unwrap(), this.file_name().unwrap());
        let links = tempfile::tempdir().unwrap();
        let link = links.path().join("link");
        std::os::unix::fs::symlink(folder, &link).unwrap();
        let up = folder.join("..").join(folder.file_name().unwrap());
        let maps = lines().unwrap();
        for path in [this.clone(), link.join(file), up.join(file)] {
            let name = name(&path);
            assert!(maps.lines().any(|line| line.ends_with(&name)), "{name}");
        }
        let nowhere = name(&links.path().join("nowhere"));
        assert!(!maps.lines().any(|line| line.ends_with(&nowhere)));
        assert_eq!(name(Path::new("/no/two\nlines")), "/no/two\\012lines");
    }
}
