//! `phi3`: Phi 3 and 4. Q, K and V are one tensor, gate and up another, and stay so.

use super::llama::{DOWN, MODEL, O};
use super::rope::Rope;
use super::{Arch, Dim, Keys, Made, Sizes, row};
use crate::config::Config;
use crate::error::Error;

pub(super) const PHI3: Arch = Arch {
    gguf: "phi3",
    classes: &["Phi3ForCausalLM"],
    prefixes: &["model."],
    model: MODEL,
    layers: "layers.",
    layer: &[
        row("input_layernorm", "attn_norm", &[Dim::Model]),
        row("post_attention_layernorm", "ffn_norm", &[Dim::Model]),
        row("self_attn.qkv_proj", "attn_qkv", &[Dim::Qkv, Dim::Model]),
        O,
        row("mlp.gate_up_proj", "ffn_up", &[Dim::TwoFfn, Dim::Model]),
        DOWN,
    ],
    ignored: &[],
    trims_vocab: false,
    defaults: Sizes::NONE,
    keys,
};

fn keys(config: &Config, sizes: &Sizes, keys: &mut Keys<'_>) -> Result<Vec<Made>, Error> {
    sizes.write_decoder(config, keys)?;
    // 0 means none; left out, readers of older files assume one.
    keys.set("attention.sliding_window", config.count_if("sliding_window")?.unwrap_or(0));
    let rope = Rope::read(config)?;
    let in_rope = config.object("rope_parameters");
    let part = match in_rope {
        Some(rope) => rope.number_if("partial_rotary_factor")?,
        None => None,
    };
    let part = match part {
        Some(part) => part,
        None => config.number_if("partial_rotary_factor")?.unwrap_or(1.0),
    };
    let n_rot = (f64::from(sizes.head_dim) * part) as u32;
    if n_rot < 2 || !n_rot.is_multiple_of(2) || n_rot > sizes.head_dim {
        let want = "a part of a head with an even number of elements";
        return Err(config.error("partial_rotary_factor", part.to_string(), want));
    }
    let original = config.count_if("original_max_position_embeddings")?;
    keys.set("rope.scaling.original_context_length", original.unwrap_or(sizes.n_ctx));
    rope.write(sizes, n_rot, keys)
}
