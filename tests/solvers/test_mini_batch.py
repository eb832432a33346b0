"""Mini-batch k-means as a state machine: against its definition, exact rationals, lost rows, any number of workers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks
from tests.solvers.fitting import csr

from shardlearn.core import fixed
from shardlearn.core.block import Block
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Csr
from shardlearn.core.solver import Status
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
from shardlearn.engines.serial import SerialEngine
from shardlearn.engines.threads import ThreadPool
from shardlearn.run import run
from shardlearn.solvers.ahead import ahead, later
from shardlearn.solvers.batch_step import LOOKS, Learned, stepped
from shardlearn.solvers.batches import WINDOW, Batches, sampled
from shardlearn.solvers.clusters import Clusters, Units
from shardlearn.solvers.mini_batch import CHUNK, MiniBatch, Streamed
from shardlearn.solvers.one_batch import NextBatch, OneBatch
from shardlearn.solvers.problem import Shape
from shardlearn.solvers.registry import SOLVERS
from shardlearn.solvers.running_means import Running
from shardlearn.storage import state as storage

rng = np.random.default_rng(0)
BLOBS = rng.normal(size=(3000, 5)) + 3.0 * rng.integers(0, 3, (3000, 5))
EXAMPLES = [name for name in SOLVERS if "batch" in name]


def clusters(X: Any, k: int, **settings: Any) -> Clusters:
    return Clusters(
        Shape(Grid(0, X.shape[0], 64), X.shape[1], isinstance(X, Csr)), k, X.dtype == np.float32, **settings
    )


def solved(solver: Any, problem: Any, X: Any, weight: Any = None, engine: Any = None, **settings: Any) -> list[Any]:
    """All states."""
    engine, states = engine or SerialEngine(), []
    data = engine.open(ArrayBlocks(X, None, weight, **settings))
    run(solver, problem, {"train": data}, engine, after=lambda now: bool(states.append(now)))
    return states


# -- which rows --------------------------------------------------------------------------------------------------------

GRIDS = [Grid(0, 1000, 64), Grid(0, 64, 64), Grid(0, 5000, 64), Grid(100, 4101, 64), Grid(0, 7, 65536)]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("size", [1, 7, 32, 600])
def test_an_epoch_has_each_row_once(grid: Grid, size: int) -> None:
    size = min(size, grid.count)
    batches = Batches(grid, size, 5)
    first, second = (np.concatenate(batches.ids(e * batches.in_epoch, (e + 1) * batches.in_epoch)) for e in (0, 1))
    for ids in (first, second):
        assert len(np.unique(ids)) == len(ids) == grid.count // size * size
        assert ids.min() >= grid.first
        assert ids.max() < grid.stop
    if batches.in_epoch > 1:
        assert not np.array_equal(first, second)
        assert not np.array_equal(first, np.concatenate(Batches(grid, size, 6).ids(0, batches.in_epoch)))


def test_batches_are_functions_of_their_number() -> None:
    batches = Batches(Grid(0, 5000, 64), 30, 1)
    many = batches.ids(0, 400)
    assert (np.diff(many, axis=1) > 0).all()
    for first, stop in ((0, 1), (165, 167), (399, 400), (20, 300)):
        np.testing.assert_array_equal(batches.ids(first, stop), many[first:stop])


def test_few_blocks_are_read_for_a_batch() -> None:
    """And those of an epoch are in no order: rows of any batch lie all over its window."""
    batches = Batches(Grid(0, 64_000, 64), 256, 1)
    for ids in batches.ids(0, batches.in_epoch):
        blocks = np.unique(ids // 64)
        assert WINDOW // 2 <= len(blocks) <= 2 * WINDOW
        assert np.ptp(blocks) > 300  # of 1,000


def test_a_sample_lies_all_over_the_rows() -> None:
    grid = Grid(50, 1050, 64)
    ids = sampled(grid, 30, 3, 0)
    assert all(j * 1000 // 30 <= i - 50 < (j + 1) * 1000 // 30 for j, i in enumerate(ids))
    assert not np.array_equal(ids, sampled(grid, 30, 3, 1))
    np.testing.assert_array_equal(sampled(grid, 1000, 3, 0), np.arange(50, 1050))


# -- means -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("spread", [0.0, 1e6, 1e9], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_of_a_stream_are_those_of_exact_rationals(dtype: Any, spread: float, weighted: bool) -> None:
    """Within a unit in the last place; rows at 1e9 take no digits from those near 1, where these are float64."""
    draw = np.random.default_rng(3)
    problem = clusters(np.zeros((1, 3), dtype), 2, weighted=weighted)
    now, at = Learned.at(np.array([[0.0] * 3, [4e9] * 3])), 0
    seen: list[Any] = []
    for n in (1, 700, 3, 64, 500):
        X = (draw.normal(size=(n, 3)) + spread * draw.integers(-1, 2, (n, 1))).astype(dtype)
        weight = draw.integers(1, 9, n) / 4 if weighted else None
        now = stepped(problem, now, Block(X, None, weight, at), 0.0)
        seen, at = [*seen, (X, weight)], at + n
    rows = np.concatenate([X for X, _ in seen]).astype(float)
    weights = np.concatenate([np.ones(len(X)) if w is None else w for X, w in seen])
    total = sum(map(Fraction, weights))
    for t in range(3):
        exact = sum(Fraction(w) * Fraction(x) for w, x in zip(weights, rows[:, t], strict=True)) / total
        miss = abs(Fraction(now.centers[0, t]) - exact)
        kept = float(np.abs(rows[:, t]).max()) * (2.0**-32 if dtype == np.float32 else 2.0**-64)  # of a value
        assert miss <= Fraction(np.spacing(abs(float(exact)))) + Fraction(kept)
        assert dtype == np.float32 or now.centers[0, t] == float(exact)  # the nearest number
    assert now.running.counts[0] == float(total)
    np.testing.assert_array_equal(now.centers[1], 4e9)  # no row went there


def test_the_mean_of_equal_rows_is_the_row() -> None:
    problem, row = clusters(BLOBS, 1), np.array([[0.1, 1e-9, 123456.789, -7e7, 3e-300]])
    now = Learned.at(np.zeros((1, 5)))
    for n in (1, 3, 5, 11, 1000, 77):
        now = stepped(problem, now, Block(np.repeat(row, n, axis=0), None, None, 0), 0.0)
        assert now.centers.tobytes() == row.tobytes()
        assert now.shift == (0.0 if n > 1 else pytest.approx(float((row**2).sum())))


def test_large_sums_keep_all_digits() -> None:
    """Whole numbers far beyond 2^53 come back, also from weights of two layers."""
    scale = fixed.scale(np.array([1.0, 1.0]), 4, limbs=2)
    sums = np.array([[[2**61 + 1, -(2**61) - 3]], [[5 << 20, 7 << 20]]])
    for weights in (None, fixed.Weights(3, 9, 2)):
        units, layers = Units(scale, weights, None), 1 if weights is None else 2
        running, share = Running.none(1, 2), Fraction(1) if weights is None else Fraction(513, 512 * 8)
        for _ in range(3):
            running = running.added(np.stack([sums] * layers), np.full((layers, 1), 4), units)
        assert running.counts.tolist() == [float(12 * share)]
        for t, (first, second) in enumerate(((2**61 + 1, 5 << 20), (-(2**61) - 3, 7 << 20))):
            exact = 3 * share * (Fraction(first) + Fraction(second, 2**scale.room)) / 2 ** int(scale.exponent[t])
            off = abs(Fraction(running.high[0, t]) + Fraction(running.low[0, t]) - exact)
            assert off <= (0 if weights is None else abs(exact) / (1 << 100))
            assert Fraction(float(running.means(np.array([0]))[0, t])) == Fraction(float(exact / (12 * share)))


# -- steps -------------------------------------------------------------------------------------------------------------


def test_a_batch_of_all_rows_is_an_iteration_of_lloyd() -> None:
    start = BLOBS[:9].copy()
    label = ((BLOBS[:, None] - start) ** 2).sum(axis=2).argmin(axis=1)
    means = np.array([BLOBS[label == j].mean(axis=0) for j in range(9)])
    now = stepped(clusters(BLOBS, 9), Learned.at(start), Block(BLOBS, None, None, 0), 0.0)
    np.testing.assert_allclose(now.centers, means, rtol=1e-13)
    np.testing.assert_array_equal(now.running.counts, np.bincount(label))
    assert now.mean == pytest.approx(((BLOBS - start[label]) ** 2).sum(axis=1).mean(), rel=1e-14)
    assert now.shift == pytest.approx(((means - start) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize("form", ["f64", "f32", "csr"])
def test_steps_are_those_of_the_definition(form: str) -> None:
    """Labels by distances, each centre moved by (mean of the batch - c) times the batch's share: Sculley's rule."""
    dense = np.where(np.abs(BLOBS) < 1.0, 0.0, BLOBS).astype(np.float32 if form == "f32" else np.float64)
    X: Any = csr(dense) if form == "csr" else dense
    weight = np.random.default_rng(5).integers(0, 4, 3000).astype(float)
    solver = MiniBatch(100, 300, ratio=0.0, patience=None, max_iter=2, measured=False)
    problem = Streamed(clusters(X, 6, weighted=True, seed=4), (BLOBS[:6].copy(),))
    states = solved(solver, problem, X, weight)
    centers, counts, rows = BLOBS[:6].copy(), np.zeros(6), dense.astype(float)
    for ids in Batches(problem.shape.grid, 100, 4).ids(0, 60):
        label = ((rows[ids, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        for j in np.unique(label[weight[ids] > 0]):
            mine = ids[label == j]
            counts[j] += weight[mine].sum()
            centers[j] += (np.average(rows[mine], axis=0, weights=weight[mine]) - centers[j]) * (
                weight[mine].sum() / counts[j]
            )
    assert states[-1].status is Status.OUT_OF_ROUNDS
    assert states[-1].learned.steps == 60
    np.testing.assert_allclose(states[-1].learned.centers, centers, rtol=1e-6 if form == "f32" else 1e-11)
    np.testing.assert_allclose(states[-1].learned.running.counts, counts)
    assert len(states) > 60 * 100 // (CHUNK * 64)  # not all of them in one pass


def test_rows_without_weight_are_no_rows() -> None:
    X, weight = BLOBS[:300].copy(), np.ones(300)
    X[::3], weight[::3] = 1e12, 0.0
    problem = clusters(X, 4, weighted=True)
    one = stepped(problem, Learned.at(BLOBS[:4].copy()), Block(X, None, weight, 0), 0.3)
    some = np.flatnonzero(weight)
    other = stepped(problem, Learned.at(BLOBS[:4].copy()), Block(X[some], None, weight[some], 0, some), 0.3)
    assert storage.to_files(replace(one, waiting=0)) == storage.to_files(replace(other, waiting=0))
    none = stepped(problem, one, Block(X, None, np.zeros(300), 0), 0.3)
    assert (none.steps, none.weight, none.shift) == (2, 0.0, 0.0)
    assert none.centers is one.centers


def test_small_clusters_go_to_rows_of_the_batch() -> None:
    """As if as many rows had gone there as to the smallest of the others."""
    start = np.concatenate([BLOBS[:3], np.full((2, 5), 1e6)])
    problem, batch = clusters(BLOBS, 5), Block(BLOBS[:200], None, None, 0)
    kept = stepped(problem, Learned.at(start), batch, 0.0)
    moved = stepped(problem, Learned.at(start), batch, 0.01)
    np.testing.assert_array_equal(kept.centers[3:], start[3:])
    np.testing.assert_array_equal(moved.centers[:3], kept.centers[:3])
    rows = {row.tobytes() for row in BLOBS[:200]}
    assert all(center.tobytes() in rows for center in moved.centers[3:])
    assert moved.centers[3].tobytes() != moved.centers[4].tobytes()
    assert (moved.running.counts[3:] == kept.running.counts[:3].min()).all()
    assert moved.shift > 1e12
    again = stepped(problem, moved, Block(BLOBS[3:4], None, None, 300), 0.0)
    assert again.running.counts.sum() == moved.running.counts.sum() + 1


def test_small_clusters_are_looked_for_now_and_then() -> None:
    problem, batch = clusters(BLOBS, 3), Block(BLOBS[:7], None, None, 0)
    now = stepped(problem, Learned.at(BLOBS[:3].copy()), Block(BLOBS, None, None, 0), 0.5)
    assert now.waiting == 0  # there were centres without rows before it
    for _ in range(LOOKS * 3 // 7):
        now = stepped(problem, now, batch, 0.0)
    assert now.waiting == LOOKS * 3 // 7 * 7
    assert stepped(problem, now, batch, 0.0).waiting == 0


def test_the_largest_cluster_stays_and_half_of_a_batch_is_the_most() -> None:
    """Whatever the ratio."""
    problem, centers = clusters(BLOBS, 9), BLOBS[:9].copy()
    all_but_one = stepped(problem, Learned.at(centers), Block(BLOBS[:400], None, None, 0), 5.0)
    counts = stepped(problem, Learned.at(centers), Block(BLOBS[:400], None, None, 0), 0.0).running.counts
    assert (all_but_one.running.counts == counts.max()).all()
    few = stepped(problem, Learned.at(np.arange(9.0)[:, None] + centers[:1]), Block(BLOBS[:6], None, None, 0), 5.0)
    assert len({row.tobytes() for row in BLOBS[:6]} & {center.tobytes() for center in few.centers}) >= 3
    assert (few.running.counts == 0).sum() >= 3  # at most three were moved, with the weight of the least of the others


# -- beginning and end -------------------------------------------------------------------------------------------------


def test_it_ends() -> None:
    problem = Streamed(clusters(BLOBS, 4, seed=1), (BLOBS[:4].copy(),))
    idle = solved(MiniBatch(100, 300, patience=3, labels=True), problem, BLOBS)[-1]
    assert (idle.status, idle.idle) == (Status.CONVERGED, 3)
    assert 3 < idle.learned.steps < 3000
    label = ((BLOBS[:, None] - idle.learned.centers) ** 2).sum(axis=2)
    np.testing.assert_array_equal(idle.labels, label.argmin(axis=1))
    assert idle.inertia == pytest.approx(label.min(axis=1).sum(), rel=1e-13)
    still = solved(MiniBatch(100, 300, patience=None, tol=1e-3), problem, BLOBS)[-1]
    assert still.variance == pytest.approx(BLOBS.var(axis=0).mean(), rel=1e-13)
    assert still.status is Status.CONVERGED
    assert 0 < still.learned.shift <= 1e-3 * still.variance
    out = solved(MiniBatch(100, 300, patience=None, max_iter=2), problem, BLOBS)[-1]
    assert (out.status, out.learned.steps, out.labels) == (Status.OUT_OF_ROUNDS, 60, None)


def test_the_smoothed_mean_says_when_it_ends() -> None:
    """Each step is a round here: the mean of means, the last ones most, and how long ago it fell last."""
    problem = Streamed(clusters(BLOBS, 4, seed=1), (BLOBS[:4].copy(),))
    states = [s for s in solved(MiniBatch(256, 300, patience=4), problem, BLOBS) if s.status is Status.RUNNING]
    share, smooth, found = 512 / 3001, None, []
    for state in states[1:]:
        mean = state.learned.mean
        smooth = mean if smooth is None else smooth * (1 - share) + mean * share
        found.append(smooth)
        assert state.smooth == pytest.approx(smooth, rel=1e-14)
        assert state.idle == len(found) - 1 - int(np.argmin(found))
    assert states[0].smooth is None
    assert [state.idle for state in states[-5:]] == [0, 1, 2, 3, 4]
    assert len(states) > 6


def test_the_inertia_is_guessed_where_rows_are_not_measured() -> None:
    for weight in (None, 2.0 * np.ones(3000)):
        problem = Streamed(clusters(BLOBS, 4, weighted=weight is not None), (BLOBS[:4].copy(),))
        guessed, measured = (
            solved(MiniBatch(100, 300, measured=measured), problem, BLOBS, weight)[-1] for measured in (False, True)
        )
        assert guessed.inertia == pytest.approx(measured.inertia, rel=0.1)
        assert guessed.inertia != measured.inertia
    once = solved(MiniBatch(3000, 300, max_iter=1, measured=False), problem, BLOBS, weight)[-1]
    assert once.inertia == pytest.approx(once.learned.mean * 6000)


def test_the_best_start_counts() -> None:
    """Of those that were given, and of those that are chosen; told by other rows."""
    good, bad = BLOBS[::500].copy(), BLOBS[:1] + np.arange(6.0)[:, None]
    states = solved(MiniBatch(100, 300), Streamed(clusters(BLOBS, 6), (bad, good, bad)), BLOBS)
    np.testing.assert_array_equal(states[0].learned.centers, good)
    problem = Streamed(clusters(BLOBS, 6, seed=3))
    several = solved(MiniBatch(100, 300, seeding="random", tries=9), problem, BLOBS)[0].learned.centers
    one = solved(MiniBatch(100, 300, seeding="random"), problem, BLOBS)[0].learned.centers
    left = [((BLOBS[:, None] - c) ** 2).sum(axis=2).min(axis=1).sum() for c in (several, one)]
    assert left[0] < left[1]


def test_a_sample_in_which_few_rows_are_left_grows() -> None:
    weight = np.zeros(3000)
    weight[7::100] = 1.0
    problem = Streamed(clusters(BLOBS, 5, weighted=True))
    states = solved(MiniBatch(100, 6), problem, BLOBS, weight)
    assert [state.sample for state in states[:5]] == [48, 384, 3000, 3000, 3000]
    assert [state.learned is None for state in states[:4]] == [True, True, True, False]
    assert {c.tobytes() for c in states[3].learned.centers} <= {row.tobytes() for row in BLOBS[7::100]}
    weight[8:] = 0.0  # one row is left: there is no more to be had
    states = solved(MiniBatch(100, 6, max_iter=1), problem, BLOBS, weight)
    assert states[-1].inertia == 0.0


def test_batches_all_of_whose_rows_were_left_out() -> None:
    keep = np.zeros(3000, np.bool_)
    keep[-40:] = True
    problem = Streamed(clusters(BLOBS, 3))
    state = solved(MiniBatch(20, 60, max_iter=1, patience=None, ratio=0.0), problem, BLOBS, keep=keep)[-1]
    assert state.learned.running.counts.sum() == 40
    np.testing.assert_array_equal(np.unique(state.learned.running.counts > 0), [True])


def test_one_batch_is_a_step() -> None:
    start, weight = BLOBS[:5].copy(), rng.uniform(0, 2, 3000)
    problem = replace(clusters(BLOBS, 5, weighted=True), start=start)
    one = solved(OneBatch(300), NextBatch(problem), BLOBS, weight)[-1]
    whole = MiniBatch(3000, 300, max_iter=1, labels=True)
    other = solved(whole, Streamed(problem, (start,)), BLOBS, weight)[-1]
    assert storage.to_files(one.learned) == storage.to_files(other.learned)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.inertia == pytest.approx(other.inertia, rel=1e-14)
    bare = solved(OneBatch(300, measured=False), NextBatch(problem), BLOBS, weight)[-1]
    assert bare.labels is None
    assert storage.to_files(bare.learned) == storage.to_files(one.learned)
    some = np.where(np.arange(3000) < 2990, 0.0, 1.0)
    chosen = solved(OneBatch(10), NextBatch(replace(problem, start=None)), BLOBS, some)[-1]
    assert chosen.learned.running.counts.sum() == 10


# -- laws --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_workers_change_nothing(name: str) -> None:
    example = SOLVERS[name]()

    def states(engine: Any = None) -> list[Any]:
        found = solved(example.solver, example.problem, example.rows.X, example.rows.weight, engine)
        return [storage.to_files(state) for state in found]

    wanted = states()
    for workers in (1, 2, 3, 7):
        room = Room()
        assert states(PoolEngine("threads", ThreadPool(workers, room), room)) == wanted


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_asked_is_known_before(name: str) -> None:
    example, asked = SOLVERS[name](), []

    class Kept(SerialEngine):
        def fold(self, data: Any, query: Any, /, *, emit: Any) -> Any:
            asked.append(query)
            answer = super().fold(data, query, emit=emit)
            if hasattr(answer, "each"):
                assert sum(part.X.data.nbytes for part in answer.each) <= query.measure.bytes()
            return answer

    solved(example.solver, example.problem, example.rows.X, example.rows.weight, Kept())
    blocks = ArrayBlocks(example.rows.X, None, example.rows.weight)
    known = [*ahead(example.solver, example.problem, blocks.empty()), *later(example.solver, example.problem)]
    for query in asked:
        assert max(one.measure.bytes() for one in known) >= query.measure.bytes()
        assert max(one.beside for one in known) >= query.beside


def test_figures_of_every_round() -> None:
    states = solved(MiniBatch(100, 300), Streamed(clusters(BLOBS, 4)), BLOBS)
    assert MiniBatch(100, 300).init(Streamed(clusters(BLOBS, 4))).figures == {}
    assert {tuple(state.figures) for state in states} == {("steps", "mean")}
    assert all(np.isfinite(value) for state in states for value in state.figures.values())
    assert OneBatch(9).init(NextBatch(clusters(BLOBS, 4))).figures == {}
    assert set(solved(OneBatch(9), NextBatch(clusters(BLOBS, 4)), BLOBS)[-1].figures) == {"mean"}
