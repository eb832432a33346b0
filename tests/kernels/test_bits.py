"""The same bits from every build: AVX-512, AVX2, scalar, and plain C++ with std::fma."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shardlearn import _native, kernels
from shardlearn.core.matrix import Floats

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "native"


def lacks(isa: str) -> bool:
    """Whether this processor can't run the build."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return isa not in {"scalar": "scalar", "avx2": flags, "avx512": flags.replace("avx512dq", "avx512")}[isa]


def digest(isa: str) -> dict[str, str]:
    if lacks(isa):
        pytest.skip(f"this processor has no {isa}")
    done = subprocess.run(
        [sys.executable, HERE / "digest.py"],
        env={**os.environ, "SHARDLEARN_SIMD": isa},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, str] = json.loads(done.stdout)
    assert found.pop("simd") == isa
    return found


@pytest.fixture(scope="module")
def scalar() -> dict[str, str]:
    return digest("scalar")


@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_every_instruction_set_gives_the_same_bits(isa: str, scalar: dict[str, str]) -> None:
    assert digest(isa) == scalar


def numbers(seed: int, *shape: int) -> Floats:
    """The numbers of standalone.cpp (splitmix64)."""
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(seed << 32) + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(31))) >> np.uint64(24)
    return ((z.astype(np.float64) - 2.0**39) * 2.0**-38).reshape(shape)


def elementwise() -> Iterator[Floats]:
    for name in ("exp", "log", "log1p", "expm1", "tanh", "expit", "softplus", "sin", "cos", "asin"):
        x = numbers(1, 3001) * (2.0**-12 if name == "asin" else 1.0)
        for scale in (1.0, 300.0, 2.0**-30):
            yield getattr(kernels, name)(np.abs(x * scale) if name.startswith("log") else x * scale)


def algebra(p: int) -> Iterator[Floats | float]:
    A, right = numbers(2, p, p), numbers(3, p, 5)
    S = kernels.matmul(A, np.ascontiguousarray(A.T))
    yield S
    yield kernels.dot(A.ravel(), S.ravel())
    S = S + np.eye(p)
    L, failed = kernels.cholesky(S)
    yield from (failed, L)
    forward = kernels.solve_lower(L, right)
    yield from (forward, kernels.solve_lower_t(L, forward))
    L, _, rank = kernels.pivoted_cholesky(S, 1e-9)
    yield from (rank, L)
    yield from kernels.symmetric_eigen(S)


def sums(X: Floats, pivot: Floats) -> Iterator[Floats | float]:
    n, p = X.shape
    W, b, R, weight, y = numbers(4, 3, p), numbers(5, 3), numbers(6, n, 3), np.abs(numbers(7, n)), numbers(8, n, 3)
    yield kernels.row_products(X, W, b, pivot)
    yield kernels.weighted_rows_sum(X, R, pivot)
    for loss in range(4):
        codes = np.arange(n) % 3.0
        yield from kernels.glm_sums(X, codes if loss == kernels.MULTINOMIAL else y, weight, W, b, loss, pivot)
    yield from kernels.gram(X, y, weight, pivot)


def all_results() -> Iterator[Floats | float]:
    yield from elementwise()
    for p in (1, 7, 60, 131):
        yield from algebra(p)
    for p in (1, 3, 17, 50, 130):
        for n in (1, 63, 257, 700):
            X, pivot = numbers(9, n, p), numbers(10, p)
            yield from sums(X, pivot)
            yield from sums(X.astype(np.float32), pivot)


def test_plain_cpp_gives_the_same_bits(tmp_path: Path) -> None:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    program = tmp_path / "standalone"
    sources = [HERE / "standalone.cpp", NATIVE / "isa.cpp", NATIVE / "scratch.cpp"]
    flags = ["-std=c++17", "-O1", "-ffp-contract=off", "-DSHARDLEARN_ISA=plain", "-DSHARDLEARN_WIDTH=1", f"-I{NATIVE}"]
    subprocess.run([compiler, *flags, "-o", program, *sources], check=True, timeout=300)
    found = np.frombuffer(subprocess.run([program], capture_output=True, check=True, timeout=120).stdout)
    wanted = np.concatenate([np.asarray(result, np.float64).ravel() for result in all_results()])
    assert found.view(np.uint64).tolist() == wanted.view(np.uint64).tolist()


def test_the_choice_of_a_build() -> None:
    assert "fused multiply-add" in _native.complaint(False, False, False, "")
    assert _native.complaint(True, False, False, "") == ""
    assert "has no avx512" in _native.complaint(True, True, False, "avx512")
    assert "or avx2" in _native.complaint(True, True, False, "avx512")
    assert "has no avx2" in _native.complaint(True, False, False, "avx2")
    assert "is none of avx512, avx2, scalar" in _native.complaint(True, True, True, "sse")
    for isa in ("avx512", "avx2", "scalar"):
        assert _native.complaint(True, True, True, isa) == ""


def test_a_wrong_choice_is_an_import_error() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import shardlearn.kernels"],
        env={**os.environ, "SHARDLEARN_SIMD": "sse"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "ImportError: SHARDLEARN_SIMD='sse' is none of" in done.stderr


def test_a_missing_extension_says_how_to_build_it() -> None:
    code = "import sys; sys.modules['shardlearn._native'] = None; import shardlearn.kernels"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install --no-build-isolation -e ." in done.stderr


def test_subnormals_survive() -> None:
    tiny = np.array([2.0**-1070])
    assert kernels.axpy(1.0, tiny, np.zeros(1))[0] == tiny[0]
