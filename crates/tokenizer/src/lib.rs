//! Text to token ids and back, as the metadata of a GGUF file describes it.
//!
//! Ids must be exactly those the model was trained with: one other cut and the model reads other
//! words, silently. So every rule here is the one of the reference implementation (llama.cpp), also
//! where its own source differs (SentencePiece, tiktoken), and a file that asks for a rule which is
//! not built in is refused by name.
//!
//! Three algorithms: byte-level BPE (`pre` cuts words, `bpe` merges them), SentencePiece-BPE
//! (`spm`) and, for models that embed texts, WordPiece (`wordpiece`). All cost O(n log n) for any
//! text, with a constant stack: a prompt is input from a stranger as well. What is not here: chat
//! templates (the `chat` crate), and T5's unigram.

#![deny(missing_docs)]

mod arena;
mod bpe;
mod bytes;
mod detokenizer;
mod error;
mod joints;
mod merge;
mod pre;
mod roles;
mod special;
mod spm;
mod unicode;
mod unicode_table;
mod vocab;
mod wordpiece;

use gguf::Metadata;

pub use detokenizer::Detokenizer;
pub use error::{Error, MAX_MERGES, MAX_TOKEN_BYTES, MAX_TOKENS, MAX_VOCAB_BYTES};

use bpe::Bpe;
use merge::{Row, row_sized};
use roles::Roles;
use special::{Fragment, Matcher};
use spm::Spm;
use vocab::{Attr, Spelling, Vocab};
use wordpiece::WordPiece;

/// How text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encode {
    /// Adds the tokens of begin and end of text where the file asks for them.
    pub add_special: bool,
    /// Takes the text of a control token (`<|im_end|>`) for that token. Off for what a user wrote,
    /// on for what a template wrote.
    pub parse_special: bool,
}

/// The tokenizer of a model. Immutable; share it in an `Arc`.
#[derive(Debug)]
pub struct Tokenizer {
    vocab: Vocab,
    algorithm: Algorithm,
    roles: Roles,
    add_bos: bool,
    add_eos: bool,
    /// Ends a text, of models that embed texts.
    separator: Option<u32>,
    add_space_prefix: bool,
    /// All special tokens.
    special: Matcher,
    /// Those that are found also where control tokens are not.
    user_defined: Matcher,
}

#[derive(Debug)]
enum Algorithm {
    Bpe(Box<Bpe>),
    Spm(Spm),
    WordPiece(Box<WordPiece>),
}

/// Names of `tokenizer.ggml.pre` that are supported.
pub fn pre_tokenizers() -> impl Iterator<Item = &'static str> {
    pre::names()
}

impl Tokenizer {
    /// Builds the tokenizer that the keys `tokenizer.ggml.*` describe.
    ///
    /// # Errors
    /// [`Error`]: a key is missing, of the wrong type or too short, a number is outside the
    /// vocabulary, or the algorithm is not supported.
    pub fn from_gguf(metadata: &Metadata) -> Result<Tokenizer, Error> {
        let model = metadata.require_str(vocab::KEY_MODEL)?;
        match model {
            "gpt2" => {
                let name = metadata.str(vocab::KEY_PRE)?.unwrap_or("");
                let pre =
                    pre::find(name).ok_or_else(|| Error::UnknownPre { pre: name.to_owned() })?;
                Tokenizer::bpe(metadata, name, pre)
            }
            // Gemma 4's converter writes no rule; its model name is the rule.
            "gemma4" => match pre::find("gemma4") {
                Some(pre) => Tokenizer::bpe(metadata, "gemma4", pre),
                None => Err(Error::UnknownPre { pre: model.to_owned() }),
            },
            "llama" => Tokenizer::spm(metadata),
            "bert" => Tokenizer::wordpiece(metadata),
            other => Err(Error::UnsupportedModel { model: other.to_owned() }),
        }
    }

    fn bpe(metadata: &Metadata, name: &str, pre: pre::Pre) -> Result<Tokenizer, Error> {
        let spelling = if pre.plain { Spelling::Marked } else { Spelling::Bytes };
        let mut vocab = Vocab::read(metadata, spelling)?;
        let roles = roles::assign(metadata, &mut vocab, Roles::default())?;
        let bpe = Bpe::read(metadata, &vocab, pre)?;
        let algorithm = Algorithm::Bpe(Box::new(bpe));
        let mut tokenizer = Tokenizer::assemble(metadata, vocab, algorithm, roles, name)?;
        let says = metadata.bool("tokenizer.ggml.add_bos_token")?;
        // Files of Gemma 4 say no and mean yes.
        tokenizer.add_bos = says.unwrap_or(pre.add_bos) || pre.line_runs;
        Ok(tokenizer)
    }

