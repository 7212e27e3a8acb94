//! What packets go through between client and service, where a cell says so.

pub mod firewall;
pub mod link;
pub mod tap;
pub mod tun;
