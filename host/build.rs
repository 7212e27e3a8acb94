//! How the program `host` is linked.

fn main() {
    // Linked to be loaded at one address. Loaded anywhere, its 44,000 relative relocations are
    // applied at every launch: more than half a millisecond, a third of the fastest start. Given up
    // is the random address of this program's own image; heap, stack, libraries and what guests are
    // mapped into still have one.
    //
    // Only that program: `host-control` is linked as other programs are, and prices this choice.
    println!("cargo::rustc-link-arg-bin=host=-no-pie");
    println!("cargo::rerun-if-changed=build.rs");
}
