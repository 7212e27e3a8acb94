//! The archive that a Linux kernel unpacks as its first file system: cpio in the form `newc`, as the kernel's
//! documentation has it (`driver-api/early-userspace/buffer-format`). The same entries give the same bytes.

/// What begins each header.
const MAGIC: &str = "070701";

/// Ends the archive.
const TRAILER: &str = "TRAILER!!!";

/// What headers, names and contents are aligned to.
const ALIGNMENT: usize = 4;

/// What is a folder and what a file, in an entry's mode.
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// An archive in the making.
#[derive(Debug, Default)]
pub(super) struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
}

impl Initramfs {
    /// Adds a folder, whose own folder is there already.
    pub(super) fn folder(&mut self, path: &str) {
        self.entry(path, FOLDER, &[]);
    }

    /// Adds a file that may be executed.
    ///
    /// # Errors
    /// It is larger than an archive can say.
    pub(super) fn file(&mut self, path: &str, contents: &[u8]) -> Result<(), String> {
        if u32::try_from(contents.len()).is_err() {
            return Err(format!("{path} is too large for an initial file system"));
        }
        self.entry(path, PROGRAM, contents);
        Ok(())
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, contents: &[u8]) {
        self.entries += 1;
        let (number, links) = (self.entries as usize, 1);
        let (owner, group, time, device) = (0, 0, 0, 0);
        let name = path.len() + 1;
        let fields = [
            number,
            mode as usize,
            owner,
            group,
            links,
            time,
            contents.len(),
            device,
            device,
            device,
            device,
            name,
            0,
        ];
        self.bytes.extend(MAGIC.bytes());
        for field in fields {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(contents);
        self.align();
    }

    fn align(&mut self) {
        let length = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut archive = Initramfs::default();
        archive.folder("dev");
        archive.file("init", b"#!/bin/sh").unwrap();
        archive.finish()
    }

    #[test]
    fn entries_are_as_the_kernel_reads_them() {
        let bytes = archive();
        let text = String::from_utf8_lossy(&bytes);
        // Number, mode, owner, group, links, time, size, four of devices, the name's length, no checksum.
        let first = "070701000000010000".to_owned() + "41ED" + &"0".repeat(16) + "00000001";
        assert!(text.starts_with(&first), "{text}");
        let second = text.find("init\0").unwrap();
        assert_eq!((second - 110) % 4, 0, "headers are aligned");
        assert_eq!(&text[second - 110..second - 104], MAGIC);
        assert_eq!(&text[second - 56..second - 48], "00000009", "its size");
        assert_eq!(
            &text[second - 16..second - 8],
            "00000005",
            "its name's length"
        );
        let contents = (second + 5).next_multiple_of(4);
        let after = text[contents..].strip_prefix("#!/bin/sh").unwrap();
        assert!(after.trim_start_matches('\0').starts_with("070701"));
        assert!(text.trim_end_matches('\0').ends_with(TRAILER));
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn the_same_entries_are_the_same_bytes() {
        assert_eq!(archive(), archive());
    }
}
