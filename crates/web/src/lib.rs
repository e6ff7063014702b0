//! The browser host: what a dedicated worker needs to run the engine, and nothing else.
//!
//! Everything here is glue at one edge: JavaScript values become requests, files of the browser
//! become byte sources, events become plain objects. The worker's own script (storage, network,
//! messages to the page) is TypeScript in `www/packages/engine`, because those are browser
//! interfaces and their types live there; this crate sees only files that are already open.
//!
//! The actor of `engine` is not used: a worker already has an inbox, and a second queue behind it
//! would have to be cancelled in two places. Requests come one after another; a cancel arrives
//! through a flag, looked at after every pause, and pauses are tasks of the event loop.

#![cfg(target_arch = "wasm32")]

mod bench;
mod convert;
mod doctor;
mod edge;
mod error;
mod host;
mod settings;
mod shaders;
mod source;
mod threads;
mod tuning;

pub use doctor::examine_graphics;
pub use edge::{CancelFlag, WasmEngine};
pub use shaders::{check_kernels, shader_texts};
pub use threads::{enter_thread, serve_thread, thread_trapped};
