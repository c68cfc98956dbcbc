"""What the training part of the data taught a task, as a saved run has it. Floor 6."""

from __future__ import annotations

from typing import Any

from cellwright.checkpoint import as_read
from cellwright.errors import DataError

Facts = dict[str, Any]


def plain(facts: Facts) -> Facts:
    """The facts as a loaded run will have them, so that training and prediction cannot differ.

    Raises:
        DataError: some are not finite numbers.
    """
    try:
        found: Facts = as_read(facts)
    except ValueError as error:
        fix = "look for missing or infinite values"
        raise DataError("the training data give facts that are not numbers", got=error, fix=fix) from error
    return found
