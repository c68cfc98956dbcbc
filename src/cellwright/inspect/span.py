"""How far back an output still feels an input, measured by changing that input. Floor 5."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import torch
from torch import Tensor

from cellwright.errors import SettingError, ShapeError
from cellwright.inspect.inside import Trained, opened
from cellwright.inspect.unroll import still, time_first
from cellwright.nn.layer import Layer

ROWS = 1 << 16  # steps times sequences that run at one time
FELT = 0.01


@torch.no_grad()
def memory_span(layer: Layer | Trained, x: Tensor | str, lags: Sequence[int] | None = None) -> pl.DataFrame:
    """How much the last output changes when one input, `lag` steps earlier, is another one.

    Each sequence's input at that step is exchanged for that of the next sequence in the batch, so that what
    comes is as likely as what was; a single sequence gets the input half its length away. All other steps
    stay. What is measured is the real change, not its derivative.

    Args:
        layer, x: as in `record`; a layer of one direction.
        lags: steps back from the last one, 0 to T - 1; about eight for each doubling unless given.

    Returns:
        One row for each lag: `lag`; `change`, the length of the change of y_T, mean over the sequences;
        `share` of the largest change.

    Raises:
        SettingError: the layer reads both directions; a lag that x does not have. ShapeError: x does not fit.

    >>> from cellwright.nn import Recurrent
    >>> memory_span(Recurrent("gru", 3, 4), torch.randn(9, 8, 3))["lag"].to_list()
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    """
    layer, x, _ = opened(layer, x)
    if layer.bidirectional:
        raise SettingError(
            "a bidirectional layer feels the whole sequence at every step", expected="bidirectional=False"
        )
    x = time_first(layer, x)
    T, B = x.shape[:2]
    chosen = _lags(T) if lags is None else list(lags)
    if not chosen or min(chosen) < 0 or max(chosen) >= T:
        raise SettingError("a lag that x does not have", got=list(chosen)[:20], expected=f"0 to {T - 1}")
    other = x.roll(1, 1) if B > 1 else x.roll(T // 2, 0)
    if torch.equal(other, x):
        raise ShapeError("nothing can be exchanged", got="one input only", expected="inputs that differ")
    changes: list[float] = []
    with still(layer):
        y = layer.run(x)[0][-1]
        for some in torch.split(torch.tensor(chosen), max(1, ROWS // (T * B))):
            copies = x.unsqueeze(1).repeat(1, len(some), 1, 1)  # [T, copies, B, I]
            copies[T - 1 - some, torch.arange(len(some))] = other[T - 1 - some]
            moved = layer.run(copies.flatten(1, 2))[0][-1].view(len(some), B, -1) - y
            changes += torch.linalg.vector_norm(moved.double(), dim=-1).mean(1).tolist()
    frame = pl.DataFrame({"lag": chosen, "change": changes}).sort("lag")
    return frame.with_columns(share=pl.col("change") / pl.col("change").max())


def reach(span: pl.DataFrame, felt: float = FELT) -> int:
    """The largest lag whose input is still felt: its share is at least `felt`.

    Args:
        span: what `memory_span` gave.
        felt: a share of the largest change.

    >>> reach(pl.DataFrame({"lag": [0, 1, 2], "change": [4.0, 1.0, 0.02], "share": [1.0, 0.25, 0.005]}))
    1
    """
    return int(span.filter(pl.col("share") >= felt)["lag"].max() or 0)  # type: ignore[arg-type]


def _lags(steps: int) -> list[int]:
    """All of a few; of many, eight for each doubling."""
    return sorted({0, *(lag for k in range(8 * steps.bit_length()) if (lag := round(2 ** (k / 8))) < steps)})
