//! What kind of virtualisation this machine has, by tiny guests: how long an instruction and an exit take in
//! ring 0, where kernels run, and in ring 3, where programs do; and whether ring 0 may use vector registers.
//!
//! There are machines whose KVM has no hardware below it and interprets a guest's ring 0: there a kernel is a
//! thousand times slower than the programs on top of it, which says nothing of the same kernel elsewhere.

use kvm_bindings::{kvm_regs, kvm_segment};
use kvm_ioctls::VcpuExit;
use machine::clock::now_ns;

use crate::error::{Error, kvm};
use crate::found::{Found, Ring};
use crate::machine_state::{FLAGS, Machine, segment, task};
use crate::memory::Memory;

/// How often each is timed; the quickest counts, as what else the machine does only adds.
const REPEATS: u64 = 9;

/// The rounds of two instructions that an instruction is timed by: a millisecond where they are interpreted.
const ROUNDS: u32 = 500;

/// An address that is no memory: writing to it is an exit.
const OUTSIDE: u64 = 0x4000_0000;

/// The places of tables and code in the guest's memory.
const ROOT: u64 = 0x1000;
const POINTERS: u64 = 0x2000;
const DIRECTORIES: u64 = 0x3000;
const CODE: u64 = 0x8000;

/// `mov [rbx], eax`, again and again.
const EXITS: &[u8] = &[0x89, 0x03, 0xeb, 0xfc];

/// `1: mov ecx, edx; 2: dec ecx; jnz 2b; mov [rbx], eax; jmp 1b`.
const COUNTS: &[u8] = &[0x89, 0xd1, 0xff, 0xc9, 0x75, 0xfc, 0x89, 0x03, 0xeb, 0xf6];

/// `xorps xmm0, xmm0; mov [rbx], eax`.
const VECTORS: &[u8] = &[0x0f, 0x57, 0xc0, 0x89, 0x03, 0xeb, 0xfc];

/// Finds out what kind of virtualisation this machine has. Takes some tens of milliseconds where ring 0 is
/// interpreted, and one elsewhere.
///
/// # Errors
/// There is no KVM, or it runs no guest.
pub fn find() -> Result<Found, Error> {
    Ok(Found {
        kernel: ring(0)?,
        programs: ring(3)?,
    })
}

fn ring(ring: u8) -> Result<Ring, Error> {
    let exit_ns = Probe::new(ring, EXITS)?.quickest();
    let counted_ns = Probe::new(ring, COUNTS)?.quickest();
    let instructions = f64::from(2 * ROUNDS);
    #[expect(clippy::cast_precision_loss, reason = "fractions of a second")]
    let instruction_ns = counted_ns
        .zip(exit_ns)
        .map(|(all, exit)| all.saturating_sub(exit).max(1) as f64 / instructions);
    Ok(Ring {
        instruction_ns,
        #[expect(clippy::cast_precision_loss, reason = "fractions of a second")]
        exit_ns: exit_ns.map(|ns| ns as f64),
        vectors: Probe::new(ring, VECTORS)?.exits()?,
    })
}

/// A guest of a few instructions.
struct Probe {
    machine: Machine,
    // After the machine, which has it.
    _memory: Memory,
}

impl Probe {
    fn new(ring: u8, code: &[u8]) -> Result<Self, Error> {
        let memory = Memory::new(0x20_0000)?;
        let entry = |to: u64| (to | 0x7).to_le_bytes();
        // Present, writable, of programs too; and pages of 2 MiB, of which the last two are no memory.
        memory.write(ROOT, &entry(POINTERS));
        memory.write(POINTERS, &entry(DIRECTORIES));
        memory.write(POINTERS + 8, &entry(DIRECTORIES + 0x1000));
        memory.write(DIRECTORIES, &entry(0x80));
        memory.write(DIRECTORIES + 0x1000, &entry(OUTSIDE | 0x80));
        memory.write(CODE, code);
        let machine = Machine::new(&memory)?;
        let mut special = machine.special()?;
        let data = segment(0x10, 0x3, ring);
        special.cs = kvm_segment {
            l: 1,
            db: 0,
            ..segment(0x08, 0xb, ring)
        };
        (special.ds, special.es, special.ss) = (data, data, data);
        (special.fs, special.gs) = (data, data);
        special.tr = task();
        special.cr3 = ROOT;
        // Physical addresses of 52 bits, and vector registers switched on.
        special.cr4 = 0x20 | 0x600;
        special.efer = 0x500;
        special.cr0 = 0x8000_0033;
        let general = kvm_regs {
            rip: CODE,
            rbx: OUTSIDE,
            rdx: ROUNDS.into(),
            rsp: CODE,
            rflags: FLAGS,
            ..kvm_regs::default()
        };
        machine.set(&special, &general)?;
        Ok(Self {
            machine,
            _memory: memory,
        })
    }

    /// Whether it comes to its first exit.
    fn exits(&mut self) -> Result<bool, Error> {
        let exit = self.machine.processor.run();
        let exit = exit.map_err(kvm("the processor does not run"))?;
        Ok(matches!(exit, VcpuExit::MmioWrite(OUTSIDE, _)))
    }

    /// The shortest time from one exit to the next; nothing where there are none.
    fn quickest(&mut self) -> Option<u64> {
        // The first one finds nothing in place.
        self.exits().ok().filter(|exits| *exits)?;
        let mut quickest = None;
        for _ in 0..REPEATS {
            let before_ns = now_ns();
            self.exits().ok().filter(|exits| *exits)?;
            let took_ns = now_ns() - before_ns;
            quickest = Some(quickest.map_or(took_ns, |least: u64| least.min(took_ns)));
        }
        quickest
    }
}
