//! Which tensors of a model may be coarse and which may not: measured, and made into a recipe.
//!
//! Fixed mixes know tensors by their roles, and what is true of most models. Here each tensor of
//! one model is rounded to each type that is asked for, and two things are measured on a text: the
//! error of what the matrix gives ([`analyze`]), and how far the model with that one tensor rounded
//! is from itself. Divergences of small errors add up, so the best types for a size are found
//! without measuring combinations ([`recipe`]), and the combination that was chosen is measured at
//! last ([`verify`]).
//!
//! Must never know: files, JSON, devices, the clock.

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod analysis;
mod analyze;
mod candidates;
mod error;
mod frontier;
mod host;
mod html;
mod inputs;
mod output_error;
mod reading;
mod recipe;
mod rounded;
mod verify;

pub use analysis::{Analysis, Kl, Measured, Tensor};
pub use analyze::analyze;
pub use error::Error;
pub use frontier::{Choice, Frontier};
pub use host::{Finding, Host, Reading, Settings, Stage};
pub use html::{About, html};
pub use reading::n_inputs;
pub use recipe::{Budget, Recipe, curve, expected, header_bytes, recipe};
pub use verify::verify;
