//! SentencePiece's BPE: over the whole text, by the score of the token a pair makes.
//!
//! There are no words: spaces are the character `▁` and merge like any other. A pair may be merged
//! if its text is a token; the highest score goes first. Characters that are no token, alone or
//! merged, are written as their bytes.

use gguf::{Array, Metadata, Value};

use crate::error::Error;
use crate::joints::Joints;
use crate::merge::{Merged, NONE, Row};
use crate::vocab::{KEY_SCORES, SPACE_MARK, Vocab};

/// Scores, as numbers that are smaller where the score is higher.
#[derive(Debug)]
pub(crate) struct Spm {
    badness: Vec<u32>,
    unknown: Option<u32>,
    joints: Joints,
}

impl Spm {
    pub fn read(metadata: &Metadata, vocab: &Vocab, unknown: Option<u32>) -> Result<Spm, Error> {
        let scores: Vec<f32> = match metadata.get(KEY_SCORES) {
            None => vec![0.0; vocab.len()],
            // Some converters wrote whole numbers.
            Some(Value::Array(Array::I32(scores))) => scores.iter().map(|s| *s as f32).collect(),
            Some(_) => metadata.require_f32s(KEY_SCORES)?.to_vec(),
        };
        if scores.len() < vocab.len() {
            let (need, have) = (vocab.len(), scores.len());
            return Err(Error::TooShort { key: KEY_SCORES, need, have });
        }
        let badness = |(id, score): (u32, &f32)| {
            if score.is_nan() { Err(Error::Score { id }) } else { Ok(descending(*score)) }
        };
        let badness = (0..).zip(scores.iter().take(vocab.len())).map(badness);
        let badness = badness.collect::<Result<_, _>>()?;
        Ok(Spm { badness, unknown, joints: Joints::of(vocab) })
    }

    /// Appends the tokens of a text without special tokens; `prefix` puts a space before it.
    pub fn encode(
        &self,
        vocab: &Vocab,
        text: &str,
        prefix: bool,
        row: &mut Row,
        out: &mut Vec<u32>,
    ) {
        let mut marked = String::with_capacity(text.len() + text.len() / 2 + 3);
        if prefix {
            marked.push_str(SPACE_MARK);
        }
        for (i, part) in text.split(' ').enumerate() {
            if i > 0 {
                marked.push_str(SPACE_MARK);
            }
            marked.push_str(part);
        }
        for part in self.joints.split(&marked) {
            self.encode_part(vocab, part, row, out);
        }
    }

    fn encode_part(&self, vocab: &Vocab, text: &str, row: &mut Row, out: &mut Vec<u32>) {
        row.clear();
        let mut buffer = [0; 4];
        for c in text.chars() {
            let c = c.encode_utf8(&mut buffer).as_bytes();
            row.push(vocab.find(c).unwrap_or(NONE), c.len());
        }
        row.merge(|pair| {
            if pair.bytes.len() > vocab.max_key_len {
                return None;
            }
            let id = vocab.find(text.as_bytes().get(pair.bytes)?)?;
            Some(Merged { badness: *self.badness.get(id as usize)?, id })
        });
        for (id, bytes) in row.symbols() {
            if id != NONE {
                out.push(id);
                continue;
            }
            // In a vocabulary without bytes, what is not in it is unknown.
            let token = |byte: &u8| {
                let plain = || vocab.find(&[*byte]);
                vocab.byte_fallback(*byte).or_else(plain).or(self.unknown)
            };
            out.extend(text.as_bytes().get(bytes).unwrap_or(&[]).iter().filter_map(token));
        }
    }
}

/// Maps numbers so that the order is reversed; both zeros are one.
fn descending(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !ascending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_scores_come_first() {
        let scores = [f32::INFINITY, 3.5, 1e-40, 0.0, -1e-40, -1.0, -2.0, f32::NEG_INFINITY];
        assert!(scores.windows(2).all(|pair| descending(pair[0]) < descending(pair[1])));
        assert_eq!(descending(-0.0), descending(0.0));
    }
}
