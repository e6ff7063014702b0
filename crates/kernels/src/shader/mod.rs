//! The kernel table: every compute shader as data, before any GPU is opened.
//!
//! What lives here: which variants exist and how their text is composed ([`Kernel`]), the parameter
//! structs they read ([`params`]), and how a tensor's bytes lie on the GPU ([`layout`]). What does
//! not: wgpu (see the `gpu` crate) and the WGSL itself (see `shaders`, same names on purpose).
//!
//! Keys and not strings: a player asks for `Kernel::MatVec { .. }`, and the same value names the
//! pipeline, composes its text, and lists itself for the tests that compile all of them.

mod all;
mod attention;
pub mod choice;
mod key;
pub mod layout;
pub mod params;
mod texts;

pub use all::{Variant, all_kernels, all_variants, coop_kernels};
pub use attention::{AttnShape, attn_shape};
pub use shaders::{ComposeError, Dialect};

pub use choice::{Choices, VecForm};
pub use key::{Dot, Forms, Input, Kernel, Output, Peak, Put, Reduced, Tile};
pub use texts::PEAK_WG;
