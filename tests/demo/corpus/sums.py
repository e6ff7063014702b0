"""Arithmetic to two digits: sums, differences, small products, comparisons."""

import random

ASK = [
    "What is {e}?",
    "{e} = ?",
    "How much is {e}?",
    "Calculate {e}.",
    "{e}",
    "Please work out {e}.",
    "Can you tell me what {e} is?",
    "{e} is what?",
]
SAY = ["{e} = {r}.", "{e} = {r}.", "{e} = {r}.", "The answer is {r}: {e} = {r}."]
WORDS = {"+": "plus", "-": "minus", "*": "times"}


def terms(rng: random.Random) -> tuple[int, str, int, int]:
    """Two numbers, the sign between, the result; small numbers as often as large ones."""
    top = rng.choice([9, 20, 99, 99, 99])
    a, b = rng.randint(0, top), rng.randint(0, top)
    sign = rng.choice("+++---*")
    if sign == "*":
        a, b = rng.randint(0, 10), rng.randint(0, 10)
        return a, sign, b, a * b
    if sign == "-":
        a, b = max(a, b), min(a, b)
        return a, sign, b, a - b
    return a, sign, b, a + b


def compare(rng: random.Random) -> tuple[str, str]:
    a, b = rng.sample(range(100), 2)
    word, pick = rng.choice([("bigger", max), ("larger", max), ("smaller", min)])
    ask = rng.choice(["Which is {w}, {a} or {b}?", "What is {w}: {a} or {b}?"])
    right = pick(a, b)
    return ask.format(w=word, a=a, b=b), f"{right} is {word} than {a + b - right}."


def neighbor(rng: random.Random) -> tuple[str, str]:
    n = rng.randint(1, 98)
    word, step = rng.choice([("after", 1), ("before", -1)])
    ask = rng.choice(["Which number comes {w} {n}?", "What comes {w} {n}?"])
    return ask.format(w=word, n=n), f"{n + step} comes {word} {n}."


def example(rng: random.Random) -> tuple[str, str]:
    kind = rng.random()
    if kind < 0.1:
        return compare(rng)
    if kind < 0.16:
        return neighbor(rng)
    a, sign, b, result = terms(rng)
    shown = WORDS[sign] if rng.random() < 0.2 else sign
    asked = f"{a} {shown} {b}" if rng.random() < 0.85 or shown != sign else f"{a}{sign}{b}"
    said = rng.choice(SAY).format(e=f"{a} {sign} {b}", r=result)
    return rng.choice(ASK).format(e=asked), said
