//! Which tokens begin and end a text or a turn.
//!
//! Files name some of them (`tokenizer.ggml.eos_token_id` and its siblings) and forget others: a
//! chat model whose file names only the end of text would talk on past the end of its turn. So, as
//! the reference does, tokens are also known by their usual texts. Such a token is a control token
//! whatever type the file gives it; a few texts need the opposite.

use gguf::Metadata;

use crate::error::Error;
use crate::vocab::{Attr, Vocab};

/// Texts that end a turn or a text in any model that has them.
const ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// Roles of code completion: the key that may name the token, whether it ends a generation, and
/// the texts to look for if no key does.
const COMPLETION: &[(&str, bool, &[&str])] = &[
    (
        "tokenizer.ggml.fim_pre_token_id",
        false,
        &[
            "<|fim_prefix|>",
            "<fim-prefix>",
            "<fim_prefix>",
            "<｜fim▁begin｜>",
            "<PRE>",
            "▁<PRE>",
            "<|code_prefix|>",
            "<|prefix|>",
        ],
    ),
    (
        "tokenizer.ggml.fim_suf_token_id",
        false,
        &[
            "<|fim_suffix|>",
            "<fim-suffix>",
            "<fim_suffix>",
            "<｜fim▁hole｜>",
            "<SUF>",
            "▁<SUF>",
            "<|code_suffix|>",
            "<|suffix|>",
        ],
    ),
    (
        "tokenizer.ggml.fim_mid_token_id",
        false,
        &[
            "<|fim_middle|>",
            "<fim-middle>",
            "<fim_middle>",
            "<｜fim▁end｜>",
            "<MID>",
            "▁<MID>",
            "<|code_middle|>",
            "<|middle|>",
        ],
    ),
    (
        "tokenizer.ggml.fim_pad_token_id",
        true,
        &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
    ),
    (
        "tokenizer.ggml.fim_rep_token_id",
        true,
        &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
    ),
    ("tokenizer.ggml.fim_sep_token_id", true, &["<|file_sep|>"]),
];

pub(crate) const KEY_UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
/// As files spell it.
pub(crate) const KEY_SEPARATOR: &str = "tokenizer.ggml.seperator_token_id";

/// Texts that are content to the program that reads the answer (channels of gpt-oss).
const ALWAYS_SHOWN: &[&str] = &["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

/// The special tokens of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub unknown: Option<u32>,
    /// All tokens that end a generation, ascending.
    pub ends: Vec<u32>,
}

/// Reads the roles, and corrects the types of tokens that have one.
pub(crate) fn assign(
    metadata: &Metadata,
    vocab: &mut Vocab,
    defaults: Roles,
) -> Result<Roles, Error> {
    let named = |key| named(metadata, key, vocab.len());
    let in_vocab = |id: Option<u32>| id.filter(|id| (*id as usize) < vocab.len());
    let mut roles = Roles {
        bos: named("tokenizer.ggml.bos_token_id")?.or(in_vocab(defaults.bos)),
        eos: named("tokenizer.ggml.eos_token_id")?.or(in_vocab(defaults.eos)),
        unknown: named("tokenizer.ggml.unknown_token_id")?.or(in_vocab(defaults.unknown)),
        ends: Vec::new(),
    };
    let by_key =
        [roles.eos, named("tokenizer.ggml.eot_token_id")?, named("tokenizer.ggml.eom_token_id")?];
    // Not used here, but wrong in a damaged file.
    named("tokenizer.ggml.padding_token_id")?;
    let completion =
        COMPLETION.iter().map(|(key, ..)| named(key)).collect::<Result<Vec<_>, _>>()?;

    let texts = candidates(vocab);
    for ((_, ends, names), known) in COMPLETION.iter().zip(completion) {
        let found =
            texts.iter().find(|(_, text)| known.is_none() && names.contains(&text.as_str()));
        if let Some((id, _)) = found {
            vocab.set_attr(*id, vocab.attr(*id).with(Attr::CONTROL));
        }
        let id = known.or(found.map(|(id, _)| *id));
        roles.ends.extend(id.filter(|_| *ends));
    }
    for (id, text) in &texts {
        if ENDS.contains(&text.as_str()) {
            roles.ends.push(*id);
            vocab.set_attr(*id, vocab.attr(*id).with(Attr::CONTROL));
        } else if ALWAYS_SHOWN.contains(&text.as_str()) {
            vocab.set_attr(*id, Attr::USER_DEFINED);
        }
    }
    roles.ends.extend(by_key.into_iter().flatten());
    exceptions(vocab, &mut roles.ends);
    roles.ends.sort_unstable();
    roles.ends.dedup();
    Ok(roles)
}

