"""What the GPU kernels cost to compile, and what they take of a processor: no card is needed.

    python -m benchmarks.gpu.compiling [CELL ...] [--units 64,256,768] [--types fp32,tf32,bf16] [--card h100]
                                       [--out FILE]

For every cell, width and type the kernels of a first training step (B = 16, as many inputs as units), each
compiled anew by Triton and ptxas: processor seconds (with those of writing the text), registers, bytes
spilled, shared memory, instructions. fp32: products of float32 as three of tf32, torch's precision "highest";
tf32: as one, "high". Ends with the slowest, and with 1 where a kernel asks for more than the card has.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

FILE = Path(__file__).with_name("compiling.jsonl")
# Compute capability, processors, bytes of shared memory that one program may have.
CARDS = {"h100": (90, 132, 232_448), "a100": (80, 108, 166_912), "a10": (86, 72, 101_376)}
BATCH, STEPS = 16, 2
POINTERS = {
    torch.bfloat16: "*bf16", torch.float16: "*fp16", torch.float32: "*fp32", torch.float64: "*fp64",
    torch.int64: "*i64", torch.int32: "*i32", torch.uint8: "*u8",
}  # fmt: skip
TYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Counted in a kernel's PTX: loops are rolled, so these stand for a step, and the lines before and after all.
COUNTED = {
    "products": r"\b(mma\.sync|wgmma\.mma_async)", "shared_loads": r"\bld\.shared|\bldmatrix",
    "shared_stores": r"\bst\.shared|\bstmatrix", "loads": r"\b(ld\.global|cp\.async\.c[ag])",
    "stores": r"\bst\.global", "barriers": r"\bbar(rier)?\.(cta\.)?sync", "instructions": r"^\s+[@a-z].*;",
}  # fmt: skip


def compiled(
    kernel: Any, arguments: dict[str, Any], warps: int, stages: int = 3, together: bool = False,
    capability: int = 90,
) -> Any:  # fmt: skip
    """One kernel, with its arguments as they would be launched; by default for an H100."""
    from triton import compile as compile_
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature, constants, attributes = {}, {}, {}
    whole = {name for name in kernel.arg_names if isinstance(arguments[name], int)}
    whole &= {p.name for p in kernel.params if not p.is_constexpr}
    for place, name in enumerate(kernel.arg_names):
        value = arguments[name]
        if isinstance(value, torch.Tensor):
            signature[name], attributes[(place,)] = POINTERS[value.dtype], [["tt.divisibility", 16]]
        elif name in whole:
            signature[name] = "i32"
        else:
            signature[name], constants[(place,)] = "constexpr", value
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    options = {"num_warps": warps, "num_stages": stages, "launch_cooperative_grid": together}
    return compile_(source, target=GPUTarget("cuda", capability, 32), options=options)


def processor_seconds() -> float:
    """Of this process and of what it has waited for: ptxas is a program of its own."""
    return sum(os.times()[:4])


def measured(kernel: Any, arguments: dict[str, Any], *how: Any) -> dict[str, Any]:
    """One kernel's figures."""
    from triton import knobs

    times: list[Any] = []
    knobs.compilation.listener = lambda **of: times.append(of["times"])
    begun, said = processor_seconds(), io.StringIO()
    with contextlib.redirect_stdout(said):
        made = compiled(kernel, arguments, *how)
    seconds = processor_seconds() - begun
    passes = {name: round(us / 1e6, 2) for name, us in times[0].lowering_stages}
    log, ptx = said.getvalue(), made.asm["ptx"]
    spilled = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", log)
    return {
        "kernel": made.metadata.name, "seconds": round(seconds, 2),
        "wall": {"python": round(times[0].ir_initialization / 1e6, 2), **passes},
        "warps": how[0], "registers": max(map(int, re.findall(r"Used (\d+) registers", log))),
        "spilled": max(int(n) for pair in spilled for n in pair), "shared": made.metadata.shared,
        **{name: len(re.findall(pattern, ptx, re.MULTILINE)) for name, pattern in COUNTED.items()},
    }  # fmt: skip


