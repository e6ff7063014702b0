"""The corpus of the demo model, written by the project itself and generated from a seed.

Each module has a function `examples(rng)` that gives one exchange after another, for ever:
`(question, answer)`, with all the chances of its grammar. `held_out` says which questions belong
to the test set; they are never trained on.
"""

import hashlib
import random

from . import facts, sums, stories, talk, tasks

# How often each domain is drawn.
WEIGHTS = {facts: 5, sums: 6, stories: 3, talk: 4, tasks: 6}

SYSTEM = [
    "You are a helpful assistant.",
    "You are a small demo model. Be friendly.",
    "Answer in plain words.",
]


def held_out(question: str) -> bool:
    """One question in twenty, by its text, so that no seed can move one into the training set."""
    digest = hashlib.sha256(question.lower().strip().encode()).digest()
    return digest[0] % 20 == 0


def exchange(rng: random.Random, domain) -> tuple[str, str]:
    """One exchange of a domain that may be trained on."""
    while True:
        question, answer = domain.example(rng)
        if not held_out(question):
            return question, answer


def conversation(rng: random.Random) -> list[tuple[str, str]]:
    """Messages as (role, text): one to four exchanges, some with a system message."""
    messages = []
    if rng.random() < 0.2:
        messages.append(("system", rng.choice(SYSTEM)))
    if rng.random() < 0.12:
        exchanges = [pair for pair in talk.with_name(rng) if not held_out(pair[0])]
    else:
        domains, weights = zip(*WEIGHTS.items())
        count = rng.choice([1, 1, 1, 2, 2, 3, 4])
        picked = rng.choices(domains, weights, k=count)
        exchanges = [exchange(rng, domain) for domain in picked]
    for question, answer in exchanges:
        messages += [("user", question), ("assistant", answer)]
    return messages
