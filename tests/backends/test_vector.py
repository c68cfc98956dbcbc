"""The functions of vector.h against 80-bit arithmetic: accuracy, infinities, NaN, denormals."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cellwright.backends.cpu as room
from cellwright.backends.cpu.toolchain import library

TEXT = (Path(room.__file__).parent / "vector.h").read_text()
ONE = ("exp", "log", "tanh", "sigmoid", "softplus", "sin", "cos", "sqrt", "abs", "relu")
TYPES = {"float32": np.float32, "float64": np.float64}


@lru_cache(maxsize=2)
def built(dtype: str) -> Any:
    calls = "".join(
        f'extern "C" void c_{f}(const real* x, real* y, int64_t n) {{ NoDenormals quiet;'
        f" each_vector(n, [&](int64_t u, auto count) {{ store(y + u, {f}_(load(x + u, count)), count); }}); }}\n"
        for f in ONE
    )
    return library(TEXT + calls, f"vector_{dtype}", ("-DDOUBLE",) if dtype == "float64" else ())


def run(name: str, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    pointers = (ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_int64(len(x)))
    getattr(built(str(x.dtype)), f"c_{name}")(*pointers)
    return y


def exact(name: str, x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.longdouble)
    one = np.longdouble(1)
    table = {
        "sigmoid": lambda v: one / (one + np.exp(-v)),
        "softplus": lambda v: np.maximum(v, 0) + np.log1p(np.exp(-np.abs(v))),
        "relu": lambda v: np.maximum(v, 0),
    }
    with np.errstate(all="ignore"):
        return table[name](wide) if name in table else getattr(np, name)(wide)


def ulps(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    spacing = np.spacing(np.abs(wanted).astype(got.dtype)).astype(np.longdouble)
    tiny = np.finfo(got.dtype).tiny
    return np.abs(got.astype(np.longdouble) - wanted) / np.maximum(spacing, np.spacing(got.dtype.type(tiny)))


RANGES = {
    "exp": (-87, 88), "log": (1e-30, 1e30), "tanh": (-12, 12), "sigmoid": (-80, 40), "softplus": (-80, 80),
    "sin": (-50, 50), "cos": (-50, 50), "sqrt": (0, 1e10), "abs": (-5, 5), "relu": (-5, 5),
}  # fmt: skip
# Measured with g++ 12 on AVX2; sin and cos near their zeros are as good as their reduction of the argument.
LIMIT = {
    "sqrt": 0.51,
    "abs": 0,
    "relu": 0,
    "softplus": 2.5,
    "sin": 2.5,
    "cos": 2.5,
    "sigmoid": 2.5,
    "tanh": 2.5,
}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ONE)
def test_accuracy(name: str, dtype: str) -> None:
    make = np.random.default_rng(0)
    low, high = RANGES[name]
    if name == "log":
        x = np.exp(make.uniform(np.log(low), np.log(high), 200_003))
        x[:1000] = make.uniform(0.5, 1.5, 1000)
    else:
        x = make.uniform(low, high, 200_003)
        x[:5000] = make.uniform(-1, 1, 5000) * 10.0 ** make.uniform(-6, 0, 5000) * (1 if low < 0 else 0)
    x = x.astype(TYPES[dtype])
    error = ulps(run(name, x), exact(name, x))
    worst = int(error.argmax())
    assert error[worst] <= LIMIT.get(name, 2), f"{error[worst]} ulp at {x[worst]}"


@pytest.mark.parametrize("dtype", TYPES)
def test_infinities_and_nan(dtype: str) -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 200.0 if dtype == "float32" else 2000.0], TYPES[dtype])
    expected = {
        "exp": [np.inf, 0, np.nan, 1, 1, np.inf],
        "tanh": [1, -1, np.nan, 0, 0, 1],
        "sigmoid": [1, 0, np.nan, 0.5, 0.5, 1],
        "relu": [np.inf, 0, np.nan, 0, 0, x[5]],
        "softplus": [np.inf, 0, np.nan, np.log(2), np.log(2), x[5]],
        "sqrt": [np.inf, np.nan, np.nan, 0, 0, np.sqrt(x[5])],
        "abs": [np.inf, np.inf, np.nan, 0, 0, x[5]],
        "sin": [np.nan, np.nan, np.nan, 0, 0, np.sin(x[5])],
        "cos": [np.nan, np.nan, np.nan, 1, 1, np.cos(x[5])],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(
            run(name, x), np.array(values, x.dtype), rtol=1e-6, atol=1e-37, err_msg=name
        )
    assert np.isneginf(run("log", np.zeros(3, x.dtype))).all()
    assert np.isnan(run("log", np.array([-1, np.nan], x.dtype))).all()
    assert np.isposinf(run("log", np.array([np.inf], x.dtype))).all()


def test_far_arguments_of_sine() -> None:
    x = np.array([1e7, -3e8, 1e15, 12345.678], np.float64)
    np.testing.assert_allclose(run("sin", x), np.sin(x), rtol=1e-14)
    np.testing.assert_allclose(run("cos", x.astype(np.float32)), np.cos(x.astype(np.float32)), rtol=2e-6)


def test_the_callers_floating_point_mode_comes_back() -> None:
    run("exp", np.zeros(8, np.float32))
    assert np.float32(1e-40) * np.float32(1.0) != 0
