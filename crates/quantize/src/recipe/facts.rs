//! What a recipe asks of a model besides its tensors' names and shapes.

use gguf::Metadata;

/// The few numbers that recipes look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `general.architecture`.
    pub architecture: String,
    /// Layers.
    pub n_layer: u64,
    /// Experts, 0 where there are none.
    pub n_expert: u64,
    /// Query heads that share one head of keys and values, in the first layer.
    pub group: u64,
    /// Query heads of the first layer.
    pub n_head: u64,
}

/// Architectures whose models of 80 layers are "70B" to llama.cpp. For the first one only where
/// heads share keys and values: without that, it is the 65B.
const SEVENTY_BILLION: [&str; 5] = ["llama", "deci", "qwen2", "qwen2vl", "olmo"];

impl Facts {
    /// From metadata; what is missing or of another type counts as not there.
    pub fn of(metadata: &Metadata) -> Self {
        let architecture = metadata.str("general.architecture").ok().flatten().unwrap_or_default();
        let number = |key: &str| {
            let key = format!("{architecture}.{key}");
            let each = || metadata.u32s(&key).ok().flatten().and_then(|all| all.first().copied());
            metadata.u32(&key).ok().flatten().or_else(each).map(u64::from)
        };
        let n_head = number("attention.head_count").unwrap_or(0);
        let n_head_kv = number("attention.head_count_kv").unwrap_or(n_head);
        Facts {
            n_layer: number("block_count").unwrap_or(0),
            n_expert: number("expert_count").unwrap_or(0),
            group: n_head.checked_div(n_head_kv).unwrap_or(0),
            n_head,
            architecture: architecture.to_owned(),
        }
    }

    /// Falcon has rules of its own.
    pub fn is_falcon(&self) -> bool {
        self.architecture == "falcon"
    }

    /// Models whose value tensors are an eighth of the query's, so that more bits for them cost
    /// next to nothing.
    pub fn is_70b(&self) -> bool {
        let named = SEVENTY_BILLION.contains(&self.architecture.as_str());
        named && self.n_layer == 80 && (self.architecture != "llama" || self.group != 1)
    }
}
