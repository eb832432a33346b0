"""What equal bits cost: a leaf for each block, merged in the fixed tree, beside one running accumulator; one thread."""

from __future__ import annotations

import gc
import time
from statistics import median

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.grid import dense_block_rows
from shardlearn.core.tree import Counter, Tree
from shardlearn.statistics.gram import Gram

from .settings import REPEATS, SCALE

HEAD = ("Gram matrix", "blocks", "accumulator s", "leaves and tree s", "cost", "bar")
BARS = {50: "3 %", 400: "3 %", 1000: ""}
BYTES = 1 << 29


def table() -> list[tuple[str, ...]]:
    return [_row(p) for p in BARS]


def _row(p: int) -> tuple[str, ...]:
    rng, n = np.random.default_rng(p), dense_block_rows(p, 8)
    count = max(int(BYTES * SCALE) // (n * p * 8), 4)
    blocks = [Block(rng.standard_normal((n, p)), None, None, i * n) for i in range(count)]
    gram = Gram(p, 0, np.zeros(p))

    def walk() -> None:
        into = gram.of(blocks[0])
        for block in blocks[1:]:
            into = gram.add(into, block)

    def leaves() -> None:
        counter = Counter(gram.merge, 0)
        for number, block in enumerate(blocks):
            counter.push(number, gram.of(block))
        tree = Tree(gram.merge, 0, count)
        tree.add(counter.finish(count))
        tree.root()

    times: dict = {walk: [], leaves: []}
    for _ in range(2 * REPEATS):
        for run, taken in times.items():
            gc.collect()
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
    one, many = median(times[walk]), median(times[leaves])
    return (f"p = {p:,} f64", str(count), f"{one:.3f}", f"{many:.3f}", f"{100 * (many / one - 1):+.1f} %", BARS[p])
