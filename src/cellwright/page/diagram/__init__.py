"""A cell drawn from its graph, in a step and over steps; what goes in and comes out of it. Floor 4."""

from cellwright.page.diagram.draw import diagram
from cellwright.page.diagram.shapes import shape
from cellwright.page.diagram.unrolled import unrolled

__all__ = ["diagram", "shape", "unrolled"]
