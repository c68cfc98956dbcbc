"""The command line: one file per verb, imported when its verb is asked for. Floor 7."""

from cellwright.cli.entry import main

__all__ = ["main"]
