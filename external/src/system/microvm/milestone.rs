//! The bytes by which a guest says what it has reached: those of `workloads/unikernel` and of
//! `workloads/linux-guest`.

/// Its first instruction.
pub(super) const ENTERED: u8 = 0x81;
/// It can allocate memory.
pub(super) const MEMORY: u8 = 0x82;
/// Its network device works.
pub(super) const DEVICE: u8 = 0x83;
/// It listens.
pub(super) const LISTENING: u8 = 0x84;
/// The first connection is there.
pub(super) const ACCEPTED: u8 = 0x85;
/// The first answer is handed to its device.
pub(super) const ANSWERED: u8 = 0x86;

/// Of a Linux guest: the first statement of its first program.
pub(super) const INIT: u8 = 0x87;
/// Of a Linux guest: the workload's program was executed.
pub(super) const EXECUTED: u8 = 0x88;
