"""What the environment may say, read when asked and never at import. Floor 0: knows only errors.

One table, one row per variable; `cellwright doctor` prints it.
"""

from __future__ import annotations

import os

VARIABLES = {
    "CELLWRIGHT_BACKEND": "the one backend to run on, where the choice is not left to the library",
    "CELLWRIGHT_CACHE": "where built kernels are kept; otherwise in the user's cache folder",
    "CELLWRIGHT_DEBUG": "anything: the command line shows the traceback of an error",
    "CELLWRIGHT_DEVICE": "the device that `auto` stands for: cpu, cuda or cuda:N",
}


def read(name: str) -> str | None:
    """The value of a variable of the table, or None when it is unset or empty.

    >>> read("CELLWRIGHT_NONSENSE")
    Traceback (most recent call last):
    KeyError: 'CELLWRIGHT_NONSENSE is not a variable of Cellwright'
    """
    if name not in VARIABLES:
        raise KeyError(f"{name} is not a variable of Cellwright")
    return os.environ.get(name) or None
