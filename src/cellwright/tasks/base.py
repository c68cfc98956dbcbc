"""What every task shares: the settings, the fixed order of `fit`, saving and loading. Floor 6.

A task fills the hooks; none overrides `fit`. Refuses wrong settings, all of them in one message (SettingError).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from cellwright.cells import get as find_cell
from cellwright.compiler.save import cell_from_json, graph_to_json
from cellwright.compiler.trace import Cell
from cellwright.errors import CellError, RunError, SettingError
from cellwright.tasks import loop
from cellwright.tasks.history import History
from cellwright.tasks.progress import Observer
from cellwright.tasks.run import Run
from cellwright.tasks.seeds import seeded
from cellwright.tasks.settings import fields, problems, setting
from cellwright.tasks.snapshot import load_weights

if TYPE_CHECKING:
    from typing_extensions import Self

Part = TypeVar("Part")
Coded = TypeVar("Coded")
Facts = dict[str, Any]
Scores = dict[str, float]


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(BaseEstimator, ABC, Generic[Part, Coded]):  # type: ignore[misc]
    """A recurrent model of one task, in scikit-learn's manner: settings here, data to `fit`.

    `Part` is the task's data in normal form (say, texts and labels); `Coded` the same as numbers.
    `fit` runs the hooks in this order: take, hold_out, learn, build, encode, feed, loss, evaluate, baselines.
    """

    TASK: ClassVar[str]
    SCORE: ClassVar[str] = "loss"
    BETTER: ClassVar[Literal["min", "max"]] = "min"
    NOT_CELLS: ClassVar[tuple[str, ...]] = ()

    cell: str | Cell = setting("lstm", "the recurrent cell: a name, or FILE.py:NAME")
    units: int = setting(128, "hidden units of a layer", min=1)
    layers: int = setting(1, "recurrent layers", min=1)
    bidirectional: bool = setting(False, "read the sequence in both directions")
    dropout: float = setting(0.2, "share of values dropped between layers", min=0, max=1, exclusive="max")
    epochs: int = setting(20, "passes over the training part, at most", min=1, on_resume=True)
    batch_size: int = setting(32, "sequences in a batch", min=1)
    learning_rate: float = setting(
        2e-3, "step size of AdamW at its highest", min=0, exclusive="min", on_resume=True
    )
    weight_decay: float = setting(0.01, "pull of the matrices towards zero", min=0)
    clip: float = setting(1.0, "longest gradient allowed (its norm); 0 allows any", min=0)
    schedule: str = setting(
        "cosine", "how the learning rate falls", choices=("cosine", "constant", "plateau"), on_resume=True
    )
    warmup: float = setting(
        0.05, "share of all steps during which the learning rate rises", min=0, max=1, exclusive="max"
    )
    patience: int = setting(
        5, "epochs without a better validation score before stopping; 0: never stop", min=0, on_resume=True
    )
    valid: float = setting(
        0.1, "share of the data held out to choose the best epoch; 0: none", min=0, max=1, exclusive="max"
    )
    seed: int = setting(0, "seed of everything random", min=0)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N", on_resume=True)

    network_: nn.Module = field(init=False)
    facts_: Facts = field(init=False)
    cell_: Cell | None = field(init=False)
    history_: History = field(init=False)
    metrics_: dict[str, Any] = field(init=False)

    @abstractmethod
    def take(self, X: Any, y: Any = None) -> Part:
        """Check what the user gave and bring it into normal form. Raises DataError."""

    @abstractmethod
    def hold_out(self, part: Part, share: float) -> tuple[Part, Part]:
        """Split into (rest, held out), seeded by `self.seed`: stratified, or in time order, as the task needs."""

    @abstractmethod
    def learn(self, train: Part) -> Facts:
        """What the training part alone teaches: vocabulary, scaler, labels, sizes. JSON-able; lists where order counts."""

    @abstractmethod
    def build(self, cell: Cell | None, facts: Facts) -> nn.Module:
        """The untrained network; `cell` is None when `self.cell` is one of NOT_CELLS. Loading calls this too."""

    @abstractmethod
    def encode(self, part: Part, facts: Facts) -> Coded:
        """The part as numbers, by the facts."""

    @abstractmethod
    def feed(self, coded: Coded) -> loop.Feed:
        """The training batches (see `batches`)."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Any, state: loop.State | None) -> loop.Loss:
        """The loss of one batch; what is returned as `state` comes back with the next batch of the epoch."""

    @abstractmethod
    def evaluate(self, network: nn.Module, coded: Coded, facts: Facts) -> Scores:
        """All scores of a network on a part, SCORE among them. Called in evaluation mode, without gradients."""

    @abstractmethod
    def baselines(self, train: Part, held: Part) -> dict[str, Scores]:
        """The scores on `held` of simple methods that saw only `train`, by the method's name."""

    def examples(self, network: nn.Module, held: Part, facts: Facts) -> dict[str, Any]:
        """What the report shows of the held-out part (a confusion matrix, a forecast over the truth), JSON-able.

        Called as `evaluate` is, on the test data, or on the validation part when there are none.
        """
        return {}

    def conflicts(self) -> Iterable[str]:
        """A clause for every setting that does not go with another one; a task may fill this."""
        return ()

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        test: float | tuple[Any, Any] | None = None,
        run: Run | None = None,
        observer: Observer | None = None,
    ) -> Self:
        """Train on data, from the beginning (or from the run's last snapshot).

        Args:
            X, y: as the task documents them.
            test: data to score the trained model on, beside the baselines: a pair (X, y), or a share to hold
                out of X and y. None: no such score.
            run: the folder to keep everything in (`Run.create`); Ctrl-C then saves, and a run created with
                `resume=True` goes on where it stopped.
            observer: who watches; None: nobody.

        Raises:
            SettingError, DataError, RunError, CellError: the user's mistakes.
            Interrupted: the user stopped the work, and it is saved in the run.
        """
        raise NotImplementedError

    def measure(self, X: Any, y: Any = None) -> Scores:
        """All scores of the trained model on labelled data.

        Raises:
            DataError: as `fit`.
        """
        raise NotImplementedError

    def score(self, X: Any, y: Any = None) -> float:
        """The main score on labelled data, negative where less is better (scikit-learn's convention)."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise one SettingError that names every wrong setting."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """The settings, JSON-able; a cell given as an object is None here (it travels as its graph)."""
        raise NotImplementedError

    def document(self) -> dict[str, Any]:
        """What `model.json` says of a trained estimator: task, settings, facts, cell."""
        raise NotImplementedError

    def save(self, path: Path | str, *, force: bool = False) -> Run:
        """Write the trained model as a run folder.

        Raises:
            RunError: see `Run.create`.
        """
        raise NotImplementedError

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The trained estimator of a finished run folder; executes nothing of it.

        Raises:
            RunError: see `Run.open`; the run is of another task; a piece does not fit another.
        """
        raise NotImplementedError
