//! The mixtures: which type a tensor gets by its role, its layer and the model.
//!
//! One function per role, each a table over file types that ends with "the base type". They are
//! llama.cpp's to the letter, its oddities included (counters that only move on, thirds of the
//! layers), because a file with the same types is one whose quality was already measured.
//!
//! Source: llama.cpp's quantizer, behavior of the release that `tests/recipes` was made with.

use quant::TensorType;
use quant::TensorType::{MXFP4, Q3_K, Q4_1, Q4_K, Q5_1, Q5_K, Q6_K, Q8_0};

use super::FileType;
use super::facts::Facts;
use super::role::Role;

/// What the rules know besides the tensor; the counters are theirs.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub file_type: FileType,
    pub facts: &'a Facts,
    /// There is a separate head, so that the embeddings are not it.
    pub has_output: bool,
    /// There is an importance matrix.
    pub has_importance: bool,
    /// Tensors of [`Role::AttentionV`] in the model.
    pub n_attention_v: u64,
    /// Those that the rules have chosen a type for.
    pub i_attention_v: u64,
    /// The same of [`Role::FfnDown`].
    pub i_ffn_down: u64,
}

/// The first and the last eighth of `n` layers, and every third between.
fn gets_more(i: u64, n: u64) -> bool {
    i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2
}

/// Types that come with the head's quality in any recipe that is not Q8_0 throughout.
fn is_q8(file_type: FileType) -> bool {
    matches!(file_type, FileType::MXFP4_MOE) || file_type.base() == Q8_0
}

