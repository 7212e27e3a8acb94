//! Nothing: but only a package with a build script has its build dependencies compiled, and some of
//! them are there so that the first command compiles what the next ones would compile otherwise.

fn main() {}
