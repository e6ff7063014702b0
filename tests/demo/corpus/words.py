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
    "Uwe Vera Will Yara Zoe Anna Karl Lena Max Nora Otto"
).split()

OPPOSITES = [
    ("hot", "cold"), ("big", "small"), ("fast", "slow"), ("up", "down"), ("day", "night"),
    ("open", "closed"), ("full", "empty"), ("happy", "sad"), ("light", "dark"), ("old", "new"),
    ("rich", "poor"), ("strong", "weak"), ("early", "late"), ("near", "far"), ("left", "right"),
    ("hard", "soft"), ("high", "low"), ("long", "short"), ("wet", "dry"), ("loud", "quiet"),
    ("good", "bad"), ("first", "last"), ("inside", "outside"), ("black", "white"),
    ("thick", "thin"), ("heavy", "light"), ("clean", "dirty"), ("true", "false"),
    ("begin", "end"), ("push", "pull"), ("win", "lose"), ("give", "take"), ("love", "hate"),
]

COUNTS = ["zero", "one", "two", "three", "four", "five", "six"]


def article(noun: str) -> str:
    """The noun with "a" or "an"."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun
