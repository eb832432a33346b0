"""A thread may have left its floating-point modes changed: kernels work in their own, and put the thread's back."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shardlearn import kernels
from shardlearn.core.matrix import Csr

SOURCE = """
#include "modes.hpp"
extern "C" unsigned get_modes(void) { return (unsigned)shardlearn::modes(); }
extern "C" void put_modes(unsigned modes) { shardlearn::set_modes(modes); }
"""
ARM = platform.machine() == "aarch64"
USUAL = 0 if ARM else 0x1F80  # all exceptions masked, rounding to nearest
FLAGS = 0 if ARM else 0x3F  # what operations have met: no mode
FLUSHED, UPWARD = (1 << 24, 1 << 22) if ARM else (0x8040, 0x4000)  # subnormals are zero; rounding towards infinity
NATIVE = Path(__file__).parents[2] / "native"


@pytest.fixture(scope="module")
def modes(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    folder = tmp_path_factory.mktemp("modes")
    (folder / "modes.cpp").write_text(SOURCE)
    flags = ["-O1", "-shared", "-fPIC", f"-I{NATIVE}"]
    command = [compiler, *flags, "-o", folder / "modes.so", folder / "modes.cpp"]
    subprocess.run(command, check=True, timeout=60)
    found = ctypes.CDLL(str(folder / "modes.so"))
    found.get_modes.restype, found.put_modes.argtypes = ctypes.c_uint, [ctypes.c_uint]
    return found


def calls() -> list[Callable[[], Any]]:
    """Kernels with all that they are given; many of the numbers, and of the answers, are subnormal."""
    rng = np.random.default_rng(0)
    n, p = 130, 19
    X = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-320, 1, (n, p))
    few = rng.random((n, p)) < 0.3
    sparse = Csr(
        X[few], np.nonzero(few)[1].astype(np.int32), np.concatenate([[0], few.sum(axis=1).cumsum()]).astype(np.int64), p
    )
    small = X.ravel() * 1e-8
    y, weight, pivot = rng.random(n), rng.random(n) * 1e-310, rng.normal(size=p) * 1e-310
    W, b, R = rng.normal(size=(2, p)), rng.normal(size=2) * 1e-310, rng.normal(size=(n, 2)) * 1e-310
    A = rng.normal(size=(p, p))
    S = A @ A.T + np.eye(p)
    tiny, L, right = S * 1e-312, np.tril(A) + 4.0 * np.eye(p), rng.normal(size=(p, 3)) * 1e-310
    out = [partial(getattr(kernels, name), small) for name in ("exp", "expm1", "tanh", "expit", "softplus")]
    out += [partial(getattr(kernels, name), np.abs(small)) for name in ("log", "log1p")]
    out += [
        partial(kernels.exp, -700.0 - rng.random(100) * 50.0),
        partial(kernels.dot, small, X.ravel()),
        partial(kernels.axpy, 0.3, small, X.ravel()),
        partial(upper_added, tiny),
        partial(kernels.gemv, X, pivot),
        partial(kernels.gemv_t, X, weight),
        partial(kernels.matmul, X, A * 1e-300),
        partial(kernels.cholesky, tiny),
        partial(kernels.pivoted_cholesky, tiny, 1e-9),
        partial(kernels.solve_lower, L, right),
        partial(kernels.solve_lower_t, L, right),
        partial(kernels.glm_values, R, y, kernels.MULTINOMIAL),
        partial(kernels.count_bad, X),
        partial(kernels.column_range, X),
    ]
    for M, at in ((X, None), (X, pivot), (X.astype(np.float32), pivot), (sparse, None)):
        out += [
            partial(kernels.row_products, M, W, b, at),
            partial(kernels.weighted_rows_sum, M, R, at),
            partial(kernels.gram, M, R, weight, at, None),
            partial(kernels.moments, M, weight, at),
        ]
        out += [partial(kernels.glm_sums, M, np.round(y), weight, W, b, loss, at) for loss in (kernels.MULTINOMIAL,)]
        out += [partial(kernels.glm_sums, M, y, weight, W[:1], b[:1], loss, at) for loss in (0, 1, 3)]
    return out


def upper_added(A: Any) -> Any:
    into = A.copy()
    kernels.add_upper(A, into)
    return into


def bits(answer: Any) -> list[bytes]:
    parts = answer if isinstance(answer, tuple) else (answer,)
    return [np.asarray(part).tobytes() for part in parts if part is not None]


@pytest.mark.parametrize("changed", [FLUSHED, UPWARD, FLUSHED | UPWARD])
def test_kernels_have_modes_of_their_own(modes: ctypes.CDLL, changed: int) -> None:
    asked = calls()
    wanted = [bits(call()) for call in asked]
    found: list[list[bytes]] = []
    after: list[int] = []
    fired: list[bool] = []

    def elsewhere() -> None:
        modes.put_modes(USUAL | changed)
        try:
            small, one = 5e-324, 1.0
            fired.append(small * one == 0.0 if changed & FLUSHED else one + small > one)
            for call in asked:
                answer = call()
                after.append(modes.get_modes() & ~FLAGS)
                found.append(bits(answer))
        finally:
            modes.put_modes(USUAL)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert fired == [True]
    assert found == wanted
    assert set(after) == {USUAL | changed}
