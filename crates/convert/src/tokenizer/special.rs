//! Added tokens, and which tokens begin and end what.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{TokenizerJson, kind, steps};
use super::{Kind, Token, Vocab};
use crate::config::Config;
use crate::error::Error;
use crate::files::Files;

/// Roles in the files, and GGUF's keys (one with its traditional spelling).
const ROLES: &[(&str, &str)] = &[
    ("bos", "bos_token_id"),
    ("eos", "eos_token_id"),
    ("unk", "unknown_token_id"),
    ("sep", "seperator_token_id"),
    ("pad", "padding_token_id"),
    ("cls", "cls_token_id"),
    ("mask", "mask_token_id"),
];

/// Puts the added tokens of all files that have some into the vocabulary.
pub(super) fn add_tokens(
    files: &Files,
    json: Option<&TokenizerJson>,
    own: Option<&Config>,
    n_rows: u64,
    vocab: &mut Vocab,
) -> Result<(), Error> {
    for (text, id) in files.json::<BTreeMap<String, u64>>("added_tokens.json")?.unwrap_or_default()
    {
        add(vocab, id, n_rows, &text, false)?;
    }
    for added in json.map(|json| json.added_tokens.as_slice()).unwrap_or_default() {
        add(vocab, added.id, n_rows, &added.content, added.special)?;
    }
    let listed = own.and_then(|own| own.get("added_tokens_decoder")).and_then(Value::as_object);
    for (id, entry) in listed.into_iter().flatten() {
        let text = entry.get("content").and_then(Value::as_str);
        let (Ok(id), Some(text)) = (id.parse(), text) else { continue };
        let special = entry.get("special").and_then(Value::as_bool).unwrap_or(false);
        add(vocab, id, n_rows, text, special)?;
    }
    Ok(())
}

fn add(vocab: &mut Vocab, id: u64, n_rows: u64, text: &str, special: bool) -> Result<(), Error> {
    let at = usize::try_from(id).unwrap_or(usize::MAX);
    let known = vocab.tokens.get(at).cloned().flatten();
    if known.as_ref().is_some_and(|known| matches!(known.kind, Kind::Unknown | Kind::Byte)) {
        return Ok(());
    }
    if special || looks_special(text) {
        return vocab.set(id, n_rows, Token::new(text, Kind::Control));
    }
    let text = match vocab.model {
        "llama" => text.replace('\u{2581}', " "),
        _ => text.to_owned(),
    };
    vocab.set(id, n_rows, Token::new(text, Kind::UserDefined))
}

/// Marks of turns that some files list as ordinary: nobody's text has them.
fn looks_special(text: &str) -> bool {
    let within = |start: &str, end: &str| text.starts_with(start) && text.ends_with(end);
    within("<|", "|>")
        || within("<\u{ff5c}", "\u{ff5c}>")
        || matches!(text, "<pad>" | "<mask>" | "<2mass>" | "[@BOS@]")
        || (within("<unused", ">"))
}

/// Finds the special tokens, and whether texts begin and end with them.
pub(super) fn find_roles(
    files: &Files,
    config: &Config,
    json: Option<&TokenizerJson>,
    own: Option<&Config>,
    vocab: &mut Vocab,
) -> Result<(), Error> {
    let map = files.config("special_tokens_map.json")?;
    let generation = files.config("generation_config.json")?;
    for (role, key) in ROLES {
        let said = [own, map.as_ref()].into_iter().flatten();
        let text = said.filter_map(|file| token_text(file, role)).next();
        let by_text = text.and_then(|text| vocab.id(&text));
        let number = format!("{role}_token_id");
        let by_id = [Some(config), generation.as_ref()].into_iter().flatten();
        let by_id = by_id.filter_map(|file| ids(file, &number).first().copied()).next();
        let id = by_text.or(by_id).filter(|id| u64::from(*id) < vocab.n_tokens());
        vocab.special.extend(id.map(|id| (*key, id)));
    }
    let role = |vocab: &Vocab, key: &str| {
        vocab.special.iter().find(|(name, _)| *name == key).map(|(_, id)| *id)
    };
    if vocab.model == "bert"
        && let Some(cls) = role(vocab, "cls_token_id")
    {
        vocab.special.retain(|(key, _)| *key != "bos_token_id");
        vocab.special.push(("bos_token_id", cls));
    }
    // A chat model ends turns with another token than texts; generation stops at both.
    let ends = generation.as_ref().map(|file| ids(file, "eos_token_id")).unwrap_or_default();
    let eos = role(vocab, "eos_token_id");
    let other = ends.into_iter().find(|id| Some(*id) != eos);
    let other = other.filter(|id| u64::from(*id) < vocab.n_tokens());
    vocab.special.extend(other.map(|id| ("eot_token_id", id)));
    let (bos, eos) = (role(vocab, "bos_token_id"), eos);
    set_ends(json, own, bos, eos, vocab);
    Ok(())
}

/// Whether texts begin and end with their tokens: as the configuration says, or as the steps
/// behind the tokenizer do.
fn set_ends(
    json: Option<&TokenizerJson>,
    own: Option<&Config>,
    bos: Option<u32>,
    eos: Option<u32>,
    vocab: &mut Vocab,
) {
    let says = |key: &str| own.and_then(|own| own.boolean(key));
    let done = json.and_then(|json| template_ends(json, vocab, bos, eos));
    let usual = (vocab.add_bos, vocab.add_eos);
    vocab.add_bos = says("add_bos_token").or(done.map(|done| done.0)).or(usual.0);
    vocab.add_eos = says("add_eos_token").or(done.map(|done| done.1)).or(usual.1);
    // A byte-level tokenizer that nothing is said of adds nothing.
    if vocab.model == "gpt2" {
        vocab.add_bos.get_or_insert(false);
    }
    if vocab.model == "bert" {
        (vocab.add_bos, vocab.add_eos) = (None, None);
    }
    if let Some(prefix) = says("add_prefix_space")
        && vocab.model == "llama"
    {
        vocab.add_space_prefix = Some(prefix);
    }
}

/// What a template of the post-processor puts first and last.
fn template_ends(
    json: &TokenizerJson,
    vocab: &Vocab,
    bos: Option<u32>,
    eos: Option<u32>,
) -> Option<(bool, bool)> {
    let steps = steps(&json.post_processor);
    let template = steps.into_iter().find(|step| kind(step) == "TemplateProcessing")?;
    let single = template.get("single")?.as_array()?;
    let token =
        |entry: Option<&Value>| vocab.id(entry?.get("SpecialToken")?.get("id")?.as_str()?);
    let is = |entry, id: Option<u32>| id.is_some() && token(entry) == id;
    Some((is(single.first(), bos), is(single.last(), eos)))
}

/// The text of a role's token: a string, or an object with one.
fn token_text(file: &Config, role: &str) -> Option<String> {
    let value = file.get(&format!("{role}_token"))?;
    let text = value.as_str().or_else(|| value.get("content").and_then(Value::as_str));
    text.map(str::to_owned)
}

/// One id or several.
fn ids(file: &Config, key: &str) -> Vec<u32> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match file.get(key) {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}
