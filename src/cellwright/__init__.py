"""Cellwright: recurrent networks from their textbook equations. Floor 8, the front door: re-exports only.

Names that need torch are imported when first asked for, so that `import cellwright` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cellwright import cells
from cellwright.compiler.save import cell_from_json
from cellwright.compiler.trace import Cell, cell
from cellwright.compiler.words import (
    abs,
    blocks,
    clip_gradient,
    concat,
    cos,
    cumsum,
    exp,
    layer_norm,
    log,
    log_sigmoid,
    max,
    maximum,
    mean,
    minimum,
    part,
    relu,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    sum,
    tanh,
    where,
)
from cellwright.display import show
from cellwright.errors import (
    CellError,
    CellwrightError,
    DataError,
    Interrupted,
    KindError,
    RoomError,
    RunError,
    SettingError,
    ShapeError,
    UserError,
)

__version__ = "0.1.0"

_LAZY = {
    "nn": "cellwright.nn",
    "inspect": "cellwright.inspect",
    "testing": "cellwright.testing",
    "describe": "cellwright.description:describe",
    "explain": "cellwright.runtime.choose:explain",
    "Stream": "cellwright.stream:Stream",
    "Answerer": "cellwright.tasks.answer.task:Answerer",
    "Captioner": "cellwright.tasks.caption.task:Captioner",
    "Classifier": "cellwright.tasks.classify.task:Classifier",
    "Composer": "cellwright.tasks.compose.task:Composer",
    "Forecaster": "cellwright.tasks.forecast.task:Forecaster",
    "Generator": "cellwright.tasks.generate.task:Generator",
    "Tagger": "cellwright.tasks.tag.task:Tagger",
    "Transcriber": "cellwright.tasks.transcribe.task:Transcriber",
    "Translator": "cellwright.tasks.translate.task:Translator",
}

if TYPE_CHECKING:
    from cellwright import inspect, nn, testing
    from cellwright.description import describe
    from cellwright.runtime.choose import explain
    from cellwright.stream import Stream
    from cellwright.tasks.answer.task import Answerer
    from cellwright.tasks.caption.task import Captioner
    from cellwright.tasks.classify.task import Classifier
    from cellwright.tasks.compose.task import Composer
    from cellwright.tasks.forecast.task import Forecaster
    from cellwright.tasks.generate.task import Generator
    from cellwright.tasks.tag.task import Tagger
    from cellwright.tasks.transcribe.task import Transcriber
    from cellwright.tasks.translate.task import Translator


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cellwright' has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    value = getattr(import_module(module), attribute) if attribute else import_module(module)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "Answerer", "Captioner", "Cell", "CellError", "CellwrightError", "Classifier", "Composer", "DataError",
    "Forecaster", "Generator", "Interrupted", "KindError", "RoomError", "RunError", "SettingError",
    "ShapeError", "Stream", "Tagger", "Transcriber", "Translator", "UserError",
    "abs", "blocks", "cell", "cell_from_json", "cells", "clip_gradient", "concat", "cos", "cumsum",
    "describe", "exp", "explain", "inspect", "layer_norm", "log", "log_sigmoid", "max", "maximum", "mean",
    "minimum", "nn", "part", "relu", "show", "sigmoid", "sin", "softmax", "softplus", "sqrt", "sum", "tanh",
    "testing", "where",
]  # fmt: skip
