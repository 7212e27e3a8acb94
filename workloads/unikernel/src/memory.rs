//! Memory: blocks whose sizes are powers of two, each kept for its like when it is given back.
//!
//! What was never given out before is zero, since a virtual machine's memory is when it begins: nothing is
//! written to it, which where ring 0 is interpreted would be most of the start.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

/// The least block: room for the link to the next one.
const LEAST: usize = 16;

/// The sizes, from [`LEAST`] on.
const SIZES: usize = 32;

const PAGE: usize = 4096;

struct Blocks {
    /// What was never given out.
    next: usize,
    end: usize,
    /// Blocks that were given back, by size: each holds the address of the next.
    free: [*mut u8; SIZES],
}

struct Memory(UnsafeCell<Blocks>);

// SAFETY: there is one processor, and nothing interrupts it.
unsafe impl Sync for Memory {}

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new(Blocks {
    next: 0,
    end: 0,
    free: [ptr::null_mut(); SIZES],
}));

/// Gives the memory from one address to another to whoever allocates.
pub fn give(from: usize, end: usize) {
    // SAFETY: nobody else is in there, see above.
    let blocks = unsafe { &mut *MEMORY.0.get() };
    (blocks.next, blocks.end) = (from, end);
}

/// The size of the block for a layout, and its place in the list.
fn block(layout: &Layout) -> (usize, usize) {
    let size = layout
        .size()
        .max(layout.align())
        .max(LEAST)
        .next_power_of_two();
    (size, (size / LEAST).trailing_zeros() as usize)
}

impl Blocks {
    /// A block, and whether it is new.
    fn take(&mut self, layout: &Layout) -> (*mut u8, bool) {
        let (size, place) = block(layout);
        let Some(free) = self.free.get_mut(place) else {
            return (ptr::null_mut(), true);
        };
        if !free.is_null() {
            let taken = *free;
            // SAFETY: a block that was given back holds the address of the next.
            *free = unsafe { taken.cast::<*mut u8>().read() };
            return (taken, false);
        }
        // A page is aligned; nothing here needs more.
        let at = self.next.next_multiple_of(size.min(PAGE));
        if layout.align() > PAGE || self.end.saturating_sub(at) < size {
            return (ptr::null_mut(), true);
        }
        self.next = at + size;
        (at as *mut u8, true)
    }
}

// SAFETY: blocks do not overlap, are as large and as aligned as asked for, and are given out once until they
// are given back.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: nobody else is in there, see above.
        let blocks = unsafe { &mut *self.0.get() };
        blocks.take(&layout).0
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let blocks = unsafe { &mut *self.0.get() };
        let (block, is_new) = blocks.take(&layout);
        if !block.is_null() && !is_new {
            // SAFETY: the block is at least so large.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, freed: *mut u8, layout: Layout) {
        // SAFETY: as above.
        let blocks = unsafe { &mut *self.0.get() };
        let (_, place) = block(&layout);
        // SAFETY: the block is nobody's any more, and has room for an address.
        unsafe { freed.cast::<*mut u8>().write(blocks.free[place]) };
        blocks.free[place] = freed;
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        if block(&layout) == block(&wanted) {
            return old;
        }
        // SAFETY: both are of this allocator, and the lesser of the sizes is within each.
        unsafe {
            let new = self.alloc(wanted);
            if !new.is_null() {
                ptr::copy_nonoverlapping(old, new, layout.size().min(size));
                self.dealloc(old, layout);
            }
            new
        }
    }
}
