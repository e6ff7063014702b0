//! One answer of a model, from what was asked to what was said.
//!
//! The protocols differ in how they ask and how they write the answer down; between the two they
//! are the same: find the model, check what it can do, wait for a slot ([`prepare()`]), generate,
//! take thoughts and calls out of the text ([`Turn`]). A route translates its request into a
//! [`Task`] and the [`Said`] and [`Stats`] that come back into its own objects.

mod echo;
mod prepare;
mod run;
mod sampling;
mod task;

pub(crate) use prepare::{check_ids, check_name, library_error, load, load_spec, prepare, unload};
pub(crate) use run::{Echo, Said, Stats, Turn, TurnEvent, run_error, token_text};
pub(crate) use sampling::reset_seed;
pub(crate) use task::{EchoTask, Input, Task, Verb, read_format, read_logprobs};
