"""The worlds: every answer follows from the facts, found again by a reader that knows the sentences alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pytest

from cellwright.samples.worlds import KINDS, NUMBERS, Told, babi, questions


class Reader:
    """What a person would note down: who is where, who has what, where every thing has been."""

    def __init__(self, facts: Sequence[str]) -> None:
        self.room: dict[str, str] = {}
        self.holder: dict[str, str] = {}
        self.rooms: dict[str, list[str]] = {}
        self.giver: dict[tuple[str, str], str] = {}
        for fact in facts:
            self.read(fact)

    def read(self, fact: str) -> None:
        if went := re.fullmatch(r"(\w+) (?:went|walked|moved) to the (\w+)\.", fact):
            person, room = went.groups()
            self.room[person] = room
            for thing in [thing for thing, holder in self.holder.items() if holder == person]:
                self.rooms[thing].append(room)
        elif took := re.fullmatch(r"(\w+) (?:took|picked up) the (\w+)\.", fact):
            person, thing = took.groups()
            assert thing not in self.holder
            assert self.rooms.setdefault(thing, [self.room[person]])[-1] == self.room[person]
            self.holder[thing] = person
        elif gave := re.fullmatch(r"(\w+) (?:gave|handed) the (\w+) to (\w+)\.", fact):
            person, thing, other = gave.groups()
            assert self.holder.get(thing, person) == person != other
            self.holder[thing] = other
            self.giver[thing, other] = person
        else:
            left = re.fullmatch(r"(\w+) (?:put down|left) the (\w+)\.", fact)
            assert left is not None
            assert self.holder.pop(left[2]) == left[1]

    def answer(self, question: str) -> str:
        words = re.findall(r"\w+", question)
        if question.startswith("Where is the"):
            return self.rooms[words[3]][-1]
        if question.startswith("Where is"):
            return self.room[words[2]]
        if question.startswith("Where was"):
            rooms = self.rooms[words[3]]
            assert rooms.count(words[6]) == 1
            return rooms[rooms.index(words[6]) - 1]
        if question.startswith("Is "):
            return "yes" if self.room[words[1]] == words[4] else "no"
        if question.startswith("Who"):
            return self.giver[words[3], words[5]]
        return NUMBERS[sum(holder == words[4] for holder in self.holder.values())]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_follow_from_the_facts(kind: str) -> None:
    for one in questions(kind, 200, seed=4):
        assert Reader(one.facts).answer(one.question) == one.answer


@pytest.mark.parametrize("kind", ["one_fact", "who_gave", "yes_no"])
def test_one_supporting_fact_is_enough(kind: str) -> None:
    for one in questions(kind, 100, seed=5):
        assert Reader([one.facts[k] for k in one.supports]).answer(one.question) == one.answer


def test_two_supporting_facts_name_the_thing_and_its_room() -> None:
    for one in questions("two_facts", 100, seed=5):
        told = " ".join(one.facts[k] for k in one.supports)
        assert len(one.supports) == 2
        assert f"to the {one.answer}." in told
        assert one.question.split()[-1].rstrip("?") in told


def test_both_languages_tell_the_same() -> None:
    rooms = Counter(one.answer for one in questions("yes_no", 400, language="zh"))
    assert set(rooms) == {"是", "否"}
    assert min(rooms.values()) > 150
    shown = [(one.supports, len(one.facts)) for one in questions("two_facts", 50, language="zh")]
    assert shown == [(one.supports, len(one.facts)) for one in questions("two_facts", 50)]


def test_babi_numbers_lines_by_story() -> None:
    told: list[Told] = questions("who_gave", 12, seed=1)
    numbers = [int(line.split()[0]) for line in babi(told).splitlines()]
    assert numbers.count(1) == 3
    assert max(numbers) == 15
