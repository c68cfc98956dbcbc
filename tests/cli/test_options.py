"""Options out of settings: every setting has one, nothing is said twice, what is not given is not set."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from cellwright.cli.options import COLUMNS, split_names, with_settings
from cellwright.cli.reading import run_folder
from cellwright.tasks.base import Estimator
from cellwright.tasks.load import TASKS, task_class
from cellwright.tasks.training.settings import fields, setting


@dataclass(kw_only=True, eq=False, repr=False)
class Stub(Estimator[Any, Any]):
    TASK = "stub"
    NOT_CELLS = ("mlp",)

    text: str = setting("", "the column")
    season: int | str = setting("auto", "steps", choices=("auto",))
    share: float | None = setting(None, "a share")
    on: bool = setting(True, "a switch")


def given(*arguments: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The settings that the arguments give."""
    import typer

    def function(data: str, *, settings: dict[str, Any]) -> dict[str, Any]:
        return settings

    caught: dict[str, Any] = {}

    def keep(data: str, *, settings: dict[str, Any]) -> None:
        caught.update(settings)

    app = typer.Typer(add_completion=False)
    app.command()(with_settings(Stub, keep, without))
    typer.main.get_command(app)(args=["DATA", *arguments], standalone_mode=False)
    return caught


def test_nothing_given_sets_nothing() -> None:
    assert given() == {}


def test_given_settings_have_their_types() -> None:
    found = given(
        "--units", "8", "--dropout", "0.5", "--no-on", "--bidirectional", "--cell", "gru", "--text", "a b"
    )
    assert found == {
        "units": 8,
        "dropout": 0.5,
        "on": False,
        "bidirectional": True,
        "cell": "gru",
        "text": "a b",
    }
    assert given("--season", "12", "--share", "0.1") == {"season": 12, "share": 0.1}
    assert given("--season", "auto") == {"season": "auto"}


def test_a_setting_left_out_has_no_option() -> None:
    with pytest.raises(Exception, match="No such option"):
        given("--cell", "gru", without=("cell",))


@pytest.mark.parametrize("task", TASKS)
def test_every_setting_of_a_task_is_an_option_with_its_help(task: str) -> None:
    cls = task_class(task)

    def function(*, settings: dict[str, Any]) -> None: ...

    parameters = inspect.signature(with_settings(cls, function)).parameters
    for field in fields(cls):
        _, option = get_args(parameters[field.name].annotation)
        assert option.help.startswith(field.metadata["help"])
        assert parameters[field.name].default is None
        name = option.default if isinstance(option.default, str) else option.param_decls[0]
        assert name.split("/")[0] == f"--{field.name.replace('_', '-')}"


def test_columns_are_settings_of_the_tasks() -> None:
    known = {field.name for task in TASKS for field in fields(task_class(task))}
    assert set(COLUMNS) <= known


@pytest.mark.parametrize(
    ("data", "folder"),
    [
        ("air_passengers", "runs/forecast-air_passengers"),
        ("a/b/sales.csv.gz", "runs/forecast-sales"),
        ("etth1/train.csv", "runs/forecast-etth1"),
        ("train.csv", "runs/forecast-train"),
        ("销售 数据.csv", "runs/forecast-销售-数据"),
        ("..", "runs/forecast-data"),
    ],
)
def test_the_run_folder_is_named_after_task_and_data(data: str, folder: str) -> None:
    assert run_folder("forecast", data).as_posix() == folder


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ["a", "b"]),
        ("elman(nonlinearity='relu', eps=1),b", ["elman(nonlinearity='relu', eps=1)", "b"]),
        (" a, ,", ["a"]),
        ("", []),
    ],
)
def test_names_are_split_outside_of_brackets(text: str, names: list[str]) -> None:
    assert split_names(text) == names
