//! Systems from outside: launched as people launch them, watched from launch to first answer, and
//! put under load.

pub mod compare;
pub mod doctor;
pub mod firewall;
pub mod link;
pub mod load;
pub mod observe;
pub mod suite;
pub mod system;
