//! The blocks that layers are made of, for decoders and encoders.

use kernels::{Activation, EncoderEmbed, Linear, Norm, Op, WeightId};

use crate::Error;
use crate::builder::Builder;
use crate::hyper::HyperParams;

impl Builder<'_> {
    /// `x = scale · token_embd[id]`
    pub fn embed(&mut self, scale: f32) -> Result<WeightId, Error> {
        let table = self.matrix("token_embd.weight", self.n_vocab(), self.hyper.dim)?;
        self.push(Op::Embed { table, scale, encoder: None });
        Ok(table)
    }

    /// `x = norm(token_embd[id] + positions[pos] + types[0])`
    pub fn embed_encoded(&mut self, encoder: EncoderEmbed) -> Result<(), Error> {
        let table = self.matrix("token_embd.weight", self.n_vocab(), self.hyper.dim)?;
        self.push(Op::Embed { table, scale: 1.0, encoder: Some(encoder) });
        Ok(())
    }

    /// `token_types.weight`, where the file has it.
    pub fn token_types(&mut self) -> Result<Option<WeightId>, Error> {
        let (name, key) = ("token_types.weight", "tokenizer.ggml.token_type_count");
        let Some(info) = self.gguf().tensor(name) else { return Ok(None) };
        let n_rows = match self.keys().metadata.u32(key)? {
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
        if self.gguf().tensor(&format!("blk.{i}.attn_qkv.weight")).is_some() {
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
        if self.gguf().tensor(&bias).is_some() {
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

    /// Gated feed-forward block of layer `i` where gate and up are the halves of one tensor.
    pub fn fused_feed_forward(&mut self, i: usize, act: Activation) -> Result<(), Error> {
        let HyperParams { dim, ffn_dim, .. } = *self.hyper;
        let norm = self.norm(&format!("blk.{i}.ffn_norm.weight"), dim)?;
        let name = format!("blk.{i}.ffn_up.weight");
        let gate = self.rows(&name, 2 * ffn_dim, 0..ffn_dim, dim)?;
        let up = self.rows(&name, 2 * ffn_dim, ffn_dim..2 * ffn_dim, dim)?;
        let plain = |w| Linear { w, bias: None };
        self.push(Op::GateUp { norm: Some(norm), gate: Some(plain(gate)), up: plain(up), act });
        self.down(i, None, None)
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
}
