"""From a table to texts with labels, and notices to print.

Rows without a text or a label are left out of training, and said. Refuses a table without one. Floor 6.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.errors import DataError
from cellwright.tasks.data.roles import TextRoles, text_roles
from cellwright.tasks.data.source import Data, resolve, shown
from cellwright.tasks.data.table import place, read_table, strings


@dataclass(frozen=True)
class TextData:
    """Texts with their labels (empty where there are none), the rows they came from, and notices to print."""

    texts: list[str]
    labels: list[str]
    rows: list[int]
    roles: TextRoles
    notices: tuple[str, ...]


def load_texts(
    data: Data, *, text: str | None = None, label: str | None = None, labelled: bool = True
) -> TextData:
    """Read a table of texts. For training (`labelled`) rows without text or label are left out and said.

    Without `labelled` every row is kept, an empty text as "", so that predictions stay beside their rows;
    labels are given only where every row has one.

    Raises:
        DataError: what `read_table` and `text_roles` refuse; no row with both text and label.
    """
    source = resolve(data)
    frame = read_table(source)
    roles = text_roles(frame, source, text=text, label=label, labelled=labelled)
    texts = strings(frame, roles.text)
    labels = strings(frame, roles.label) if roles.label else [None] * len(texts)
    notices = [source.notice] if source.notice else []
    if not labelled:
        known = [found.strip() for found in labels if found is not None]
        kept = known if len(known) == len(texts) else []
        return TextData(
            [found or "" for found in texts], kept, list(range(len(texts))), roles, tuple(notices)
        )
    rows = [row for row, pair in enumerate(zip(texts, labels, strict=True)) if None not in pair]
    if not rows:
        raise DataError("no row with both text and label", where=shown(source), got=roles.describe())
    if len(rows) < len(texts):
        out = sorted(set(range(len(texts))) - set(rows))
        first = place(source, out[0])
        notices.append(f"{len(out)} of {len(texts)} rows left out: no text or no label (the first: {first})")
    pairs = [(texts[row] or "", (labels[row] or "").strip()) for row in rows]
    return TextData([pair[0] for pair in pairs], [pair[1] for pair in pairs], rows, roles, tuple(notices))
