//! The browser host: what a dedicated worker needs to run the engine, and nothing else.
//!
//! Everything here is glue at one edge: JavaScript values become requests, files of the browser
//! become byte sources, events become plain objects. The worker's own script (storage, network,
//! messages to the page) is TypeScript in `www/packages/engine`, because those are browser
//! interfaces and their types live there; this crate sees only files that are already open.
//!
//! The engine's actor is a task of the worker's event loop beside the router, which is the one that
//! servers use: what a page asks by `fetch`, its own calls, and cancels reach a model over lines of
//! their own, and several answers are written together.

#![cfg(target_arch = "wasm32")]

mod api;
mod bench;

mod cancel;
mod convert;
mod device;
mod doctor;
mod edge;
mod error;
mod host;
mod in_use;
mod load;
mod settings;
mod shaders;
mod source;
mod store;
mod threads;
mod tuning;

pub use api::{ApiResponse, tape::Tape};
pub use cancel::CancelFlag;
pub use doctor::examine_graphics;
pub use edge::WasmEngine;
pub use shaders::{check_kernels, shader_texts};
pub use store::{StoredFile, WasmHasher, WasmStore};
pub use threads::{enter_thread, serve_thread, thread_trapped};
