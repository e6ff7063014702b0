//! `ingle serve` from outside: a real process on a port of its own, seeded models, real sockets.
//!
//! What a client may send before there is a request, what it may do to a connection, and what many
//! of them do at once can only be seen here. Every test has a server of its own, because most of
//! them leave marks on theirs: settings, logs, cancelled work.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

mod a_crowd;
mod access;
mod bodies;
mod cancel;
mod clients;
mod ends;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../host/exits.rs"]
mod exits;
mod heads;
mod list;
mod logs;
mod metrics;
mod options;
#[path = "../host/program.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod program;
mod queue;
mod requests;
mod server;
mod terminal;
mod wire;
