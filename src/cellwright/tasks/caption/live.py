"""A captioner on a live stream: a picture in, a sentence about it out, nothing carried. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellwright.errors import DataError
from cellwright.tasks.caption.pictures import IMAGES, VECTORS
from cellwright.tasks.live import Answer, Forgetful, number

if TYPE_CHECKING:
    from cellwright.tasks.caption.task import Captioner

EXPECTED = 'the path of an image, or {"features": [numbers]}, of a clip [[numbers of a frame], ...]'


class LivePictures(Forgetful):
    """Pictures, one after another; each is described by itself."""

    heads = ("caption",)

    def __init__(self, estimator: Captioner) -> None:
        super().__init__(estimator)
        self._estimator = estimator

    def answer(self, item: Any) -> Answer:
        """{"caption": text} for the path of an image (or {"image": path}), or for {"features": numbers}."""
        named = item if isinstance(item, Mapping) else {"image": item}
        if set(named) == {"image"} and isinstance(named["image"], str):
            return {"caption": self._estimator.predict(self._estimator.read(named["image"]))[0]}
        if set(named) == {"features"} and isinstance(named["features"], Sequence):
            return {"caption": self._estimator.predict([_numbers(named["features"])])[0]}
        got = ", ".join(map(str, named)) if isinstance(item, Mapping) else type(item).__name__
        raise DataError("no picture", got=got, expected=EXPECTED)

    def item(self, line: str) -> Any:
        """The path of an image; numbers between commas for a model of feature vectors."""
        if self.facts["kind"] == IMAGES:
            return line.strip()
        if self.facts["kind"] == VECTORS:
            return {"features": line.split(",")}
        raise DataError("a clip is no plain line", got=line[:40], expected='{"features": [[..], ..]}')

    def cells(self, answer: Answer) -> Sequence[Any]:
        """The caption."""
        return [answer["caption"]]


def _numbers(values: Sequence[Any]) -> list[Any]:
    if values and isinstance(values[0], Sequence) and not isinstance(values[0], str):
        return [[number(v, "features") for v in frame] for frame in values]
    return [number(v, "features") for v in values]
