//! A run as the report needs it: read once, line by line, grouped by cell, with everything that is
//! wrong named.

mod contradiction;
mod damage;
mod latencies;
mod lines;
mod load;
mod point;
mod reader;
mod run;

pub use damage::{Damage, Kind};
pub use latencies::{Counted, Latencies, Quantile};
pub use lines::{LONGEST_LINE, Line, Lines};
pub use load::{Decoded, Load, LoadOfRequest};
pub use point::{Fact, Part, Point};
pub use run::{CellData, InputError, Run, cell_id};
