//! The store against the outside: somebody else's registry, cut connections, killed processes,
//! full disks, several processes, a balancer in front.
//!
//! Everything is real here: `ingle serve` and `ingle` are processes, registries are sockets, disks
//! are mounts. What can be reached at every single step is tested in memory, in the store's own
//! tests; here are the faults that only an operating system makes. Where faults are drawn, a
//! variable draws more of them: `INGLE_KILLS=200`, `INGLE_CUTS=100`, `INGLE_FULL=200`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod balanced;
mod cuts;
#[allow(dead_code, reason = "the tests of the command line use the rest of it")]
#[path = "../host/exits.rs"]
mod exits;
mod fits;
mod folders;
mod full;
#[allow(dead_code, reason = "the tests of conversion use the rest of it")]
#[path = "../convert/hf.rs"]
mod hf;
mod http;
mod kill;
#[allow(dead_code, reason = "the tests of conversion use the rest of it")]
#[path = "../convert/lora.rs"]
mod lora;
mod modelfiles;
mod models;
#[allow(dead_code, reason = "the tests of the command line use the rest of it")]
#[path = "../host/program.rs"]
mod program;
mod proxy;
mod ready;
mod registry;
mod serve;
mod together;
mod waits;

/// How many faults to draw: the number in this variable, else `usual`.
fn count(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().expect(variable))
}
