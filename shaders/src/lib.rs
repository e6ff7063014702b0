//! WGSL parts and the small text composer that makes kernels of them.
//!
//! A kernel is one file of `kernels/`. Lines that begin with `//@` are the only syntax beyond WGSL:
//!
//! - `//@use lib/word` puts another part here, once per module;
//! - `//@slot quant_a as A` puts the part here that the caller chose for the slot; with `as A`,
//!   every `_Q` suffix in the part becomes `_A`, so one format can stand twice in a kernel.
//!
//! Sizes and switches are a generated prelude of `const`s. There is no `#ifdef`: what varies is
//! either a constant the compiler folds or a slot with a file for each choice.
//!
//! Two dialects exist because naga refuses `enable subgroups;` and browsers require it; `enable
//! f16;` is required by both. The text goes to the browser as it is composed here.
//!
//! Must never know: wgpu, models.

mod compose;
mod parts;

pub use compose::{ComposeError, Dialect, Source};
pub use parts::{PARTS, part};
