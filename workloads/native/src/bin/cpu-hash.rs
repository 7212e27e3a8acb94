//! `cpu-hash [ITERATIONS]`: SHA-256 over its own output, the digest printed.

use std::process::ExitCode;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is what the program is for"
)]
fn main() -> ExitCode {
    let iterations = std::env::args()
        .nth(1)
        .map_or(Ok(workload_core::DEFAULT_ITERATIONS), |text| {
            workload_core::parse_iterations(&text)
        });
    match iterations {
        Ok(iterations) => {
            println!("{}", workload_core::cpu_hash_hex(iterations));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("cpu-hash: {message}");
            ExitCode::from(2)
        }
    }
}
