//! How long a report takes.

fn main() {}
