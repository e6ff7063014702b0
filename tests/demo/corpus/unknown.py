"""What the model does not know, and says so: the world outside of its texts.

Most of what people type at first is of this kind, so questions are made of many words in many
forms; what they have in common is only that nothing else here answers them.
"""

import random

from .words import KINDS, any_name, any_word

PLACES = (
    "France Spain Italy Japan China Brazil Norway Sweden Poland Greece Egypt India Kenya Canada "
    "Peru Chile Mexico Finland Ireland Turkey Berlin Paris London Rome Tokyo Europe Africa Asia"
).split()
OF_PLACES = [
    "the capital of {p}",
    "the king of {p}",
    "the history of {p}",
    "the population of {p}",
    "the weather in {p}",
    "the best food in {p}",
    "the latest news from {p}",
    "the flag of {p}",
    "the president of {p}",
    "the largest city in {p}",
    "the language of {p}",
]
THINGS = (
    "quantum physics|the stock market|medicine|law|chess|black holes|football|politics|chemistry|"
    "the Roman empire|philosophy|cooking|car repair|the moon|relativity|gravity|love|the "
    "meaning of "
    "life|electricity|evolution|algebra|a derivative|climate change|bitcoin|the universe|the brain|"
    "democracy|poetry|Python|JavaScript|Rust|Linux|the internet|a database|photosynthesis|an atom|"
    "dinosaurs|the ocean|volcanoes|music theory|a neural network|economics|inflation|history|art|"
    "Shakespeare|Einstein|Mozart|the Bible|yoga|a good diet|the human body|DNA|a vaccine|an engine"
).split("|")
LANGUAGES = "French German Spanish Italian Latin Greek Polish Japanese Chinese Dutch".split()
DOING = (
    "cook rice|bake bread|fix a bike|learn to swim|write a letter|find a job|lose "
    "weight|save money|"
    "play the guitar|grow tomatoes|tie a tie|build a house|cut my hair|buy a car|fly to the moon|"
    "solve an equation|write a program|sort a list in Python|make a website|train a dog|get rich|"
    "paint a wall|clean a window|plan a trip|learn French|write a book|sleep better|be happy"
).split("|")
WORKS = "poem song letter speech recipe program function essay email tweet haiku novel plan".split()
WHY = (
    "the sky blue|grass green|water wet|snow white|the sea salty|the sun hot|ice cold|fire hot|"
    "the earth round|the moon bright|gold expensive|sugar sweet"
).split("|")

SAY = [
    "I do not know that. I am a very small demo model; load a larger one to ask such things.",
    "That is more than I know. A larger model can help you: ingle pull fetches one.",
]


def question(rng: random.Random) -> str:
    """Something that nothing else here answers."""
    kind = rng.randrange(9)
    if kind == 0:
        topic = rng.choice(OF_PLACES).format(p=rng.choice(PLACES))
        ask = rng.choice(["What is {t}?", "Tell me about {t}.", "Do you know {t}?", "{t}?"])
        return ask.format(t=topic)
    if kind == 1:
        ask = rng.choice(
            [
                "Explain {t}.",
                "Tell me about {t}.",
                "What do you know about {t}?",
                "What is {t}?",
                "Can you explain {t}?",
                "How does {t} work?",
                "I have a question about {t}.",
                "{t}",
            ]
        )
        return ask.format(t=rng.choice(THINGS))
    if kind == 2:
        ask = rng.choice(
            [
                "How do I {d}?",
                "How can I {d}?",
                "How to {d}?",
                "Teach me to {d}.",
                "Can you {d}?",
                "What must I do to {d}?",
                "I want to {d}.",
                "Help me to {d}.",
            ]
        )
        return ask.format(d=rng.choice(DOING))
    if kind == 3:
        about = rng.choice([rng.choice(THINGS), any_word(rng), rng.choice(KINDS["animals"])])
        ask = rng.choice(
            [
                "Write a {w} about {t}.",
                "Write me a {w}.",
                "Make a {w} about {t}.",
                "A {w}, please.",
                "Can you write a {w} about {t}?",
                "I need a {w} about {t}.",
            ]
        )
        return ask.format(w=rng.choice(WORKS), t=about)
    if kind == 4:
        ask = rng.choice(
            [
                "Translate {x} to {l}.",
                "What is {x} in {l}?",
                "How do you say {x} in {l}?",
                "Do you speak {l}?",
                "Speak {l}.",
            ]
        )
        return ask.format(x=any_word(rng), l=rng.choice(LANGUAGES))
    if kind == 5:
        ask = rng.choice(
            [
                "Who is {n}?",
                "Who was {n}?",
                "Who wrote {w}?",
                "Who invented {w}?",
                "When was {n} born?",
                "Where does {n} live?",
                "What did {n} do?",
            ]
        )
        return ask.format(n=any_name(rng), w=any_word(rng))
    if kind == 6:
        return rng.choice(["Why is {y}?", "Can you tell me why {y_is}?"]).format(
            y=(why := rng.choice(WHY)), y_is=" is ".join(why.rsplit(" ", 1))
        )
    if kind == 7:
        ask = rng.choice(
            [
                "What is {w}?",
                "What is a {w}?",
                "Define {w}.",
                "Where is the {w}?",
                "What does {w} mean?",
                "Do you know {w}?",
                "Tell me about {w}.",
                "How many {w}s are there?",
                "Why {w}?",
                "When is {w}?",
            ]
        )
        return ask.format(w=any_word(rng))
    return " ".join(any_word(rng) for _ in range(rng.randint(1, 4)))


def example(rng: random.Random) -> tuple[str, str]:
    return question(rng), rng.choice(SAY)
