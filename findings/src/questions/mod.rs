//! One module a question. Each is a pure function from facts to what was found, as plain data; none
//! of them knows another.

pub mod acquisition;
pub mod blocks;
pub mod break_even;
pub mod carry_over;
pub mod clocks;
pub mod container_layers;
pub mod controls;
pub mod density;
pub mod duel;
pub mod engine_pairs;
pub mod factors;
pub mod harness;
pub mod headline;
pub mod kinds_of_cold;
pub mod levers;
pub mod lifecycles;
pub mod limits;
pub mod load_curve;
pub mod network_path;
pub mod objectives;
pub mod observer;
pub mod pool_slots;
pub mod ranking;
pub mod requests;
pub mod scaling;
pub mod starts;
pub mod state;
pub mod virtual_machines;
