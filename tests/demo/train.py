"""Trains the demo model and writes it as an F16 GGUF file, with its loss curve.

    python tests/demo/train.py --out demo-F16.gguf --steps 6000

Reproducible by `--seed` on one kind of machine. About an hour on two cores. `ingle quantize`
makes the file that is shipped of it.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
from torch.nn import functional

from corpus import conversation
from gguf_file import write
from model import Dims, hidden, init
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
        yield tuple(torch.tensor(part) for part in zip(*(next(source) for _ in range(batch))))


def loss_of(weights, batch, dims):
    """What is minimized, and the loss of the answers alone, in nats per token."""
    ids, learned, which = batch
    state = hidden(weights, ids[:, :-1], which[:, :-1], dims)
    # Only what counts is scored: the head is a fifth of the work.
    counted = (which[:, :-1] == which[:, 1:]) & (which[:, 1:] >= 0)
    scores = (state[counted] @ weights["token_embd.weight"].T).float()
    loss = functional.cross_entropy(scores, ids[:, 1:][counted], reduction="none")
    is_answer = learned[:, 1:][counted].float()
    # Questions count a little: they teach the language, and nobody wants them written.
    count = is_answer + 0.1 * (1 - is_answer)
    answers = (loss.detach() * is_answer).sum() / is_answer.sum()
    return (loss * count).sum() / count.sum(), answers


def rate_at(progress: float, highest: float) -> float:
    """Up in the first 3 %, then down to a twentieth along a cosine."""
    if progress < 0.03:
        return highest * progress / 0.03
    return highest * (0.05 + 0.475 * (1 + math.cos(math.pi * min(1.0, progress))))


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    tokenizer = train_tokenizer(args.vocab, args.seed, 40_000)
    dims = Dims(n_vocab=tokenizer.get_vocab_size())
    weights = init(dims, args.seed)
    n_params = sum(w.numel() for w in weights.values())
    print(f"{n_params:,} parameters, {dims.n_vocab} tokens", flush=True)
    matrices = [w for w in weights.values() if w.ndim > 1]
    norms = [w for w in weights.values() if w.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.95), fused=True)
    source = batches(tokenizer, args.seed + 1, args.batch, args.length)
    curve, start, recent = [], time.time(), []
    for number in range(1, args.steps + 1):
        minutes = (time.time() - start) / 60
        progress = max(number / args.steps, minutes / args.minutes)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(progress, args.rate)
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, answers = loss_of(weights, next(source), dims)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        recent.append(float(answers))
        if number % 100 == 0 or progress >= 1:
            mean = sum(recent) / len(recent)
            curve.append({"step": number, "loss": round(mean, 4)})
            print(f"step {number} loss {mean:.4f} {minutes:.1f} min", flush=True)
            recent = []
        if number % 500 == 0:
            save(args.out, weights, dims, tokenizer)  # to look at while it learns
        if progress >= 1:
            break
    save(args.out, weights, dims, tokenizer)
    record = {"parameters": n_params, "steps": number, "minutes": round(minutes, 1),
              "batch": args.batch, "length": args.length, "seed": args.seed, "curve": curve}
    args.out.with_suffix(".curve.json").write_text(json.dumps(record, indent=1) + "\n")


def save(path: Path, weights, dims, tokenizer):
    write(path, {name: w.detach().numpy() for name, w in weights.items()}, dims, tokenizer)


if __name__ == "__main__":
    main()
