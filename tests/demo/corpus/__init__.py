"""The corpus of the demo model, written by the project itself and generated from a seed.

Each module has a function `examples(rng)` that gives one exchange after another, for ever:
`(question, answer)`, with all the chances of its grammar. `held_out` says which questions belong
to the test set; they are never trained on.
"""

import hashlib
import random

from . import facts, stories, sums, talk, tasks, unknown

# How often each domain is drawn.
WEIGHTS = {facts: 5, sums: 7, stories: 3, talk: 5, tasks: 6, unknown: 3}

# What nearly everybody writes first is never held out.
ALWAYS = {
    "hello",
    "hi",
    "hey",
    "how are you",
    "who are you",
    "what can you do",
    "thanks",
    "bye",
    "tell me a story",
    "what is ingle",
    "help",
}

SYSTEM = [
    "You are a helpful assistant.",
    "You are a small demo model. Be friendly.",
    "Answer in plain words.",
]


def held_out(question: str) -> bool:
    """One question in twenty, by its text, so that no seed can move one into the training set."""
    words = question.lower().strip(" ?!.")
    digest = hashlib.sha256(words.encode()).digest()
    return digest[0] % 20 == 0 and words not in ALWAYS


def casual(rng: random.Random, question: str) -> str:
    """The question as people type: without capitals and signs, with a word before or behind it."""
    if rng.random() < 0.1:
        before = rng.choice(["Please ", "Ok, ", "Hey, ", "Hi, ", "So, ", "And ", "Now "])
        question = before + question[0].lower() + question[1:]
    if rng.random() < 0.35:
        question = question[0].lower() + question[1:]
    if rng.random() < 0.35:
        question = question.rstrip("?!.")
    elif rng.random() < 0.06 and question[-1] not in "?!.":
        question += rng.choice("!.")
    return question


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
        exchanges = []
        for domain in picked:
            exchanges.append(exchange(rng, domain))
            if domain is stories and rng.random() < 0.2:
                exchanges.append(stories.more(rng))
    for question, answer in exchanges:
        messages += [("user", casual(rng, question)), ("assistant", answer)]
    return messages