    fn spm(metadata: &Metadata) -> Result<Tokenizer, Error> {
        let mut vocab = Vocab::read(metadata, Spelling::Marked)?;
        // Where SentencePiece puts them by default.
        let defaults = Roles { bos: Some(1), eos: Some(2), unknown: Some(0), ends: Vec::new() };
        let roles = roles::assign(metadata, &mut vocab, defaults)?;
        let algorithm = Algorithm::Spm(Spm::read(metadata, &vocab, roles.unknown)?);
        let mut tokenizer = Tokenizer::assemble(metadata, vocab, algorithm, roles, "")?;
        tokenizer.add_bos = metadata.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(true);
        let prefix = metadata.bool("tokenizer.ggml.add_space_prefix")?;
        tokenizer.add_space_prefix = prefix.unwrap_or(true);
        Ok(tokenizer)
    }

    fn wordpiece(metadata: &Metadata) -> Result<Tokenizer, Error> {
        let mut vocab = Vocab::read(metadata, Spelling::Marked)?;
        let read = roles::assign(metadata, &mut vocab, Roles::default())?;
        // Where BERT's own vocabulary has them.
        let bos = roles::or_default(read.bos, "tokenizer.ggml.bos_token_id", 101, &vocab)?;
        let unknown = roles::or_default(read.unknown, roles::KEY_UNKNOWN, 100, &vocab)?;
        let separator = roles::named(metadata, roles::KEY_SEPARATOR, vocab.len())?;
        let separator = roles::or_default(separator, roles::KEY_SEPARATOR, 102, &vocab)?;
        let roles = Roles { bos: Some(bos), unknown: Some(unknown), ..read };
        let pieces = Box::new(WordPiece::read(&vocab, unknown)?);
        let algorithm = Algorithm::WordPiece(pieces);
        let mut tokenizer = Tokenizer::assemble(metadata, vocab, algorithm, roles, "")?;
        // Both always, whatever the keys for other algorithms say.
        (tokenizer.add_bos, tokenizer.add_eos) = (true, false);
        tokenizer.separator = Some(separator);
        Ok(tokenizer)
    }

    fn assemble(
        metadata: &Metadata,
        mut vocab: Vocab,
        algorithm: Algorithm,
        roles: Roles,
        pre: &str,
    ) -> Result<Tokenizer, Error> {
        let special = Attr::CONTROL.with(Attr::UNKNOWN).with(Attr::USER_DEFINED);
        let matcher = Matcher::new(&vocab, special, Attr::NONE);
        let hidden = Attr::CONTROL.with(Attr::UNKNOWN);
        let user_defined = Matcher::new(&vocab, Attr::USER_DEFINED, hidden);
        roles::strip(metadata, &mut vocab, pre)?;
        Ok(Tokenizer {
            add_bos: false,
            add_eos: metadata.bool("tokenizer.ggml.add_eos_token")?.unwrap_or(false),
            separator: None,
            add_space_prefix: false,
            vocab,
            algorithm,
            roles,
            special: matcher,
            user_defined,
        })
    }

    /// The tokens of a text.
    pub fn encode(&self, text: &str, options: Encode) -> Vec<u32> {
        self.encode_fragments(self.fragments(text, options), text.len(), options)
    }

    /// As [`Tokenizer::encode`], without the character `mark`, which is removed after the special
    /// tokens were found: a special token with a mark inside is ordinary text.
    pub fn encode_marked(&self, text: &str, options: Encode, mark: char) -> Vec<u32> {
        let fragments = self.fragments(text, options);
        let clean: Vec<String> = fragments
            .iter()
            .map(|fragment| match fragment {
                Fragment::Text(text) => text.replace(mark, ""),
                Fragment::Token(_) => String::new(),
            })
            .collect();
        let fragments = fragments
            .iter()
            .zip(&clean)
            .map(|(fragment, clean)| match fragment {
                Fragment::Text(_) => Fragment::Text(clean.as_str()),
                Fragment::Token(id) => Fragment::Token(*id),
            })
            .collect();
        self.encode_fragments(fragments, text.len(), options)
    }

