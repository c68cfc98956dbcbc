"""Small worlds told fact by fact, with questions about them, English or Chinese. Floor 5; needs nothing else.

People walk between rooms, take things, put them down and give them away. The kinds of question are those of
bAbI (Weston et al. 2015) that a network of this kind can be asked; the sentences and the generator are ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

PEOPLE = ("Ann", "Bob", "Cai", "Dora")
ROOMS = ("kitchen", "garden", "office", "hall", "cellar", "bedroom")
THINGS = ("apple", "ball", "book")
NUMBERS = ("none", "one", "two", "three")
QUESTIONS = 5  # about one story
_CHINESE = {
    "Ann": "小安", "Bob": "小明", "Cai": "小红", "Dora": "小花",
    "kitchen": "厨房", "garden": "花园", "office": "办公室",
    "hall": "大厅", "cellar": "地下室", "bedroom": "卧室",
    "apple": "苹果", "ball": "皮球", "book": "书本",
    "none": "零", "one": "一", "two": "二", "three": "三", "yes": "是", "no": "否",
}  # fmt: skip
_SENTENCES = {
    "en": {
        "went": ("{0} went to the {1}.", "{0} walked to the {1}.", "{0} moved to the {1}."),
        "took": ("{0} took the {1}.", "{0} picked up the {1}."),
        "left": ("{0} put down the {1}.", "{0} left the {1}."),
        "gave": ("{0} gave the {1} to {2}.", "{0} handed the {1} to {2}."),
        "where": ("Where is {0}?",),
        "where_thing": ("Where is the {0}?",),
        "before": ("Where was the {0} before the {1}?",),
        "whether": ("Is {0} in the {1}?",),
        "how_many": ("How many things is {0} carrying?",),
        "who": ("Who gave the {0} to {1}?",),
    },
    "zh": {
        "went": ("{0}去了{1}。", "{0}走到了{1}。", "{0}来到了{1}。"),
        "took": ("{0}拿起了{1}。", "{0}捡起了{1}。"),
        "left": ("{0}放下了{1}。", "{0}丢下了{1}。"),
        "gave": ("{0}把{1}给了{2}。", "{0}把{1}递给了{2}。"),
        "where": ("{0}在哪里？",),
        "where_thing": ("{0}在哪里？",),
        "before": ("{0}到{1}之前在哪里？",),
        "whether": ("{0}在{1}吗？",),
        "how_many": ("{0}拿着几样东西？",),
        "who": ("谁把{0}给了{1}？",),
    },
}


@dataclass(frozen=True)
class Told:
    """A question: the facts told before it, its answer, the places of the facts that it follows from."""

    story: int
    facts: tuple[str, ...]
    question: str
    answer: str
    supports: tuple[int, ...]


Visit = tuple[str, tuple[int, ...]]  # a room, the facts that tell of it


@dataclass
class World:
    """What is true, and which fact made it so."""

    draw: random.Random
    language: str
    facts: list[str] = field(default_factory=list)
    room: dict[str, tuple[str, int]] = field(default_factory=dict)  # person -> room, fact
    held: dict[str, tuple[str, int]] = field(default_factory=dict)  # thing -> holder, fact
    lying: dict[str, Visit] = field(default_factory=dict)  # thing -> where it lies
    visits: dict[str, list[Visit]] = field(default_factory=dict)  # thing -> where it was
    gifts: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)  # thing, to -> from, fact

    def word(self, word: str) -> str:
        """A word in the world's language."""
        return _CHINESE[word] if self.language == "zh" else word

    def say(self, form: str, *words: str) -> str:
        """A sentence of a form, one of its wordings."""
        wording = self.draw.choice(_SENTENCES[self.language][form])
        return wording.format(*map(self.word, words))

    def tell(self, form: str, *words: str) -> int:
        """Tell a fact; its place."""
        self.facts.append(self.say(form, *words))
        return len(self.facts) - 1

    def walk(self) -> None:
        """Somebody goes to another room, with all that is carried."""
        person = self.draw.choice(PEOPLE)
        here = self.room.get(person, ("", 0))[0]
        there = self.draw.choice([room for room in ROOMS if room != here])
        fact = self.tell("went", person, there)
        self.room[person] = (there, fact)
        for thing, (holder, taken) in self.held.items():
            if holder == person:
                self.visits[thing].append((there, (taken, fact)))

    def handle(self) -> None:
        """Somebody takes a thing or puts one down; without anybody to do it, somebody walks."""
        thing = self.draw.choice(THINGS)
        lies = self.lying.get(thing, ("", ()))[0]
        near = [person for person, (room, _) in self.room.items() if not lies or room == lies]
        if thing in self.held:
            self.put_down(thing)
        elif near:
            self.take(self.draw.choice(near), thing)
        else:
            self.walk()

    def take(self, person: str, thing: str) -> None:
        """The first room that a thing is seen in is where it is first taken."""
        fact = self.tell("took", person, thing)
        self.held[thing] = (person, fact)
        if self.lying.pop(thing, None) is None:
            room, came = self.room[person]
            self.visits[thing] = [(room, (came, fact))]

    def put_down(self, thing: str) -> None:
        """It lies where its holder stands."""
        person = self.held.pop(thing)[0]
        room, came = self.room[person]
        self.lying[thing] = (room, (came, self.tell("left", person, thing)))

    def give(self) -> None:
        """Somebody gives a thing away, whoever has it; rooms do not matter here."""
        thing = self.draw.choice(THINGS)
        holder = self.held.get(thing, ("", 0))[0] or self.draw.choice(PEOPLE)
        other = self.draw.choice([person for person in PEOPLE if person != holder])
        fact = self.tell("gave", holder, thing, other)
        self.held[thing] = (other, fact)
        self.gifts[thing, other] = (holder, fact)


