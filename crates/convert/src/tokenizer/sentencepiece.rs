//! `tokenizer.model`: SentencePiece's own file, a protocol buffer.

use prost::Message;

use super::{Kind, Token, Vocab};
use crate::error::Error;
use crate::files::Files;

/// Bytes of the file: Gemma's, with 262,144 pieces, has 4.7 MB.
const MAX_BYTES: u64 = 64 << 20;
const FILE: &str = "tokenizer.model";

/// The fields that are needed of `ModelProto`; others are passed over.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<Trainer>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<Normalizer>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Trainer {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Normalizer {
    #[prost(bool, optional, tag = "3")]
    add_dummy_prefix: Option<bool>,
}

/// `TrainerSpec.ModelType.BPE`; without a value it is 1, unigram.
const BPE: i32 = 2;

/// Reads the file.
pub(super) fn read(files: &Files, n_rows: u64) -> Result<Vocab, Error> {
    let bytes = files.bytes(FILE, MAX_BYTES)?.unwrap_or_default();
    let model = Model::decode(bytes.as_slice()).map_err(|error| {
        Error::malformed(FILE, format!("it is no SentencePiece model ({error})"))
    })?;
    let model_type = model.trainer.as_ref().and_then(|trainer| trainer.model_type);
    if model_type != Some(BPE) {
        return Err(Error::Unsupported {
            what: "a SentencePiece tokenizer that is not of the kind BPE".into(),
            advice: "decoders of this shape have none, so the file is of another model",
        });
    }
    let prefix = model.normalizer.as_ref().and_then(|normalizer| normalizer.add_dummy_prefix);
    let mut vocab = Vocab {
        model: "llama",
        pre: Some("default"),
        has_scores: true,
        add_space_prefix: Some(prefix.unwrap_or(true)),
        add_bos: Some(true),
        add_eos: Some(false),
        ..Vocab::default()
    };
    for (id, piece) in (0..).zip(model.pieces) {
        let kind = match piece.kind.unwrap_or(1) {
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            5 => Kind::Unused,
            6 => Kind::Byte,
            _ => Kind::Normal,
        };
        let text = piece.text.unwrap_or_default();
        // Such tokens are looked for in texts as they are written.
        let text = if kind == Kind::UserDefined { text.replace('\u{2581}', " ") } else { text };
        vocab.set(id, n_rows, Token { text, kind, score: piece.score.unwrap_or(0.0) })?;
    }
    Ok(vocab)
}
