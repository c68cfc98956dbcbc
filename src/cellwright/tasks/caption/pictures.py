"""Pictures and clips with their captions in normal form. Floor 6.

Refuses features of different width, values that are not finite, captions of another number, and data without
one caption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.data import split_examples

Floats: TypeAlias = npt.NDArray[np.float32]
VECTORS, FRAMES, IMAGES = "vectors", "frames", "images"


@dataclass(frozen=True)
class Pictures:
    """Pictures, or clips, each with any number of captions.

    Attributes:
        names: one for each.
        features: of each [S, D]: one vector, frames in the order of time, or the regions of an image.
        captions: those of each; None where there are none at all.
        kind: `vectors` (S = 1), `frames`, or `images` (described by us, a vector for each region).
        looks: a small JPEG of each image; empty where only features are known.
        note: one line about the files; empty for data from memory.
        columns: which column of the table was which.
        place: the files' names, for messages.
    """

    names: Sequence[str]
    features: Sequence[Floats]
    captions: Sequence[Sequence[str]] | None = None
    kind: str = VECTORS
    looks: Sequence[bytes] = ()
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    place: str = ""

    def __len__(self) -> int:
        return len(self.names)

    def known(self) -> list[list[str]]:
        """The captions of each.

        Raises:
            DataError: there are none.
        """
        if self.captions is None:
            raise DataError(
                "there are no captions",
                where=self.place or "y",
                expected="at least one for each picture",
                fix="name a table of captions too: PICTURES,CAPTIONS.csv",
            )
        return [list(texts) for texts in self.captions]

    def some(self, index: Iterable[int]) -> Pictures:
        """The pictures at these places."""
        at = [int(k) for k in index]
        return replace(
            self,
            names=[self.names[k] for k in at],
            features=[self.features[k] for k in at],
            captions=None if self.captions is None else [self.captions[k] for k in at],
            looks=[self.looks[k] for k in at] if self.looks else (),
        )

    def whole(self) -> Pictures:
        """Those that training and scoring can use: with a caption that is not empty.

        Raises:
            DataError: there are none.
        """
        full = [[text for text in texts if text.strip()] for texts in self.known()]
        kept = [k for k, texts in enumerate(full) if texts]
        if not kept:
            raise DataError(
                "every caption is empty",
                where=self.place or "y",
                got=f"{len(self)} pictures",
                fix="fill them in",
            )
        return replace(self, captions=full).some(kept)

    def split(self, share: float, seed: int) -> tuple[Pictures, Pictures]:
        """(rest, held out): all captions of a picture lie in one part.

        Raises:
            DataError: fewer than two pictures.
        """
        rest, held = split_examples(len(self), None, (1 - share, share), seed)
        return self.some(rest), self.some(held)


def normal(X: Any, y: Any = None) -> Pictures:
    """The user's arrays and captions in normal form.

    Args:
        X: [N, D] or [N, T, D]; or N arrays [D] or [T, D], the frames of each as many as there are.
        y: of each a caption, or a list of captions; None for prediction.

    Raises:
        DataError: no arrays, arrays of another shape or width, captions of another number or kind.
    """
    if isinstance(X, Pictures):
        return X if y is None else replace(X, captions=_captions(y, len(X)))
    try:
        arrays = [np.asarray(one, dtype=np.float32) for one in X]
    except (TypeError, ValueError) as error:
        raise DataError("no features", where="X", got=error, expected="arrays [D] or [T, D]") from None
    names = [str(k) for k in range(1, len(arrays) + 1)]
    kind, features = checked(names, arrays, "X")
    return Pictures(names, features, None if y is None else _captions(y, len(arrays)), kind)


def checked(names: Sequence[str], arrays: Sequence[npt.NDArray[Any]], where: str) -> tuple[str, list[Floats]]:
    """The kind of some features, and each as [S, D].

    Raises:
        DataError: none; another shape; different widths; a value that is not finite.
    """
    if not arrays:
        raise DataError("there are no pictures", where=where, got=0, expected="at least one")
    first = arrays[0]
    for name, array in zip(names, arrays, strict=True):
        if array.ndim not in (1, 2) or 0 in array.shape:
            raise DataError(
                "features of another shape",
                where=f"{where}, {name}",
                got=str(list(array.shape)),
                expected="[D] of a picture, [T, D] of a clip's frames",
            )
        if array.ndim != first.ndim or array.shape[-1] != first.shape[-1]:
            raise DataError(
                "features of different width",
                where=f"{where}, {name}",
                got=_shape(array),
                expected=f"{_shape(first)} as {names[0]} has",
                fix="describe all of them in the same way",
            )
        if not np.isfinite(array).all():
            raise DataError("a feature that is no finite number", where=f"{where}, {name}", fix="mend it")
    kind = VECTORS if first.ndim == 1 else FRAMES
    return kind, [np.atleast_2d(array).astype(np.float32) for array in arrays]


def _captions(y: Any, count: int) -> list[list[str]]:
    if isinstance(y, (str, bytes)):
        raise DataError("one text instead of a list of them", where="y", got=repr(y[:40]), fix="give [text]")
    found = [[one] if isinstance(one, str) else list(one) for one in y]
    if len(found) != count:
        raise DataError("X and y differ in number", got=f"{count} pictures and captions of {len(found)}")
    for k, texts in enumerate(found, start=1):
        if not all(isinstance(text, str) for text in texts):
            raise DataError("no text", where=f"y, picture {k}", expected="a caption, or a list of captions")
    return found


def _shape(array: npt.NDArray[Any]) -> str:
    return f"[{'T, ' if array.ndim > 1 else ''}{array.shape[-1]}]"
