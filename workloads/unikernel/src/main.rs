//! The workloads as an image that a virtual machine boots: `hello` and `cpu-hash` to their end, and the
//! service on a virtio network device.
//!
//! It is entered by the PVH protocol, in protected mode and without paging, with the address of a
//! [`boot::StartInfo`]. It needs no interrupts, no floating point and no firmware, and never halts: it asks
//! its device again and again, which is what makes it run where ring 0 is interpreted or emulated. What it is
//! to do is on its command line:
//!
//! | word | meaning |
//! |---|---|
//! | `run=http` | serve; `hello` and `cpu-hash` run to their end |
//! | `iterations=N` | the rounds of `cpu-hash` |
//! | `ip=A.B.C.D/N` | its address |
//! | `gateway=A.B.C.D` | where other networks are |
//! | `port=N` | the port that it listens on |
//! | `tsc_khz=N` | how fast the processor's time stamp counter counts |
//! | `virtio_mmio.device=SIZE@ADDRESS:IRQ` | where a device is: monitors write this one themselves |
//!
//! Its milestones are single bytes on the first serial port ([`serial::Milestone`]); what it prints is text
//! there.

#![no_std]
#![no_main]

extern crate alloc;

mod boot;
mod clock;
mod command_line;
mod device;
mod memory;
mod ports;
mod serial;
mod service;

use core::panic::PanicInfo;

use boot::StartInfo;
use command_line::{CommandLine, Work};
use serial::Milestone;

/// Called by [`boot`] with what the monitor left for it.
#[unsafe(no_mangle)]
extern "C" fn image_main(info: &'static StartInfo) -> ! {
    memory::give(boot::image_end(), info.memory_end(boot::image_end()));
    serial::milestone(Milestone::Memory);
    let line = CommandLine::parse(info.command_line());
    match line.work {
        Work::Hello => serial::print(&[workload_core::HELLO, "\n"]),
        Work::CpuHash(iterations) => {
            serial::print(&[&workload_core::cpu_hash_hex(iterations), "\n"]);
        }
        Work::Serve => service::serve(&line),
    }
    ports::end(0)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    use core::fmt::Write as _;

    serial::milestone(Milestone::Failed);
    let _ = writeln!(serial::Serial, "{info}");
    ports::end(1)
}