Asked = tuple[str, str, tuple[int, ...]]


def _where(world: World) -> Asked | None:
    person = world.draw.choice(list(world.room))
    room, fact = world.room[person]
    return world.say("where", person), room, (fact,)


def _where_thing(world: World) -> Asked | None:
    known = [thing for thing in THINGS if thing in world.held or thing in world.lying]
    if not known:
        return None
    thing = world.draw.choice(known)
    if thing in world.held:
        person, taken = world.held[thing]
        room, came = world.room[person]
        return world.say("where_thing", thing), room, (taken, came)
    room, facts = world.lying[thing]
    return world.say("where_thing", thing), room, facts


def _before(world: World) -> Asked | None:
    """Only rooms where the thing was once, so that "before" means one time."""
    found = [
        (thing, rooms, k)
        for thing, rooms in world.visits.items()
        for k in range(1, len(rooms))
        if sum(room == rooms[k][0] for room, _ in rooms) == 1
    ]
    if not found:
        return None
    thing, rooms, k = world.draw.choice(found)
    supports = tuple(sorted({*rooms[k - 1][1], *rooms[k][1]}))
    return world.say("before", thing, rooms[k][0]), rooms[k - 1][0], supports


def _whether(world: World) -> Asked | None:
    person = world.draw.choice(list(world.room))
    room, fact = world.room[person]
    true = world.draw.random() < 0.5
    asked = room if true else world.draw.choice([other for other in ROOMS if other != room])
    return world.say("whether", person, asked), "yes" if true else "no", (fact,)


def _how_many(world: World) -> Asked | None:
    person = world.draw.choice(list(world.room))
    taken = tuple(sorted(fact for holder, fact in world.held.values() if holder == person))
    return world.say("how_many", person), NUMBERS[len(taken)], taken


def _who(world: World) -> Asked | None:
    (thing, other), (giver, fact) = world.draw.choice(list(world.gifts.items()))
    return world.say("who", thing, other), giver, (fact,)


@dataclass(frozen=True)
class Kind:
    """A kind of question: what happens between two of them, and how it is asked."""

    happens: tuple[Callable[[World], None], ...]
    between: int
    ask: Callable[[World], Asked | None]


KINDS = {
    "one_fact": Kind((World.walk,), 2, _where),
    "two_facts": Kind((World.walk, World.walk, World.handle), 4, _where_thing),
    "three_facts": Kind((World.walk, World.walk, World.handle), 6, _before),
    "who_gave": Kind((World.give,), 2, _who),
    "yes_no": Kind((World.walk,), 2, _whether),
    "counting": Kind((World.walk, World.handle, World.handle), 3, _how_many),
}
SHORT = ("one_fact", "who_gave", "yes_no", "counting")  # what two thousand questions are enough to learn


def questions(kind: str, count: int, seed: int = 0, language: str = "en") -> list[Told]:
    """`count` questions of a kind of `KINDS`, five about each story, which goes on between them.

    >>> one = questions("one_fact", 5)[1]
    >>> one.facts[one.supports[0]], one.question, one.answer
    ('Dora went to the office.', 'Where is Dora?', 'office')
    """
    draw = random.Random(f"{kind} {seed}")
    made: list[Told] = []
    story = 0
    while len(made) < count:
        made += _story(KINDS[kind], story, World(draw, language))
        story += 1
    return made[:count]


def babi(told: Iterable[Told]) -> str:
    """The same as a file in bAbI's format: numbered lines, a question with its answer after a tab."""
    lines: list[str] = []
    story, line, known = -1, 0, 0
    for one in told:
        if one.story != story:
            story, line, known = one.story, 0, 0
        for fact in one.facts[known:]:
            line += 1
            lines.append(f"{line} {fact}")
        known, line = len(one.facts), line + 1
        lines.append(f"{line} {one.question}\t{one.answer}")
    return "\n".join(lines) + "\n"


def _story(kind: Kind, number: int, world: World) -> Sequence[Told]:
    told: list[Told] = []
    while len(told) < QUESTIONS:
        for _ in range(kind.between):
            world.draw.choice(kind.happens)(world)
        asked = kind.ask(world) if world.facts else None
        if asked is not None:
            question, answer, supports = asked
            told.append(Told(number, tuple(world.facts), question, world.word(answer), supports))
    return told
