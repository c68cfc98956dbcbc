"""The help of --recipe names every recipe of every task, and no other."""

from __future__ import annotations

import re

import cellwright as cw
from cellwright.cli.train import RECIPE


def test_the_help_names_every_recipe() -> None:
    listed = re.findall(r"(\w+): ([\w, ]+)", RECIPE.partition("(")[2].partition(")")[0])
    tasks = (cw.Classifier, cw.Composer, cw.Forecaster, cw.Generator, cw.Tagger, cw.Translator)
    wanted = {task.TASK: set(task.RECIPES) for task in (*tasks, cw.Answerer, cw.Captioner, cw.Transcriber)}
    assert {task: set(names.split(", ")) for task, names in listed} == {k: v for k, v in wanted.items() if v}
