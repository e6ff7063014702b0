//! `gemma3`: Gemma 3, its text part. Gains are stored as their distance from 1; most layers see a
//! window and have a rope base of their own. Of a model that sees images, what sees is left out.

use super::llama::{DOWN, GATE, K, MODEL, O, Q, UP, V};
use super::rope::Rope;
use super::{Arch, Change, Dim, Keys, Made, Row, Sizes, row};
use crate::config::Config;
use crate::error::Error;

pub(super) const GEMMA3: Arch = Arch {
    gguf: "gemma3",
    classes: &["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
    prefixes: &["language_model.model.", "model.language_model.", "language_model.", "model."],
    model: &[
        row("embed_tokens", "token_embd", &[Dim::Vocab, Dim::Model]),
        gain("norm", "output_norm", &[Dim::Model]),
        HEAD,
    ],
    layers: "layers.",
    layer: &[
        gain("input_layernorm", "attn_norm", &[Dim::Model]),
        gain("post_attention_layernorm", "post_attention_norm", &[Dim::Model]),
        gain("pre_feedforward_layernorm", "ffn_norm", &[Dim::Model]),
        gain("post_feedforward_layernorm", "post_ffw_norm", &[Dim::Model]),
        gain("self_attn.q_norm", "attn_q_norm", &[Dim::Head]),
        gain("self_attn.k_norm", "attn_k_norm", &[Dim::Head]),
        Q,
        K,
        V,
        O,
        GATE,
        UP,
        DOWN,
    ],
    ignored: &[
        "vision_tower.",
        "model.vision_tower.",
        "multi_modal_projector.",
        "model.multi_modal_projector.",
    ],
    trims_vocab: true,
    // Of the library, which leaves them out of what it writes.
    defaults: Sizes {
        n_layers: 26,
        dim: 2304,
        ffn_dim: 9216,
        n_heads: 8,
        n_kv_heads: 4,
        head_dim: 256,
        n_ctx: 131_072,
        n_vocab: 0,
    },
    keys,
};

const HEAD: Row = match MODEL {
    [_, _, Row { hf, gguf, shape, .. }] => row(hf, gguf, shape),
    _ => panic!("the tensors of a decoder are three"),
};

const fn gain(hf: &'static str, gguf: &'static str, shape: &'static [Dim]) -> Row {
    Row { hf, gguf, shape, change: Change::PlusOne }
}

const DEFAULT_WINDOW: u32 = 4096;
const DEFAULT_THETA: f64 = 1e6;
const DEFAULT_LOCAL_THETA: f64 = 1e4;
const DEFAULT_SCALAR: f64 = 256.0;
/// Every sixth layer sees everything, where nothing else is said.
const DEFAULT_PATTERN: usize = 6;
/// The one model whose queries are scaled by the width per head, known by its layers.
const N_LAYERS_27B: u32 = 62;

fn keys(config: &Config, sizes: &Sizes, keys: &mut Keys<'_>) -> Result<Vec<Made>, Error> {
    check_scale(config, sizes)?;
    sizes.write_decoder(config, keys)?;
    let window = config.count_if("sliding_window")?.unwrap_or(DEFAULT_WINDOW);
    keys.set("attention.sliding_window", window);
    let pattern = pattern(config)?;
    if pattern != DEFAULT_PATTERN {
        keys.set("attention.sliding_window_pattern", pattern as u32);
    }
    let both = config.object("rope_parameters");
    let local = both.as_ref().and_then(|both| both.object("sliding_attention"));
    let local_theta = match local {
        Some(local) => local.number_if("rope_theta")?,
        None => config.number_if("rope_local_base_freq")?,
    };
    keys.set("rope.freq_base_swa", local_theta.unwrap_or(DEFAULT_LOCAL_THETA) as f32);
    let global = both.and_then(|both| both.object("full_attention"));
    let says_theta = config.get("rope_theta").is_some() || global.is_some();
    let mut rope = Rope::of(config, global.or_else(|| config.object("rope_scaling")))?;
    if !says_theta {
        rope.theta = DEFAULT_THETA;
    }
    rope.write(sizes, sizes.head_dim, keys)
}

/// Players take the scale of queries from the sizes, as the file has no key for it.
fn check_scale(config: &Config, sizes: &Sizes) -> Result<(), Error> {
    let scalar = config.number_if("query_pre_attn_scalar")?.unwrap_or(DEFAULT_SCALAR);
    let per_head = match sizes.n_layers {
        N_LAYERS_27B => sizes.dim / sizes.n_heads,
        _ => sizes.head_dim,
    };
    let caps = ["attn_logit_softcapping", "final_logit_softcapping"];
    let capped = caps.into_iter().find(|key| config.get(key).is_some());
    if scalar == f64::from(per_head)
        && capped.is_none()
        && !config.is_true("use_bidirectional_attention")
    {
        return Ok(());
    }
    let what = match capped {
        Some(cap) => cap.to_owned(),
        None if scalar != f64::from(per_head) => format!("query_pre_attn_scalar = {scalar}"),
        None => "use_bidirectional_attention".to_owned(),
    };
    Err(Error::Unsupported { what, advice: "a GGUF file of Gemma 3 has no place to say it" })
}

/// Which layers see everything: each one whose number is a multiple of this.
fn pattern(config: &Config) -> Result<usize, Error> {
    let Some(types) = config.list("layer_types") else {
        let pattern = config.count_if("sliding_window_pattern")?;
        return Ok(pattern.map_or(DEFAULT_PATTERN, |n| n as usize));
    };
    let is_full = |i: usize| types.get(i).is_some_and(|kind| kind == "full_attention");
    // Without a full layer any number beyond the last one says so.
    let first = (0..types.len()).find(|i| is_full(*i)).unwrap_or(types.len().max(DEFAULT_PATTERN));
    let pattern = match types.len() < DEFAULT_PATTERN && first >= types.len() {
        true => DEFAULT_PATTERN,
        false => first + 1,
    };
    let is_regular = (0..types.len()).all(|i| is_full(i) == ((i + 1) % pattern == 0));
    match is_regular {
        true => Ok(pattern),
        false => Err(Error::Unsupported {
            what: "layers with a window in no regular order (layer_types)".into(),
            advice: "a GGUF file of Gemma 3 has no place to say it",
        }),
    }
}
