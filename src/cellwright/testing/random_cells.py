"""Random legal cells, for property tests: source text that a person could have written. Floor 6.

    random_cells()          a Hypothesis strategy of them; a failing cell is printed and shrunk to a small one
    random_cell(random)     one cell from any source of choices, such as Python's `Random`

Every drawn cell reads its input, has h as its first state, uses every parameter it declares, and keeps its
values near one, so that float32 means something. H must be even.
"""

from __future__ import annotations

import linecache
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cellwright.compiler import words
from cellwright.compiler.trace import Cell, cell
from cellwright.errors import SettingError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# What an equation may be, simple ones first. {v}, {w}: vectors [H]; {s}: a scalar; {p}, capitals: weights.
_VECTORS = (
    "tanh({v})", "sigmoid({v})", "{v} + {w}", "{v} - {w}", "-{v}", "{p} * {v}", "{s} * {v}",
    "{K} * {v} + {w}", "{v} * tanh({w})", "sigmoid({v}) * {w}", "sin({v})", "cos({v})", "relu({v} + 0.3)",
    "abs({v} - 0.7)", "exp(-softplus({v}))", "log_sigmoid({v})", "log(2.0 + tanh({v}))",
    "sqrt(1.5 + tanh({v}))", "tanh({v})**2",
    "(abs({v}) + 0.5)**tanh({w})", "{v} / (1.0 + abs({v}))", "{v} / (2.0 + tanh({w}))",
    "maximum({v}, {w} + 0.11)", "minimum({v}, {w} - 0.13)", "where({v} < {w} + 0.17, tanh({v}), {w})",
    "where({v} >= 0.19, {v}, 0.5 * {v})", "where({s} <= 0.07, {v}, tanh({v}))",
    "where({v} == {w}, tanh({v}), {w})",
    "{v} - mean({v})", "{v} - max({v})", "{v} * tanh(sum({v}))", "softmax({v})", "0.2 * cumsum(tanh({v}))",
    "layer_norm({v}, eps=eps)", "layer_norm({v}, {p}, {p}, eps=eps)",
    "concat(part({v}, 1, 2), sigmoid(part({v}, 0, 2)))",
    "clip_gradient({v}, 0.3)",
    "tanh({U} @ {v})", "tanh({U} @ {v} + {U} @ {w})", "tanh({U}.T @ {v})", "tanh({A} @ ({B} @ {v}))",
    "tanh(blocks({R}, {v}))", "tanh({D} @ concat({v}, {w}))", "tanh(({K} * {U}) @ {v})",
    "tanh({U} @ (sigmoid({v}) * {w}))", "exp(-abs({p})) * {v}", "tanh({W} @ tanh(x))", "tanh({W} @ x) * {v}",
)  # fmt: skip
_SCALARS = ("mean({v})", "max(tanh({v}))", "tanh(sum({v}))", "{s} * mean({v})", "tanh({s} + {K})", "cos({s})")
# Weights by letter: annotation, and the hyper-parameters that it reads.
_WEIGHTS = {
    "W": "", "U": "", "p": "", "K": "[]", "D": "[H, 2*H]", "A": "[H, rank]", "B": "[rank, H]",
    "R": "[heads, H/heads, H/heads]",
}  # fmt: skip
_HYPER = {"rank": "3", "heads": "2", "eps": "0.1"}
_STATES = ("c", "n")
_EXTRA = {"": "", "dt": "input []", "u": "input [H]", "z": "input [I]"}


class Choices(Protocol):
    """Where the choices come from."""

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 to stop - 1."""


@dataclass
class _Writer:
    """One cell's source while it is written."""

    random: Choices
    vectors: list[str]
    scalars: list[str]
    weights: dict[str, str] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)

    def pick(self, options: tuple[str, ...] | list[str]) -> str:
        return options[self.random.randrange(len(options))]

    def weight(self, letter: str) -> str:
        """One with that letter: mostly a new one, sometimes one that is there already."""
        known = [name for name in self.weights if name.startswith(f"{letter}_")]
        if known and self.random.randrange(3) == 0:
            return self.pick(known)
        name = f"{letter}_{len(self.weights)}"
        self.weights[name] = _WEIGHTS[letter]
        return name

    def expression(self, forms: tuple[str, ...]) -> str:
        """One of the forms, made of what there is."""

        def fill(place: re.Match[str]) -> str:
            pools = {"v": self.vectors, "w": self.vectors, "s": self.scalars}
            found = chosen.get(place[1])
            if found is None:
                found = self.pick(pools[place[1]]) if place[1] in pools else self.weight(place[1])
            chosen.update({place[1]: found} if place[1] in pools else {})
            return found

        chosen: dict[str, str] = {}
        return re.sub(r"\{(\w)\}", fill, self.pick(forms))

    def bind(self, pool: list[str], name: str, expression: str) -> None:
        """One line of the body; its value may be used from here on."""
        self.body.append(f"{name} = {expression}")
        pool.append(name)


def random_source(random: Choices) -> str:
    """The source of a cell called `drawn`: h, perhaps more vector states, one twice as wide, a scalar one, a
    further input per step; up to six equations before the new states."""
    states = ["h", *_STATES[: random.randrange(3)]]
    wide, scalar = random.randrange(4) == 1, random.randrange(3) == 1
    extra = list(_EXTRA)[random.randrange(len(_EXTRA))]
    writer = _Writer(random, list(states), ["s"] * scalar)
    first = f"{writer.weight('W')} @ x + {writer.weight('U')} @ h + {writer.weight('p')}"
    writer.bind(writer.vectors, "a", f"tanh({first})")
    writer.bind(writer.scalars, "k", "mean(a)")
    _read_extra(writer, extra)
    if wide:
        writer.bind(writer.vectors, "l", "part(m, 0, 2)")
    for number in range(random.randrange(7)):
        if random.randrange(4) == 1:
            writer.bind(writer.scalars, f"k{number}", writer.expression(_SCALARS))
        else:
            writer.bind(writer.vectors, f"v{number}", writer.expression(_VECTORS))
    return _finished(writer, states, extra, wide, scalar)


def _read_extra(writer: _Writer, extra: str) -> None:
    if extra == "dt":
        writer.bind(writer.scalars, "e", "exp(-dt * dt)")
    elif extra == "u":
        writer.vectors.append("u")
    elif extra == "z":
        writer.bind(writer.vectors, "q", f"tanh({writer.weight('W')} @ z)")


def _finished(writer: _Writer, states: list[str], extra: str, wide: bool, scalar: bool) -> str:
    """The new states, into which every value goes so that no parameter stays unused; then the whole text."""
    # Shares of different size: equal ones of v and of -v would leave their parameters without a gradient.
    shown = [name for name in writer.vectors if name not in states]
    rest = "".join(f" + {0.2 + at / 100:.2f} * {name}" for at, name in enumerate(shown))
    rest += "".join(f" + 0.1 * {name}" for name in writer.scalars if name not in ("s", "k"))
    for state in states:
        new = f"tanh({writer.expression(_VECTORS)} + 0.5 * {state}{rest})"
        writer.body.append(f"{state}_next = {new}")
    results = [f"{state}_next" for state in states]
    results += ["tanh(0.5 * m + concat(h_next, a))"] * wide + ["0.5 * s + mean(a * h_next)"] * scalar
    flow = ["x", *states, *['m: "[2*H]"'] * wide, *['s: "[]"'] * scalar]
    flow += [f'{extra}: "{_EXTRA[extra]}"'] if extra else []
    weights = [f'{name}: "{shape}"' if shape else name for name, shape in writer.weights.items()]
    used = " ".join([*weights, *writer.body])
    hyper = [f"{name}={value}" for name, value in _HYPER.items() if re.search(rf"\b{name}\b", used)]
    head = f"@cell\ndef drawn({', '.join(flow)}, *, {', '.join([*weights, *hyper])}):"
    return "\n".join([head, *(f"    {line}" for line in writer.body), f"    return {', '.join(results)}", ""])


def random_cell(random: Choices) -> Cell:
    """A random legal cell.

    >>> from random import Random
    >>> random_cell(Random(0)).graph.states[0].name
    'h'
    """
    return cell_of(random_source(random))


def random_cells() -> SearchStrategy[Cell]:
    """A Hypothesis strategy of random legal cells; the source of a failing one is noted.

    Raises:
        SettingError: Hypothesis is not installed.
    """
    try:
        from hypothesis import note
        from hypothesis import strategies as st
    except ImportError:
        raise SettingError(
            "random cells as a strategy need Hypothesis", fix='pip install "cellwright[test]"'
        ) from None

    @st.composite
    def cells(draw: st.DrawFn) -> Cell:
        class Drawn:
            def randrange(self, stop: int, /) -> int:
                return draw(st.integers(0, stop - 1))

        source = random_source(Drawn())
        note(source)
        return cell_of(source)

    return cells()


def cell_of(source: str) -> Cell:
    """The cell `drawn` that a source text defines."""
    file = f"<random cell {abs(hash(source))}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {name: getattr(words, name) for name in words.WORDS} | {"cell": cell}
    exec(compile(source, file, "exec"), scope)
    made: Cell = scope["drawn"]
    return made
