//! `hello`: one line, then the exit.

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn main() {
    println!("{}", workload_core::HELLO);
}
