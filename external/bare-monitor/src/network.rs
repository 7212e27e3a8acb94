//! The guest's network device: virtio over MMIO, before a TAP device. It offers nothing but its address, and
//! never interrupts: the guest looks.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, io};
use crate::memory::Memory;
use crate::queue::{LARGEST, Piece, Queue};
use crate::tap::Tap;

/// Where it is, and how long its registers are.
pub(crate) const ADDRESS: u64 = 0xd000_0000;
pub(crate) const SIZE: u64 = 0x1000;

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;

/// What is before each frame: nothing is left to be done with it, and it is in one buffer.
const HEADER: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];

/// Room for a frame.
const FRAME: usize = 2048;

/// That the device has an address, and that it is one of version 1.
const FEATURES: u64 = 1 << 5 | 1 << 32;

/// An address of Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MacAddress([u8; 6]);

impl MacAddress {
    /// Six bytes in hexadecimal, with colons between.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes: Option<Vec<_>> = text
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16).ok())
            .collect();
        Some(Self(bytes?.try_into().ok()?))
    }
}

/// The registers that keep something.
#[derive(Debug, Default)]
struct Registers {
    status: u32,
    features_word: u32,
    queue: usize,
    queues: [Queue; 2],
}

/// The device.
#[derive(Debug)]
pub(crate) struct Network {
    memory: Arc<Memory>,
    tap: Arc<Tap>,
    mac: MacAddress,
    registers: Arc<Mutex<Registers>>,
}

impl Network {
    /// The device before a TAP device, whose frames a thread takes from now on.
    pub(crate) fn new(memory: Arc<Memory>, tap: Tap, mac: MacAddress) -> Result<Self, Error> {
        let device = Self {
            memory,
            tap: Arc::new(tap),
            mac,
            registers: Arc::default(),
        };
        let (memory, tap) = (Arc::clone(&device.memory), Arc::clone(&device.tap));
        let registers = Arc::clone(&device.registers);
        std::thread::Builder::new()
            .name("receive".into())
            .spawn(move || {
                let mut frame = [0; FRAME];
                while let Ok(length) = tap.receive(&mut frame) {
                    let mut registers = registers.lock().unwrap_or_else(PoisonError::into_inner);
                    // A frame that there is no room for is lost, as frames may be.
                    let _ = hand_in(&memory, &mut registers.queues[RECEIVE], &frame[..length]);
                }
            })
            .map_err(io("cannot start the thread that receives"))?;
        Ok(device)
    }

    /// The guest reads a register.
    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) {
        bytes.fill(0);
        let registers = self.registers();
        let value = match offset {
            0x000 => 0x7472_6976,
            0x004 => 2,
            0x008 => 1,
            0x010 => {
                u32::try_from((FEATURES >> (32 * registers.features_word.min(2))) & 0xffff_ffff)
                    .unwrap_or_default()
            }
            0x034 => LARGEST.into(),
            0x044 => registers
                .queues
                .get(registers.queue)
                .is_some_and(|queue| queue.ready)
                .into(),
            0x070 => registers.status,
            0x100..0x108 => {
                // The address, and that the link is up.
                let mut configuration = [0; 8];
                configuration[..6].copy_from_slice(&self.mac.0);
                configuration[6] = 1;
                let from = usize::try_from(offset - 0x100).unwrap_or_default();
                for (to, byte) in bytes.iter_mut().zip(&configuration[from..]) {
                    *to = *byte;
                }
                return;
            }
            _ => 0,
        };
        for (to, byte) in bytes.iter_mut().zip(value.to_le_bytes()) {
            *to = byte;
        }
    }

    /// The guest writes to a register.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        let Ok(value) = bytes.try_into().map(u32::from_le_bytes) else {
            return;
        };
        let mut registers = self.registers();
        match offset {
            0x014 => registers.features_word = value,
            0x030 => registers.queue = value.try_into().unwrap_or(usize::MAX),
            0x050 => {
                self.transmit(&mut registers.queues[TRANSMIT]);
            }
            // Zero resets it.
            0x070 if value == 0 => *registers = Registers::default(),
            0x070 => registers.status = value,
            _ => {
                let queue = registers.queue;
                if let Some(registers) = registers.queues.get_mut(queue) {
                    set_up(registers, offset, value);
                    // Buffers for frames are looked for when a frame comes.
                    if queue == RECEIVE && registers.ready {
                        registers.decline_notifications(&self.memory);
                    }
                }
            }
        }
    }

    /// Sends all that the guest has handed over.
    fn transmit(&self, queue: &mut Queue) {
        while let Some((head, pieces)) = queue.take(&self.memory) {
            let mut frame = Vec::new();
            for piece in pieces.iter().filter(|piece| !piece.writable) {
                let from = frame.len();
                // A driver that says nonsense sends nothing.
                if piece.length > 0x1_0000 {
                    break;
                }
                frame.resize(from + piece.length, 0);
                self.memory.read(piece.address, &mut frame[from..]);
            }
            if let Some(frame) = frame.get(HEADER.len()..) {
                self.tap.send(frame);
            }
            if queue.give_back(&self.memory, head, 0).is_none() {
                return;
            }
        }
    }

    fn registers(&self) -> std::sync::MutexGuard<'_, Registers> {
        self.registers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver says where a queue is.
fn set_up(queue: &mut Queue, offset: u64, value: u32) {
    let low = |to: &mut u64| *to = *to & !0xffff_ffff | u64::from(value);
    let high = |to: &mut u64| *to = *to & 0xffff_ffff | u64::from(value) << 32;
    match offset {
        0x038 => queue.size = value.try_into().unwrap_or_default(),
        0x044 => {
            queue.ready = value == 1;
        }
        0x080 => low(&mut queue.descriptors),
        0x084 => high(&mut queue.descriptors),
        0x090 => low(&mut queue.available),
        0x094 => high(&mut queue.available),
        0x0a0 => low(&mut queue.used),
        0x0a4 => high(&mut queue.used),
        _ => {}
    }
}

/// Hands a frame to the guest.
fn hand_in(memory: &Memory, queue: &mut Queue, frame: &[u8]) -> Option<()> {
    let (head, pieces) = queue.take(memory)?;
    let bytes = [&HEADER, frame].concat();
    let mut rest = &bytes[..];
    for Piece {
        address, length, ..
    } in pieces.iter().filter(|piece| piece.writable)
    {
        let (now, later) = rest.split_at(rest.len().min(*length));
        memory.write(*address, now);
        rest = later;
    }
    let written = bytes.len() - rest.len();
    queue.give_back(memory, head, written.try_into().ok()?)
}
