"""Words that several domains draw from, in kinds."""

KINDS = {
    "colors": "red blue green yellow white black orange purple brown gray pink gold".split(),
    "animals": "fox owl hare bear mouse cat dog duck goat frog bee wolf deer hen crow".split(),
    "fruits": "apple pear plum cherry grape lemon peach melon fig orange banana kiwi".split(),
    "vegetables": "carrot onion potato leek pea bean cabbage pepper tomato beet".split(),
    "tools": "hammer saw spade rake axe drill file wrench knife rope".split(),
    "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "months": (
        "January February March April May June July August September October November December"
    ).split(),
    "seasons": "spring summer autumn winter".split(),
    "trees": "oak pine birch beech maple willow elm ash fir cedar".split(),
    "metals": "iron gold silver copper tin lead zinc nickel".split(),
    "instruments": "flute drum violin piano harp horn guitar trumpet cello".split(),
    "numbers": "one two three four five six seven eight nine ten".split(),
}

ORDERED = {"days", "months", "seasons", "numbers"}

NAMES = (
    "Ada Ben Carla David Emma Finn Greta Hugo Ida Jan Kira Leo Mia Nils Olga Paul Rosa Sam Tina "
    "Uwe Vera Will Yara Zoe Anna Karl Lena Max Nora Otto Lisa Tom Peter Maria John Sara "
    "Laura Chris "
    "Alex Mike Jane Robert Julia Simon Eva Felix Nina Oscar Pia Ralf Susan Theo Victor Wanda"
).split()

OPPOSITES = [
    ("hot", "cold"),
    ("big", "small"),
    ("fast", "slow"),
    ("up", "down"),
    ("day", "night"),
    ("open", "closed"),
    ("full", "empty"),
    ("happy", "sad"),
    ("light", "dark"),
    ("old", "new"),
    ("rich", "poor"),
    ("strong", "weak"),
    ("early", "late"),
    ("near", "far"),
    ("left", "right"),
    ("hard", "soft"),
    ("high", "low"),
    ("long", "short"),
    ("wet", "dry"),
    ("loud", "quiet"),
    ("good", "bad"),
    ("first", "last"),
    ("inside", "outside"),
    ("black", "white"),
    ("thick", "thin"),
    ("heavy", "light"),
    ("clean", "dirty"),
    ("true", "false"),
    ("begin", "end"),
    ("push", "pull"),
    ("win", "lose"),
    ("give", "take"),
    ("love", "hate"),
]

COUNTS = ["zero", "one", "two", "three", "four", "five", "six"]


# Beginnings and ends of names and words that nobody has heard of: so it is learned to copy them.
STARTS = (
    "al be ca da el fi ga ho in jo ka li ma no os pa ra sa ti ul va we yo zu bri cla tro sto "
    "fle gru"
).split()
MIDDLES = "b d g l m n r s t v ck ll nd rt st ss mb rn".split()
ENDS = "a o i e en er in on us is ia y el ard ert".split()

COMMON = (
    "apple table window bridge river cloud paper engine winter letter shadow corner doctor market "
    "candle silver garden island kitchen mirror pocket rocket signal ticket valley wagon yellow "
    "freedom courage silence justice energy memory number picture question reason season "
    "value wonder "
    "hello water bread house money friend school coffee music light night heart world dream"
).split()


def made_up(rng) -> str:
    """A word that nobody has heard of."""
    middle = rng.choice(MIDDLES) + (
        rng.choice("aeiou") + rng.choice("lnrst") if rng.random() < 0.2 else ""
    )
    return rng.choice(STARTS) + middle + rng.choice(ENDS)


def any_name(rng) -> str:
    """A first name, often one that was made up."""
    return rng.choice(NAMES) if rng.random() < 0.5 else made_up(rng).capitalize()


def any_word(rng) -> str:
    return rng.choice(COMMON) if rng.random() < 0.6 else made_up(rng)


def article(noun: str) -> str:
    """The noun with "a" or "an"."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun
