"""The demo model: the llama architecture in JAX, and its names in a GGUF file."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp


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


def init(dims: Dims, seed: int) -> dict:
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
    keys = jax.random.split(jax.random.PRNGKey(seed), len(shapes))
    weights = {}
    for key, (name, shape) in zip(keys, shapes.items()):
        if len(shape) == 1:
            weights[name] = jnp.ones(shape)
            continue
        deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
        scale = 0.02 / (2 * dims.n_layers) ** 0.5 if deep else 0.02
        weights[name] = scale * jax.random.normal(key, shape)
    return weights


def norm(x, weight, eps):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + eps) * weight


def rope(x, theta: float):
    """Rotates neighboring pairs, as GGUF's llama does. `x`: [batch, pos, head, head_dim]."""
    n, d = x.shape[1], x.shape[-1]
    angle = jnp.arange(n)[:, None] * theta ** (-jnp.arange(0, d, 2) / d)
    cos, sin = jnp.cos(angle)[None, :, None], jnp.sin(angle)[None, :, None]
    a, b = x[..., ::2], x[..., 1::2]
    return jnp.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape)


def logits(weights: dict, ids, starts, dims: Dims):
    """Scores of all positions, `[batch, pos, n_vocab]`.

    `starts` numbers the conversation that each position belongs to: positions see only their own.
    """
    x = weights["token_embd.weight"][ids]
    batch, n = ids.shape
    mask = jnp.tril(jnp.ones((n, n), bool))[None] & (starts[:, :, None] == starts[:, None, :])
    mask = mask[:, None]
    for i in range(dims.n_layers):
        w = {key.removeprefix(f"blk.{i}."): value for key, value in weights.items()
             if key.startswith(f"blk.{i}.")}
        h = norm(x, w["attn_norm.weight"], dims.eps)
        heads = lambda name, count: (h @ w[name].T).reshape(batch, n, count, dims.head_dim)
        q = rope(heads("attn_q.weight", dims.n_heads), dims.rope_theta)
        k = rope(heads("attn_k.weight", dims.n_kv_heads), dims.rope_theta)
        v = heads("attn_v.weight", dims.n_kv_heads)
        k, v = (jnp.repeat(t, dims.n_heads // dims.n_kv_heads, 2) for t in (k, v))
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / dims.head_dim**0.5
        scores = jax.nn.softmax(jnp.where(mask, scores, -1e30), -1)
        mixed = jnp.einsum("bhqk,bkhd->bqhd", scores, v).reshape(batch, n, dims.dim)
        x = x + mixed @ w["attn_output.weight"].T
        h = norm(x, w["ffn_norm.weight"], dims.eps)
        gate = jax.nn.silu(h @ w["ffn_gate.weight"].T) * (h @ w["ffn_up.weight"].T)
        x = x + gate @ w["ffn_down.weight"].T
    return norm(x, weights["output_norm.weight"], dims.eps) @ weights["token_embd.weight"].T
