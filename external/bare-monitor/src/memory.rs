//! The guest's memory, as this program has it.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::error::Error;

/// Anonymous memory, zero until it is written to. Whatever a guest says, nothing outside of it is touched:
/// each access is checked.
#[derive(Debug)]
pub(crate) struct Memory {
    start: *mut u8,
    length: usize,
}

#[expect(
    unsafe_code,
    reason = "the memory is nobody's but ours and the guest's"
)]
// SAFETY: a plain range of memory that lives until this is dropped, and both sides of which know that the
// other writes to it.
unsafe impl Send for Memory {}
#[expect(unsafe_code, reason = "as above")]
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    #[expect(unsafe_code, reason = "a mapping has no safe equivalent")]
    pub(crate) fn new(length: usize) -> Result<Self, Error> {
        // SAFETY: a new mapping, which overlaps nothing.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(Error::Io {
                what: format!("cannot get {length} bytes for the guest"),
                source: io::Error::last_os_error(),
            });
        }
        Ok(Self {
            start: start.cast(),
            length,
        })
    }

    /// Where it begins in this process.
    pub(crate) fn start(&self) -> u64 {
        self.start as u64
    }

    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// Where a range of the guest's is, if it has it.
    fn at(&self, address: u64, length: usize) -> Option<*mut u8> {
        let address = usize::try_from(address).ok()?;
        let end = address.checked_add(length)?;
        (end <= self.length).then(|| self.start.wrapping_add(address))
    }

    /// Copies bytes into the guest. Whether it has that range.
    #[expect(unsafe_code, reason = "the guest may write there at the same time")]
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> bool {
        let Some(to) = self.at(address, bytes.len()) else {
            return false;
        };
        // SAFETY: the range was checked, and bytes have no invalid values.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        true
    }

    /// Copies bytes out of the guest. Whether it has that range.
    #[expect(unsafe_code, reason = "the guest may write there at the same time")]
    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let Some(from) = self.at(address, bytes.len()) else {
            return false;
        };
        // SAFETY: the range was checked, and bytes have no invalid values.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
        true
    }

    /// Two bytes that both sides read and write at the same time.
    #[expect(unsafe_code, reason = "an atomic in memory that the guest shares")]
    #[expect(clippy::cast_ptr_alignment, reason = "looked at before it is used")]
    pub(crate) fn shared(&self, address: u64) -> Option<&AtomicU16> {
        let at = self.at(address, 2)?.cast::<u16>();
        // SAFETY: the range was checked, is aligned, and lives as long as this.
        at.is_aligned().then(|| unsafe { AtomicU16::from_ptr(at) })
    }

    /// The value of two such bytes, with all that was written before it.
    pub(crate) fn load(&self, address: u64) -> Option<u16> {
        Some(self.shared(address)?.load(Ordering::Acquire))
    }
}

impl Drop for Memory {
    #[expect(unsafe_code, reason = "as for its making")]
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and whoever borrowed from it is gone.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_is_reached() {
        let memory = Memory::new(4096).unwrap();
        assert!(memory.write(4092, &[1, 2, 3, 4]));
        let mut bytes = [0; 2];
        assert!(memory.read(4094, &mut bytes));
        assert_eq!(bytes, [3, 4]);
        assert!(!memory.write(4093, &[1, 2, 3, 4]));
        assert!(!memory.write(u64::MAX, &[1]));
        assert!(!memory.read(4096, &mut bytes));
        assert!(memory.shared(4095).is_none() && memory.shared(1).is_none());
        assert_eq!(memory.load(4094), Some(0x0403));
    }
}
