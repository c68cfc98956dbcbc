"""The page of the inside in a headless Chromium: until it is open, and from an input to the second frame."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from benchmarks.kernels.rows import Row
from tests.page.inside.browser import Browser, find

import cellwright as cw
from cellwright.inspect.inside import Inside
from cellwright.inspect.view import view
from cellwright.page.inside import page

SHAPES = ((200, 512, False), (200, 512, True), (10_000, 128, False), (10_000, 128, True))
READY = "document.body.dataset.ready !== undefined"
STEPS = """(async () => {
  const frame = () => new Promise((r) => requestAnimationFrame(() => setTimeout(r, 0)));
  const measured = async (change) => {
    const begun = performance.now();
    change(); await frame(); await frame();
    return performance.now() - begun;
  };
  const told = (name, value) => () => {
    const field = document.getElementById(name);
    field.value = value; field.dispatchEvent(new Event("input"));
  };
  const key = (name) => () => document.dispatchEvent(new KeyboardEvent("keydown", { key: name }));
  const all = { step: [], unit: [], zoom: [], colour: [] };
  const last = Number(document.getElementById("step").max);
  for (let k = 0; k < COUNT; k++) {
    all.step.push(await measured(told("step", Math.floor((last * k) / COUNT))));
    all.unit.push(await measured(key(k % 2 ? "ArrowUp" : "ArrowDown")));
    all.colour.push(await measured(key("g")));
    all.zoom.push(await measured(key("+-"[k % 2])));
  }
  return JSON.stringify(all);
})()"""


def rows(repetitions: int, shapes: Sequence[tuple[int, int, bool]] = SHAPES) -> Iterator[Row]:
    """A row for each size, of an LSTM: the median and the longest of every kind of input, in milliseconds."""
    if find() is None:
        raise SystemExit("there is no Chromium on this machine")
    for T, H, text in shapes:
        with tempfile.TemporaryDirectory() as folder, Browser(1200, 900) as browser:
            file = Path(folder) / "inside.html"
            file.write_text(_page(T, H, text), encoding="utf-8")
            begun = time.perf_counter()
            browser.open(file)
            browser.wait(READY)
            opened = time.perf_counter() - begun
            found = json.loads(browser.value(STEPS.replace("COUNT", str(repetitions))))
            assert browser.said == [], browser.said
            middle = {kind: [round(statistics.median(v), 1), round(max(v), 1)] for kind, v in found.items()}
            yield {
                "T": T, "H": H, "input": "text" if text else "signal",
                "mb": round(file.stat().st_size / 1e6, 1), "open_s": round(opened, 2), "ms": middle,
            }  # fmt: skip


def _page(T: int, H: int, text: bool) -> str:
    torch.manual_seed(0)
    layer, x = cw.nn.Recurrent("lstm", 16, H), 0.1 * torch.randn(T, 1, 16).cumsum(0)
    letters = ('The quick (brown) fox said "no".\n' * (T // 30 + 1))[:T]
    steps = tuple(letters) if text else tuple(str(k + 1) for k in range(T))
    signal, names = (None, ()) if text else (x[:, 0, :2], ("a", "b"))
    opened = Inside(
        layer, x, steps, lambda y: y[-1].sum(-1), ("A walk", "随机游走"), ("its end", "终点"), signal, names
    )
    return page(view(opened))
