"""Sounds for the tests: tones for letters, WAV files of every kind, folders of them with tables."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import cellwright as cw

RATE = 8000
TONES = {"a": 400.0, "b": 1100.0, "c": 2300.0}
FORMATS = {"u1": (1, 8), "i2": (1, 16), "i3": (1, 24), "i4": (1, 32), "f4": (3, 32), "f8": (3, 64)}


def sound(text: str, rate: int = RATE, seconds: float = 0.1) -> np.ndarray:
    """A tone for each letter, silence for a blank."""
    at = np.arange(round(seconds * rate)) / rate
    return np.concatenate(
        [0.3 * np.sin(2 * np.pi * TONES[one] * at) if one != " " else np.zeros(len(at)) for one in text]
    )


def wav(x: np.ndarray, rate: int = RATE, kind: str = "i2") -> bytes:
    """A WAV file written by hand, byte for byte: samples [T] or [T, channels], -1 to 1."""
    code, bits = FORMATS[kind]
    flat = np.asarray(x, dtype=np.float64).reshape(-1)
    whole = 1 << bits - 1
    if code == 3:
        body = flat.astype(f"<{kind}").tobytes()
    elif kind == "u1":
        body = (np.clip(np.round(flat * 128), -128, 127) + 128).astype(np.uint8).tobytes()
    else:
        numbers = np.clip(np.round(flat * whole), -whole, whole - 1).astype("<i4")
        body = b"".join(int(v).to_bytes(bits // 8, "little", signed=True) for v in numbers)
    channels = 1 if np.ndim(x) == 1 else np.shape(x)[1]
    head = struct.pack(
        "<HHIIHH", code, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits
    )
    chunks = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(body)) + body
    chunks += b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def texts(count: int = 24, seed: int = 0) -> list[str]:
    """Three letters each, none twice."""
    draw = np.random.default_rng(seed)
    return ["".join(draw.choice(list("abc"), 3, replace=False)) for _ in range(count)]


def folder(path: Path, said: list[str], table: str = "labels.csv") -> Path:
    """A folder of WAV files and a table: file, text, speaker."""
    path.mkdir(parents=True, exist_ok=True)
    rows = ["file,text,speaker"]
    for k, text in enumerate(said):
        (path / f"{k:02}.wav").write_bytes(wav(sound(text)))
        rows.append(f"{k:02}.wav,{text},{'xyz'[k % 3]}")
    (path / table).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def small(**settings: Any) -> cw.Transcriber:
    """Settings with which it learns the tones in a second."""
    size = {
        "units": 16,
        "layers": 1,
        "bands": 16,
        "rate": RATE,
        "batch_size": 4,
        "learning_rate": 0.02,
        "stack": 2,
    }
    plain = {"dropout": 0.0, "masks": 0, "valid": 0.0, "epochs": 14, "patience": 0, "bidirectional": False}
    return cw.Transcriber(**{**size, **plain, **settings})


@cache
def model(bidirectional: bool = False) -> cw.Transcriber:
    """A trained one; read it, do not change it."""
    said = texts()
    return small(bidirectional=bidirectional).fit([sound(text) for text in said], said)
