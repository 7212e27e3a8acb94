//! A split virtqueue, as the device has it.

use std::sync::atomic::Ordering;

use crate::memory::Memory;

/// The most entries of a queue.
pub(crate) const LARGEST: u16 = 256;

/// A descriptor goes on in another; is the device's to write to.
const NEXT: u16 = 1;
const WRITABLE: u16 = 2;

/// That the driver need not notify: what `used.flags` is set to.
const NO_NOTIFICATION: u16 = 1;

/// Where its parts are, as the driver says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Queue {
    pub(crate) size: u16,
    pub(crate) descriptors: u64,
    /// What the driver hands over.
    pub(crate) available: u64,
    /// What the device hands back.
    pub(crate) used: u64,
    pub(crate) ready: bool,
    /// How many were taken.
    taken: u16,
}

/// A piece of the guest's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) address: u64,
    pub(crate) length: usize,
    pub(crate) writable: bool,
}

impl Queue {
    /// The next chain that the driver hands over: its number, and its pieces. A driver that says
    /// nonsense gets nothing.
    pub(crate) fn take(&mut self, memory: &Memory) -> Option<(u16, Vec<Piece>)> {
        let is_whole = self.ready && self.size > 0 && self.size <= LARGEST;
        if !is_whole || memory.load(self.available.checked_add(2)?)? == self.taken {
            return None;
        }
        let place = u64::from(self.taken % self.size);
        let head = memory.load(self.available.checked_add(4 + 2 * place)?)?;
        self.taken = self.taken.wrapping_add(1);
        Some((head, self.chain(memory, head)?))
    }

    fn chain(&self, memory: &Memory, head: u16) -> Option<Vec<Piece>> {
        let (mut pieces, mut index) = (Vec::new(), head);
        // No chain is longer than the queue, whatever the driver says.
        for _ in 0..self.size {
            let mut bytes = [0; 16];
            let at = self.descriptors.checked_add(16 * u64::from(index))?;
            if index >= self.size || !memory.read(at, &mut bytes) {
                return None;
            }
            let (address, rest) = bytes.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (flags, next) = rest.split_first_chunk()?;
            let flags = u16::from_le_bytes(*flags);
            pieces.push(Piece {
                address: u64::from_le_bytes(*address),
                length: u32::from_le_bytes(*length).try_into().ok()?,
                writable: flags & WRITABLE != 0,
            });
            if flags & NEXT == 0 {
                break;
            }
            index = u16::from_le_bytes(next.try_into().ok()?);
        }
        Some(pieces)
    }

    /// Hands a chain back, with how many bytes were written to it.
    pub(crate) fn give_back(&self, memory: &Memory, head: u16, written: u32) -> Option<()> {
        let index = memory.shared(self.used.checked_add(2)?)?;
        let next = index.load(Ordering::Relaxed);
        let place = 4 + 8 * u64::from(next.checked_rem(self.size)?);
        let place = self.used.checked_add(place)?;
        let mut element = [0; 8];
        element[..4].copy_from_slice(&u32::from(head).to_le_bytes());
        element[4..].copy_from_slice(&written.to_le_bytes());
        memory.write(place, &element).then_some(())?;
        // What was written before it is there when the driver sees this.
        index.store(next.wrapping_add(1), Ordering::Release);
        Some(())
    }

    /// Tells the driver that it need not notify.
    pub(crate) fn decline_notifications(&self, memory: &Memory) {
        if let Some(flags) = memory.shared(self.used) {
            flags.store(NO_NOTIFICATION, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_says_nonsense_gets_nothing() {
        let memory = Memory::new(4096).unwrap();
        memory.write(66, &[1, 0, 0, 0]);
        let queue = Queue {
            size: 2,
            descriptors: 0,
            available: 64,
            used: 128,
            ready: true,
            taken: 0,
        };
        let places = [u64::MAX, u64::MAX - 1, u64::MAX - 5, 4095, 4096, 1 << 63];
        for place in places {
            for nonsense in [
                Queue {
                    descriptors: place,
                    ..queue
                },
                Queue {
                    available: place,
                    ..queue
                },
            ] {
                assert!({ nonsense }.take(&memory).is_none(), "{nonsense:?}");
            }
            let nonsense = Queue {
                used: place,
                ..queue
            };
            assert!(nonsense.give_back(&memory, 0, 0).is_none(), "{place:#x}");
            nonsense.decline_notifications(&memory);
        }
        for size in [0, LARGEST + 1, u16::MAX] {
            let mut nonsense = Queue { size, ..queue };
            assert!(nonsense.take(&memory).is_none(), "{size}");
        }
        assert!(
            Queue { size: 0, ..queue }
                .give_back(&memory, 0, 0)
                .is_none()
        );
        // A descriptor that the queue does not have.
        memory.write(68, &7_u16.to_le_bytes());
        assert!({ queue }.take(&memory).is_none());
    }

    #[test]
    fn a_chain_comes_and_goes_and_a_loop_ends() {
        let memory = Memory::new(4096).unwrap();
        let mut queue = Queue {
            size: 2,
            descriptors: 0,
            available: 64,
            used: 128,
            ready: true,
            taken: 0,
        };
        assert!(queue.take(&memory).is_none());
        let descriptor = |address: u64, length: u32, flags: u16, next: u16| {
            [
                &address.to_le_bytes()[..],
                &length.to_le_bytes(),
                &flags.to_le_bytes(),
                &next.to_le_bytes(),
            ]
            .concat()
        };
        memory.write(0, &descriptor(1000, 10, NEXT, 1));
        memory.write(16, &descriptor(2000, 20, NEXT | WRITABLE, 0));
        memory.write(66, &1_u16.to_le_bytes());
        let (head, pieces) = queue.take(&memory).unwrap();
        let lengths: Vec<_> = pieces.iter().map(|it| (it.length, it.writable)).collect();
        assert_eq!((head, lengths), (0, vec![(10, false), (20, true)]));
        queue.give_back(&memory, head, 7).unwrap();
        assert_eq!((memory.load(130), memory.load(136)), (Some(1), Some(7)));
        assert!(queue.take(&memory).is_none());
    }
}