/// Texts that mean something else in the company of others.
fn exceptions(vocab: &mut Vocab, ends: &mut Vec<u32>) {
    let find = |ends: &[u32], text: &str| {
        ends.iter().copied().find(|id| vocab.text(*id) == Some(text.as_bytes()))
    };
    let has = |text| find(ends, text).is_some();
    let calls = has("<|call|>") || has("<|calls|>");
    // Where calls and returns have ends of their own, <|end|> only ends a message.
    let message_end =
        if calls && (has("<|return|>") || has("<|flush|>")) { find(ends, "<|end|>") } else { None };
    // Gemma 4 and PLaMo have </s> as an HTML tag.
    let tag =
        if has("<|tool_response>") || has("<|plamo:eos|>") { find(ends, "</s>") } else { None };
    for (id, attr) in [(message_end, Attr::USER_DEFINED), (tag, Attr::NORMAL)] {
        if let Some(id) = id {
            vocab.set_attr(id, attr);
            ends.retain(|end| *end != id);
        }
    }
}

/// Tokens that look like one of the texts above (all begin with one of these characters).
fn candidates(vocab: &Vocab) -> Vec<(u32, String)> {
    let looks_special = |text: &[u8]| {
        matches!(
            text,
            [b'<' | b'[', .., b'>' | b']' | b'['] | [b'_', b'<', ..] | [0xe2, _, _, b'<', ..]
        )
    };
    (0..)
        .zip(0..vocab.len())
        .filter_map(|(id, _): (u32, usize)| {
            let text = vocab.text(id).filter(|text| looks_special(text))?;
            Some((id, String::from_utf8(text.to_vec()).ok()?))
        })
        .collect()
}

/// The token that a key names.
pub(crate) fn named(
    metadata: &Metadata,
    key: &'static str,
    n_vocab: usize,
) -> Result<Option<u32>, Error> {
    match metadata.u32(key)? {
        Some(id) if id as usize >= n_vocab => Err(Error::SpecialId { key, id, n_vocab }),
        other => Ok(other),
    }
}

/// The token of a role without which a vocabulary cannot be used.
pub(crate) fn or_default(
    found: Option<u32>,
    key: &'static str,
    default: u32,
    vocab: &Vocab,
) -> Result<u32, Error> {
    let (id, n_vocab) = (found.unwrap_or(default), vocab.len());
    if id as usize >= n_vocab { Err(Error::SpecialId { key, id, n_vocab }) } else { Ok(id) }
}

/// Marks the tokens that take the white space around them along. Files do not say which do; it is
/// known by the model.
pub(crate) fn strip(metadata: &Metadata, vocab: &mut Vocab, pre: &str) -> Result<(), Error> {
    let text_of = |key| metadata.str(key).map(|text| text.unwrap_or("").to_ascii_lowercase());
    let (name, architecture) = (text_of("general.name")?, text_of("general.architecture")?);
    let is_any = |text: &str, names: &[&str]| names.iter().any(|name| text.contains(name));
    if is_any(pre, &["jina-v2-de", "jina-v2-es", "jina-v2-code"])
        || is_any(&architecture, &["nomic-bert-moe", "jina-bert-v3"])
    {
        add_by_text(vocab, "<mask>", Attr::LEFT_STRIP);
    } else if is_any(&name, &["phi-3", "phi3"]) {
        let special = Attr::CONTROL.with(Attr::USER_DEFINED).with(Attr::UNKNOWN);
        let kept: &[&[u8]] = &[b"<unk>", b"<s>", b"<|endoftext|>"];
        for (id, _) in (0..).zip(0..vocab.len()) {
            let attr = vocab.attr(id);
            if attr.has(special) && !vocab.text(id).is_some_and(|text| kept.contains(&text)) {
                vocab.set_attr(id, attr.with(Attr::RIGHT_STRIP));
            }
        }
    } else if is_any(&name, &["modern-bert"]) {
        add_by_text(vocab, "[MASK]", Attr::LEFT_STRIP);
    }
    Ok(())
}

fn add_by_text(vocab: &mut Vocab, text: &str, attr: Attr) {
    if let Some(id) = vocab.find(text.as_bytes()) {
        vocab.set_attr(id, vocab.attr(id).with(attr));
    }
}
