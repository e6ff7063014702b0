//! The tokens of a file: their text, what each prints, of which type it is, and the special ones.
//!
//! Token texts are kept as the file has them (what `▁` or `Ġ` stands for depends on the algorithm);
//! what a token prints is worked out once, at load, so that decoding is a copy.

use gguf::Metadata;

use crate::arena::{Arena, Index};
use crate::bytes::{parse_byte, unspell};
use crate::error::{Error, MAX_TOKEN_BYTES, MAX_TOKENS, MAX_VOCAB_BYTES};

pub(crate) const KEY_MODEL: &str = "tokenizer.ggml.model";
pub(crate) const KEY_PRE: &str = "tokenizer.ggml.pre";
pub(crate) const KEY_TOKENS: &str = "tokenizer.ggml.tokens";
pub(crate) const KEY_TYPES: &str = "tokenizer.ggml.token_type";
pub(crate) const KEY_SCORES: &str = "tokenizer.ggml.scores";

/// `▁`, which stands for the space in SentencePiece vocabularies.
pub(crate) const SPACE_MARK: &str = "\u{2581}";

/// What is known of a token, as bits; none set is an unused token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attr(u8);

impl Attr {
    pub const NONE: Attr = Attr(0);
    pub const NORMAL: Attr = Attr(1);
    /// Never the text of a user: turn marks, begin and end of text.
    pub const CONTROL: Attr = Attr(2);
    /// Found in text before anything else is split.
    pub const USER_DEFINED: Attr = Attr(4);
    pub const UNKNOWN: Attr = Attr(8);
    pub const BYTE: Attr = Attr(16);
    /// White space before it goes away.
    pub const LEFT_STRIP: Attr = Attr(32);
    /// White space after it goes away.
    pub const RIGHT_STRIP: Attr = Attr(64);

    pub fn has(self, any_of: Attr) -> bool {
        self.0 & any_of.0 != 0
    }

    pub fn with(self, other: Attr) -> Attr {
        Attr(self.0 | other.0)
    }

    fn from_type(value: i32) -> Option<Attr> {
        Some(match value {
            // "undefined" and "unused" print nothing.
            0 | 5 => Attr::NONE,
            1 => Attr::NORMAL,
            2 => Attr::UNKNOWN,
            3 => Attr::CONTROL,
            4 => Attr::USER_DEFINED,
            6 => Attr::BYTE,
            _ => return None,
        })
    }
}

/// How token texts are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Bytes as GPT-2 spells them.
    Bytes,
    /// Text with `▁` for spaces and `<0xHH>` for single bytes.
    Marked,
}

/// The tokens of a file.
#[derive(Debug)]
pub(crate) struct Vocab {
    spelling: Spelling,
    texts: Arena,
    /// What ordinary tokens print.
    prints: Arena,
    pub attrs: Vec<Attr>,
    /// By what the algorithm looks tokens up: bytes, or marked text.
    index: Index,
    /// Length of the longest key in the index.
    pub max_key_len: usize,
}

impl Vocab {
    pub fn read(metadata: &Metadata, spelling: Spelling) -> Result<Vocab, Error> {
        let tokens = metadata.byte_strings(KEY_TOKENS)?;
        let missing = || gguf::Error::MissingKey { key: KEY_TOKENS.to_owned() };
        let tokens = tokens.ok_or_else(missing)?;
        if tokens.is_empty() {
            return Err(Error::EmptyVocab);
        }
        limit("tokens", tokens.len(), MAX_TOKENS)?;
        let n_bytes = tokens.iter().map(|token| token.len()).sum();
        limit("bytes of tokens", n_bytes, MAX_VOCAB_BYTES)?;
        limit(
            "bytes in one token",
            tokens.iter().map(|t| t.len()).max().unwrap_or(0),
            MAX_TOKEN_BYTES,
        )?;
        let attrs = read_attrs(metadata, tokens.len())?;
        let mut vocab = Vocab {
            spelling,
            texts: Arena::with_capacity(tokens.len(), n_bytes),
            prints: Arena::with_capacity(tokens.len(), n_bytes),
            index: Index::with_capacity(tokens.len()),
            max_key_len: 0,
            attrs,
        };
        for (id, text) in (0..).zip(&tokens) {
            vocab.push(id, text)?;
        }
        Ok(vocab)
    }

