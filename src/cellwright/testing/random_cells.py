"""Random legal cells, for property tests: source text that a person could have written. Floor 6.

`random_cell(random)` draws a cell from any source of choices with `randrange`: Python's `Random`, or
Hypothesis's, which then shrinks a failing cell to a small one. Values stay of size about one, so that float32
means something.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field
from typing import Any, Protocol

from cellwright.compiler import words
from cellwright.compiler.trace import Cell, cell

# Vector to vector; {0} and {1} are vectors. Each keeps bounded values bounded.
_ONE = (
    "sigmoid({0})", "tanh({0})", "sin({0})", "cos({0})", "exp(-softplus({0}))", "sqrt(1.5 + tanh({0}))",
    "log(2.0 + tanh({0}))", "tanh({0})**2", "relu({0} + 0.3)", "abs({0} - 0.7)", "softmax({0})",
    "layer_norm({0}, eps=0.1)", "0.2 * cumsum(tanh({0}))", "concat(part({0}, 1, 2), part({0}, 0, 2))",
    "{0} / (1.0 + abs({0}))", "blocks({R}, {0})", "{U} @ {0}", "{U}.T @ {0}", "-{0}", "{p} * {0}",
)  # fmt: skip
_TWO = (
    "{0} + {1}", "{0} - {1}", "{0} * tanh({1})", "sigmoid({0}) * {1}", "maximum({0}, {1} + 0.11)",
    "minimum({0}, {1} - 0.13)", "where({0} < {1} + 0.17, tanh({0}), {1})", "{0} / (2.0 + tanh({1}))",
    "mean({0}) * {1}", "{0} + 0.1 * sum(tanh({1}))", "max(tanh({0})) * {1}",
)  # fmt: skip


class Choices(Protocol):
    """Where the choices come from."""

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 to stop - 1."""


@dataclass
class _Writer:
    """One cell's source while it is written."""

    random: Choices
    vectors: list[str]
    parameters: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)

    def pick(self, options: tuple[str, ...] | list[str]) -> str:
        return options[self.random.randrange(len(options))]

    def parameter(self, letter: str, annotation: str = "") -> str:
        """A new parameter; its declaration goes into the signature."""
        name = f"{letter}_{len(self.parameters)}"
        self.parameters.append(f"{name}: {annotation!r}" if annotation else name)
        return name

    def expression(self) -> str:
        """One vector made of those there are."""
        form = self.pick(_ONE + _TWO)
        names = {"U": "U", "R": "R", "p": "p"}
        made = {
            k: self.parameter(v, "[2, H/2, H/2]" if k == "R" else "")
            for k, v in names.items()
            if f"{{{k}}}" in form
        }
        return form.format(self.pick(self.vectors), self.pick(self.vectors), **made)

    def bind(self, name: str, expression: str) -> None:
        """One line of the body."""
        self.body.append(f"    {name} = {expression}")
        if name not in self.vectors:
            self.vectors.append(name)


def random_source(random: Choices) -> str:
    """The source of a cell called `drawn`: up to three vector states, perhaps a scalar one; even H only."""
    states = ["h", "c", "n"][: 1 + random.randrange(3)]
    scalar = random.randrange(3) == 0
    writer = _Writer(random, list(states))
    first = f"{writer.parameter('W')} @ x + {writer.parameter('U')} @ h + {writer.parameter('b')}"
    writer.bind("a", f"tanh({first})")
    for k in range(random.randrange(5)):
        writer.bind(f"v{k}", writer.expression())
    # Every intermediate reaches a result, so that no parameter is left unused.
    rest = "".join(f" + 0.2 * {name}" for name in writer.vectors[len(states) :])
    for state in states:
        writer.body.append(f"    {state}_next = tanh({writer.expression()} + 0.5 * {state}{rest})")
    results = [f"{state}_next" for state in states] + ["0.5 * s + mean(a)"] * scalar
    flow = ", ".join(["x", *states] + ['s: "[]"'] * scalar)
    head = f"@cell\ndef drawn({flow}, *, {', '.join(writer.parameters)}):"
    return "\n".join([head, *writer.body, f"    return {', '.join(results)}", ""])


def random_cell(random: Choices) -> Cell:
    """A random legal cell."""
    return cell_of(random_source(random))


def cell_of(source: str) -> Cell:
    """The cell `drawn` that a source text defines."""
    file = f"<random cell {abs(hash(source))}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {name: getattr(words, name) for name in words.WORDS} | {"cell": cell}
    exec(compile(source, file, "exec"), scope)
    made: Cell = scope["drawn"]
    return made
