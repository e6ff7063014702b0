//! The `ingle` program from outside: what it promises to scripts, and what it says to bad input.
//!
//! The program is run as a user runs it, on models made by this package. It is found through
//! `INGLE_BIN`, which `cargo xtask test` sets; without it, it is built first.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod analyze;
mod answers;
mod archives;
mod bad_input;
mod bench;
mod contract;
mod damaged;
mod embed;
mod errors;
mod exits;
#[allow(dead_code, reason = "the tests of conversion use the rest of it")]
#[path = "../convert/hf.rs"]
mod hf;
mod measured;
mod program;
mod quantize;
#[cfg(unix)]
mod screens;
mod server;
mod stored;
