//! Why something was not measured, as one sentence for a person: what, why, what to do.

/// A measurement that cannot be made, or did not end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the texts say what the fields are")]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),

    /// A window that nothing can be scored in.
    #[error("a window of {n_ctx} tokens is too small to score anything: give at least {least}")]
    Window { n_ctx: usize, least: usize },

    /// A text that is over before it can be scored.
    #[error(
        "the text has {have} tokens, and {need} are needed for windows of {n_ctx}: give a longer \
         text, or a smaller window with --ctx"
    )]
    TextTooShort { have: usize, need: usize, n_ctx: usize },

    /// A model that appends something to every text.
    #[error(
        "this model ends every text with a token of its own, so texts cannot be cut into windows: \
         measure a model that writes text"
    )]
    AddsEos,

    /// A file that has no logits.
    #[error("this is no file of base logits: {reason}")]
    Base { reason: String },

    /// Base logits of a model with other tokens.
    #[error(
        "the base logits are of a model with {base} tokens, and this one has {model}: compare \
         models with the same vocabulary"
    )]
    Vocabulary { base: usize, model: usize },

    /// Two models that do not mean the same by a token.
    #[error(
        "the two models make different tokens of the text, so their answers cannot be compared: \
         give a model and one made from it"
    )]
    OtherTokens,

    /// A player without a tap.
    #[error("what matrices are multiplied with cannot be seen on the {device}: use --device cpu")]
    NoTap { device: String },

    /// Numbers that would make no importance matrix.
    #[error(
        "the input of tensor \"{}\" holds {value}: the file is damaged or the model failed in its \
         training, get it again",
        .tensor.escape_debug()
    )]
    Input { tensor: String, value: f32 },

    /// What was measured before cannot be added to.
    #[error(transparent)]
    Imatrix(#[from] quantize::Error),

    /// The destination failed.
    #[error("the measurement could not be written: {0}")]
    Write(#[from] std::io::Error),

    /// Somebody stopped it.
    #[error("stopped before it was done")]
    Cancelled,
}
