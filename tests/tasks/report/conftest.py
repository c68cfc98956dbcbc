"""One small forecaster, trained once, and examples of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cellwright.tasks.forecast.task import Forecaster


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    wave = 10 + np.sin(np.arange(120) * 2 * np.pi / 8)
    return Forecaster(horizon=4, season=8, units=4, epochs=3, cell="gru").fit(wave, test=0.2)


@pytest.fixture
def examples() -> dict[str, Any]:
    return {
        "forecasts": [
            {
                "target": "y",
                "steps": ["Jan", "Feb", "Mar"],
                "truth": [1.0, 2.0, None],
                "forecast": [None, 2.5, 3.5],
                "baseline": [None, 1.0, 1.0],
                "time": "month",
                "origins": [1],
            }
        ],
        "confusion": {"labels": ["cat", "dog"], "matrix": [[8, 2], [1, 0]]},
        "predictions": [
            {"text": "miaow", "truth": "cat", "predicted": "cat", "probability": 0.9},
            {"text": "我爱中国", "truth": "dog", "predicted": "cat", "probability": None},
        ],
        "texts": [{"prompt": "To be", "text": " or not", "temperature": 0.8}],
        "expected_next": [{"came": " ", "share": 0.25, "likely": {"o": 0.5, " ": 0.25}}],
    }
