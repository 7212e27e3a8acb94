//! One guest, from its making to its end.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use kvm_ioctls::VcpuExit;

use crate::error::{Error, io, kvm};
use crate::image;
use crate::machine_state::Machine;
use crate::memory::Memory;
use crate::network::{self, MacAddress, Network};
use crate::tap::Tap;

/// What is to be run.
pub(crate) struct Order {
    pub(crate) image: PathBuf,
    pub(crate) command_line: String,
    pub(crate) memory_bytes: usize,
    pub(crate) network: Option<(Tap, MacAddress)>,
}

/// Where the guest finds what it is told, below its image.
const START_INFO: u64 = 0x6000;
const MEMORY_MAP: u64 = 0x6040;
const COMMAND_LINE: u64 = 0x7000;
const COMMAND_LINE_BYTES: usize = 4096;

/// The first serial port: its data, and the register that says that it is empty.
const SERIAL: u16 = 0x3f8;
const SERIAL_STATUS: u16 = 0x3fd;
const SERIAL_EMPTY: u8 = 0x60;

/// What a guest ends itself with: a code, or a reset by the keyboard controller.
const EXIT: u16 = 0xf4;
const KEYBOARD: u16 = 0x64;

/// Runs a guest to its end; the code that it ends with.
pub(crate) fn run(order: Order) -> Result<u8, Error> {
    let memory = Arc::new(Memory::new(order.memory_bytes)?);
    let entry = image::load(&order.image, &memory)?;
    tell(&memory, &order)?;
    let mut machine = Machine::new(&memory)?;
    machine.enter_pvh(entry, START_INFO)?;
    let network = order
        .network
        .map(|(tap, mac)| Network::new(Arc::clone(&memory), tap, mac))
        .transpose()?;
    let mut serial = std::io::stdout();
    loop {
        let exit = machine.processor.run();
        match exit.map_err(kvm("the processor does not run"))? {
            VcpuExit::IoOut(SERIAL, bytes) => {
                // Byte by byte, as it comes: when it comes is what is asked.
                let written = serial.write_all(bytes).and_then(|()| serial.flush());
                written.map_err(io("writing to standard output"))?;
            }
            VcpuExit::IoOut(EXIT | KEYBOARD, bytes) => {
                let code = bytes.first().copied().unwrap_or_default();
                return Ok(if code == 0xfe { 0 } else { code });
            }
            VcpuExit::IoIn(port, bytes) => {
                bytes.fill(if port == SERIAL_STATUS {
                    SERIAL_EMPTY
                } else {
                    0
                });
            }
            VcpuExit::MmioRead(address, bytes) => match (&network, offset(address)) {
                (Some(network), Some(offset)) => network.read(offset, bytes),
                _ => bytes.fill(0xff),
            },
            VcpuExit::MmioWrite(address, bytes) => {
                if let (Some(network), Some(offset)) = (&network, offset(address)) {
                    network.write(offset, bytes);
                }
            }
            VcpuExit::IoOut(..) | VcpuExit::Intr => {}
            VcpuExit::Shutdown => {
                let why = "a fault that it has no handler for (triple fault)";
                return Err(Error::Stopped(why.to_owned()));
            }
            VcpuExit::InternalError => {
                let why = "KVM cannot run an instruction of it (KVM_EXIT_INTERNAL_ERROR)";
                return Err(Error::Stopped(why.to_owned()));
            }
            other => return Err(Error::Stopped(format!("{other:?}"))),
        }
    }
}

/// The register of the network device that an address is.
fn offset(address: u64) -> Option<u64> {
    let offset = address.checked_sub(network::ADDRESS)?;
    (offset < network::SIZE).then_some(offset)
}

/// Writes what the PVH protocol has a monitor tell: the command line and where memory is.
fn tell(memory: &Memory, order: &Order) -> Result<(), Error> {
    let mut line = order.command_line.clone();
    if order.network.is_some() {
        line.push_str(&format!(
            " virtio_mmio.device={}@{:#x}:5",
            network::SIZE,
            network::ADDRESS
        ));
    }
    if line.len() >= COMMAND_LINE_BYTES {
        let message = format!("the command line is longer than {COMMAND_LINE_BYTES} bytes");
        return Err(Error::Usage(message));
    }
    let quad = |value: u64| value.to_le_bytes();
    let word = |value: u32| value.to_le_bytes();
    let mut info = Vec::new();
    // Magic number, version, flags, no modules.
    for value in [0x336e_c578, 1, 0, 0] {
        info.extend(word(value));
    }
    for value in [0, COMMAND_LINE, 0, MEMORY_MAP] {
        info.extend(quad(value));
    }
    info.extend([word(1), word(0)].concat());
    let mut map = [quad(0), quad(order.memory_bytes as u64)].concat();
    map.extend([word(1), word(0)].concat());
    memory.write(START_INFO, &info);
    memory.write(MEMORY_MAP, &map);
    memory.write(COMMAND_LINE, line.as_bytes());
    Ok(())
}
