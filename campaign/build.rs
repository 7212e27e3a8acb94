//! Passes on how the programs are built: the manifest of every run tells it.

use std::process::Command;

fn main() {
    let var = |name: &str| std::env::var(name).unwrap_or_else(|_| "unknown".to_owned());
    let rustc = Command::new(var("RUSTC")).arg("--version").output();
    let rustc = rustc.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    for (name, value) in [
        ("PROFILE", var("PROFILE")),
        ("OPT_LEVEL", var("OPT_LEVEL")),
        ("TARGET", var("TARGET")),
        ("RUSTC_VERSION", rustc),
    ] {
        println!("cargo::rustc-env=COLDPHASE_{name}={value}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