    fn push(&mut self, id: u32, text: &[u8]) -> Result<(), Error> {
        self.texts.push_with(|out| out.extend_from_slice(text));
        let byte = if self.attr(id).has(Attr::BYTE) { parse_byte(text) } else { None };
        let spelling = self.spelling;
        let is_key = self.prints.push_with(|out| match (byte, spelling) {
            (Some(byte), _) => {
                out.push(byte);
                spelling == Spelling::Marked
            }
            (None, Spelling::Bytes) if unspell(text, out) => true,
            (None, Spelling::Bytes) => {
                out.extend_from_slice(text);
                false
            }
            (None, Spelling::Marked) => {
                unmark(text, out);
                true
            }
        });
        // An empty token can be printed but never found.
        if !is_key || text.is_empty() {
            return Ok(());
        }
        let keys = if spelling == Spelling::Bytes { &self.prints } else { &self.texts };
        self.max_key_len = self.max_key_len.max(keys.get(id).map_or(0, <[u8]>::len));
        if self.index.insert(keys, id) {
            return Ok(());
        }
        Err(Error::Limit {
            what: "colliding tokens",
            need: self.texts.len(),
            max: self.texts.len() - 1,
        })
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// The text of a token as the file has it.
    pub fn text(&self, id: u32) -> Option<&[u8]> {
        self.texts.get(id)
    }

    pub fn attr(&self, id: u32) -> Attr {
        self.attrs.get(id as usize).copied().unwrap_or(Attr::NONE)
    }

    pub fn set_attr(&mut self, id: u32, attr: Attr) {
        if let Some(place) = self.attrs.get_mut(id as usize) {
            *place = attr;
        }
    }

    /// What a token prints: special tokens their text, unused ones nothing.
    pub fn piece(&self, id: u32) -> Option<&[u8]> {
        let special = Attr::CONTROL.with(Attr::UNKNOWN).with(Attr::USER_DEFINED);
        match self.attrs.get(id as usize)? {
            attr if attr.has(special) => self.texts.get(id),
            attr if attr.has(Attr::NORMAL.with(Attr::BYTE)) => self.prints.get(id),
            _ => Some(&[]),
        }
    }

    /// The token with these bytes (byte-level) or this marked text.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let keys = if self.spelling == Spelling::Bytes { &self.prints } else { &self.texts };
        self.index.find(keys, key)
    }

    /// Whether a token has this key.
    pub fn is_key(&self, id: u32, key: &[u8]) -> bool {
        let keys = if self.spelling == Spelling::Bytes { &self.prints } else { &self.texts };
        keys.get(id) == Some(key)
    }

    /// The token for a byte that no other token covers.
    pub fn byte_fallback(&self, byte: u8) -> Option<u32> {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
        self.find(&[b'<', b'0', b'x', digit(byte >> 4), digit(byte & 15), b'>'])
    }
}

/// Appends a token's text with `▁` as spaces.
fn unmark(mut text: &[u8], out: &mut Vec<u8>) {
    let mark = SPACE_MARK.as_bytes();
    while let Some(first) = text.first() {
        match text.strip_prefix(mark) {
            Some(rest) => {
                out.push(b' ');
                text = rest;
            }
            None => {
                out.push(*first);
                text = text.get(1..).unwrap_or(&[]);
            }
        }
    }
}

fn read_attrs(metadata: &Metadata, n_tokens: usize) -> Result<Vec<Attr>, Error> {
    let Some(types) = metadata.i32s(KEY_TYPES)? else {
        return Ok(vec![Attr::NORMAL; n_tokens]);
    };
    if types.len() < n_tokens {
        return Err(Error::TooShort { key: KEY_TYPES, need: n_tokens, have: types.len() });
    }
    let attr = |(id, value): (u32, &i32)| {
        Attr::from_type(*value).ok_or(Error::TokenType { id, value: *value })
    };
    (0..).zip(types.iter().take(n_tokens)).map(attr).collect()
}

/// An error if `need` is above a limit.
pub(crate) fn limit(what: &'static str, need: usize, max: usize) -> Result<(), Error> {
    if need > max { Err(Error::Limit { what, need, max }) } else { Ok(()) }
}
