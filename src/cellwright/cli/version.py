"""`cellwright version`: what to put into a report of a fault. Floor 7; imports none of what it names."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def run() -> None:
    """Print one line of versions."""
    print(f"cellwright {of('cellwright')} (Python {platform.python_version()}, torch {of('torch')})")


def of(package: str) -> str:
    """The version of an installed package."""
    try:
        return installed(package)
    except PackageNotFoundError:
        return "missing"
