//! What can be measured here, and what the machine does to results.
