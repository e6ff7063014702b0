//! Pull, push, save and load against a registry in memory: cuts, kills, faults and bad input.

#![allow(clippy::unwrap_used, reason = "tests")]

mod address;
mod archive;
mod bad_input;
mod busy;
mod faults;
mod hosts;
mod lab;
mod pull;
mod push;
mod trust;
mod waits;
