"""Asks the demo model 48 questions it was not trained on, through a running `ingle serve`.

    python tests/demo/judge.py --model demo [--host http://127.0.0.1:11434] [--json FILE]

Eight questions of each domain, chosen by a seed among those that `corpus.held_out` keeps out of
the training set. Ends with 1 if fewer than 90 % were answered right.
"""

import argparse
import json
import random
import re
import sys
import urllib.request
from collections import defaultdict

from corpus import WEIGHTS, held_out, stories, sums, tasks, unknown
from corpus.words import COUNTS, KINDS

PER_DOMAIN = 8
PASS = 0.9


def questions(domain, rng) -> dict[str, set[str]]:
    """Questions of a domain that were held out, each with all the answers its grammar gives."""
    found = defaultdict(set)
    for _ in range(60_000):
        question, answer = domain.example(rng)
        if held_out(question):
            found[question].add(answer)
    chosen = rng.sample(sorted(found), min(PER_DOMAIN, len(found)))
    return {question: found[question] for question in chosen}


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w']+", text.lower()))


def is_right(domain, question: str, answer: str, expected: set[str]) -> bool:
    answer = answer.strip()
    if domain is stories:
        heroes = [hero for hero in stories.HEROES if re.search(rf"\b{hero}\b", question)]
        is_whole = len(re.findall(r"[.!]", answer)) >= 4 and answer[-1:] in ".!"
        return is_whole and all(hero in words(answer) for hero in heroes)
    if domain is tasks and (asked := listing(question)):
        count, kind = asked
        lines = [line.split(". ", 1)[-1] for line in answer.splitlines()]
        return len(set(lines)) == len(lines) == count and set(lines) <= set(KINDS[kind])
    if domain is sums:
        # "37 + 25 = 62." and "The answer is 62: 37 + 25 = 62." are both right.
        return any(re.findall(r"\d+", answer)[-1:] == re.findall(r"\d+", e)[-1:]
                   and (" than " not in e or answer == e) for e in expected)
    if domain is tasks:
        return answer in expected
    if domain is unknown:
        return answer in unknown.SAY
    # Facts and talk: nearly the words of one of the answers.
    def near(want):
        both = words(answer) & words(want)
        return len(both) >= 0.8 * max(len(words(answer)), len(words(want)))
    return any(near(want) for want in expected)


def listing(question: str):
    """How many of which kind a question asks for; None if it is no such question."""
    found = re.search(r"(\d|" + "|".join(COUNTS) + r") (\w+)[.?]$", question)
    if not found or found[2] not in KINDS:
        return None
    count = found[1]
    return int(count) if count.isdigit() else COUNTS.index(count), found[2]


def ask(host: str, model: str, question: str) -> str:
    body = {"model": model, "stream": False, "options": {"temperature": 0, "num_predict": 200},
            "messages": [{"role": "user", "content": question}]}
    request = urllib.request.Request(f"{host}/api/chat", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)["message"]["content"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="http://127.0.0.1:11434")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", help="write the answers to this file")
    args = parser.parse_args()
    rng, rows = random.Random(args.seed), []
    for domain in WEIGHTS:
        name = domain.__name__.rsplit(".", 1)[-1]
        for question, expected in questions(domain, rng).items():
            answer = ask(args.host, args.model, question)
            right = is_right(domain, question, answer, expected)
            rows.append({"domain": name, "question": question, "answer": answer, "right": right})
            print(f"{'right' if right else 'WRONG'}  {name}  {question!r} -> {answer!r}")
    share = sum(row["right"] for row in rows) / len(rows)
    print(f"{sum(row['right'] for row in rows)} of {len(rows)} right ({share:.0%})")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1, ensure_ascii=False)
    return 0 if share >= PASS else 1


if __name__ == "__main__":
    sys.exit(main())
