//! An image in ELF: its segments, and the note that says where it is entered.

use std::path::Path;

use crate::error::{Error, io};
use crate::memory::Memory;

/// The type of the note, and who it is of.
const PHYS32_ENTRY: u32 = 18;
const OWNER: &[u8] = b"Xen\0";

const LOADED: u32 = 1;
const NOTE: u32 = 4;

/// Copies an image to where it says; where it is entered.
pub(crate) fn load(path: &Path, memory: &Memory) -> Result<u64, Error> {
    let bytes = std::fs::read(path).map_err(io(format!("cannot read {}", path.display())))?;
    place(&bytes, memory).map_err(|why| Error::Image {
        path: path.to_owned(),
        why,
    })
}

fn place(bytes: &[u8], memory: &Memory) -> Result<u64, &'static str> {
    let file = Bytes(bytes);
    if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err("it is no ELF file of 64 bits");
    }
    let cut_off = "it is cut off";
    let (headers, size, count) =
        (|| Some((file.u64(32)?, file.u16(54)?, file.u16(56)?)))().ok_or(cut_off)?;
    let mut entry = None;
    for index in 0..u64::from(count) {
        let at = headers.saturating_add(index * u64::from(size));
        let header = (|| {
            let kind = file.u32(at)?;
            Some((
                kind,
                file.u64(at + 8)?,
                file.u64(at + 24)?,
                file.u64(at + 32)?,
            ))
        })();
        let (kind, offset, address, length) = header.ok_or(cut_off)?;
        match kind {
            LOADED => {
                // Behind it are zeros already.
                let segment = file.range(offset, length).ok_or(cut_off)?;
                if !memory.write(address, segment) {
                    return Err("a segment lies outside of the guest's memory");
                }
            }
            NOTE => entry = entry.or(entry_of(Bytes(file.range(offset, length).ok_or(cut_off)?))),
            _ => {}
        }
    }
    entry.ok_or("it has no note with an entry")
}

/// The entry that a segment of notes names.
fn entry_of(notes: Bytes<'_>) -> Option<u64> {
    let mut at = 0;
    loop {
        let (name, length) = (notes.u32(at)?.into(), notes.u32(at + 4)?.into());
        let kind = notes.u32(at + 8)?;
        let value = at + 12 + u64::next_multiple_of(name, 4);
        if kind == PHYS32_ENTRY && notes.range(at + 12, name)? == OWNER {
            return Some(notes.u32(value)?.into());
        }
        at = value + u64::next_multiple_of(length, 4);
    }
}

/// Numbers in bytes, the lowest first.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn range(self, at: u64, length: u64) -> Option<&'a [u8]> {
        let at = usize::try_from(at).ok()?;
        self.0
            .get(at..at.checked_add(usize::try_from(length).ok()?)?)
    }

    fn u16(self, at: u64) -> Option<u16> {
        Some(u16::from_le_bytes(self.range(at, 2)?.try_into().ok()?))
    }

    fn u32(self, at: u64) -> Option<u32> {
        Some(u32::from_le_bytes(self.range(at, 4)?.try_into().ok()?))
    }

    fn u64(self, at: u64) -> Option<u64> {
        Some(u64::from_le_bytes(self.range(at, 8)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_refused_with_the_reason() {
        let memory = Memory::new(4096).unwrap();
        assert_eq!(place(b"", &memory), Err("it is no ELF file of 64 bits"));
        assert_eq!(place(b"\x7fELF\x02\x01", &memory), Err("it is cut off"));
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        assert_eq!(place(&file, &memory), Err("it has no note with an entry"));
        // One program header, far behind the end.
        (file[32], file[54], file[56]) = (0xff, 56, 1);
        assert_eq!(place(&file, &memory), Err("it is cut off"));
    }
}
