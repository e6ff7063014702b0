//! `llama`: Llama 1 to 3, Mistral, SmolLM, and what has their shape.
//!
//! Rows of Q and K are put in the order in which rope turns neighbors.

use super::{Arch, Change, Dim, Keys, Made, Row, Sizes, row};
use crate::arch::rope::Rope;
use crate::config::Config;
use crate::error::Error;

pub(super) const LLAMA: Arch = Arch {
    gguf: "llama",
    classes: &["LlamaForCausalLM", "MistralForCausalLM"],
    prefixes: &["model."],
    model: MODEL,
    layers: "layers.",
    layer: &[
        row("input_layernorm", "attn_norm", &[Dim::Model]),
        row("post_attention_layernorm", "ffn_norm", &[Dim::Model]),
        Row { change: Change::Heads, ..Q },
        Row { change: Change::Heads, ..K },
        V,
        O,
        GATE,
        UP,
        DOWN,
    ],
    ignored: &[],
    trims_vocab: false,
    defaults: Sizes::NONE,
    keys,
};

pub(super) const MODEL: &[Row] = &[
    row("embed_tokens", "token_embd", &[Dim::Vocab, Dim::Model]),
    row("norm", "output_norm", &[Dim::Model]),
    row("lm_head", "output", &[Dim::Vocab, Dim::Model]),
];
pub(super) const Q: Row = row("self_attn.q_proj", "attn_q", &[Dim::Q, Dim::Model]);
pub(super) const K: Row = row("self_attn.k_proj", "attn_k", &[Dim::Kv, Dim::Model]);
pub(super) const V: Row = row("self_attn.v_proj", "attn_v", &[Dim::Kv, Dim::Model]);
pub(super) const O: Row = row("self_attn.o_proj", "attn_output", &[Dim::Model, Dim::Q]);
pub(super) const GATE: Row = row("mlp.gate_proj", "ffn_gate", &[Dim::Ffn, Dim::Model]);
pub(super) const UP: Row = row("mlp.up_proj", "ffn_up", &[Dim::Ffn, Dim::Model]);
pub(super) const DOWN: Row = row("mlp.down_proj", "ffn_down", &[Dim::Model, Dim::Ffn]);

fn keys(config: &Config, sizes: &Sizes, keys: &mut Keys<'_>) -> Result<Vec<Made>, Error> {
    sizes.write_decoder(config, keys)?;
    if let Some(window) = config.count_if("sliding_window")? {
        keys.set("attention.sliding_window", window);
    }
    Rope::read(config)?.write(sizes, sizes.head_dim, keys)
}
