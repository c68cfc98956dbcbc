"""A generator of small worlds: people walk between rooms; where is one of them now?"""

from __future__ import annotations

import random

PEOPLE = ("Ann", "Bob", "Cai")
ROOMS = ("kitchen", "garden", "office", "hall")
WALKS = ("went to", "walked to", "moved to")


def worlds(count: int, seed: int, facts: int = 4) -> tuple[list[tuple[list[str], str]], list[str], list[int]]:
    """`count` stories with a question each, the answers, and which fact gives it away."""
    rng = random.Random(seed)
    X, y, supports = [], [], []
    for _ in range(count):
        told, where = [], {}
        for k in range(facts):
            person, room = rng.choice(PEOPLE), rng.choice(ROOMS)
            told.append(f"{person} {rng.choice(WALKS)} the {room}.")
            where[person] = (room, k)
        person = rng.choice(list(where))
        X.append((told, f"Where is {person}?"))
        y.append(where[person][0])
        supports.append(where[person][1])
    return X, y, supports


def babi(X: list[tuple[list[str], str]], y: list[str]) -> str:
    """The same in bAbI's format."""
    lines = []
    for (told, asked), answer in zip(X, y, strict=True):
        lines += [f"{k} {fact}" for k, fact in enumerate(told, start=1)]
        lines.append(f"{len(told) + 1} {asked}\t{answer}\t1")
    return "\n".join(lines) + "\n"
