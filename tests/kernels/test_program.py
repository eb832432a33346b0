"""The kernels' own program has the same hashes from every build: each instruction set, NEON, and C++ with std::fma."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from shardlearn import kernels
from shardlearn.core.matrix import Array, Floats

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NATIVE, PROGRAM = ROOT / "native", HERE / "program"
NOT_COMPARED = {
    "panel_floats": "as many as a build's register tiles want",
    "peak_flops": "measures time",
    "peak_read": "measures time; its sum has as many lanes as a vector",
}
ARM = platform.machine() == "aarch64"
GOLDEN, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
Hashes = dict[tuple[str, str], str]


def builds() -> dict[str, list[str]]:
    """How CMakeLists.txt compiles the kernels: flags by instruction set."""
    text = (ROOT / "CMakeLists.txt").read_text()
    (exact,) = re.findall(r"set\(exact (.*)\)", text)
    found = re.findall(r"^ +add_kernels\((\w+) (\d)(.*)\)", text, re.M)
    return {
        name: [*exact.split(), *flags.split(), f"-DSHARDLEARN_ISA={name}", f"-DSHARDLEARN_WIDTH={width}"]
        for name, width, flags in found
    }


def hashes(folder: Path, compiler: str, flags: list[str], emulator: tuple[str, ...] = ()) -> Hashes:
    """What the program prints, by kernel and kind of data."""
    program = folder / "program"
    sources = [*sorted(PROGRAM.glob("*.cpp")), NATIVE / "isa.cpp", NATIVE / "scratch.cpp"]

    def compiled(source: Path) -> Path:
        to = folder / f"{source.stem}.o"
        command = [compiler, "-std=c++17", *flags, f"-I{NATIVE}", "-c", source, "-o", to]
        subprocess.run(command, check=True, timeout=600)
        return to

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, sources))
    subprocess.run([compiler, *flags, "-o", program, *objects], check=True, timeout=600)
    done = subprocess.run([*emulator, program], capture_output=True, text=True, check=True, timeout=600)
    lines = [line.split(": ") for line in done.stdout.splitlines()]
    assert lines[-1][:2] == ["all", "of these"]
    return {(kernel, on): value for kernel, on, value in lines}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Hashes:
    """The definition of the bits: scalars, and hardly an optimisation."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    flags = ["-O1", "-ffp-contract=off", "-DSHARDLEARN_ISA=plain", "-DSHARDLEARN_WIDTH=1"]
    return hashes(tmp_path_factory.mktemp("plain"), compiler, flags)


def kernels_compared() -> set[str]:
    """By the text of the table."""
    (table,) = re.findall(r"struct Table \{(.*?)\n\};", (NATIVE / "table.hpp").read_text(), re.S)
    return set(re.findall(r"\(\*(\w+)\)\(", table)) - set(NOT_COMPARED)


def test_every_kernel_has_a_case() -> None:
    cases = {name for path in PROGRAM.glob("*.cpp") for name in re.findall(r"^CASE\((\w+),", path.read_text(), re.M)}
    assert cases == kernels_compared()


@pytest.mark.slow
def test_every_kernel_is_compared(plain: Hashes) -> None:
    assert {kernel for kernel, _ in plain} == kernels_compared() | {"all"}


@pytest.mark.slow
@pytest.mark.parametrize("isa", ["avx512", "avx2"])
def test_every_instruction_set(isa: str, plain: Hashes, tmp_path: Path) -> None:
    if isa not in Path("/proc/cpuinfo").read_text().replace("avx512dq", "avx512"):
        pytest.skip(f"this processor has no {isa}")
    assert hashes(tmp_path, "c++", builds()[isa]) == plain


@pytest.mark.slow
def test_neon(plain: Hashes, tmp_path: Path) -> None:
    compiler, emulator = ("c++", "") if ARM else ("aarch64-linux-gnu-g++", "qemu-aarch64")
    for needed in filter(None, (compiler, emulator)):
        if shutil.which(needed) is None:
            pytest.skip(f"there is no {needed}: on Debian, apt install g++-aarch64-linux-gnu qemu-user")
    found = hashes(tmp_path, compiler, [*builds()["neon"], "-static"], (emulator,) if emulator else ())
    assert found == plain


