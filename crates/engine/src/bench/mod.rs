//! The bench: how fast a loaded model reads and writes, and how near that is to what the device
//! can do.
//!
//! All of it that needs no terminal, file or page is here, so that `ingle bench` and the bench in
//! a browser are one program: what is measured ([`Settings`], [`tests()`]), the runs ([`run()`]),
//! statistics ([`Stats`]), what the work costs ([`Cost`]) and its ceiling ([`Roofline`]), and the
//! forms rows are given in ([`Row::fields`] for JSON and the page, [`markdown`], [`csv`],
//! [`html()`]).
//!
//! A host loads a model (with a context of [`Settings::n_ctx`]), calls [`run()`] with a [`Watch`]
//! that shows progress and can stop it, and gets [`Row`]s. For a model that could not be loaded it
//! makes rows with [`Row::failed`], so that every test that was asked for has its line.

mod cost;
mod field;
pub mod html;
mod jobs;
mod progress;
mod roofline;
mod row;
mod run;
mod settings;
mod stats;
mod table;
mod text;

pub use cost::{Cost, Work};
pub use field::{Field, kv_name};
pub use html::{About, STYLE, figures, html};
pub use progress::{Pace, Progress, Step, Watch};
pub use roofline::{Bound, Part, Roofline};
pub use row::{Asked, DRIFT_MAX, Outcome, Row, SPREAD_MAX, Subject};
pub use run::run;
pub use settings::{DEFAULT_RUNS, Settings, Test, tests, with_slots};
pub use stats::{Stats, drift};
pub use table::{csv, markdown, markdown_profile, summary};
pub use text::duration;
