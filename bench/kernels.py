"""Speed of the Gram and GLM kernels on one core, beside the machine's own limits: `python bench/kernels.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from shardlearn import _native, kernels
from shardlearn.core.matrix import Floats

BLOCK = 4 << 20  # bytes
WORDS = 1 << 25  # of the array that reading is timed on: far beyond the caches


def seconds(run: Callable[[], object], least: float = 0.25, repeats: int = 3) -> float:
    """The best mean of a few batches of calls."""
    run()
    start = time.perf_counter()
    run()
    count = max(1, int(least / max(time.perf_counter() - start, 1e-7)))
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(count):
            run()
        best = min(best, (time.perf_counter() - start) / count)
    return float(best)


def block_rows(p: int, itemsize: int) -> int:
    return max(64, min(65536, 1 << ((BLOCK // (p * itemsize)).bit_length() - 1)))


def peaks() -> None:
    rounds = 1_000_000
    width = {"avx512": 8, "avx2": 4, "scalar": 1}[kernels.simd()]
    flops = 2 * 12 * width * rounds / seconds(lambda: _native.peak_flops(rounds))
    x = np.ones(WORDS)
    reading = 8 * WORDS / seconds(lambda: _native.peak_read(x))
    print(f"peak: {flops / 1e9:.1f} GFLOP/s, {reading / 1e9:.1f} GB/s ({kernels.simd()})")


def large(rng: np.random.Generator, p: int, dtype: type) -> list[Floats]:
    """Blocks of 256 MiB together, so that each pass reads memory."""
    n = block_rows(p, np.dtype(dtype).itemsize)
    return [rng.random((n, p), dtype) for _ in range(8 * WORDS // (n * p * np.dtype(dtype).itemsize))]


def time_gram(rng: np.random.Generator, p: int, dtype: type, weighted: bool) -> None:
    blocks = large(rng, p, dtype)[: max(2, 20_000_000 // (p * p))]
    pivot = rng.random(p)
    weight = rng.random(len(blocks[0])) if weighted else None
    sums = kernels.GramSums.zeros(p, 0)
    rows = sum(len(X) for X in blocks)
    took = seconds(lambda: [kernels.gram(X, None, weight, pivot, None, sums) for X in blocks])
    print(f"gram p={p:5d} {np.dtype(dtype).name} weighted={weighted:d}: {rows * p * (p + 1) / took / 1e9:5.1f} GFLOP/s")


def time_glm(rng: np.random.Generator, p: int, dtype: type, loss: int, k: int) -> None:
    blocks = large(rng, p, dtype)
    n = len(blocks[0])
    W, b, pivot = rng.random((k, p)) / p, rng.random(k), rng.random(p)
    y = rng.integers(0, max(k, 2), n).astype(np.float64)
    took = seconds(lambda: [kernels.glm_sums(X, y, None, W, b, loss, pivot) for X in blocks])
    size = sum(X.nbytes for X in blocks)
    flops = 4 * len(blocks) * n * p * k
    name = ("squared", "logistic", "multinomial", "poisson")[loss]
    speed = f"{size / took / 1e9:5.1f} GB/s, {flops / took / 1e9:5.1f} GFLOP/s"
    print(f"glm {name} p={p:4d} k={k:2d} {np.dtype(dtype).name}: {speed}")


def time_leaves(rng: np.random.Generator, p: int) -> None:
    """One accumulator walking over the blocks, against a leaf of its own for each block and a merge."""
    blocks = large(rng, p, np.float64)[:8]
    pivot = rng.random(p)

    def walk() -> None:
        sums = kernels.GramSums.zeros(p, 0)
        for X in blocks:
            kernels.gram(X, None, None, pivot, None, sums)

    def leaves() -> None:
        total = kernels.GramSums.zeros(p, 0)
        for X in blocks:
            for into, part in zip(total, kernels.gram(X, None, None, pivot), strict=True):
                into += part

    print(f"gram p={p:5d}: walk {seconds(walk) * 1e3:.2f} ms, leaves and merges {seconds(leaves) * 1e3:.2f} ms")


def main() -> None:
    rng = np.random.default_rng(0)
    peaks()
    for p in (50, 100, 300, 1000):
        for dtype in (np.float64, np.float32):
            time_gram(rng, p, dtype, False)
        time_gram(rng, p, np.float64, True)
    for p in (50, 100, 400):
        for dtype in (np.float64, np.float32):
            time_glm(rng, p, dtype, kernels.LOGISTIC, 1)
    for k in (3, 10):
        time_glm(rng, 50, np.float64, kernels.MULTINOMIAL, k)
    for loss in (kernels.SQUARED, kernels.POISSON):
        time_glm(rng, 50, np.float64, loss, 1)
    for p in (50, 300, 1000):
        time_leaves(rng, p)


if __name__ == "__main__":
    main()