def first_step(name: str, units: int, kind: str, card: str) -> dict[str, Any]:
    """A training step's kernels, compiled and not run."""
    import cellwright as cw
    from cellwright.backends import triton as gpu
    from cellwright.backends.triton import choice, launch, scan, sizes
    from cellwright.backends.triton.joint import ASSUMED, Card
    from cellwright.runtime.choose import plan_of

    made: dict[Any, dict[str, Any]] = {}

    def start(
        kernel: Any, grid: tuple[int, int, int], arguments: dict[str, Any], warps: int, stages: int = 3,
        together: bool = False,
    ) -> None:  # fmt: skip
        fixed = {n: v for n, v in arguments.items() if not isinstance(v, torch.Tensor)}
        key = (kernel.fn.__name__, tuple(str(fixed.get(p.name)) for p in kernel.params if p.is_constexpr))
        if key not in made:
            found = measured(kernel, arguments, warps, stages, together, capability)
            made[key] = {**found, "grid": list(grid)}

    capability, processors, most = CARDS[card]
    chip = int(sizes.SHARE_OF_CHIP * most)
    launch.start, scan.LEAST_STEPS, scan.processors = start, 1, lambda device: processors
    _stand_in(launch, "on_chip", lambda device: chip)
    _stand_in(choice, "card_of", lambda device: Card(processors, chip, ASSUMED))
    torch.set_float32_matmul_precision("high" if kind == "tf32" else "highest")
    layer = cw.nn.Recurrent(cw.cells.all()[name], units, units).to(TYPES[kind])
    x = torch.zeros(STEPS, BATCH, units, dtype=TYPES[kind], requires_grad=True)
    call, plan = layer.call(x), plan_of(layer.running().graph)
    begun, clock = processor_seconds(), time.perf_counter()
    notes = gpu.notes(plan, call)
    torch.autograd.grad(gpu.run(plan, call).y.sum(), x)
    seconds, wall = processor_seconds() - begun, time.perf_counter() - clock
    kernels = list(made.values())
    return {"seconds": round(seconds, 2), "wall": round(wall, 2), "notes": list(notes),
            "fits": all(k["shared"] <= most for k in kernels), "kernels": kernels}  # fmt: skip


def _stand_in(module: ModuleType, name: str, made: Callable[..., Any]) -> None:
    """In the place of a function that the module has imported under this name."""
    assert callable(getattr(module, name))
    setattr(module, name, made)


def rows(names: list[str], widths: list[int], kinds: list[str], card: str) -> Iterator[dict[str, Any]]:
    """One for each; what cannot be compiled is a row that says why."""
    for name, units, kind in product(names, widths, kinds):
        about = {"cell": name, "units": units, "type": kind, "for": card}
        try:
            yield {**about, **first_step(name, units, kind, card)}
        except Exception as fact:
            yield {**about, "failed": f"{type(fact).__name__}: {fact}"}


def main(words: list[str] | None = None) -> int:
    """Compile what was asked for."""
    usual = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usual)
    parser.add_argument("cells", nargs="*", metavar="CELL")
    parser.add_argument("--units", default="64,256,768")
    parser.add_argument("--types", default="fp32,tf32,bf16")
    parser.add_argument("--card", choices=tuple(CARDS), default="h100")
    parser.add_argument("--out", type=Path, default=FILE)
    given = parser.parse_args(words)
    os.environ |= {"TRITON_ALWAYS_COMPILE": "1", "TRITON_DUMP_PTXAS_LOG": "1"}

    from benchmarks.kernels.rows import append, stamped

    import cellwright as cw
    from cellwright.testing.machine import load

    before, found = load(), []
    names, widths = given.cells or list(cw.cells.all()), [int(n) for n in given.units.split(",")]
    for row in rows(names, widths, given.types.split(","), given.card):
        append(given.out, stamped("compiling", row, before))
        print(_line(row), flush=True)
        found.append(row)
    good = [row for row in found if row.get("fits")]
    if good:
        print(f"slowest of {len(found)}: {_line(max(good, key=lambda row: float(row['seconds'])))}")
    return 0 if len(good) == len(found) else 1


def _line(row: dict[str, Any]) -> str:
    about = f"{row['cell']:22} {row['units']:4} {row['type']}"
    if "failed" in row:
        return f"{about}  {row['failed']}"
    each = "; ".join(
        f"{k['kernel']} {k['seconds']:.1f} s, {k['registers']} registers, {k['spilled']} B spilled, "
        f"{k['shared'] >> 10} KiB, {k['instructions']} instructions" for k in row["kernels"]
    )  # fmt: skip
    more = "" if row["fits"] else "  MORE THAN THE CARD HAS"
    return f"{about}  {row['seconds']:5.1f} s: {each}{more}"


if __name__ == "__main__":
    sys.exit(main())
