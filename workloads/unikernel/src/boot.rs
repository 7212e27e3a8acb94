//! From the entry to 64-bit code, and what the monitor tells.

use core::arch::global_asm;
use core::ffi::{CStr, c_char};

/// The lowest 4 GiB mapped to themselves, in pages of 2 MiB: devices lie below 4 GiB, and pages of 1 GiB are
/// not everywhere. They are data, so that no instruction of the start is spent on them.
#[repr(C, align(4096))]
struct Table<E, const N: usize>([E; N]);

// SAFETY: read by the processor alone.
unsafe impl<E, const N: usize> Sync for Table<E, N> {}

/// Present and writable; of a directory's entry: a page of 2 MiB too.
const WRITABLE: usize = 0x3;
const LARGE: u64 = 0x80;

const fn identity() -> [u64; 2048] {
    let mut entries = [0; 2048];
    let mut index = 0;
    while index < entries.len() {
        entries[index] = ((index as u64) << 21) | LARGE | WRITABLE as u64;
        index += 1;
    }
    entries
}

const fn entry<T>(table: *const T, page: usize) -> *const u8 {
    table
        .cast::<u8>()
        .wrapping_add(page * 4096)
        .wrapping_add(WRITABLE)
}

// Writable, as the processor marks entries as used.
#[unsafe(link_section = ".data.tables")]
static mut DIRECTORIES: Table<u64, 2048> = Table(identity());

#[unsafe(link_section = ".data.tables")]
static mut POINTERS: Table<*const u8, 512> = {
    let mut entries = [core::ptr::null(); 512];
    let mut index = 0;
    while index < 4 {
        entries[index] = entry(&raw const DIRECTORIES, index);
        index += 1;
    }
    Table(entries)
};

#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.tables")]
static mut ROOT_TABLE: Table<*const u8, 512> = {
    let mut entries = [core::ptr::null(); 512];
    entries[0] = entry(&raw const POINTERS, 0);
    Table(entries)
};

// The note says where a monitor is to enter: XEN_ELFNOTE_PHYS32_ENTRY.
global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4
    .long 4
    .long 18
    .asciz "Xen"
    .long pvh_entry

    .section .text.boot, "ax"
    .code32
    .global pvh_entry
pvh_entry:
    movw $0x3f8, %dx
    movb $0x81, %al
    outb %al, %dx
    movl $boot_stack_end, %esp
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $ROOT_TABLE, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $long_mode
    .code64
long_mode:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %ebx, %edi
    call image_main
    ud2

    .section .rodata.boot, "a"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
boot_gdt_pointer:
    .short 23
    .long boot_gdt

    .section .bss.stack, "aw", @nobits
    .balign 16
    .skip 65536
boot_stack_end:
"#,
    options(att_syntax)
);

/// `hvm_start_info` of the PVH protocol, version 1.
#[repr(C)]
pub struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    modules_at: u64,
    command_line_at: u64,
    rsdp_at: u64,
    memory_map_at: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[repr(C)]
struct Range {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

const MAGIC: u32 = 0x336e_c578;
const RAM: u32 = 1;

impl StartInfo {
    /// Where the memory ends that begins at or before `from`.
    pub fn memory_end(&self, from: usize) -> usize {
        assert!(
            self.magic == MAGIC && self.version >= 1,
            "not entered by PVH"
        );
        // SAFETY: the protocol says that so many of them are there.
        let map = unsafe {
            core::slice::from_raw_parts(
                self.memory_map_at as *const Range,
                self.memory_map_entries as usize,
            )
        };
        let from = from as u64;
        let range = map
            .iter()
            .find(|it| it.kind == RAM && it.address <= from && from < it.address + it.size);
        let range = range.expect("the memory map has no memory behind the image");
        (range.address + range.size) as usize
    }

    /// What the monitor wrote for it.
    pub fn command_line(&self) -> &'static str {
        if self.command_line_at == 0 {
            return "";
        }
        // SAFETY: the protocol says that a text with its end is there.
        let text = unsafe { CStr::from_ptr(self.command_line_at as *const c_char) };
        text.to_str().unwrap_or("")
    }
}

unsafe extern "C" {
    #[link_name = "image_end"]
    static IMAGE_END: u8;
}

/// Where the image ends in memory.
pub fn image_end() -> usize {
    (&raw const IMAGE_END) as usize
}
