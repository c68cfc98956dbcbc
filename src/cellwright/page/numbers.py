"""Numbers as a reader wants them, and round numbers for an axis. Floor 4."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits; None and NaN are a dash.

    >>> number(0.123456), number(1234567), number(12.0), number(3.2e-7), number(None)
    ('0.1235', '1,234,567', '12', '3.2e-7', '–')
    """
    if value is None or not math.isfinite(value):
        return "–" if value is None or math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    if not 1e-4 <= abs(value) < 1e9:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", "−" if value < 0 else "-", 1)
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers that lie in [low, high], about `wanted` of them.

    >>> ticks(0, 1), ticks(97, 141)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [100.0, 110.0, 120.0, 130.0, 140.0])
    """
    if high <= low:
        return [low]
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12 - math.floor(math.log10(step))) for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten in [low, high], with their doubles and fives where there are few.

    >>> log_ticks(0.01, 3), log_ticks(0.2, 3)
    ([0.01, 0.1, 1.0], [0.2, 0.5, 1.0, 2.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    decades = math.log10(high / low)
    factors: Sequence[int] = (1,) if decades > 2 else (1, 2, 5)
    every = max(1, math.ceil(decades / 6))
    values = [factor * 10.0**power for power in powers if power % every == 0 for factor in factors]
    return [v for v in values if low * 0.999 <= v <= high * 1.001]
