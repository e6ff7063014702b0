//! What a tensor is for, as far as recipes care, read from its name.
//!
//! By name and not by architecture: the recipes are older than most architectures, and the names
//! are the same in all of them.

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Token embeddings, those of single layers too.
    TokenEmbedding,
    /// The head.
    Output,
    /// Values of the attention: alone, or in one tensor with Q and K, or in the compressed K and V.
    AttentionV,
    /// Keys.
    AttentionK,
    /// The output product of the attention.
    AttentionOutput,
    /// The last product of the feed-forward part.
    FfnDown,
    /// Anything else.
    Other,
}

/// The name that says the embeddings are not the head.
pub const OUTPUT: &str = "output.weight";

impl Role {
    /// The role of the tensor of this name.
    pub fn of(name: &str) -> Self {
        const PARTS: [(&str, Role); 6] = [
            ("attn_qkv.weight", Role::AttentionV),
            ("attn_kv_b.weight", Role::AttentionV),
            ("attn_v.weight", Role::AttentionV),
            ("attn_k.weight", Role::AttentionK),
            ("attn_output.weight", Role::AttentionOutput),
            ("ffn_down", Role::FfnDown),
        ];
        match name {
            OUTPUT => Role::Output,
            "token_embd.weight" | "per_layer_token_embd.weight" => Role::TokenEmbedding,
            // The parts before `ffn_down` are in no name with it, so the order does not matter.
            _ => PARTS.iter().find(|(part, _)| name.contains(part)).map_or(Role::Other, |p| p.1),
        }
    }
}

/// Parts of names of tensors that stay as they are: small ones, where a few bytes are saved and
/// much is lost, and tables that are looked up rather than multiplied with.
const KEPT: [&str; 35] = [
    // Norms and routers.
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid.weight",
    // Gemma 3n.
    "altup",
    "laurel",
    "per_layer_model_proj",
    // Convolutions along the text, and what chooses positions.
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    // RWKV.
    "time_mix_first.weight",
    "time_mix_w0.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_v0.weight",
    "time_mix_v1.weight",
    "time_mix_v2.weight",
    "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight",
    "time_mix_g1.weight",
    "time_mix_g2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    // T5's bias by distance.
    "attn_rel_b.weight",
    // Images and sound.
    ".position_embd",
    "sam.pos_embd",
    "sam.neck.",
    "sam.net_",
    ".rel_pos",
    ".patch_embd",
    ".patch_merger",
    "a.rvq.codebook",
    "mm.a.code_embd",
];

/// Whole names of the same kind: positions and kinds of encoders.
const KEPT_NAMES: [&str; 2] = ["position_embd.weight", "token_types.weight"];

/// Whether a recipe may change this tensor's type.
pub fn is_quantizable(name: &str, dims: &[u64]) -> bool {
    // Dimensions of 1 behind the last larger one do not count.
    let n_dims = dims.iter().rposition(|dim| *dim > 1).map_or(0, |last| last + 1);
    let is_kept = KEPT_NAMES.contains(&name) || KEPT.iter().any(|part| name.contains(part));
    n_dims >= 2 && name.ends_with("weight") && !is_kept
}
