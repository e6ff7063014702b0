//! What architectures build with: tensors by name and shape, layers, and the common blocks.

use std::ops::Range;

use gguf::{Gguf, TensorInfo};
use kernels::{
    Activation, Dims, EncoderEmbed, Heads, Linear, Mask, Norm, Op, Plan, RopeId, RopeStyle,
    RopeTable, Weight, WeightId,
};
use quant::TensorType;

use crate::Error;
use crate::hyper::{HyperParams, Keys};
use crate::rope::{self, Scaling};

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
    fn rows(
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
        let factors = self.rope_factors()?;
        let n_rot = self.hyper.n_rot;
        self.ropes.push(rope::table(style, n_rot, theta, scaling, factors.as_deref()));
        Ok(RopeId(self.ropes.len() - 1))
    }

    /// `rope_freqs.weight`, one divisor per pair.
    fn rope_factors(&self) -> Result<Option<Vec<f32>>, Error> {
        let name = "rope_freqs.weight";
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

    /// `x = scale · token_embd[id]`
    pub fn embed(&mut self, scale: f32) -> Result<WeightId, Error> {
        let table = self.matrix("token_embd.weight", self.n_vocab, self.hyper.dim)?;
        self.push(Op::Embed { table, scale, encoder: None });
        Ok(table)
    }

    /// `x = norm(token_embd[id] + positions[pos] + types[0])`
    pub fn embed_encoded(&mut self, encoder: EncoderEmbed) -> Result<(), Error> {
        let table = self.matrix("token_embd.weight", self.n_vocab, self.hyper.dim)?;
        self.push(Op::Embed { table, scale: 1.0, encoder: Some(encoder) });
        Ok(())
    }

    /// `token_types.weight`, where the file has it.
    pub fn token_types(&mut self) -> Result<Option<WeightId>, Error> {
        let (name, key) = ("token_types.weight", "tokenizer.ggml.token_type_count");
        let Some(info) = self.gguf.tensor(name) else { return Ok(None) };
        let n_rows = match self.gguf.metadata.u32(key)? {
            Some(0) => {
                let (value, why) = ("0".to_owned(), "there is a row for the first type".to_owned());
                return Err(Error::HyperParam { key: key.to_owned(), value, why });
            }
            Some(n) => u64::from(n),
            None => info.dims.get(1).copied().unwrap_or(1).max(1),
        };
        let n_rows = usize::try_from(n_rows).unwrap_or(usize::MAX);
        self.matrix(name, n_rows, self.hyper.dim).map(Some)
    }

    /// Q, K and V of layer `i`, of three tensors or one, behind a norm.
    pub fn qkv(&mut self, i: usize, norm: Option<Norm>) -> Result<(), Error> {
        let HyperParams { dim, n_heads, n_kv_heads, head_dim, .. } = *self.hyper;
        let (q, kv) = (n_heads * head_dim, n_kv_heads * head_dim);
        if self.gguf.tensor(&format!("blk.{i}.attn_qkv.weight")).is_some() {
            return self.fused_qkv(i, norm, [q, kv, kv]);
        }
        let q = self.linear(&format!("blk.{i}.attn_q"), q, dim)?;
        let k = self.linear(&format!("blk.{i}.attn_k"), kv, dim)?;
        let v = self.linear(&format!("blk.{i}.attn_v"), kv, dim)?;
        self.push(Op::Qkv { norm, q, k, v });
        Ok(())
    }

    fn fused_qkv(&mut self, i: usize, norm: Option<Norm>, n: [usize; 3]) -> Result<(), Error> {
        let (name, bias) = (format!("blk.{i}.attn_qkv.weight"), format!("blk.{i}.attn_qkv.bias"));
        if self.gguf.tensor(&bias).is_some() {
            return Err(Error::Unsupported { what: format!("'{bias}', biases in one tensor") });
        }
        let n_rows = n.iter().sum();
        let mut first = 0;
        let mut part = |n: usize| {
            first += n;
            let w = self.rows(&name, n_rows, first - n..first, self.hyper.dim)?;
            Ok::<_, Error>(Linear { w, bias: None })
        };
        let (q, k, v) = (part(n[0])?, part(n[1])?, part(n[2])?);
        self.push(Op::Qkv { norm, q, k, v });
        Ok(())
    }

    /// Attention output of layer `i`, with optional norms before and behind the residual sum.
    pub fn output(
        &mut self,
        i: usize,
        post: Option<Norm>,
        after: Option<Norm>,
    ) -> Result<(), Error> {
        let HyperParams { dim, n_heads, head_dim, .. } = *self.hyper;
        let w = self.linear(&format!("blk.{i}.attn_output"), dim, n_heads * head_dim)?;
        self.push(Op::Output { w, post, after });
        Ok(())
    }

    /// Gated feed-forward block of layer `i`.
    pub fn feed_forward(
        &mut self,
        i: usize,
        act: Activation,
        post: Option<Norm>,
    ) -> Result<(), Error> {
        let norm = self.norm(&format!("blk.{i}.ffn_norm.weight"), self.hyper.dim)?;
        self.up(i, Some(norm), true, act)?;
        self.down(i, post, None)
    }

    /// First half of a feed-forward block.
    pub fn up(
        &mut self,
        i: usize,
        norm: Option<Norm>,
        gated: bool,
        act: Activation,
    ) -> Result<(), Error> {
        let HyperParams { dim, ffn_dim, .. } = *self.hyper;
        let gate = match gated {
            true => Some(self.linear(&format!("blk.{i}.ffn_gate"), ffn_dim, dim)?),
            false => None,
        };
        let up = self.linear(&format!("blk.{i}.ffn_up"), ffn_dim, dim)?;
        self.push(Op::GateUp { norm, gate, up, act });
        Ok(())
    }

    /// Its second half, with optional norms before and behind the residual sum.
    pub fn down(&mut self, i: usize, post: Option<Norm>, after: Option<Norm>) -> Result<(), Error> {
        let HyperParams { dim, ffn_dim, .. } = *self.hyper;
        let w = self.linear(&format!("blk.{i}.ffn_down"), dim, ffn_dim)?;
        self.push(Op::Down { w, post, after });
        Ok(())
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
