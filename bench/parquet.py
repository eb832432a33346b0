"""A pass over a Parquet file under a memory limit: ours decodes and computes, pyarrow only decodes.

`python -m bench.parquet WAY FILE` runs one way in a process of its own and prints rows, seconds and the peak of memory.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from .settings import FOLDER, REPEATS, ROOT, SCALE, THREADS, environment, rows

HEAD = ("a pass over Parquet", "who", "M rows/s", "CPU s / M rows", "peak MB", "ours / it", "")
COLUMNS, LIMIT, BATCH = 40, 500_000_000, 8_192
OURS = "shardlearn: a gradient"
LEAN = {"pre_buffer": False, "buffer_size": 16_384}  # of 4 KiB to 1 MiB the fastest
LARGER = {"pre_buffer": False, "buffer_size": 65_536}


def ours(path: str) -> int:
    import shardlearn
    from shardlearn.core.events import ignore
    from shardlearn.core.query import Query
    from shardlearn.data import lay_out
    from shardlearn.losses.squared import Squared
    from shardlearn.statistics.gradient import GradSums

    with shardlearn.engine("threads", workers=THREADS, memory=LIMIT) as engine:
        laid = lay_out(path, "y")
        opened = engine.open(laid.blocks)  # anew each time: nothing is cached from the pass before
        W = np.zeros((1, laid.n_features))
        engine.fold({"train": opened}, Query(GradSums(Squared(), W, np.zeros(1))), emit=ignore)
        engine.close(opened)
    return laid.rows


def own_threads(batch: int, **options: object) -> Callable[[str], int]:
    """Row groups one by one, each read by one of our threads."""

    def part(path: str, start: int) -> int:
        file = pq.ParquetFile(path, **options)
        groups = range(start, file.num_row_groups, THREADS)
        return sum(
            b.num_rows for group in groups for b in file.iter_batches(batch, row_groups=[group], use_threads=False)
        )

    def way(path: str) -> int:
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(part, [path] * THREADS, range(THREADS)))

    return way


def its_threads(batch: int, **options: object) -> Callable[[str], int]:
    return lambda path: sum(b.num_rows for b in pq.ParquetFile(path, **options).iter_batches(batch, use_threads=True))


def scanner(**options: int) -> Callable[[str], int]:
    return lambda path: sum(b.num_rows for b in ds.dataset(path).to_batches(**options))


WAYS: dict[str, Callable[[str], int]] = {
    OURS: ours,
    "pyarrow: row groups on our threads, lean": own_threads(65_536, **LEAN),
    "pyarrow: row groups on our threads, lean, 16,384 rows": own_threads(16_384, **LEAN),
    "pyarrow: row groups on our threads, lean, 8,192 rows": own_threads(BATCH, **LEAN),
    "pyarrow: row groups on our threads, larger buffers": own_threads(65_536, **LARGER),
    "pyarrow: row groups on our threads, as it comes": own_threads(65_536),
    "pyarrow: its threads, lean": its_threads(65_536, **LEAN),
    "pyarrow: its threads, as it comes": its_threads(65_536),
    "pyarrow: scanner, short readahead": scanner(batch_readahead=1, fragment_readahead=1),
    "pyarrow: scanner, as it comes": scanner(),
}


def table() -> list[tuple[str, ...]]:
    path = written()
    found: dict[str, list[dict]] = {way: [] for way in WAYS}
    for _ in range(REPEATS):
        for way, runs in found.items():
            runs.append(_run(way, path))
    speed = {way: median(run["rows"] / run["seconds"] for run in runs) / 1e6 for way, runs in found.items()}
    cpu = {way: median(run["cpu"] / run["rows"] for run in runs) * 1e6 for way, runs in found.items()}
    peak = {way: max(run["peak"] for run in runs) for way, runs in found.items()}
    pack = _packing(path)
    name = f"{rows(4_000_000):,} x {COLUMNS} f64, limit {LIMIT / 1e6:.0f} MB, {THREADS} threads"
    return [
        (
            name,
            way,
            f"{speed[way]:.2f}",
            f"{cpu[way]:.3f}",
            f"{peak[way] / 1e6:.0f}",
            f"{speed[OURS] / speed[way]:.2f}",
            "" if peak[way] <= LIMIT else "over the limit",
        )
        for way in sorted(WAYS, key=lambda way: -speed[way])
    ] + [(f"{BATCH:,} rows at a time, in memory", "shardlearn: packing alone, one thread", *pack)]


def written() -> Path:
    """The file, in pyarrow's default row groups."""
    path = FOLDER / f"rows-{SCALE:g}.parquet"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        rng, left = np.random.default_rng(1), rows(4_000_000)
        names = ["y", *(f"x{i}" for i in range(1, COLUMNS))]
        with pq.ParquetWriter(path, pa.schema([(name, pa.float64()) for name in names])) as file:
            while left > 0:
                n = min(left, 1 << 20)
                file.write_table(pa.table([rng.standard_normal(n) for _ in names], names=names))
                left -= n
    return path


def _packing(path: Path) -> tuple[str, ...]:
    """Bytes read and written a second, beside a loop that only reads memory."""
    from shardlearn import _native
    from shardlearn.data.packing import packer

    batches = list(pq.ParquetFile(path).iter_batches(BATCH, row_groups=[0]))
    pack, blocks, many = (
        packer(batches[0].schema, range(1, COLUMNS)),
        np.zeros((2, BATCH, COLUMNS - 1)),
        np.ones(1 << 25),
    )
    spans = [(pack.export(batch), range(batch.num_rows), blocks[i % 2]) for i, batch in enumerate(batches)]

    def seconds(do: Callable[[], object]) -> float:
        began = time.thread_time()
        do()
        return time.thread_time() - began

    def pack_all() -> None:
        for span in spans:
            pack.rows(*span)

    times = [(seconds(pack_all), seconds(lambda: _native.peak_read(many))) for _ in range(REPEATS)]
    packing, reading = (median(each) for each in zip(*times, strict=True))
    count = sum(batch.num_rows for batch in batches)
    moved, limit = 16 * count * (COLUMNS - 1) / packing / 1e9, many.nbytes / reading / 1e9
    said = f"{moved:.1f} GB/s read and written, {moved / limit:.2f} of the {limit:.1f} that a loop reads"
    return f"{count / packing / 1e6:.2f}", f"{packing / count * 1e6:.3f}", "", "", said


def _run(way: str, path: Path) -> dict:
    command = [sys.executable, "-m", "bench.parquet", way, str(path)]
    run = subprocess.run(command, cwd=ROOT, env=environment(), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)


def _anonymous() -> int:
    """Bytes of memory that belong to this process alone."""
    with open("/proc/self/status") as file:
        return sum(1024 * int(line.split()[1]) for line in file if line.startswith(("RssAnon:", "RssShmem:")))


def _timed(way: Callable[[str], int], path: str) -> dict:
    """A small file first, so that imports and pools don't count; then the peak every 5 ms of one pass."""
    small = str(Path(path).with_name("small.parquet"))
    if not Path(small).exists():
        pq.write_table(pq.ParquetFile(path).read_row_group(0).slice(0, 1_000), small)
    way(small)
    gc.collect()
    start = peak = _anonymous()
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.005):
            peak = max(peak, _anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, used = time.perf_counter(), time.process_time()
    count = way(path)
    took, used = time.perf_counter() - began, time.process_time() - used
    over.set()
    watcher.join()
    return {"rows": count, "seconds": took, "cpu": used, "peak": peak - start}


if __name__ == "__main__":
    print(json.dumps(_timed(WAYS[sys.argv[1]], sys.argv[2])))
