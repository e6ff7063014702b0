//! What every host of the router needs and no host should write twice.
//!
//! `api` asks for a library of stored models and for runners of loaded ones. Over the store and the
//! engine's actor both are the same program in a server and in a page; only files, network, clock
//! and threads differ, and those come in through the store's traits and through [`runner::Aside`].
//! What is left to a host: where models lie, who may ask a registry, how weights reach a device.
//!
//! Must never know: file systems, sockets, browsers, devices.

#![deny(missing_docs)]

pub mod library;
pub mod runner;
