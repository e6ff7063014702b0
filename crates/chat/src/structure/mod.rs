//! Structured output: which tokens may come next, so that an answer has the form asked for.
//!
//! A grammar (any JSON object, a JSON Schema, a regular expression, a Lark grammar) is compiled
//! against a vocabulary to a `Constraint`, which follows the answer token by token and says which
//! tokens keep it valid. The engine behind it is `llguidance`: derivatives of regular expressions
//! for the lexer, Earley's algorithm for the grammar, with limits on what either may cost. What it
//! would ignore or recurse into without bound is refused here before it is asked (`check`).
//!
//! All but [`Grammar`] and [`Error`] is behind the feature `structure`, because the grammar engine
//! is as large as the rest of this crate.

#[cfg(feature = "structure")]
mod check;
#[cfg(feature = "structure")]
mod close;
#[cfg(feature = "structure")]
mod constraint;
mod error;
mod grammar;
#[cfg(feature = "structure")]
mod vocabulary;

#[cfg(feature = "structure")]
#[cfg(test)]
mod tests;

#[cfg(feature = "structure")]
pub use check::{
    MAX_ENTRIES, MAX_GRAMMAR_BYTES, MAX_GRAMMAR_DEPTH, MAX_REPEAT, MAX_RULES, MAX_SCHEMA_DEPTH,
    MAX_SCHEMA_VALUES,
};
#[cfg(feature = "structure")]
pub use close::closed;
#[cfg(feature = "structure")]
pub use constraint::{Constraint, MASK_BITS};
pub use error::Error;
pub use grammar::Grammar;
#[cfg(feature = "structure")]
pub use vocabulary::{TokenSource, Vocabulary};
