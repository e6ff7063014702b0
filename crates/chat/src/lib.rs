//! From a conversation to the one text a model continues.
//!
//! Model files carry their chat format as a Jinja template, written for Jinja2 as Hugging Face sets
//! it up in Python. This crate renders them byte for byte as Python would, in an interpreter that
//! cannot reach the host and whose time and memory are bounded ([`limits`]): a template is a
//! program from whoever made the file. A file without a usable template gets a plain format and a
//! reason ([`ChatTemplate::fallback_reason`]). Ollama's models bring templates in Go's language
//! instead ([`GoTemplate`]); [`Template`] is either.
//!
//! What comes back is taken apart by [`stream`]; what an answer may look like is said by
//! [`structure`]; [`modelfile`] reads and writes the files that put a model and its template
//! together.
//!
//! The way of a Jinja template: `scan` measures its nesting without recursion, the interpreter's
//! parser makes a syntax tree, `lower` prints it back with every operation as a call of ours
//! (`ops`, `methods`, `filters`), which follow Python and charge `meter`.

#![deny(missing_docs)]

mod args;
mod clock;
mod env;
mod error;
mod fallback;
mod filters;
mod format;
mod go_template;
mod guard;
mod json;
mod language;
pub mod limits;
mod lower;
mod message;
mod meter;
mod methods;
pub mod modelfile;
mod ops;
mod scan;
mod search;
pub mod stream;
mod strings;
pub mod structure;
mod subscript;
mod template;
mod text;

pub use clock::Moment;
pub use error::Error;
pub use fallback::Family;
pub use go_template::GoTemplate;
pub use guard::Guard;
pub use language::{Capabilities, Template};
pub use message::{Message, RenderOptions, SpecialTokens, Think};
pub use template::{ChatTemplate, KEY_TEMPLATE};