    fn fragments<'a>(&self, text: &'a str, options: Encode) -> Vec<Fragment<'a>> {
        let matcher = if options.parse_special { &self.special } else { &self.user_defined };
        matcher.split(&self.vocab, text)
    }

    fn encode_fragments(
        &self,
        fragments: Vec<Fragment<'_>>,
        text_len: usize,
        options: Encode,
    ) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text_len / 3 + 2);
        ids.extend(self.roles.bos.filter(|_| options.add_special && self.add_bos));
        match &self.algorithm {
            Algorithm::Bpe(bpe) => self.encode_bpe(bpe, &fragments, &mut ids),
            Algorithm::Spm(spm) => self.encode_spm(spm, &fragments, &mut ids),
            Algorithm::WordPiece(pieces) => {
                for fragment in &fragments {
                    match fragment {
                        Fragment::Token(id) => ids.push(*id),
                        Fragment::Text(text) => pieces.encode(&self.vocab, text, &mut ids),
                    }
                }
            }
        }
        ids.extend(self.separator.filter(|_| options.add_special));
        ids.extend(self.roles.eos.filter(|_| options.add_special && self.add_eos));
        ids
    }

    fn encode_bpe(&self, bpe: &Bpe, fragments: &[Fragment<'_>], ids: &mut Vec<u32>) {
        let mut scratch = bpe::Scratch::default();
        for fragment in fragments {
            match fragment {
                Fragment::Token(id) => ids.push(*id),
                Fragment::Text(text) => {
                    row_sized(text)
                        .for_each(|part| bpe.encode(&self.vocab, part, &mut scratch, ids));
                }
            }
        }
    }

    fn encode_spm(&self, spm: &Spm, fragments: &[Fragment<'_>], ids: &mut Vec<u32>) {
        let mut row = Row::default();
        // Text gets a space at the beginning and after every special token.
        let mut after_special = true;
        for fragment in fragments {
            match fragment {
                Fragment::Token(id) => {
                    ids.push(*id);
                    after_special = true;
                }
                Fragment::Text(text) => {
                    for part in row_sized(text) {
                        let prefix = self.add_space_prefix && after_special;
                        spm.encode(&self.vocab, part, prefix, &mut row, ids);
                        after_special = false;
                    }
                }
            }
        }
    }

    /// The text of tokens from the beginning of a text, without control tokens. Bytes that are not
    /// UTF-8 and ids that are no token show as U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.decode_with(ids, false)
    }

    /// As [`Tokenizer::decode`], with control tokens by their text if `special`.
    pub fn decode_with(&self, ids: &[u32], special: bool) -> String {
        let mut bytes = Vec::with_capacity(4 * ids.len());
        let mut at_start = self.add_space_prefix;
        for id in ids {
            bytes.extend_from_slice(detokenizer::visible(self, *id, special, &mut at_start));
        }
        match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }

    /// The bytes a token prints: the text of control tokens too, nothing for unused ones, `None`
    /// for an id that is no token. Not always UTF-8: use [`Detokenizer`] for text.
    pub fn piece(&self, id: u32) -> Option<&[u8]> {
        self.vocab.piece(id)
    }

    /// The bytes a token adds to a text: nothing for control and unknown tokens, which text does
    /// not show, and for unused ones; `None` for an id that is no token.
    pub fn text_bytes(&self, id: u32) -> Option<&[u8]> {
        self.piece(id).map(|piece| if self.is_hidden(id) { &[] } else { piece })
    }

    /// The text of a token as the file has it (`Ġhello`, `▁hello`, `<|im_end|>`).
    pub fn token_text(&self, id: u32) -> Option<&str> {
        self.vocab.text(id).and_then(|text| std::str::from_utf8(text).ok())
    }

    /// Number of tokens.
    pub fn n_vocab(&self) -> usize {
        self.vocab.len()
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.roles.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.roles.eos
    }

    /// The token that ends a text of a model that embeds texts: encoding ends with it.
    pub fn separator(&self) -> Option<u32> {
        self.separator
    }

    /// Whether encoding begins with [`Tokenizer::bos`].
    pub fn adds_bos(&self) -> bool {
        self.add_bos && self.roles.bos.is_some()
    }

    /// Whether encoding ends with [`Tokenizer::eos`].
    pub fn adds_eos(&self) -> bool {
        self.add_eos && self.roles.eos.is_some()
    }

    /// Whether a space is put before text (and left out of decoded text).
    pub fn adds_space_prefix(&self) -> bool {
        self.add_space_prefix
    }

    /// Whether a generation ends with this token: end of text, of a turn or of a message.
    pub fn is_end(&self, id: u32) -> bool {
        self.roles.ends.binary_search(&id).is_ok()
    }

    /// All tokens for which [`Tokenizer::is_end`] holds, ascending.
    pub fn ends(&self) -> &[u32] {
        &self.roles.ends
    }

    /// Whether this is a control token.
    pub fn is_control(&self, id: u32) -> bool {
        self.vocab.attr(id).has(Attr::CONTROL)
    }

    /// The control token with this text.
    pub fn control(&self, text: &str) -> Option<u32> {
        match *self.encode(text, Encode { add_special: false, parse_special: true }) {
            [id] if self.is_control(id) => Some(id),
            _ => None,
        }
    }

    /// Control and unknown tokens, which text does not show.
    pub(crate) fn is_hidden(&self, id: u32) -> bool {
        self.vocab.attr(id).has(Attr::CONTROL.with(Attr::UNKNOWN))
    }
}
