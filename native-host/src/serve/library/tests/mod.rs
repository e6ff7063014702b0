//! The library on temporary folders, with tiny files and a registry on the loopback device.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should panic")]

mod files;
mod key;
mod lab;
mod local;
mod network;
mod quantize;
mod registry;
