"""One way of `benchmarks.layers.long`, in a process of its own: its cell, shape and way."""

from __future__ import annotations

import sys

from benchmarks.layers.long import work

from cellwright.testing.speed import Sizes

if __name__ == "__main__":
    work(sys.argv[1], Sizes.parse(sys.argv[2]), sys.argv[3])
