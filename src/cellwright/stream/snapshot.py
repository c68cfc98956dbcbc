"""The state of a stream as bytes: a line with format and checksum, then a safetensors file. Floor 5.

Refuses bytes that are no snapshot, of another format, cut short or altered (RunError). Executes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cellwright.checkpoint import digest
from cellwright.errors import RunError

FORMAT = 1
_MAGIC = b"cellwright stream "


def sealed(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    """Tensors and facts (JSON) as one snapshot."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    body = save(plain, metadata={"stream": json.dumps(facts)})
    return _MAGIC + f"{FORMAT} {digest(body)}\n".encode("ascii") + body


def opened(snapshot: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a snapshot whose checksum holds."""
    if not isinstance(snapshot, bytes) or not snapshot.startswith(_MAGIC):
        raise RunError("this is no snapshot of a stream", expected="the bytes of Stream.snapshot()")
    head, _, body = snapshot[len(_MAGIC) :].partition(b"\n")
    version, _, checksum = head.decode("ascii", "replace").partition(" ")
    if version != str(FORMAT):
        raise RunError("the snapshot is of another format", got=version[:20], expected=FORMAT)
    if checksum != digest(body):
        raise RunError(
            "the snapshot was changed or cut off",
            got=f"sha256 {digest(body)[:12]} over {len(body)} bytes",
            expected=f"sha256 {checksum[:12]}",
            fix="take another copy of it",
        )
    try:
        header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
        return dict(load(body)), json.loads(header["__metadata__"]["stream"])
    except (SafetensorError, ValueError, KeyError) as error:
        raise RunError("the snapshot is damaged", got=error) from None
