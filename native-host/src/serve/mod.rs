//! The server: stored models, loaded models and clients, on one thread; engines on their own.

pub mod backend;
pub mod env;
