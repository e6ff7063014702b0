"""Trains the demo model and writes it as an F16 GGUF file, with its loss curve.

    python tests/demo/train.py --out demo-F16.gguf --steps 6000

Reproducible by `--seed` on one kind of machine. About two hours on two cores. `ingle quantize`
makes the file that is shipped of it.
"""

import argparse
import json
import random
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from corpus import conversation
from gguf_file import write
from model import Dims, init, logits
from tokenizer import ids_of, train as train_tokenizer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the GGUF file to write")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=8, help="rows of a step")
    parser.add_argument("--length", type=int, default=512, help="tokens of a row")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=115, help="stop in time: the rate follows")
    return parser.parse_args()


def rows(tokenizer, seed: int, length: int):
    """Rows of whole conversations, packed: ids, which are learned, which conversation."""
    rng = random.Random(seed)
    ids, learned, which = [], [], []
    number = 0
    while True:
        more, marks = ids_of(tokenizer, conversation(rng))
        if len(more) > length:
            continue
        if len(ids) + len(more) > length + 1:
            pad = length + 1 - len(ids)
            yield ids + [0] * pad, learned + [0] * pad, which + [-1] * pad
            ids, learned, which = [], [], []
        number += 1
        ids, learned, which = ids + more, learned + marks, which + [number] * len(more)


def batches(tokenizer, seed: int, batch: int, length: int):
    source = rows(tokenizer, seed, length)
    while True:
        yield tuple(np.array(part, np.int32) for part in zip(*(next(source) for _ in range(batch))))


def loss_of(weights, batch, dims):
    ids, learned, which = batch
    scores = logits(weights, ids[:, :-1], which[:, :-1], dims)
    chosen = jnp.take_along_axis(scores, ids[:, 1:, None], -1)[..., 0]
    loss = jax.nn.logsumexp(scores, -1) - chosen
    # Questions count a little: they teach the language, and nobody wants them written.
    count = learned[:, 1:] + 0.1 * (which[:, 1:] >= 0) * (1 - learned[:, 1:])
    same = which[:, 1:] == which[:, :-1]
    count = count * same
    answers = jnp.sum(loss * learned[:, 1:] * same) / jnp.sum(learned[:, 1:] * same)
    return jnp.sum(loss * count) / jnp.sum(count), answers


def make_step(dims):
    """One step of AdamW (Loshchilov and Hutter 2019) with a limit on the gradient's length."""
    beta1, beta2, decay = 0.9, 0.95, 0.1

    @jax.jit
    def step(weights, mean, square, batch, rate, number):
        (_, answers), grads = jax.value_and_grad(loss_of, has_aux=True)(weights, batch, dims)
        length = jnp.sqrt(sum(jnp.sum(g * g) for g in grads.values()))
        grads = {k: g * jnp.minimum(1.0, 1.0 / (length + 1e-6)) for k, g in grads.items()}
        mean = {k: beta1 * mean[k] + (1 - beta1) * g for k, g in grads.items()}
        square = {k: beta2 * square[k] + (1 - beta2) * g * g for k, g in grads.items()}
        c1, c2 = 1 - beta1**number, 1 - beta2**number
        new = {}
        for k, w in weights.items():
            update = mean[k] / c1 / (jnp.sqrt(square[k] / c2) + 1e-8)
            new[k] = w - rate * (update + (decay * w if w.ndim > 1 else 0))
        return new, mean, square, answers

    return step


def rate_at(progress: float, highest: float) -> float:
    """Up in the first 3 %, then down to a twentieth along a cosine."""
    if progress < 0.03:
        return highest * progress / 0.03
    return highest * (0.05 + 0.475 * (1 + np.cos(np.pi * min(1.0, progress))))


def main():
    args = arguments()
    tokenizer = train_tokenizer(args.vocab, args.seed, 40_000)
    dims = Dims(n_vocab=tokenizer.get_vocab_size())
    weights = init(dims, args.seed)
    n_params = sum(w.size for w in weights.values())
    print(f"{n_params:,} parameters, {dims.n_vocab} tokens", flush=True)
    mean = {k: jnp.zeros_like(w) for k, w in weights.items()}
    square = {k: jnp.zeros_like(w) for k, w in weights.items()}
    step, source = make_step(dims), batches(tokenizer, args.seed + 1, args.batch, args.length)
    curve, start, recent = [], time.time(), []
    for number in range(1, args.steps + 1):
        minutes = (time.time() - start) / 60
        progress = max(number / args.steps, minutes / args.minutes)
        rate = rate_at(progress, args.rate)
        batch = next(source)
        weights, mean, square, answers = step(weights, mean, square, batch, rate, number)
        recent.append(float(answers))
        if number % 100 == 0 or progress >= 1:
            curve.append({"step": number, "loss": round(float(np.mean(recent)), 4)})
            print(f"step {number} loss {np.mean(recent):.4f} {minutes:.1f} min", flush=True)
            recent = []
        if number % 500 == 0:
            write(args.out, weights, dims, tokenizer)  # to look at while it learns
        if progress >= 1:
            break
    write(args.out, weights, dims, tokenizer)
    record = {"parameters": n_params, "steps": number, "minutes": round(minutes, 1),
              "batch": args.batch, "length": args.length, "seed": args.seed, "curve": curve}
    args.out.with_suffix(".curve.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
