"""Short stories from a grammar: a hero, a place, a wish or a loss, a helper, an end."""

import random

from .words import any_name, any_word, article

HEROES = (
    "fox owl hare bear mouse cat dog duck goat frog bee wolf deer hen crow king girl boy "
    "dragon lion "
    "tiger snail robot witch queen prince knight pirate wizard squirrel rabbit horse "
    "elephant penguin "
    "monkey fish turtle spider baker farmer sailor teacher doctor giant fairy bird snake "
    "sheep cow pig "
    "donkey camel whale seal lighthouse teapot cloud tree river stone lamp train boat ghost star"
).split()
LOOKS = "small old young brave shy clever lazy kind red gray curious sleepy".split()
PLACES = [
    "in a green wood",
    "by a quiet lake",
    "on a high hill",
    "near an old mill",
    "in a small town",
    "under a big oak",
    "at the edge of the sea",
    "in a snowy valley",
    "behind the last house",
]
LOST = "ball key hat lamp ring book bell map spoon shoe".split()
FOUND_AT = [
    "under a stone",
    "in the tall grass",
    "behind the door",
    "in an empty nest",
    "at the well",
    "in the pocket of an old coat",
    "on the lowest branch",
    "between two roots",
]
WISHES = [
    ("to see the sea", "walked for three days", "stood on the beach and laughed"),
    ("to learn a song", "listened every evening", "sang it for all the neighbors"),
    ("to build a boat", "gathered wood and rope", "sailed once around the lake"),
    ("to find a friend", "knocked at every door", "was never alone again"),
    ("to bake a cake", "asked for flour and honey", "shared it with everyone"),
    ("to count the stars", "climbed the hill at night", "fell asleep at number ninety"),
    ("to plant a tree", "dug a hole and carried water", "sat in its shade years later"),
    ("to fly like a bird", "made wings of leaves", "landed softly in a heap of hay"),
]
WEATHER = [
    "One morning the sun was shining.",
    "One day it rained and rained.",
    "It was a cold winter day.",
    "One evening the moon was full.",
    "The wind was strong that day.",
]
HELP = [
    '"Do not be sad," said {h}. "I will help you."',
    "{H} came along and asked what was wrong.",
    "Then {h} had an idea.",
    '"Two of us can do more than one," said {h}.',
]
ENDS = [
    "They were friends from that day on.",
    "And that was a good day.",
    "In the evening they drank warm milk and told the story again.",
    "Since then nobody there is afraid of asking for help.",
    "And so the story ends.",
]
ASK = [
    "Tell me a story about {x}.",
    "Tell me a short story about {x}.",
    "Write a story about {x}.",
    "I would like a story about {x}.",
    "Can you tell a story about {x}?",
    "A story about {x}, please.",
    "Tell a story about {x}.",
    "Tell a short story about {x}.",
    "Write a short story about {x}.",
    "Do you know a story about {x}?",
    "Story about {x}",
    "Make up a story about {x}.",
    "Can you write a story about {x}?",
    "I want a story about {x}.",
    "A short story about {x}",
]
ASK_ANY = [
    "Tell me a story.",
    "Tell me a short story.",
    "Do you know a story?",
    "A story, please.",
    "Write a story.",
    "Story",
    "Can you tell me a story?",
    "I want to hear a story.",
    "Tell a story.",
    "A short story, please.",
    "I would like a story.",
    "Make up a story.",
    "Tell me something nice.",
]
MORE = [
    "Another one",
    "And another one",
    "Another one, please.",
    "One more",
    "More",
    "Again",
    "Tell me another.",
    "Another story",
    "Tell me another story.",
    "One more story, please.",
]


def tell(rng: random.Random, hero: str) -> str:
    look, name = rng.choice(LOOKS), any_name(rng)
    helper = rng.choice([other for other in HEROES if other != hero])
    helped = article(f"{rng.choice(LOOKS)} {helper}")
    begin = rng.choice(
        [
            f"Once there was {article(f'{look} {hero}')} called {name} "
            f"who lived {rng.choice(PLACES)}.",
            f"{name} was {article(f'{look} {hero}')} and lived {rng.choice(PLACES)}.",
        ]
    )
    lines = [begin, rng.choice(WEATHER)]
    help_line = rng.choice(HELP).format(h=helped, H=helped[0].upper() + helped[1:])
    if rng.random() < 0.5:
        thing = rng.choice(LOST)
        lines += [
            f"{name} had lost {article(thing)} and looked for it everywhere.",
            help_line,
            f"Together they searched, and they found the {thing} {rng.choice(FOUND_AT)}.",
        ]
    else:
        wish, work, done = rng.choice(WISHES)
        lines += [
            f"{name} wanted {wish}.",
            help_line,
            f"They {work}, and in the end {name} {done}.",
        ]
    return " ".join([*lines, rng.choice(ENDS)])


def any_hero(rng: random.Random) -> str:
    """A hero, now and then one that nobody expects."""
    return rng.choice(HEROES) if rng.random() < 0.85 else any_word(rng)


def example(rng: random.Random) -> tuple[str, str]:
    hero = any_hero(rng)
    if rng.random() < 0.12:
        return rng.choice(ASK_ANY), tell(rng, hero)
    shown = article(hero) if rng.random() < 0.8 else article(f"{rng.choice(LOOKS)} {hero}")
    return rng.choice(ASK).format(x=shown), tell(rng, hero)


def more(rng: random.Random) -> tuple[str, str]:
    """What is asked behind a story."""
    return rng.choice(MORE), tell(rng, any_hero(rng))
