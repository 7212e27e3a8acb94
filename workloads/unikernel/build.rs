//! The image lies where its linker script says.

fn main() {
    println!("cargo::rerun-if-changed=image.ld");
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where it builds");
    println!("cargo::rustc-link-arg-bins=-T{folder}/image.ld");
}
