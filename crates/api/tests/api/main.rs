//! The router and the scheduler against a host in memory.
//!
//! One program for all tables, so that the fake host is compiled once. The model says what a test
//! lets it say; time passes only where the fake says so: a load takes 5 ms, a prompt 2 ms, a token
//! 1 ms. So whole answers can be compared byte for byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod access;
mod bad_input;
mod fake;
mod metrics;
mod random;
mod requests;
mod scheduler;
mod scheduler_random;
mod streams;
mod tables;
