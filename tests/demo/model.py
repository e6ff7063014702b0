"""The demo model: the llama architecture in PyTorch, with its weights under their GGUF names."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Dims:
    """Widths are multiples of 256, so that K quantizations apply to every matrix."""

    n_vocab: int
    dim: int = 256
    n_layers: int = 6
    n_heads: int = 8
    n_kv_heads: int = 4
    ff_dim: int = 768
    n_ctx: int = 512
    eps: float = 1e-5
    rope_theta: float = 10000.0

    @property
    def head_dim(self) -> int:
        return self.dim // self.n_heads


def init(dims: Dims, seed: int) -> dict[str, Tensor]:
    """Weights by GGUF name, `[out, in]` as GGUF stores them; the head is tied to the embedding."""
    kv = dims.n_kv_heads * dims.head_dim
    shapes = {"token_embd.weight": (dims.n_vocab, dims.dim), "output_norm.weight": (dims.dim,)}
    for i in range(dims.n_layers):
        shapes |= {
            f"blk.{i}.attn_norm.weight": (dims.dim,),
            f"blk.{i}.attn_q.weight": (dims.dim, dims.dim),
            f"blk.{i}.attn_k.weight": (kv, dims.dim),
            f"blk.{i}.attn_v.weight": (kv, dims.dim),
            f"blk.{i}.attn_output.weight": (dims.dim, dims.dim),
            f"blk.{i}.ffn_norm.weight": (dims.dim,),
            f"blk.{i}.ffn_gate.weight": (dims.ff_dim, dims.dim),
            f"blk.{i}.ffn_up.weight": (dims.ff_dim, dims.dim),
            f"blk.{i}.ffn_down.weight": (dims.dim, dims.ff_dim),
        }
    chance = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            weights[name] = torch.ones(shape)
        else:
            # What is added to the residual stream begins smaller (GPT-2, section 2.3).
            deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
            scale = 0.02 / (2 * dims.n_layers) ** 0.5 if deep else 0.02
            weights[name] = scale * torch.randn(shape, generator=chance)
        weights[name].requires_grad_()
    return weights


def rope(x: Tensor, theta: float) -> Tensor:
    """Rotates neighboring pairs, as GGUF's llama does. `x`: [batch, pos, head, head_dim]."""
    n, d = x.shape[1], x.shape[-1]
    angle = torch.arange(n)[:, None] * theta ** (-torch.arange(0, d, 2) / d)
    cos, sin = angle.cos()[None, :, None], angle.sin()[None, :, None]
    a, b = x[..., ::2].float(), x[..., 1::2].float()
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)


def hidden(weights: dict[str, Tensor], ids: Tensor, which: Tensor, dims: Dims) -> Tensor:
    """The state before the head, `[batch, pos, dim]`.

    `which` numbers the conversation of each position: positions see only their own.
    """
    x = weights["token_embd.weight"][ids]
    batch, n = ids.shape
    norm = lambda x, name: functional.rms_norm(x, (dims.dim,), weights[name], dims.eps)
    past = torch.ones(n, n, dtype=torch.bool).tril()
    mask = (past & (which[:, :, None] == which[:, None, :]))[:, None]
    for i in range(dims.n_layers):
        times = lambda x, name: x @ weights[f"blk.{i}.{name}.weight"].T
        h = norm(x, f"blk.{i}.attn_norm.weight")
        heads = lambda name, count: times(h, name).view(batch, n, count, dims.head_dim)
        q = rope(heads("attn_q", dims.n_heads), dims.rope_theta)
        k = rope(heads("attn_k", dims.n_kv_heads), dims.rope_theta)
        v = heads("attn_v", dims.n_kv_heads)
        shared = dims.n_heads // dims.n_kv_heads
        k, v = (t.repeat_interleave(shared, 2).transpose(1, 2) for t in (k, v))
        mixed = functional.scaled_dot_product_attention(q.transpose(1, 2), k, v, attn_mask=mask)
        x = x + times(mixed.transpose(1, 2).reshape(batch, n, dims.dim), "attn_output")
        h = norm(x, f"blk.{i}.ffn_norm.weight")
        x = x + times(functional.silu(times(h, "ffn_gate")) * times(h, "ffn_up"), "ffn_down")
    return norm(x, "output_norm.weight")
