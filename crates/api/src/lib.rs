//! Ollama's and OpenAI's JSON, and one router without a transport: request in, status and body out.
//!
//! A host (an HTTP server, a page's service worker) turns whatever it received into an
//! [`http::Request`], awaits [`Router::handle`], and writes the [`http::Response`] back. All that a
//! client can see, fields, words and status codes, is decided here, so both hosts answer alike.
//! What the router needs from the rest of the program stands in [`host`]: a library of stored
//! models, a backend that loads them, a clock. Between the two stands the [`scheduler`].
//!
//! A host builds a [`Router`] from its parts, polls [`scheduler::Scheduler::run`] beside the
//! requests for as long as it lives, and ends with [`scheduler::Scheduler::close`].
//!
//! Everything runs on one thread and nothing is `Send`; dropping a response's body cancels the
//! work behind it.

#![deny(missing_docs)]

mod error;
pub mod host;
pub mod http;
mod json;
pub mod limits;
mod metrics;
mod router;
mod routes;
pub mod scheduler;
mod turn;
pub mod types;

pub use error::{ApiError, CODE_HEADER, Family};
pub use metrics::Metrics;
pub use router::{Router, Settings};
pub use routes::embed::normalize;
