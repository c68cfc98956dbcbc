"""The device that a setting names, and what its products may read in training. Floor 6."""

from __future__ import annotations

import torch

from cellwright import config
from cellwright.errors import SettingError

PRECISIONS = ("float32", "bfloat16")
LEAST_CAPABILITY = (8, 0)  # of a card that multiplies in bfloat16; every CPU does, if not faster


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


def device_to_train(name: str, precision: str) -> torch.device:
    """The device of that name, for training in that precision.

    Raises:
        SettingError: there is no such device on this machine, or it does not multiply in that precision.
    """
    device = device_of(name)
    if precision == "bfloat16" and device.type == "cuda":
        found = torch.cuda.get_device_capability(device)
        if found < LEAST_CAPABILITY:
            least = ".".join(map(str, LEAST_CAPABILITY))
            raise SettingError(
                "precision bfloat16 is not for this card",
                where=torch.cuda.get_device_name(device),
                got=f"compute capability {found[0]}.{found[1]}",
                expected=f"{least} or higher",
                fix="use float32, or device cpu",
            )
    return device
