//! Structured output: which tokens may come next, so that an answer has the form that was asked for.
//!
//! A grammar (any JSON object, a JSON Schema, a regular expression, a Lark grammar) is compiled
//! against a vocabulary to a [`Constraint`], which follows the answer token by token and says which
//! tokens keep it valid. The engine behind it is `llguidance`: derivatives of regular expressions
//! for the lexer, Earley's algorithm for the grammar, with limits on what either may cost. What it
//! would ignore or recurse into without bound is refused here before it is asked (`check`).

mod check;
mod constraint;
mod error;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use check::{
    MAX_GRAMMAR_BYTES, MAX_GRAMMAR_DEPTH, MAX_REPEAT, MAX_RULES, MAX_SCHEMA_DEPTH,
    MAX_SCHEMA_VALUES,
};
pub use constraint::{Constraint, Grammar, MASK_BITS};
pub use error::Error;
pub use vocabulary::{TokenSource, Vocabulary};
