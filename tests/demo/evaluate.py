"""Perplexity of the demo model on exchanges that were held out, before it is quantized.

    python tests/demo/evaluate.py demo-F16.gguf [--json FILE]

For each domain: what the model would have had to say, word for word, so answers that are chosen by
chance (stories, small talk) cost as much as their grammar has choices.
"""

import argparse
import json
import math
import random

import gguf
import torch
from torch.nn import functional

from corpus import WEIGHTS, held_out
from model import Dims, hidden
from tokenizer import ids_of, train as train_tokenizer

PER_DOMAIN = 100


def load(path: str) -> dict[str, torch.Tensor]:
    tensors = gguf.GGUFReader(path).tensors
    return {tensor.name: torch.tensor(tensor.data).float() for tensor in tensors}


def exchanges(domain, rng: random.Random):
    """Exchanges of a domain that nothing was learned from."""
    found = 0
    for _ in range(200_000):
        question, answer = domain.example(rng)
        if held_out(question):
            yield [("user", question), ("assistant", answer)]
            found += 1
        if found == PER_DOMAIN:
            return


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--json")
    args = parser.parse_args()
    # The vocabulary follows from the corpus, as in the training.
    tokenizer = train_tokenizer(args.vocab, 1, 40_000)
    weights, dims = load(args.file), Dims(n_vocab=tokenizer.get_vocab_size())
    rows, total, n_total = {}, 0.0, 0
    for domain in WEIGHTS:
        loss, count = 0.0, 0
        for messages in exchanges(domain, random.Random(args.seed)):
            ids, learned = (torch.tensor(part) for part in ids_of(tokenizer, messages))
            state = hidden(weights, ids[None, :-1], torch.zeros_like(ids)[None, :-1], dims)[0]
            scores = state @ weights["token_embd.weight"].T
            each = functional.cross_entropy(scores, ids[1:], reduction="none")
            loss += float((each * learned[1:]).sum())
            count += int(learned[1:].sum())
        name = domain.__name__.rsplit(".", 1)[-1]
        rows[name] = round(math.exp(loss / count), 4)
        print(f"{name}: {rows[name]} over {count} tokens")
        total, n_total = total + loss, n_total + count
    rows["all"] = round(math.exp(total / n_total), 4)
    print(f"all: {rows['all']} over {n_total} tokens")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
