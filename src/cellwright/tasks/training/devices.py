"""The device that a setting names. Floor 6."""

from __future__ import annotations

import torch

from cellwright import config
from cellwright.errors import SettingError


def device_of(name: str) -> torch.device:
    """The device of that name.

    Raises:
        SettingError: there is no such device on this machine.
    """
    if name == "auto":
        name = config.read("CELLWRIGHT_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if kind not in ("cpu", "cuda") or not (number or "0").isdigit():
        raise SettingError(f"device must be auto, cpu, cuda or cuda:N, got {name}")
    if int(number or 0) >= count:
        raise SettingError(
            f"device {name} is not on this machine", got=f"{count} such devices", fix="use cpu"
        )
    return torch.device(name)
