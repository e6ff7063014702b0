"""Instructions: repeat, list, shorten, opposites, first and last words, sorting."""

import random

from .words import COUNTS, KINDS, OPPOSITES, ORDERED

SUBJECTS = "dog cat bird king girl boy train ship tree farmer baker teacher river clock".split()
ADJECTIVES = "old small red quiet happy tired tall clever green heavy warm slow".split()
VERBS = [
    ("sleeps", "in the garden"),
    ("waits", "at the door"),
    ("sings", "in the morning"),
    ("stands", "behind the house"),
    ("looks", "at the moon"),
    ("rests", "under the bridge"),
    ("works", "on the roof"),
    ("walks", "through the rain"),
    ("hides", "behind the wall"),
]
EXTRAS = [
    "because it is late",
    "while the others are asleep",
    "as it does every single day",
    "although nobody has asked for it",
    "and thinks about the summer",
    "without any hurry at all",
]


def phrase(rng: random.Random) -> str:
    """Three to six words."""
    subject, adjective = rng.choice(SUBJECTS), rng.choice(ADJECTIVES)
    verb, place = rng.choice(VERBS)
    return rng.choice(
        [
            f"the {adjective} {subject}",
            f"the {subject} {verb}",
            f"the {adjective} {subject} {verb}",
            f"{adjective} {subject} {adjective}",
            f"the {subject} {verb} {place}",
        ]
    )


def repeat(rng):
    text = phrase(rng)
    ask = rng.choice(["Repeat: {t}", "Say: {t}", "Repeat after me: {t}", "Please repeat: {t}"])
    return ask.format(t=text), text


def shorten(rng):
    subject, (verb, place) = rng.choice(SUBJECTS), rng.choice(VERBS)
    one, two = rng.sample(ADJECTIVES, 2)
    long = f"The {one} and {two} {subject} {verb} {place} {rng.choice(EXTRAS)}."
    ask = rng.choice(["Shorten: {t}", "Make this shorter: {t}", "Shorten this sentence: {t}"])
    return ask.format(t=long), f"The {subject} {verb} {place}."


def listing(rng):
    kind = rng.choice(list(KINDS))
    words, count = KINDS[kind], rng.randint(2, 5)
    count = min(count, len(words))
    if kind in ORDERED:
        chosen = words[:count]
    else:
        chosen = rng.sample(words, count)
    ask = rng.choice(
        [
            "List {n} {k}.",
            "Name {n} {k}.",
            "Give me {n} {k}.",
            "Can you list {n} {k}?",
            "Tell me {n} {k}.",
        ]
    )
    shown = COUNTS[count] if rng.random() < 0.7 else str(count)
    lines = "\n".join(f"{i}. {word}" for i, word in enumerate(chosen, 1))
    return ask.format(n=shown, k=kind), lines


def opposite(rng):
    pair = list(rng.choice(OPPOSITES))
    rng.shuffle(pair)
    ask = rng.choice(
        [
            "What is the opposite of {a}?",
            "The opposite of {a}?",
            "Give me the opposite of {a}.",
            "Opposite of {a}, please.",
        ]
    )
    return ask.format(a=pair[0]), f"The opposite of {pair[0]} is {pair[1]}."


def word_of(rng):
    text = phrase(rng)
    which, at = rng.choice([("first", 0), ("last", -1)])
    ask = rng.choice(["What is the {w} word of: {t}", "Give me the {w} word: {t}"])
    return ask.format(w=which, t=text), text.split()[at]


def order(rng):
    numbers = rng.sample(range(1, 100), rng.choice([3, 3, 4]))
    ask = rng.choice(["Sort: {t}", "Sort these numbers: {t}", "Put in order: {t}"])
    written = ", ".join(map(str, numbers))
    return ask.format(t=written), ", ".join(map(str, sorted(numbers)))


def following(rng):
    kind = rng.choice(["days", "months", "seasons"])
    words = KINDS[kind]
    at = rng.randrange(len(words))
    word, step = rng.choice([("after", 1), ("before", -1)])
    one = {"days": "day", "months": "month", "seasons": "season"}[kind]
    ask = rng.choice(["Which {o} comes {w} {x}?", "What {o} is {w} {x}?"])
    question = ask.format(o=one, w=word, x=words[at])
    said = words[(at + step) % len(words)]
    return question, f"{said[0].upper()}{said[1:]} comes {word} {words[at]}."


KINDS_OF_TASK = [
    repeat,
    repeat,
    shorten,
    shorten,
    listing,
    listing,
    opposite,
    word_of,
    order,
    following,
]


def example(rng: random.Random) -> tuple[str, str]:
    return rng.choice(KINDS_OF_TASK)(rng)
