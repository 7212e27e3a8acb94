//! The client of a service: its first answer, dated, and requests under load.

pub(crate) mod head;
mod http;
pub mod load;
pub mod readiness;
mod retry;
