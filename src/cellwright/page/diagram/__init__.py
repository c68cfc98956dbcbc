"""A cell drawn from its graph: the wiring of a step, and the steps one after the other. Floor 4."""

from cellwright.page.diagram.draw import diagram
from cellwright.page.diagram.unrolled import unrolled

__all__ = ["diagram", "unrolled"]