impl Rules<'_> {
    /// The type for a tensor, before it is known whether its rows are whole blocks of it.
    pub fn choose(&mut self, name: &str, dims: &[u64]) -> TensorType {
        let role = Role::of(name);
        if role == Role::Output || role == Role::TokenEmbedding && !self.has_output {
            return self.head(dims);
        }
        if self.file_type == FileType::MXFP4_MOE {
            let is_experts = dims.get(2).is_some_and(|n| *n > 1);
            return if is_experts { MXFP4 } else { Q8_0 };
        }
        match role {
            Role::TokenEmbedding => self.embedding(),
            Role::AttentionV => {
                let i = self.i_attention_v;
                self.i_attention_v += 1;
                self.attention_v(i)
            }
            Role::AttentionK if self.facts.n_expert == 8 => Q8_0,
            Role::AttentionOutput => self.attention_output(),
            Role::FfnDown => {
                let i = self.i_ffn_down;
                self.i_ffn_down += 1;
                // Experts come in any number per layer: there the name counts.
                let by_name = (self.facts.n_expert > 1).then(|| layer_of(name)).flatten();
                self.ffn_down(by_name.unwrap_or(i))
            }
            Role::AttentionK | Role::Output | Role::Other => self.file_type.base(),
        }
    }

    fn head(&self, dims: &[u64]) -> TensorType {
        let base = self.file_type.base();
        let columns = dims.first().copied().unwrap_or(1);
        let is_whole = columns.is_multiple_of(base.block_len() as u64);
        if is_q8(self.file_type) || self.facts.is_falcon() || !is_whole { Q8_0 } else { Q6_K }
    }

    fn embedding(&self) -> TensorType {
        match self.file_type {
            FileType::TQ1_0 | FileType::TQ2_0 => Q4_K,
            other => other.base(),
        }
    }

    /// Few numbers, and every head of a group sees them.
    fn attention_v(&self, i: u64) -> TensorType {
        use FileType as F;
        let shared = self.facts.group >= 4;
        let ty = match self.file_type {
            F::Q2_K if shared => Q4_K,
            F::Q2_K => Q3_K,
            F::Q2_K_S if shared => Q4_K,
            F::Q3_K_M if i < 2 => Q5_K,
            F::Q3_K_M => Q4_K,
            F::Q3_K_L => Q5_K,
            F::IQ4_NL | F::IQ4_XS if shared => Q5_K,
            F::Q4_K_M | F::Q5_K_M if gets_more(i, self.n_attention_v) => Q6_K,
            F::Q4_K_S if i < 4 => Q5_K,
            other => other.base(),
        };
        match ty {
            _ if self.facts.n_expert == 8 => Q8_0,
            Q3_K | Q4_K if self.facts.is_70b() => Q5_K,
            ty => ty,
        }
    }

    fn attention_output(&self) -> TensorType {
        use FileType as F;
        let base = self.file_type.base();
        if self.facts.is_falcon() {
            return if self.file_type == F::Q3_K_L { Q4_K } else { base };
        }
        if self.facts.n_expert == 8 {
            return match self.file_type {
                F::Q2_K | F::Q3_K_S | F::Q3_K_M | F::Q4_K_S | F::Q4_K_M => Q5_K,
                F::IQ4_NL | F::IQ4_XS => Q5_K,
                _ => base,
            };
        }
        match self.file_type {
            F::Q2_K => Q3_K,
            F::Q3_K_M => Q4_K,
            F::Q3_K_L => Q5_K,
            _ => base,
        }
    }

    /// The product whose input has the outliers.
    fn ffn_down(&self, i: u64) -> TensorType {
        use FileType as F;
        let (base, n) = (self.file_type.base(), self.facts.n_layer);
        let (is_first, more) = (i < n / 8, gets_more(i, n));
        if self.facts.is_falcon() {
            return self.ffn_down_falcon(i);
        }
        match self.file_type {
            F::Q2_K => Q3_K,
            F::Q2_K_S if is_first => Q4_K,
            F::Q3_K_M if i < n / 16 => Q5_K,
            F::Q3_K_M => Q4_K,
            F::Q3_K_L => Q5_K,
            F::Q4_K_M | F::Q5_K_M if more => Q6_K,
            F::Q4_K_S if is_first => Q5_K,
            F::IQ4_NL | F::IQ4_XS if is_first && !self.has_importance => Q5_K,
            F::Q4_0 if is_first && self.has_importance => Q4_1,
            F::Q5_0 if is_first && self.has_importance => Q5_1,
            _ => base,
        }
    }

    fn ffn_down_falcon(&self, i: u64) -> TensorType {
        use FileType as F;
        let (base, n) = (self.file_type.base(), self.facts.n_layer);
        let (is_first, more) = (i < n / 8, gets_more(i, n));
        match self.file_type {
            F::Q2_K => Q3_K,
            F::Q2_K_S if is_first => Q4_K,
            F::Q3_K_M if i < n / 16 => Q5_K,
            F::Q3_K_M if more => Q4_K,
            F::Q3_K_L => Q4_K,
            F::Q4_K_M if i < n / 16 => Q6_K,
            F::Q4_K_M if more => Q5_K,
            F::Q5_K_M if more => Q6_K,
            F::IQ4_NL | F::IQ4_XS if is_first && !self.has_importance => Q5_K,
            F::Q4_0 if is_first && self.has_importance => Q4_1,
            F::Q5_0 if is_first && self.has_importance => Q5_1,
            _ => base,
        }
    }
}

/// The number in "blk.12.ffn_down.weight".
pub(super) fn layer_of(name: &str) -> Option<u64> {
    name.strip_prefix("blk.")?.split_once('.')?.0.parse().ok()
}

/// The type for rows that are no whole blocks of `ty`: `Err` where there is none.
pub(super) fn fallback(ty: TensorType, columns: u64) -> Result<TensorType, ()> {
    use TensorType::{F16, IQ4_NL, IQ4_XS, Q2_K, Q4_0, Q5_0, TQ1_0, TQ2_0};
    let is_whole = |ty: TensorType| columns.is_multiple_of(ty.block_len() as u64);
    if is_whole(ty) {
        return Ok(ty);
    }
    let small = match ty {
        IQ4_XS => IQ4_NL,
        Q2_K | Q3_K | TQ1_0 | TQ2_0 => Q4_0,
        Q4_K => Q5_0,
        Q5_K => Q5_1,
        Q6_K => Q8_0,
        _ => return Err(()),
    };
    Ok(if is_whole(small) { small } else { F16 })
}
