"""What the bench says of contenders: who runs how often, which labels are compared, what share of the machine it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench import kmeans, limits, neighbors
from bench.kmeans_field import (
    BATCHES,
    CACHED,
    DOUBLE,
    FAISS,
    FIT,
    HALVES,
    HELD,
    LLOYD,
    PASS,
    READ,
    SEEDING,
    SEEDS,
    STREAMED,
    SUPER,
    Contender,
)
from bench.kmeans_rows import HEAD, agreement, machine, row
from bench.neighbors_worker import US
from bench.peers import INTEL, SKLEARN
from bench.turns import FAR, SHORT, told, turns

WHO, SECONDS, TIMES, INERTIA, DONE, LABELS, NOTES = range(2, 9)  # columns


def contender(folder: Path, library: str, way: str | None = None, labels: Any = None, **told: Any) -> Contender:
    """One that answered twice, after a slow time to warm up."""
    one = Contender(library, way, folder)
    answer = {"seconds": 2.0, "inertia": 10.0, "iterations": 20, "passes": 22, "bytes": 1e9, "flops": 1e9} | told
    one.answers = [answer | {"seconds": 50.0}, answer, answer]
    if labels is not None:
        np.save(one.written, np.array(labels))
    return one


@pytest.fixture
def peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "peaks", lambda threads: (50e9, 10e9))  # so 100 GFLOP/s in float32


def test_who_is_far_behind_runs_once() -> None:
    first = [4.0, 2.0, FAR * 2.0, FAR * 2.0 + 0.1, np.inf]
    assert list(turns(first, 3)) == [0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2]
    assert list(turns([9.0, 1.0], 2)) == [0, 1, 0, 1]  # ours runs on
    assert list(turns([SHORT / 100, SHORT], 2)) == [0, 1, 0, 1]  # what takes no time need not be spared
    assert list(turns([1.0, 50.0], 2, far=np.inf)) == [0, 1, 0, 1]
    assert [told(1, 5), told(5, 5), told(1, 1)] == ["1 run", "", ""]


def test_labels_are_compared_on_the_same_rows_and_on_float64_ones(tmp_path: Path) -> None:
    single, double = [0, 1, 2, 3], [0, 1, 2, 2]
    peers = [contender(tmp_path, SKLEARN, way, labels) for way, labels in ((LLOYD, single), (DOUBLE, double))]
    ours = contender(tmp_path, US, None, [0, 1, 2, 2])
    field = [ours, *peers, contender(tmp_path, SUPER, None, single), contender(tmp_path, INTEL)]
    assert [agreement(one, field) for one in field] == [
        "75.000 %, float64 100.000 %",
        "100.000 %, float64 75.000 %",
        "75.000 %, float64 100.000 %",
        "-",  # its clusters have other numbers
        "-",  # no labels
    ]
    assert agreement(ours, [ours, peers[0]]) == "75.000 %"  # sparse rows are float64
    assert agreement(ours, [ours]) == "-"


def test_a_row_says_how_it_differs(tmp_path: Path, peak: None) -> None:
    ours, peer = contender(tmp_path, US), contender(tmp_path, FAISS, iterations=19, inertia=11.0, seconds=5.0)
    elsewhere, failed = contender(tmp_path, SUPER), Contender(INTEL, None, tmp_path, error="not installed")
    field = [ours, peer, elsewhere, failed]
    first, second, third, fourth = (row("table", FIT, one, field) for one in field)
    assert {len(line) for line in (first, second, third, fourth)} == {len(HEAD)}
    assert (first[SECONDS], first[TIMES], first[INERTIA], first[DONE]) == ("2.000", "1.00", "0.0e+00", "20")
    assert (second[SECONDS], second[TIMES], second[INERTIA], second[DONE]) == ("5.000", "2.50", "1.0e-01", "19")
    assert second[NOTES] == "19 iterations, ours 20"
    assert third[NOTES] == "starts from rows of its own"
    assert fourth[NOTES] == "not installed"
    assert row("table", PASS, elsewhere, field)[NOTES] == ""  # there it is given centres
    peer.answers = peer.answers[:2]
    once = row("table", FIT, peer, field)
    assert (once[SECONDS], once[NOTES]) == ("5.000", "19 iterations, ours 20; 1 run")


def test_each_seed_counts_once_for_the_inertia(tmp_path: Path, peak: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fit(self: Contender, task: str, seed: int = 0, write: bool = False) -> None:
        asked.append((self.library, seed))
        plain = {"iterations": 1, "passes": 9, "bytes": 1e9, "flops": 1e9}
        base = 1.0 if self.library == US else 2.0
        self.answers.append(plain | {"seconds": 1.0 if seed else 9.0, "inertia": base * seed**2})

    monkeypatch.setattr(Contender, "fit", fit)
    field = [Contender(library, None, tmp_path) for library in (US, SKLEARN)]
    kmeans.seeds(SEEDING, field)
    assert SEEDS == 10
    assert asked == [(library, seed) for seed in range(10) for library in (US, SKLEARN)]
    ours, peer = (row("table", SEEDING, one, field) for one in field)
    assert (peer[SECONDS], peer[INERTIA], peer[DONE]) == ("1.000", "1.0e+00", "1")
    assert np.median(field[0].inertia) == 20.5  # of 16 and 25: ten seeds, all different
    assert ours[NOTES].startswith("inertia after iteration 1; equivalent")


def test_shares_of_the_machine(tmp_path: Path, peak: None) -> None:
    dense, sparse = contender(tmp_path, US, flops=1e11, bytes=1e9), contender(tmp_path, US, flops=0.0, bytes=1e9)
    assert machine(PASS, dense) == "50 GFLOP/s, 50% of the peak"
    assert machine(FIT, dense) == "equivalent 1000 GFLOP/s, 1000% of the peak"  # bounds spare most of it
    assert machine(SEEDING, dense) == "equivalent 550 GFLOP/s, 550% of the peak"  # 10 k candidates, k centres
    assert machine(HALVES, dense) == "equivalent 11.0 GB/s, 110% of reading"
    assert machine(PASS, contender(tmp_path, US, flops=0.0, passes=None)) == "0.5 GB/s, 5% of reading"
    assert machine(FIT, sparse) == "equivalent 11.0 GB/s, 110% of reading"
    assert machine(BATCHES, contender(tmp_path, US, passes=2)) == "1.5 GB/s, 15% of reading"
    assert machine(HELD, contender(tmp_path, US, STREAMED)) == "11.0 GB/s, 110% of reading"


def test_rows_from_files_stand_beside_the_array_or_beside_reading(tmp_path: Path, peak: None) -> None:
    ways = {"array": (22, 0.08), CACHED: (23, 0.1), STREAMED: (23, 0.09)}
    field = [contender(tmp_path, US, way, passes=passes, later=later) for way, (passes, later) in ways.items()]
    field += [contender(tmp_path, "pyarrow", READ, passes=20, seconds=1.0, inertia=np.nan, iterations=None)]
    notes = [row("table", HELD, one, field)[NOTES] for one in field]
    assert notes[1].startswith("105% of the rate of the array, 80% once rows are kept; equivalent")
    assert notes[2].startswith("57% of the rate of reading alone; 11.5 GB/s")
    assert [row("table", HELD, field[3], field)[column] for column in (INERTIA, DONE)] == ["", ""]
    assert notes[3] == "20.0 GB/s, 200% of reading"


def test_neighbours_of_a_file_stand_beside_those_in_memory(peak: None) -> None:
    held = neighbors.Contender(US, neighbors.ON_DISK, 2, times=[3.0], flops=1e11, size=10**9)
    file = neighbors.Contender(US, neighbors.ON_DISK, 2, neighbors.STREAMED, [4.0], flops=1e11, size=10**9)
    alone = neighbors.Contender(US, neighbors.ON_DISK, 2, neighbors.READ, [1.0], flops=0.0, size=10**9)
    held.ids = file.ids = np.arange(20).reshape(10, 2)
    said = [neighbors.row(one, 10, held) for one in (held, file, alone)]
    names = [line[2] for line in said]
    assert names == ["shardlearn", "shardlearn, Parquet, room for less", "pyarrow, Parquet, reading alone"]
    assert [line[5] for line in said] == ["100.00 %", "100.00 %", "-"]
    notes = [line[-1].removesuffix("; 1 run") for line in said]
    assert notes[1] == "25 GFLOP/s, 25% of the peak; 75% of the rate in memory"
    assert notes[2] == "1.0 GB/s, 10% of reading"
