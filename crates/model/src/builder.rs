//! What architectures build with: tensors by name and shape, norms, rotations; the common blocks
//! are in `blocks`.

use std::ops::Range;

use gguf::{Gguf, TensorInfo};
use kernels::{
    Dims, Heads, Linear, Mask, Norm, Op, Plan, RopeId, RopeStyle, RopeTable, Weight, WeightId,
};
use quant::TensorType;

use crate::Error;
use crate::hyper::{HyperParams, Keys};
use crate::rope::{self, Factors, Scaling};

/// Collects weights, rope tables and ops of one model.
pub struct Builder<'a> {
    gguf: &'a Gguf,
    /// The model's sizes.
    pub hyper: &'a HyperParams,
    n_vocab: usize,
    weights: Vec<Weight>,
    ropes: Vec<RopeTable>,
    ops: Vec<Op>,
    n_kv_layers: usize,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(gguf: &'a Gguf, hyper: &'a HyperParams) -> Result<Self, Error> {
        let name = "token_embd.weight";
        let embedding =
            gguf.tensor(name).ok_or_else(|| Error::MissingTensor { name: name.into() })?;
        let rows = embedding.dims.get(1).copied().unwrap_or(0);
        let rows = u32::try_from(rows).map_or(0, |rows| rows as usize);
        if let Some(gguf::Value::Array(tokens)) = gguf.metadata.get("tokenizer.ggml.tokens")
            && tokens.len() != rows
        {
            return Err(Error::Vocab { tokens: tokens.len(), rows });
        }
        if rows == 0 {
            let want = vec![hyper.dim as u64, 1];
            return Err(Error::Shape { name: name.into(), want, got: embedding.dims.clone() });
        }
        Ok(Builder {
            gguf,
            hyper,
            n_vocab: rows,
            weights: Vec::new(),
            ropes: Vec::new(),
            ops: Vec::new(),
            n_kv_layers: 0,
        })
    }

    pub(crate) fn keys(&self) -> Keys<'a> {
        Keys { metadata: &self.gguf.metadata, architecture: &self.hyper.architecture }
    }

    pub(crate) fn gguf(&self) -> &'a Gguf {
        self.gguf
    }

    pub(crate) fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    /// Appends an op.
    pub fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// The next cache layer; the only one where nothing is kept for a later job.
    pub fn kv_layer(&mut self, mask: Mask) -> usize {
        if mask == Mask::Full {
            self.n_kv_layers = 1;
            return 0;
        }
        self.n_kv_layers += 1;
        self.n_kv_layers - 1
    }

    /// The heads every layer has.
    pub fn heads(&self) -> Heads {
        let HyperParams { n_heads, n_kv_heads, head_dim, .. } = *self.hyper;
        Heads { n_heads, n_kv_heads, head_dim }
    }

    /// `[n_rows, n_cols]` matrix `name` in any supported type.
    pub fn matrix(&mut self, name: &str, n_rows: usize, n_cols: usize) -> Result<WeightId, Error> {
        self.rows(name, n_rows, 0..n_rows, n_cols)
    }

    /// Rows `part` of the `[n_rows, n_cols]` matrix `name`.
    pub(crate) fn rows(
        &mut self,
        name: &str,
        n_rows: usize,
        part: Range<usize>,
        n_cols: usize,
    ) -> Result<WeightId, Error> {
        let info = self.find(name, &[n_cols as u64, n_rows as u64])?;
        if !info.ty.is_supported() {
            return Err(Error::TensorType {
                name: name.to_owned(),
                ty: info.ty,
                place: "here",
                advice: "use a file quantized to Q4_K_M, Q8_0 or F16",
            });
        }
        let (n_rows, first_row) = (part.len(), part.start);
        Ok(self.add(Weight { name: name.to_owned(), ty: info.ty, n_rows, n_cols, first_row }))
    }

    /// Vector `name` of `n` elements; must be F32.
    pub fn vector(&mut self, name: &str, n: usize) -> Result<WeightId, Error> {
        let info = self.find(name, &[n as u64])?;
        if info.ty != TensorType::F32 {
            return Err(Error::TensorType {
                name: name.to_owned(),
                ty: info.ty,
                place: "for norms and biases",
                advice: "convert the model again with norms and biases in F32",
            });
        }
        let name = name.to_owned();
        Ok(self.add(Weight { name, ty: info.ty, n_rows: 1, n_cols: n, first_row: 0 }))
    }

    /// Root-mean-square norm with gain `name`.
    pub fn norm(&mut self, name: &str, n: usize) -> Result<Norm, Error> {
        Ok(Norm::rms(self.vector(name, n)?, self.hyper.norm_eps))
    }

    /// Layer norm with gain `prefix.weight` and, where the file has it, `prefix.bias`.
    pub fn layer_norm(&mut self, prefix: &str, n: usize) -> Result<Norm, Error> {
        let gain = self.vector(&format!("{prefix}.weight"), n)?;
        let bias = self.bias(prefix, n)?;
        Ok(Norm::layer(gain, bias, self.hyper.norm_eps))
    }

    /// `prefix.weight` and, where the file has it, `prefix.bias`.
    pub fn linear(&mut self, prefix: &str, n_rows: usize, n_cols: usize) -> Result<Linear, Error> {
        let w = self.matrix(&format!("{prefix}.weight"), n_rows, n_cols)?;
        Ok(Linear { w, bias: self.bias(prefix, n_rows)? })
    }

    /// `prefix.bias`, where the file has it.
    fn bias(&mut self, prefix: &str, n: usize) -> Result<Option<WeightId>, Error> {
        let name = format!("{prefix}.bias");
        match self.gguf.tensor(&name) {
            Some(_) => Ok(Some(self.vector(&name, n)?)),
            None => Ok(None),
        }
    }

    /// A rope table with base `theta` and the file's scaling, or none.
    pub fn rope(&mut self, style: RopeStyle, theta: f64, scaled: bool) -> Result<RopeId, Error> {
        let scaling = match scaled {
            true => Scaling::read(self.keys(), self.hyper)?,
            false => Scaling::None,
        };
        let magnitude = self.keys().number("rope.scaling.attn_factor")?.map_or(1.0, f64::from);
        let factors = self.rope_factors()?;
        let n_rot = self.hyper.n_rot;
        self.ropes.push(rope::table(style, n_rot, theta, (scaling, magnitude), &factors));
        Ok(RopeId(self.ropes.len() - 1))
    }

    fn rope_factors(&self) -> Result<Factors, Error> {
        if let Some(usual) = self.factors("rope_freqs.weight")? {
            return Ok(Factors { usual: Some(usual), long: None });
        }
        let original = "rope.scaling.original_context_length";
        let original = self.keys().optional(original, 1, u32::MAX)?;
        let above = original.unwrap_or(self.hyper.n_ctx_train);
        let long = self.factors("rope_factors_long.weight")?.map(|factors| (above, factors));
        Ok(Factors { usual: self.factors("rope_factors_short.weight")?, long })
    }

    /// Tensor `name` if the file has it: one divisor per pair.
    fn factors(&self, name: &str) -> Result<Option<Vec<f32>>, Error> {
        if self.gguf.tensor(name).is_none() {
            return Ok(None);
        }
        let n = self.hyper.n_rot / 2;
        let info = self.find(name, &[n as u64])?;
        let mut bytes = vec![0; 4 * n];
        let mut factors = vec![0.0; n];
        let is_f32 = info.ty == TensorType::F32;
        self.gguf.read_tensor(info, 0, &mut bytes)?;
        let decoded = is_f32 && quant::decode(info.ty, &bytes, &mut factors).is_ok();
        if !decoded || factors.iter().any(|f| !f.is_finite() || *f <= 0.0) {
            return Err(Error::Unsupported {
                what: "rope frequency factors that are not positive F32 numbers".into(),
            });
        }
        Ok(Some(factors))
    }

    /// Final norm and head; the head is the embedding where the file has no `output.weight`.
    pub fn head(&mut self, embedding: WeightId) -> Result<(), Error> {
        let norm = self.norm("output_norm.weight", self.hyper.dim)?;
        let w = match self.gguf.tensor("output.weight") {
            Some(_) => self.linear("output", self.n_vocab, self.hyper.dim)?,
            None => Linear { w: embedding, bias: None },
        };
        self.push(Op::Head { norm, w });
        Ok(())
    }

    pub(crate) fn finish(self) -> Plan {
        let HyperParams { dim, n_layers, n_heads, n_kv_heads, .. } = *self.hyper;
        let HyperParams { head_dim, ffn_dim, n_ctx_train, .. } = *self.hyper;
        Plan {
            dims: Dims {
                n_vocab: self.n_vocab,
                dim,
                n_layers,
                n_heads,
                n_kv_heads,
                head_dim,
                ffn_dim,
                n_ctx_train,
            },
            weights: self.weights,
            ropes: self.ropes,
            ops: self.ops,
            n_kv_layers: self.n_kv_layers,
        }
    }

    /// Finds a tensor of exactly these dimensions (trailing ones may be left out).
    fn find(&self, name: &str, want: &[u64]) -> Result<&'a TensorInfo, Error> {
        let info =
            self.gguf.tensor(name).ok_or_else(|| Error::MissingTensor { name: name.to_owned() })?;
        let n = want.len().max(info.dims.len());
        let padded = |dims: &[u64], i: usize| dims.get(i).copied().unwrap_or(1);
        if (0..n).any(|i| padded(want, i) != padded(&info.dims, i)) {
            let (want, got) = (want.to_vec(), info.dims.clone());
            return Err(Error::Shape { name: name.to_owned(), want, got });
        }
        Ok(info)
    }

    fn add(&mut self, weight: Weight) -> WeightId {
        self.weights.push(weight);
        WeightId(self.weights.len() - 1)
    }
}
