"""The text that `ingle quantize --validate` reads when nobody gives one: a sample of the corpus.

    python tests/demo/calibration_text.py > crates/measure/src/validate/text.txt
"""

import random

import corpus

SEED = 6
CHARACTERS = 48_000


def main() -> None:
    rng = random.Random(SEED)
    n = 0
    while n < CHARACTERS:
        text = "\n".join(text for _, text in corpus.conversation(rng))
        print(text, end="\n\n")
        n += len(text) + 2


if __name__ == "__main__":
    main()
