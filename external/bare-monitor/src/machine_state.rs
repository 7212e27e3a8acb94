//! The machine that KVM makes, and the state that its processor begins in.

use kvm_bindings::{
    KVM_MAX_CPUID_ENTRIES, kvm_regs, kvm_segment, kvm_sregs, kvm_userspace_memory_region,
};
use kvm_ioctls::{Kvm, VcpuFd, VmFd};

use crate::error::{Error, kvm};
use crate::memory::Memory;

/// Where Intel's processors keep a state of their own while they have no paging: above what a guest has.
const TASK_STATE: usize = 0xfffb_d000;

/// The first bit of a processor's flags is always set.
pub(crate) const FLAGS: u64 = 0x2;

/// A machine with one processor. The memory lives longer than it.
pub(crate) struct Machine {
    pub(crate) processor: VcpuFd,
    _machine: VmFd,
}

impl Machine {
    #[expect(unsafe_code, reason = "KVM is given memory of this process")]
    pub(crate) fn new(memory: &Memory) -> Result<Self, Error> {
        let system = Kvm::new().map_err(Error::NoKvm)?;
        let machine = system.create_vm().map_err(kvm("cannot make a machine"))?;
        machine
            .set_tss_address(TASK_STATE)
            .map_err(kvm("cannot place the task state"))?;
        let region = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: 0,
            memory_size: memory.length() as u64,
            userspace_addr: memory.start(),
        };
        // SAFETY: the memory is a mapping of our own that lives longer than the machine.
        unsafe { machine.set_user_memory_region(region) }
            .map_err(kvm("cannot give the machine its memory"))?;
        let processor = machine
            .create_vcpu(0)
            .map_err(kvm("cannot make a processor"))?;
        let features = system
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .map_err(kvm("cannot read what processors have"))?;
        processor
            .set_cpuid2(&features)
            .map_err(kvm("cannot give the processor its features"))?;
        Ok(Self {
            processor,
            _machine: machine,
        })
    }

    /// Sets the processor's registers.
    pub(crate) fn set(&self, special: &kvm_sregs, general: &kvm_regs) -> Result<(), Error> {
        self.processor
            .set_sregs(special)
            .map_err(kvm("cannot set the processor's state"))?;
        self.processor
            .set_regs(general)
            .map_err(kvm("cannot set the processor's registers"))
    }

    /// The state that it has.
    pub(crate) fn special(&self) -> Result<kvm_sregs, Error> {
        self.processor
            .get_sregs()
            .map_err(kvm("cannot read the processor's state"))
    }

    /// Has it begin as the PVH protocol says: in protected mode, without paging, all memory in each segment.
    pub(crate) fn enter_pvh(&self, entry: u64, start_info: u64) -> Result<(), Error> {
        let mut special = self.special()?;
        let data = segment(0x10, 0x3, 0);
        special.cs = kvm_segment {
            db: 1,
            ..segment(0x08, 0xb, 0)
        };
        (special.ds, special.es, special.ss) = (data, data, data);
        (special.fs, special.gs) = (data, data);
        special.tr = task();
        special.cr0 = 0x11;
        special.cr4 = 0;
        special.efer = 0;
        let general = kvm_regs {
            rip: entry,
            rbx: start_info,
            rflags: FLAGS,
            ..kvm_regs::default()
        };
        self.set(&special, &general)
    }
}

/// A segment over all memory.
pub(crate) fn segment(selector: u16, kind: u8, ring: u8) -> kvm_segment {
    kvm_segment {
        base: 0,
        limit: 0xffff_ffff,
        selector: selector | u16::from(ring),
        type_: kind,
        present: 1,
        dpl: ring,
        db: 1,
        s: 1,
        g: 1,
        ..kvm_segment::default()
    }
}

/// A task that nothing is kept in.
pub(crate) fn task() -> kvm_segment {
    kvm_segment {
        limit: 0x67,
        type_: 0xb,
        present: 1,
        ..kvm_segment::default()
    }
}