# -- the extension, through Python, on some of the same data -----------------------------------------------------------


def mixed(z: Array) -> Array:
    """Splitmix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def numbers(seed: int, *shape: int) -> Floats:
    """The numbers of program.hpp."""
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = mixed(np.uint64(seed << 32) + np.arange(count, dtype=np.uint64) * np.uint64(GOLDEN))
    return (((z >> np.uint64(24)).astype(np.float64) - 2.0**39) * 2.0**-38).reshape(shape)


def elementwise() -> Iterator[tuple[str, Floats | float]]:
    x = numbers(1, 3001)
    for scale in (1.0, 300.0, 2.0**-30):
        for name in ("exp", "log", "log1p", "expm1", "tanh", "expit", "softplus", "sin", "cos", "asin"):
            yield "elementwise", getattr(kernels, name)(np.abs(x * scale) if name.startswith("log") else x * scale)


def algebra(p: int) -> Iterator[tuple[str, Floats | float]]:
    A = numbers(2, p, p)
    S = kernels.matmul(A, np.ascontiguousarray(A.T))
    yield "matmul", S
    yield "dot", kernels.dot(A.ravel(), S.ravel())
    S = S + np.eye(p)
    L, failed = kernels.cholesky(S)
    yield from (("cholesky", failed), ("cholesky", L))
    for k in (5, 1):
        right = numbers(3, p, k)
        yield "solve_lower", kernels.solve_lower(L, right)
        yield "solve_lower_t", kernels.solve_lower_t(L, right)
    L, order, rank = kernels.pivoted_cholesky(S, 1e-9)
    yield from (("pivoted_cholesky", rank), ("pivoted_cholesky", L), ("pivoted_cholesky", order))
    for part in kernels.symmetric_eigen(S):
        yield "symmetric_eigen", part


def sums(X: Floats, pivot: Floats) -> Iterator[tuple[str, Floats | float]]:
    n, p = X.shape
    W, b, R, weight, y = numbers(4, 3, p), numbers(5, 3), numbers(6, n, 3), np.abs(numbers(7, n)), numbers(8, n, 3)
    yield "row_products", kernels.row_products(X, W, b, pivot)
    yield "weighted_rows_sum", kernels.weighted_rows_sum(X, R, pivot)
    for loss in range(4):
        codes = np.arange(n) % 3.0
        for part in kernels.glm_sums(X, codes if loss == kernels.MULTINOMIAL else y, weight, W, b, loss, pivot):
            yield "glm_sums", part
    for part in kernels.gram(X, y, weight, pivot):
        yield "gram", part


def by_the_extension() -> Iterator[tuple[str, Floats | float]]:
    yield from elementwise()
    for p in (1, 7, 60, 131):
        yield from algebra(p)
    for p in (1, 3, 17, 50, 130):
        for n in (1, 63, 257, 700):
            X, pivot = numbers(9, n, p), numbers(10, p)
            yield from sums(X, pivot)
            yield from sums(X.astype(np.float32), pivot)


def words(result: Floats | float | int) -> Array:
    """The bits of doubles, NaN always the same, and whole numbers, as 64-bit words."""
    array = np.asarray(result).ravel()
    if array.dtype.kind != "f":
        return array.astype(np.int64).view(np.uint64)
    return np.where(np.isnan(array), np.nan, array.astype(np.float64)).view(np.uint64)


@pytest.mark.slow
def test_the_extension_has_the_hashes_of_plain_cpp(plain: Hashes) -> None:
    parts: dict[str, list[Array]] = {}
    for name, result in by_the_extension():
        parts.setdefault(name, []).append(words(result))
    for name, results in parts.items():
        all_words = np.concatenate(results)
        with np.errstate(over="ignore"):
            count = np.arange(1, len(all_words) + 1, dtype=np.uint64)
            total = int(mixed(all_words + count * np.uint64(GOLDEN)).sum(dtype=np.uint64))
        assert f"{total & MASK:016x}" == plain[name, "numbers"], name
