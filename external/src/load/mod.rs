//! A load generator for loopback.
