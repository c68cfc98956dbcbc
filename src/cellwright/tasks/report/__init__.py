"""The page of a run, `report.html`: one file that needs no network and runs no script. Floor 6.

A task adds the pictures of its own examples in `examples.RENDERERS`. Refuses estimators that are not fitted.
"""

from cellwright.tasks.report.page import page, write

__all__ = ["page", "write"]
