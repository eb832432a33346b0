"""What equal bits cost, in seconds of one core: fits sum second moments in 64 runs of blocks, which a fixed tree adds.

Beside it one running accumulator, which knows only one number of workers, and a leaf for each block.
"""

from __future__ import annotations

import gc
import time
from statistics import median

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.grid import Grid, dense_block_rows
from shardlearn.core.query import Query
from shardlearn.core.tree import Counter, Tree
from shardlearn.engines.visit import run_spans, walked_in_runs
from shardlearn.solvers.problem import RUNS
from shardlearn.statistics.gram import Gram

from .settings import REPEATS, SCALE

HEAD = ("Gram matrix", "blocks", "accumulator s", "runs and tree s", "cost", "bar", "a leaf a block s", "cost")
BARS = {50: "3 %", 400: "3 %", 1000: ""}
BYTES = 1 << 30


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

    def runs() -> None:
        spans = run_spans(Grid(0, count * n, n), RUNS)
        tree = Tree(gram.merge, 0, RUNS)
        tree.add(walked_in_runs(Query(gram, runs=RUNS), spans, 0, enumerate(blocks)))
        tree.root()

    times: dict = {walk: [], runs: [], leaves: []}
    for _ in range(2 * REPEATS):
        for run, taken in times.items():
            gc.collect()
            began = time.thread_time()
            run()
            taken.append(time.thread_time() - began)
    one, some, many = (median(taken) for taken in times.values())
    cost, dear = (f"{100 * (taken / one - 1):+.1f} %" for taken in (some, many))
    return (f"p = {p:,} f64", str(count), f"{one:.3f}", f"{some:.3f}", cost, BARS[p], f"{many:.3f}", dear)
