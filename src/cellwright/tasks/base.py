"""What every task shares: the settings, the fixed order of `fit`, saving and loading. Floor 6.

A task fills the hooks; none overrides `fit`. Refuses wrong settings, all in one message (SettingError).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.cells import get as find_cell
from cellwright.compiler.save import cell_from_json, graph_to_json
from cellwright.compiler.trace import Cell
from cellwright.errors import RunError, SettingError, UserError
from cellwright.inspect.inside import Inside
from cellwright.tasks.facts import Facts as Facts
from cellwright.tasks.facts import plain
from cellwright.tasks.result import measured
from cellwright.tasks.training import loop
from cellwright.tasks.training.devices import device_of, device_to_train
from cellwright.tasks.training.failure import noted
from cellwright.tasks.training.figures import Figures, figures, recurrent
from cellwright.tasks.training.general import Settings
from cellwright.tasks.training.history import History
from cellwright.tasks.training.plan import Plan
from cellwright.tasks.training.progress import Observer
from cellwright.tasks.training.run import Run
from cellwright.tasks.training.seeds import seeded
from cellwright.tasks.training.settings import fields, problems
from cellwright.tasks.training.snapshot import load_weights

if TYPE_CHECKING:
    from typing_extensions import Self

Part = TypeVar("Part")
Coded = TypeVar("Coded")
Scores = dict[str, float]


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(Settings, BaseEstimator, ABC, Generic[Part, Coded]):  # type: ignore[misc]
    """A recurrent model of one task, in scikit-learn's manner: settings here, data to `fit`.

    `Part` is the task's data in normal form (say, texts and labels); `Coded` the same as numbers.
    `fit` runs the hooks in this order: take, hold_out, learn, build, encode, feed, loss, evaluate, baselines.
    """

    TASK: ClassVar[str]
    SCORE: ClassVar[str] = "loss"
    BETTER: ClassVar[Literal["min", "max"]] = "min"
    TEST: ClassVar[str] = "0.2"  # what the command line holds out for the test, where nothing is said
    NOT_CELLS: ClassVar[tuple[str, ...]] = ()
    RECIPES: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    network_: nn.Module = field(init=False)
    facts_: Facts = field(init=False)
    cell_: Cell | None = field(init=False)
    history_: History = field(init=False)
    metrics_: dict[str, Any] = field(init=False)

    @property
    def watched(self) -> str:
        """The score that decides: SCORE; a task may name another one once it has seen the data."""
        return self.SCORE

    @abstractmethod
    def take(self, X: Any, y: Any = None) -> Part:
        """Check what the user gave and bring it into normal form. Raises DataError."""

    @abstractmethod
    def hold_out(self, part: Part, share: float) -> tuple[Part, Part]:
        """Split into (rest, held out), seeded by `self.seed`: stratified, or in time order."""

    @abstractmethod
    def learn(self, train: Part) -> Facts:
        """What the training part alone teaches: vocabulary, scaler, labels, sizes. JSON-able, text keys."""

    @abstractmethod
    def build(self, cell: Cell | None, facts: Facts) -> nn.Module:
        """The untrained network, from settings and facts; `cell` is None if `self.cell` is in NOT_CELLS."""

    @abstractmethod
    def encode(self, part: Part, facts: Facts) -> Coded:
        """The part as numbers, by the facts."""

    @abstractmethod
    def feed(self, coded: Coded) -> loop.Feed:
        """The training batches (see `batches`)."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Any, state: loop.State | None) -> loop.Loss:
        """The loss of one batch; what is returned as `state` comes back with the next batch of the epoch."""

    def reads(self, network: nn.Module, batch: Any) -> tuple[Tensor, Tensor | None] | None:
        """What the recurrent layer reads of a batch, x [T, B, I] and lengths [B]; None where it is not known.

        For figures of the network's inside in the history; in evaluation mode, without gradients.
        """
        return None

    @abstractmethod
    def evaluate(self, network: nn.Module, coded: Coded, facts: Facts) -> Scores:
        """All scores of a network on a part, `watched` among them; in evaluation mode, without gradients."""

    def validate(self, network: nn.Module, coded: Coded, facts: Facts) -> Scores:
        """The scores of the validation part after each epoch; a task may find them in a cheaper way."""
        return self.evaluate(network, coded, facts)

    @abstractmethod
    def baselines(self, train: Part, held: Part) -> dict[str, Scores]:
        """The scores on `held` of simple methods that saw only `train`, by the method's name."""

    def settle(
        self,
        network: nn.Module,
        facts: Facts,
        cell: Cell | None,
        train: Part,
        valid: Part | None,
        outcome: loop.Outcome,
    ) -> tuple[nn.Module, Facts]:
        """The network and the facts to keep, after the training, before any score; a task may fill this."""
        return network, facts

    def read(self, data: Any) -> Any:
        """A file or a bundled sample in the form that `fit` takes; a task that reads files fills this.

        What is returned may have a `note`: one line about the guessed columns and what was mended.
        Raises DataError.
        """
        return data

    def examples(self, network: nn.Module, held: Part, facts: Facts) -> dict[str, Any]:
        """What the report shows of the held-out part (a confusion matrix, say), JSON-able.

        Called as `evaluate` is, on the test data, or on the validation part when there are none.
        """
        return {}

    @classmethod
    def recipe(cls, name: str) -> dict[str, Any]:
        """Settings that go together, of a publication or for a kind of data: give them to the constructor.

        Raises:
            SettingError: no such recipe.
        """
        if name not in cls.RECIPES:
            known = ", ".join(sorted(cls.RECIPES)) or "none for this task"
            raise SettingError("no such recipe", where=cls.TASK, got=name, expected=known)
        return dict(cls.RECIPES[name])

    def conflicts(self) -> Iterable[str]:
        """A clause for every setting that does not go with another one; a task may fill this."""
        return ()

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        test: float | tuple[Any, Any] | None = None,
        validation: tuple[Any, Any] | None = None,
        run: Run | None = None,
        observer: Observer | None = None,
    ) -> Self:
        """Train on data, from the beginning (or from the run's last snapshot).

        Args:
            X, y: as the task documents them.
            test: data to score the trained model on, beside the baselines: a pair (X, y), or a share to hold
                out of X and y. None: no such score.
            validation: data to choose the best epoch by, a pair (X, y), in the place of the share `valid`.
            run: the folder to keep everything in (`Run.create`); Ctrl-C then saves, and a run created with
                `resume=True` goes on where it stopped.
            observer: who watches; None: nobody.

        Raises:
            SettingError, DataError, RunError, CellError: the user's mistakes.
            Interrupted: the user stopped the work, and it is saved in the run.
        """
        self.check()
        self.find_cell()
        # A trained estimator reads data as it knows them: a new training knows nothing of the one before.
        before = {name: self.__dict__.pop(name) for name in [*self.__dict__] if name.endswith("_")}
        try:
            return self.fit_parts(*self.parts(X, y, test, validation), run=run, observer=observer)
        except BaseException:
            self.__dict__.update(before)
            raise

    def fit_parts(
        self,
        train: Part,
        valid: Part | None,
        held: Part | None,
        *,
        run: Run | None = None,
        observer: Observer | None = None,
    ) -> Self:
        """`fit` on parts that are cut already (see `parts`); raises what it raises."""
        cell, device = self.find_cell(), device_to_train(self.device, self.precision)
        with seeded(self.seed, device):
            facts = plain(self.learn(train))
            network = self.build(cell, facts).to(device)
            # A test part that does not fit, say by its labels, is refused before the training, not after it.
            asked = None if held is None else self.encode(held, facts)
            snapshot = None if run is None else run.begin(self._document(facts, cell), self._changeable())
            with noted(run):
                outcome = loop.train(
                    network,
                    self.feed(self.encode(train, facts)),
                    self.loss,
                    self._plan(device),
                    validate=self._validator(valid, facts),
                    look=self._look,
                    observer=observer,
                    keeper=run,
                    resume=snapshot,
                )
            network, settled = self.settle(network, facts, cell, train, valid, outcome)
            if settled is not facts:
                facts = plain(settled)
                asked = None if held is None else self.encode(held, facts)
            metrics = measured(self, network, outcome, (train, valid, held), asked, facts)
        self.network_, self.facts_, self.cell_ = network, facts, cell
        self.history_, self.metrics_ = outcome.history, metrics
        if run is not None:
            run.finish(self.document(), network.state_dict(), metrics)
        return self

    def parts(
        self, X: Any, y: Any = None, test: Any = None, validation: Any = None
    ) -> tuple[Part, Part | None, Part | None]:
        """The training, validation and test parts that `fit` would work with, for the same arguments.

        Raises:
            SettingError: a test share out of range.
            DataError: as `fit`.
        """
        rest, held = self.take(X, y), None
        if isinstance(test, tuple):
            held = self.take(*test)
        elif test:
            if not 0 < test < 1:
                raise SettingError(f"test must be a share between 0 and 1, or a pair (X, y), got {test}")
            rest, held = self.hold_out(rest, test)
        if validation is not None:
            return rest, self.take(*validation), held
        train, valid = self.hold_out(rest, self.valid) if self.valid else (rest, None)
        return train, valid, held

    def measure(self, X: Any, y: Any = None) -> Scores:
        """All scores of the trained model on labelled data.

        Raises:
            DataError: as `fit`.
        """
        check_is_fitted(self)
        coded = self.encode(self.take(X, y), self.facts_)
        with loop.evaluating(self.network_):
            return self.evaluate(self.network_, coded, self.facts_)

    def score(self, X: Any, y: Any = None) -> float:
        """The main score on labelled data, negative where less is better (scikit-learn's convention)."""
        value = self.measure(X, y)[self.watched]
        return value if self.BETTER == "max" else -value

    def check(self) -> None:
        """Raise one SettingError that names every wrong setting."""
        wrong = [*problems(self)]
        wrong += [] if wrong else self.conflicts()
        if wrong:
            raise SettingError("; ".join(wrong))

    def find_cell(self) -> Cell | None:
        """The cell that `fit` would use; None for a name in NOT_CELLS.

        Raises:
            CellError: no such cell.
        """
        if isinstance(self.cell, Cell):
            return self.cell
        return None if self.cell in self.NOT_CELLS else find_cell(self.cell)

    def settings(self) -> dict[str, Any]:
        """The settings, JSON-able; a cell given as an object is None here (it travels as its graph)."""
        values = {setting.name: getattr(self, setting.name) for setting in fields(self)}
        return values if isinstance(self.cell, str) else {**values, "cell": None}

    def inside(self, data: str, row: int = 1) -> Inside:
        """The trained network on one input, opened for `cellwright.inspect` (see `tasks.inside`)."""
        from cellwright.tasks.inside import inside

        return inside(self, data, row)

    def document(self) -> dict[str, Any]:
        """What `model.json` says of a trained estimator: task, settings, facts, cell."""
        check_is_fitted(self)
        return self._document(self.facts_, self.cell_)

    def save(self, path: Path | str, *, force: bool = False) -> Run:
        """Write the trained model as a run folder.

        Raises:
            RunError: see `Run.create`.
        """
        document = self.document()
        run = Run.create(path, force=force)
        run.store(document, self.network_.state_dict(), self.metrics_, self.history_)
        return run

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The trained estimator of a finished run folder; executes nothing of it.

        Raises:
            RunError: see `Run.open`; the run is of another task; a piece does not fit another.
        """
        run = Run.open(path)
        document = run.document()
        if document["task"] != cls.TASK:
            raise RunError("the run is of another task", where=path, got=document["task"], expected=cls.TASK)
        weights, where = run.weights(), run.path / "model.json"
        estimator, cell = cls._from_document(document, where)
        with torch.random.fork_rng(devices=[]):
            network = estimator._rebuilt(cell, document["facts"], where)
        load_weights(network, weights, run.path / "model.safetensors")
        estimator.network_ = network.to(device_of(estimator.device)).eval()
        estimator.facts_, estimator.cell_ = document["facts"], cell
        estimator.history_, estimator.metrics_ = run.history(), run.metrics()
        return estimator

    @classmethod
    def _from_document(cls, document: dict[str, Any], where: Path) -> tuple[Self, Cell | None]:
        known = {setting.name for setting in fields(cls)}
        settings = {**document["settings"], "device": "auto"}
        if unknown := sorted(settings.keys() - known):
            raise RunError(
                "the run has unknown settings", where=where, got=", ".join(unknown), fix="train again"
            )
        try:
            cell = None if document.get("cell") is None else cell_from_json(document["cell"])
            if settings.get("cell") is None:
                settings["cell"] = cell
            estimator = cls(**settings)
            estimator.check()
        except UserError as error:
            raise RunError("the run cannot be used", where=where, got=error, fix="restore the file") from None
        return estimator, cell

    def _rebuilt(self, cell: Cell | None, facts: Facts, where: Path) -> nn.Module:
        try:
            return self.build(cell, facts)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            got = f"{type(error).__name__}: {error}"
            raise RunError("the facts of the run do not give a network", where=where, got=got) from error

    def _plan(self, device: torch.device) -> Plan:
        names = {part.name for part in dataclasses.fields(Plan)} & {part.name for part in fields(self)}
        shared = {name: getattr(self, name) for name in names - {"device"}}
        return Plan(**shared, watch=self.watched, mode=self.BETTER, device=device)

    def _validator(self, valid: Part | None, facts: Facts) -> loop.Validate | None:
        coded = None if valid is None else self.encode(valid, facts)
        return None if coded is None else lambda network: self.validate(network, coded, facts)

    def _look(self, network: nn.Module, batch: Any) -> Figures:
        layer, read = recurrent(network), self.reads(network, batch)
        return {} if layer is None or read is None else figures(layer, *read)

    def _document(self, facts: Facts, cell: Cell | None) -> dict[str, Any]:
        graph = None if cell is None else graph_to_json(cell.graph)
        return {"task": self.TASK, "settings": self.settings(), "facts": facts, "cell": graph}

    def _changeable(self) -> frozenset[str]:
        return frozenset(setting.name for setting in fields(self) if setting.metadata.get("on_resume"))
