//! `qwen2` and `qwen3`: Llama with rope on the halves of a head, as files have it; Qwen 2 has
//! biases on Q, K and V, Qwen 3 a norm on each head of Q and K.

use super::llama::{DOWN, GATE, K, MODEL, O, Q, UP, V};
use super::rope::Rope;
use super::{Arch, Dim, Keys, Made, Sizes, row};
use crate::config::Config;
use crate::error::Error;

pub(super) const QWEN2: Arch = Arch {
    gguf: "qwen2",
    classes: &["Qwen2ForCausalLM"],
    prefixes: &["model."],
    model: MODEL,
    layers: "layers.",
    layer: &[
        row("input_layernorm", "attn_norm", &[Dim::Model]),
        row("post_attention_layernorm", "ffn_norm", &[Dim::Model]),
        Q,
        K,
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

pub(super) const QWEN3: Arch = Arch {
    gguf: "qwen3",
    classes: &["Qwen3ForCausalLM"],
    layer: &[
        row("input_layernorm", "attn_norm", &[Dim::Model]),
        row("post_attention_layernorm", "ffn_norm", &[Dim::Model]),
        row("self_attn.q_norm", "attn_q_norm", &[Dim::Head]),
        row("self_attn.k_norm", "attn_k_norm", &[Dim::Head]),
        Q,
        K,
        V,
        O,
        GATE,
        UP,
        DOWN,
    ],
    ..QWEN2
};

fn keys(config: &Config, sizes: &Sizes, keys: &mut Keys<'_>) -> Result<Vec<Made>, Error> {
    if config.is_true("use_sliding_window") {
        return Err(Error::Unsupported {
            what: "a sliding window in some of its layers (use_sliding_window)".into(),
            advice: "a GGUF file of this architecture has no place to say in which",
        });
    }
    sizes.write_decoder(config, keys)?;
    Rope::read(config)?.write(sizes, sizes.head_dim, keys)
}
