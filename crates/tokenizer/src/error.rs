//! Why a file's tokenizer cannot be used, as one sentence: what, why, what to do.

/// A tokenizer that cannot be built from the metadata of a file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key is missing or has another type than it must.
    #[error(transparent)]
    Metadata(#[from] gguf::Error),

    /// `tokenizer.ggml.model` names an algorithm that is not built in.
    #[error(
        "unsupported tokenizer \"{}\": only byte-level BPE (gpt2), SentencePiece-BPE (llama), \
         WordPiece (bert) and gemma4 are supported, choose another model", .model.escape_debug()
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    UnsupportedModel { model: String },

    /// `tokenizer.ggml.pre` names a rule that is not known.
    #[error(
        "unknown pre-tokenizer \"{}\": with a guessed one the model would read other words than it \
         learned; update this program, or convert the model again", .pre.escape_debug()
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    UnknownPre { pre: String },

    /// No tokens at all.
    #[error("the vocabulary is empty (tokenizer.ggml.tokens): convert the model again")]
    EmptyVocab,

    /// A count or length above a named limit.
    #[error("the tokenizer has {need} {what}, more than the {max} allowed: the file is damaged")]
    #[allow(missing_docs, reason = "the text above says it")]
    Limit { what: &'static str, need: usize, max: usize },

    /// An array that must have an entry for every token has fewer.
    #[error("the metadata key \"{key}\" has {have} entries for {need} tokens: the file is damaged")]
    #[allow(missing_docs, reason = "the text above says it")]
    TooShort { key: &'static str, need: usize, have: usize },

    /// A token type outside the specification.
    #[error("token {id} has the type {value}, only 0 to 6 exist: the file is damaged")]
    #[allow(missing_docs, reason = "the text above says it")]
    TokenType { id: u32, value: i32 },

    /// A score that does not order.
    #[error("the score of token {id} is not a number: the file is damaged")]
    #[allow(missing_docs, reason = "the text above says it")]
    Score { id: u32 },

    /// A special token outside the vocabulary.
    #[error(
        "the metadata key \"{key}\" is {id}, but there are only {n_vocab} tokens: the file is \
         damaged"
    )]
    #[allow(missing_docs, reason = "the text above says it")]
    SpecialId { key: &'static str, id: u32, n_vocab: usize },

    /// A merge that is not two tokens making a third.
    #[error("merge {index} (\"{}\") {reason}: convert the model again", .merge.escape_debug())]
    #[allow(missing_docs, reason = "the text above says it")]
    Merge { index: usize, merge: String, reason: &'static str },
}

/// Most tokens: sixteen times the largest known vocabulary.
pub const MAX_TOKENS: usize = 1 << 22;
/// Most merges: eight times the largest known list.
pub const MAX_MERGES: usize = 1 << 22;
/// Longest token in bytes; real ones stay below 1,000.
pub const MAX_TOKEN_BYTES: usize = 1 << 16;
/// Most bytes of all tokens together, so that positions fit 32 bits with room to spare.
pub const MAX_VOCAB_BYTES: usize = 1 << 28;
