//! A process, from its launch to its end, and its milestones seen from outside.
