//! The project's own test models: small, seeded, made on the spot.
//!
//! Vocabularies and weights of published models may not be committed, and most of what can go wrong
//! with a file does not need them. Everything here is made from a text written for this project and
//! from numbers: two vocabularies ([`vocab`]), weights in every supported block format
//! ([`weights`]), whole models of every supported architecture ([`models`]), and one that says what
//! a script says ([`script`]). The same
//! [`models::Spec`] gives the same bytes on every machine: only integer arithmetic and exact float
//! operations are used, and the generator counts instead of having a state.

#![deny(missing_docs)]

pub mod corpus;
pub mod encoders;
pub mod models;
pub mod play;
pub mod rng;
pub mod scratch;
pub mod script;
pub mod vocab;
pub mod weights;
pub mod wordpiece;
