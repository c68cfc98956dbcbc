"""One figure of `benchmarks.layers.long`, in a process of its own: its cell, shape and way."""

from __future__ import annotations

import json
import sys

from benchmarks.layers.long import once

from cellwright.testing.speed import Sizes

if __name__ == "__main__":
    print(json.dumps(once(sys.argv[1], Sizes.parse(sys.argv[2]), sys.argv[3])))
