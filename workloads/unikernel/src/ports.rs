//! The processor's ports.

use core::arch::asm;

/// Writes a byte to a port.
pub fn write(port: u16, byte: u8) {
    // SAFETY: of the ports that are written to here, none touches memory.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack, preserves_flags));
    }
}

/// What a monitor ends for, by the code that is written: QEMU's `isa-debug-exit`.
const EXIT: u16 = 0xf4;

/// The keyboard controller, and what resets the machine: where a monitor has nothing else, it ends at this.
const KEYBOARD: u16 = 0x64;
const RESET: u8 = 0xfe;

/// Ends the machine.
pub fn end(code: u8) -> ! {
    write(EXIT, code);
    write(KEYBOARD, RESET);
    loop {
        core::hint::spin_loop();
    }
}
