"""The process that `ready` starts anew each time: prints milliseconds as JSON. CELL T B I H THREADS."""

import json
import sys
import time
from itertools import pairwise

import torch


def main(name: str, steps: int, batch: int, inputs: int, units: int, threads: int) -> None:
    """Warm torch up, which is torch's own affair; then cellwright, and two training steps of a cell."""
    torch.set_num_threads(threads)
    linear = torch.nn.Linear(units, units)
    linear(torch.ones(batch, units)).sum().backward()
    moments = [time.perf_counter()]

    from cellwright import cells
    from cellwright.nn import Recurrent

    moments.append(time.perf_counter())
    layer = Recurrent(cells.get(name), inputs, units)
    x = torch.zeros(steps, batch, inputs)
    for _ in range(2):
        layer(x)[0].sum().backward()
        moments.append(time.perf_counter())
    imported, first, second = (1e3 * (b - a) for a, b in pairwise(moments))
    print(json.dumps({"ready_ms": first - second, "import_ms": imported, "second_step_ms": second}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
