//! `bert`: BERT and the embedding models made of it.

use super::{Arch, Change, Dim, Keys, Made, Row, Sizes, row};
use crate::config::Config;
use crate::error::Error;

pub(super) const BERT: Arch = Arch {
    gguf: "bert",
    classes: &["BertModel", "BertForMaskedLM", "BertForPreTraining"],
    prefixes: &["bert."],
    model: &[
        row("embeddings.word_embeddings", "token_embd", &[Dim::Vocab, Dim::Model]),
        float("embeddings.position_embeddings", "position_embd", &[Dim::Context, Dim::Model]),
        float("embeddings.token_type_embeddings", "token_types", &[Dim::Any, Dim::Model]),
        row("embeddings.LayerNorm", "token_embd_norm", &[Dim::Model]),
    ],
    layers: "encoder.layer.",
    layer: &[
        row("attention.self.query", "attn_q", &[Dim::Q, Dim::Model]),
        row("attention.self.key", "attn_k", &[Dim::Kv, Dim::Model]),
        row("attention.self.value", "attn_v", &[Dim::Kv, Dim::Model]),
        row("attention.output.dense", "attn_output", &[Dim::Model, Dim::Q]),
        row("attention.output.LayerNorm", "attn_output_norm", &[Dim::Model]),
        row("intermediate.dense", "ffn_up", &[Dim::Ffn, Dim::Model]),
        row("output.dense", "ffn_down", &[Dim::Model, Dim::Ffn]),
        row("output.LayerNorm", "layer_output_norm", &[Dim::Model]),
    ],
    ignored: &["pooler.", "cls."],
    trims_vocab: false,
    defaults: Sizes::NONE,
    keys,
};

const fn float(hf: &'static str, gguf: &'static str, shape: &'static [Dim]) -> Row {
    Row { hf, gguf, shape, change: Change::Float }
}

fn keys(config: &Config, sizes: &Sizes, keys: &mut Keys<'_>) -> Result<Vec<Made>, Error> {
    if let Some(kind) = config.text("position_embedding_type").filter(|kind| *kind != "absolute") {
        let want = "\"absolute\", the only kind that GGUF has";
        return Err(config.error("position_embedding_type", kind.escape_debug().to_string(), want));
    }
    let eps = config.number_if("layer_norm_eps")?.unwrap_or(1e-12);
    keys.set("attention.layer_norm_epsilon", eps as f32);
    keys.set("attention.causal", false);
    keys.set("vocab_size", u32::try_from(sizes.n_vocab).unwrap_or(u32::MAX));
    Ok(Vec::new())
}
