//! What is told to the outside: milestones and text, byte by byte, on the first serial port. Nothing is
//! waited for: what is behind the port is a monitor, which takes a byte at once.

use core::fmt;

use crate::ports;

const PORT: u16 = 0x3f8;

/// What has happened, as a byte that no text has in ASCII. [`crate::boot`] writes the first one, 0x81: entered.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Milestone {
    /// Memory can be allocated.
    Memory = 0x82,
    /// The network device works.
    Device = 0x83,
    /// It listens.
    Listening = 0x84,
    /// The first connection is there.
    Accepted = 0x85,
    /// The first answer is handed to the device.
    Answered = 0x86,
    /// It cannot go on; why follows as text.
    Failed = 0x8f,
}

/// Tells a milestone.
pub fn milestone(milestone: Milestone) {
    ports::write(PORT, milestone as u8);
}

/// Prints texts.
pub fn print(texts: &[&str]) {
    for text in texts {
        text.bytes().for_each(|byte| ports::write(PORT, byte));
    }
}

/// Takes what is formatted.
pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print(&[text]);
        Ok(())
    }
}
