//! The server's parts that touch this machine: stored models, the network, time.

pub mod clock;
pub mod fetch;
pub mod library;
