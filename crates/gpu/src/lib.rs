//! Plays a [`Plan`](kernels::Plan) on wgpu: Vulkan, Metal and DX12 natively, WebGPU in a browser.
//!
//! The only crate that names wgpu. Everything is made when a model is loaded: weights, cache,
//! activations, pipelines, bind groups, and two lists of dispatches (one row, many rows). A token
//! is then one write of 64 bytes, one pass over a list, and one submit; see [`schedule`].
//!
//! Must never know: GGUF, architectures, tokens as text.

mod adapter;
#[cfg(test)]
mod allocations;
mod cache;
mod chain;
mod check;
mod compiled;
mod doctor;
mod encode;
mod flight;
mod health;
mod job;
mod kept;
mod loader;
mod options;
mod pipelines;
mod place;
mod platform;
mod player;
mod profile;
mod readback;
mod rows;
mod schedule;
mod signal;
mod store;
mod tap;
mod tune;

pub use adapter::{AdapterSummary, Gpu, list};
pub use check::{CheckResult, check_kernels};
pub use compiled::MAX_PIPELINE_BYTES;
pub use doctor::{Examined, Finding, Part, SwitchedOff};
pub use options::{Backend, Options, Rewrite};
