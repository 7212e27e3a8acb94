//! `hello`: one line, then the exit.

fn main() {
    println!("{}", workload_core::HELLO);
}
