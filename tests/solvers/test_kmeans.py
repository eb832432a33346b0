"""k-means as a state machine: against its definition, brute force, lost carries, any number of workers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks
from tests.probes.shaken import ForgetfulEngine, Shaken

from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Csr, to_dense
from shardlearn.core.solver import Status
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
from shardlearn.engines.serial import SerialEngine
from shardlearn.engines.threads import ThreadPool
from shardlearn.run import run
from shardlearn.solvers.ahead import ahead, later
from shardlearn.solvers.clusters import Clusters, units
from shardlearn.solvers.kmeans import KMeans
from shardlearn.solvers.lloyd import Lloyd
from shardlearn.solvers.problem import Shape
from shardlearn.solvers.registry import SOLVERS
from shardlearn.solvers.seeding import ROUNDS
from shardlearn.solvers.together import Together
from shardlearn.statistics.cells import CellTable
from shardlearn.statistics.seeding import Drawn, Spans

rng = np.random.default_rng(0)
BLOBS = rng.normal(size=(3000, 5)) + 3.0 * rng.integers(0, 3, (3000, 5))
EXAMPLES = [name for name in SOLVERS if name.startswith("k-means")]


def clusters(X: Any, k: int, **settings: Any) -> Clusters:
    sparse = isinstance(X, Csr)
    return Clusters(Shape(Grid(0, X.shape[0], 256), X.shape[1], sparse), k, X.dtype == np.float32, **settings)


def solved(solver: Any, problem: Any, X: Any, weight: Any = None, engine: Any = None, after: Any = None) -> Any:
    """The last state, or all of them."""
    engine, states = engine or SerialEngine(), []
    data = engine.open(ArrayBlocks(X, None, weight, rows=256))
    state = run(solver, problem, {"train": data}, engine, after=lambda now: bool(states.append(now)))
    return states if after else state


def lloyd(X: Any, centers: Any, rounds: int) -> Any:
    """The definition: labels by float64 distances, centres by means; labels of each iteration."""
    out = []
    for _ in range(rounds):
        label = ((X[:, None, :] - centers) ** 2).sum(axis=2).argmin(axis=1)
        centers = np.array([X[label == j].mean(axis=0) if (label == j).any() else c for j, c in enumerate(centers)])
        out.append((label, centers))
        if len(out) > 1 and (label == out[-2][0]).all():
            break
    return out


def test_iterations_are_those_of_the_definition() -> None:
    problem = clusters(BLOBS, 9, start=BLOBS[:9].copy())
    states = [s.lloyd for s in solved(KMeans(Lloyd(0.0, 100, labels=True)), problem, BLOBS, after=True) if s.lloyd]
    wanted = lloyd(BLOBS, BLOBS[:9], 100)
    steps = [s for s in states if s.iterations and s.status is Status.RUNNING]
    assert len(steps) == len(wanted) > 5
    for state, (label, centers) in zip(steps, wanted, strict=True):
        np.testing.assert_array_equal(state.weights, [np.bincount(label, minlength=9)])
        np.testing.assert_allclose(state.centers, centers, rtol=1e-13)
    last = states[-1]
    assert last.status is Status.CONVERGED
    np.testing.assert_array_equal(last.labels, wanted[-1][0])
    assert last.inertia == pytest.approx(((BLOBS - wanted[-1][1][wanted[-1][0]]) ** 2).sum(), rel=1e-14)
    assert steps[-1].changed == 0
    assert sum(s.changed for s in steps[1:]) < len(BLOBS)  # most rows were added once


@pytest.mark.parametrize("rows", [1, 1 << 20, 1 << 27, 1 << 36])
@pytest.mark.parametrize(("single", "kept"), [(True, 72), (False, 96)])
def test_whole_weights_of_many_rows(rows: int, single: bool, kept: int) -> None:
    """Sums of so many products have room, and weights keep their digits."""
    problem = replace(clusters(BLOBS, 9), single=single, weighted=True)
    found = units(problem, Spans(rows, np.zeros(6), np.ones(6), 1.0, 2.0**-60, -200))
    assert found.weights is not None
    assert found.weights.bits * found.weights.layers >= kept
    assert found.scale.room + found.weights.bits + (rows - 1).bit_length() <= 62
    assert found.scale.limbs <= 8
    assert found.weights.layers <= 8
    even = units(problem, Spans(rows, np.zeros(6), np.ones(6), 3.0, 1.0, 0)).weights
    assert even is not None
    assert (even.bits, even.layers, even.whole(np.array([3.0, 1.0])).tolist()) == (2, 1, [[3, 1]])


def test_ends() -> None:
    """At the tolerance, and after so many iterations; labels belong to the last centres all the same."""
    problem = clusters(BLOBS, 9, start=BLOBS[:9].copy())
    spread_ = float(BLOBS.var(axis=0).mean())
    loose = solved(KMeans(Lloyd(0.5, 100)), problem, BLOBS).lloyd
    assert loose.status is Status.CONVERGED
    assert loose.variance == pytest.approx(spread_)
    assert 0 < loose.shift <= 0.5 * spread_
    assert loose.labels is None
    cut = solved(KMeans(Lloyd(0.0, 3, labels=True)), problem, BLOBS).lloyd
    assert (cut.status, cut.iterations) == (Status.OUT_OF_ROUNDS, 3)
    np.testing.assert_array_equal(cut.labels, lloyd(BLOBS, cut.centers, 1)[0][0])


@pytest.mark.parametrize("name", EXAMPLES)
def test_lost_carries_and_workers_change_nothing(name: str) -> None:
    """Every state of every round is the same, bit for bit."""
    example = SOLVERS[name]()
    X, weight = example.rows.X, example.rows.weight

    def states(solver: Any = example.solver, engine: Any = None) -> list[bytes]:
        engine = engine or SerialEngine()
        data, seen = engine.open(ArrayBlocks(X, None, weight)), []
        run(solver, example.problem, {"train": data}, engine, after=lambda now: bool(seen.append(bits(now))))
        return seen

    wanted = states()
    for share in (0.3, 1.0):
        assert states(Shaken(example.solver, share)) == wanted
    assert states(engine=ForgetfulEngine()) == wanted
    for workers in (1, 2, 3, 7):
        room = Room()
        assert states(engine=PoolEngine("threads", ThreadPool(workers, room), room)) == wanted


def bits(state: Any) -> bytes:
    lloyd = state.lloyd
    if lloyd is None:
        return to_dense(state.seeding.candidates).tobytes()
    sums = [lloyd.sums.limbs] if isinstance(lloyd.sums, CellTable) else [lloyd.sums]
    return b"".join(part.tobytes() for part in (lloyd.centers, *sums, lloyd.weights)) + repr(lloyd.inertia).encode()


def test_the_best_of_all_partitions() -> None:
    X = np.random.default_rng(5).normal(size=(10, 2))

    def inertia(label: Any) -> float:
        return float(sum(((X[label == j] - X[label == j].mean(axis=0)) ** 2).sum() for j in range(3)))

    others = itertools.product(range(3), repeat=9)
    labels = (np.array([0, *other]) for other in others)
    best = min(inertia(label) for label in labels if len(set(label.tolist())) == 3)
    for seeding in ("k-means||", "k-means++", "random"):
        problems = [clusters(X, 3, seed=seed) for seed in range(30)]
        found = solved(Together(KMeans(Lloyd(0.0), seeding)), problems, X)
        inertias = [one.lloyd.inertia for one in found.each]
        assert min(inertias) == pytest.approx(best, rel=1e-12), seeding
        assert min(inertias) >= best * (1 - 1e-12)


@pytest.mark.parametrize("seeding", ["k-means||", "k-means++", "random"])
@pytest.mark.parametrize("k", [1, 2, 40])
def test_as_many_clusters_as_rows(seeding: str, k: int) -> None:
    X = np.random.default_rng(1).normal(size=(k, 3))
    state = solved(KMeans(Lloyd(labels=True), seeding), clusters(X, k), X).lloyd
    assert state.inertia == 0.0
    assert sorted(state.labels.tolist()) == list(range(k))


@pytest.mark.parametrize("seeding", ["k-means||", "k-means++", "random"])
def test_fewer_places_than_clusters(seeding: str) -> None:
    X = np.repeat(np.random.default_rng(1).normal(size=(4, 3)), 10, axis=0)
    state = solved(KMeans(Lloyd(labels=True), seeding), clusters(X, 9), X).lloyd
    assert state.status is Status.CONVERGED
    if seeding != "random":
        assert state.inertia == 0.0
        assert len(set(state.labels.tolist())) == 4


def test_one_row() -> None:
    state = solved(KMeans(Lloyd()), clusters(BLOBS[:1], 1), BLOBS[:1]).lloyd
    assert state.centers.tolist() == BLOBS[:1].tolist()
    assert state.inertia == 0.0


def test_empty_clusters_get_the_farthest_rows() -> None:
    """Two centres far from all rows: the two rows farthest from theirs, in order; their own clusters lose them."""
    X = np.array([[0.0], [1.0], [2.0], [3.0], [20.0], [40.0]])
    problem = clusters(X, 4, start=np.array([[0.0], [2.0], [900.0], [1000.0]]))
    first = [s.lloyd for s in solved(KMeans(Lloyd()), problem, X, after=True) if s.lloyd and s.lloyd.before is not None]
    assert first[0].centers[:, 0].tolist() == [0.5, 2.5, 40.0, 20.0]
    heavy = np.array([1.0, 1.0, 1.0, 3.0, 2.0, 0.0])  # the last row weighs nothing: it is no row
    problem = replace(problem, weighted=True)
    states = solved(KMeans(Lloyd()), problem, X, heavy, after=True)
    first = [s.lloyd for s in states if s.lloyd and s.lloyd.before is not None]
    np.testing.assert_allclose(first[0].centers[:, 0], [0.0, (2.0 + 3 * 3.0) / 4, 20.0, 1.0])  # 1 and 3 are equally far


def test_weights_are_rows() -> None:
    counts = np.random.default_rng(3).integers(0, 4, len(BLOBS))
    start = BLOBS[:7].copy()
    one = solved(KMeans(Lloyd(0.0)), clusters(BLOBS, 7, start=start, weighted=True), BLOBS, counts.astype(float)).lloyd
    X = np.repeat(BLOBS, counts, axis=0)
    other = solved(KMeans(Lloyd(0.0)), clusters(X, 7, start=start), X).lloyd
    np.testing.assert_allclose(one.centers, other.centers, rtol=1e-12)
    assert one.inertia == pytest.approx(other.inertia, rel=1e-13)
    assert one.iterations == other.iterations


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grids_duplicates_offsets(shift: float, dtype: Any) -> None:
    """Ties go to the lowest number, as in the definition."""
    X = (np.rint(2 * np.random.default_rng(7).normal(size=(2000, 2))) + shift).astype(dtype)
    start = np.unique(X, axis=0)[:6].astype(float)
    state = solved(KMeans(Lloyd(0.0, 4, labels=True)), clusters(X, 6, start=start), X).lloyd
    squares = ((X[:, None].astype(float) - state.centers) ** 2).sum(axis=2)
    np.testing.assert_array_equal(state.labels, squares.argmin(axis=1))
    if dtype == np.float32:
        np.testing.assert_array_equal(state.centers, state.centers.astype(np.float32))


def test_an_outlier_takes_nothing_from_the_others() -> None:
    X = BLOBS.copy()
    X[17] = 1e9
    start = np.concatenate([BLOBS[:4], X[17:18]])
    state = solved(KMeans(Lloyd(0.0)), clusters(X, 5, start=start), X).lloyd
    without = np.delete(BLOBS, 17, axis=0)
    other = solved(KMeans(Lloyd(0.0)), clusters(without, 4, start=start[:4]), without).lloyd
    np.testing.assert_allclose(state.centers[:4], other.centers, rtol=1e-14)
    assert state.inertia == pytest.approx(other.inertia, rel=1e-12)


def test_sparse_rows_as_dense_ones() -> None:
    example = SOLVERS["k-means, sparse"]()
    X = to_dense(example.rows.X)
    dense = solved(example.solver, clusters(X, example.problem.k, seed=example.problem.seed), X).lloyd
    sparse = solved(example.solver, replace(example.problem), example.rows.X).lloyd
    np.testing.assert_allclose(sparse.centers, dense.centers, rtol=1e-9, atol=1e-12)


# -- seeding -------------------------------------------------------------------------------------------------------


def test_draws_follow_the_distances() -> None:
    """One of three rows at distances 1, 2, 3: probability 1, 4 and 9 fourteenths."""
    block = ArrayBlocks(np.zeros((3, 1))).block(0)
    near = block.with_extra("near", {"square": np.array([1.0, 4.0, 9.0]), "candidate": np.zeros(3, np.int32)})
    found = [int(Drawn(1, 1, seed, 1, near=True).of(near).id[0]) for seed in range(4000)]
    share = np.bincount(found) / 4000
    np.testing.assert_allclose(share, np.array([1, 4, 9]) / 14, atol=0.03)


def test_rounds_draw_rows_far_from_the_candidates() -> None:
    states = solved(KMeans(Lloyd()), clusters(BLOBS, 10, seed=4), BLOBS, after=True)
    candidates = [len(s.seeding.candidates) for s in states if s.seeding is not None]
    assert candidates == [1, *(1 + 20 * r for r in range(1, ROUNDS + 1))]
    last = [s.seeding.candidates for s in states if s.seeding is not None][-1]
    assert len(np.unique(last, axis=0)) == len(last)


def test_other_seeds_give_other_starts() -> None:
    found = {solved(KMeans(Lloyd(1e9)), clusters(BLOBS, 10, seed=s), BLOBS).lloyd.centers.tobytes() for s in range(5)}
    assert len(found) == 5


def test_what_is_asked_is_known_before() -> None:
    problem = clusters(BLOBS, 9, weighted=True)
    solver = KMeans(Lloyd(labels=True))
    empty = ArrayBlocks(BLOBS, None, np.ones(len(BLOBS))).empty()
    asked = [*ahead(solver, problem, empty), *later(solver, problem)]
    largest = max(query.measure.bytes() for query in asked)
    engine, seen = SerialEngine(), []
    data = engine.open(ArrayBlocks(BLOBS, None, np.ones(len(BLOBS)), rows=256))
    run(solver, problem, {"train": data}, engine, after=lambda s: bool(seen.append(s)))
    assert largest >= 8 * seen[-1].lloyd.sums.size
    several = [*later(Together(solver), [problem] * 3)]
    assert several[0].measure.bytes() == 3 * asked[1].measure.bytes()
    assert [*later(KMeans(Lloyd()), replace(problem, start=BLOBS[:9]))]


def test_figures_of_every_round() -> None:
    states = solved(KMeans(Lloyd()), clusters(BLOBS, 9), BLOBS, after=True)
    names = [tuple(state.figures) for state in states]
    assert names[0] == ("candidates",)
    assert names[-1] == ("changed", "shift")
    assert KMeans(Lloyd()).init(clusters(BLOBS, 9)).figures == {}
    assert all(np.isfinite(value) for state in states for value in state.figures.values())
