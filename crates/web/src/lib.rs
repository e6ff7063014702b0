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
//!
//! Two modules are made of this crate, by its features: `engine`, and `workshop`, which makes
//! smaller models of stored ones in a worker of its own. Few pages ever want that, so it is no part
//! of what every page fetches; both have the same store.

#![cfg(target_arch = "wasm32")]
// Each module leaves out some of what both could use.
#![cfg_attr(not(feature = "engine"), allow(dead_code, unused_imports))]

#[cfg(feature = "engine")]
mod api;
#[cfg(feature = "engine")]
mod bench;
#[cfg(feature = "engine")]
mod cancel;
#[cfg(feature = "engine")]
mod convert;
#[cfg(feature = "engine")]
mod device;
#[cfg(feature = "engine")]
mod doctor;
#[cfg(feature = "engine")]
mod edge;
mod error;
#[cfg(feature = "engine")]
mod generate;
#[cfg(feature = "engine")]
mod host;
#[cfg(feature = "engine")]
mod in_use;
mod js;
#[cfg(feature = "engine")]
mod judge;
#[cfg(feature = "engine")]
mod load;
#[cfg(feature = "engine")]
mod own;
#[cfg(feature = "engine")]
mod settings;
#[cfg(feature = "engine")]
mod shaders;
#[cfg(feature = "engine")]
mod snapshots;
#[cfg(feature = "engine")]
mod source;
mod store;
#[cfg(feature = "engine")]
mod threads;
#[cfg(feature = "engine")]
mod tuning;
#[cfg(feature = "workshop")]
mod workshop;

#[cfg(feature = "engine")]
pub use api::{ApiResponse, tape::Tape};
#[cfg(feature = "engine")]
pub use cancel::CancelFlag;
#[cfg(feature = "engine")]
pub use doctor::examine_graphics;
#[cfg(feature = "engine")]
pub use edge::WasmEngine;
#[cfg(feature = "engine")]
pub use judge::WasmJudge;
#[cfg(feature = "engine")]
pub use shaders::{check_kernels, shader_texts};
#[cfg(feature = "engine")]
pub use store::{StoredFile, WasmHasher, WasmStore};
#[cfg(feature = "engine")]
pub use threads::{enter_thread, serve_thread, thread_trapped};
#[cfg(feature = "workshop")]
pub use workshop::WasmWorkshop;
