//! Firewalls and networks as the kernel has them: what is put up is there, does what it says, and
//! is gone afterwards, however the suite ends.
//!
//! Rulesets are tried in network namespaces of the tests' own, where the machine's firewall is not
//! touched. Without the privilege for that, or the programs, each test says that it did not run.

mod blocking;
mod firewall;
mod forwarding;
mod link;
mod suite;
mod support;
mod tun;
