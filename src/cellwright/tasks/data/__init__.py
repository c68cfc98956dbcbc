"""Data: from the user's file (or a bundled sample) to texts, series and tables. Floor 6 (tasks).

Every function that takes a path also takes a sample's name; what cannot be used raises `DataError` in one
line.
"""

from cellwright.tasks.data.load import TextData, load_texts
from cellwright.tasks.data.roles import ForecastRoles, TextRoles, forecast_roles, text_roles
from cellwright.tasks.data.series import SeriesSet, read_series
from cellwright.tasks.data.source import Source, resolve
from cellwright.tasks.data.split import split_examples, split_time
from cellwright.tasks.data.steps import Step
from cellwright.tasks.data.table import numeric, read_table, strings
from cellwright.tasks.data.text import read_text
from cellwright.tasks.data.times import Times, fill_gaps, on_grid, read_times

__all__ = [
    "ForecastRoles",
    "SeriesSet",
    "Source",
    "Step",
    "TextData",
    "TextRoles",
    "Times",
    "fill_gaps",
    "forecast_roles",
    "load_texts",
    "numeric",
    "on_grid",
    "read_series",
    "read_table",
    "read_text",
    "read_times",
    "resolve",
    "split_examples",
    "split_time",
    "strings",
    "text_roles",
]
