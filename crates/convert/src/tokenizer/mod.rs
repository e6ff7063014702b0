//! The tokenizer: from the files of Hugging Face's libraries to the keys `tokenizer.ggml.*`.
//!
//! There are three kinds, and several files that may say the same thing. SentencePiece's own file
//! is the best source where there is one: it has the scores. Else `tokenizer.json` says everything;
//! before it there were `vocab.json` with `merges.txt`, and `vocab.txt`.

mod bpe;
mod json;
mod marked;
mod pre;
mod sentencepiece;
mod special;
mod wordpiece;

use gguf::Metadata;

use crate::config::Config;
use crate::error::Error;
use crate::files::Files;

use json::TokenizerJson;

/// What a token is, as GGUF numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Kind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// The score of tokens that nothing is merged into.
pub(crate) const NO_SCORE: f32 = -1000.0;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub text: String,
    pub kind: Kind,
    pub score: f32,
}

impl Token {
    pub fn new(text: impl Into<String>, kind: Kind) -> Token {
        Token { text: text.into(), kind, score: NO_SCORE }
    }
}

/// A tokenizer in GGUF's terms.
#[derive(Debug, Default)]
pub(crate) struct Vocab {
    /// `tokenizer.ggml.model`.
    pub model: &'static str,
    /// `tokenizer.ggml.pre`.
    pub pre: Option<&'static str>,
    /// By id; ids without a token are `None`.
    pub tokens: Vec<Option<Token>>,
    /// "left right", in their order.
    pub merges: Option<Vec<String>>,
    pub has_scores: bool,
    pub add_space_prefix: Option<bool>,
    pub add_bos: Option<bool>,
    pub add_eos: Option<bool>,
    /// Keys and ids of special tokens.
    pub special: Vec<(&'static str, u32)>,
    /// Kinds of segments, of models that have them.
    pub n_types: Option<u32>,
}

impl Vocab {
    /// Puts a token at its id, which must be one of the `n_rows` that the embedding has.
    pub fn set(&mut self, id: u64, n_rows: u64, token: Token) -> Result<(), Error> {
        if id >= n_rows {
            let reason = format!(
                "the token {:?} has the id {id}, and the embedding has {n_rows} rows",
                crate::error::shown(&token.text)
            );
            return Err(Error::malformed("the tokenizer", reason));
        }
        let id = usize::try_from(id).unwrap_or(usize::MAX);
        if self.tokens.len() <= id {
            self.tokens.resize(id + 1, None);
        }
        if let Some(place) = self.tokens.get_mut(id) {
            *place = Some(token);
        }
        Ok(())
    }

    pub fn n_tokens(&self) -> u64 {
        self.tokens.len() as u64
    }

    /// The id of a token.
    pub fn id(&self, text: &str) -> Option<u32> {
        let is_it = |token: &Option<Token>| token.as_ref().is_some_and(|token| token.text == text);
        self.tokens.iter().position(is_it).and_then(|id| u32::try_from(id).ok())
    }

    /// Writes its keys, with as many tokens as the embedding has rows.
    pub fn write(self, n_vocab: u64, metadata: &mut Metadata) {
        metadata.insert("tokenizer.ggml.model", self.model);
        if let Some(pre) = self.pre {
            metadata.insert("tokenizer.ggml.pre", pre);
        }
        let n_vocab = usize::try_from(n_vocab).unwrap_or(usize::MAX);
        let mut tokens = self.tokens;
        tokens.resize(n_vocab, None);
        let filled = tokens.into_iter().enumerate().map(|(id, token)| {
            token.unwrap_or_else(|| Token::new(format!("[PAD{id}]"), Kind::Unused))
        });
        let (mut texts, mut kinds, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for token in filled {
            texts.push(token.text);
            kinds.push(token.kind as i32);
            scores.push(token.score);
        }
        metadata.insert("tokenizer.ggml.tokens", texts);
        if self.has_scores {
            metadata.insert("tokenizer.ggml.scores", scores);
        }
        metadata.insert("tokenizer.ggml.token_type", kinds);
        if let Some(merges) = self.merges {
            metadata.insert("tokenizer.ggml.merges", merges);
        }
        if let Some(n_types) = self.n_types {
            metadata.insert("tokenizer.ggml.token_type_count", n_types);
        }
        for (key, id) in self.special {
            metadata.insert(format!("tokenizer.ggml.{key}"), id);
        }
        for (key, value) in [
            ("add_bos_token", self.add_bos),
            ("add_eos_token", self.add_eos),
            ("add_space_prefix", self.add_space_prefix),
        ] {
            if let Some(value) = value {
                metadata.insert(format!("tokenizer.ggml.{key}"), value);
            }
        }
    }
}

/// Reads the tokenizer of a model whose embedding has `n_rows` rows.
pub(crate) fn read(files: &Files, config: &Config, n_rows: u64) -> Result<Vocab, Error> {
    let json = files.json::<TokenizerJson>("tokenizer.json")?;
    let own = files.config("tokenizer_config.json")?;
    let mut vocab = match (&json, files.find("tokenizer.model")) {
        (Some(json), _) if json.is_wordpiece() => wordpiece::of_json(json, n_rows)?,
        (Some(json), _) if json.is_byte_level() => bpe::of_json(json, n_rows)?,
        (_, Some(_)) => sentencepiece::read(files, n_rows)?,
        (Some(json), None) => marked::of_json(json, n_rows)?,
        (None, None) if files.find("vocab.txt").is_some() => wordpiece::of_text(files, n_rows)?,
        (None, None) => bpe::of_files(files, own.as_ref(), n_rows)?,
    };
    special::add_tokens(files, json.as_ref(), own.as_ref(), n_rows, &mut vocab)?;
    special::find_roles(files, config, json.as_ref(), own.as_ref(), &mut vocab)?;
    if vocab.model == "bert" {
        vocab.n_types = config.count_if("type_vocab_size")?;
    }
    Ok(vocab)
}
