//! Models in other forms, as a [`Source`](quantize::Source) of GGUF's tensors and metadata.
//!
//! What is understood: folders as the `transformers` library writes them, with their weights in
//! safetensors files or in PyTorch's, and LoRA adapters as `peft` writes them. What comes out is
//! what llama.cpp's converter would write: its names, keys, order of rows, and tokenizer.
//!
//! Nothing is converted ahead: a tensor is a recipe (which rows of which file, in which order, and
//! what is added), carried out for as many rows as are asked for. So a model of any size takes
//! the memory of its tables, and the same recipe feeds quantizing, a copy into the store and, seen
//! through [`GgufView`], a player. Files come as [`ByteSource`](gguf::ByteSource)s with names: this
//! crate opens none.
//!
//! Everything read here is a stranger's. Headers, JSON and pickles have limits of size, tensors
//! must lie inside of their files, and a pickle is data here: its reader knows the few
//! instructions that describe tensors, has no way to call anything, and refuses the rest by name.

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod arch;
mod bytes;
mod checkpoint;
mod config;
mod error;
mod files;
mod folder;
mod lora;
mod recipe;
mod template;
mod tokenizer;
mod torch;
mod view;

pub use error::Error;
pub use files::{File, is_part_of_model};
pub use folder::open;
pub use lora::{Adapter, Merged, Precision};
pub use view::GgufView;
