"""Bisecting k-means as a state machine: against splits made one by one, lost carries, any number of workers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks
from tests.probes.shaken import ForgetfulEngine, Shaken

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Csr
from shardlearn.core.solver import Status
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
from shardlearn.engines.serial import SerialEngine
from shardlearn.engines.threads import ThreadPool
from shardlearn.run import run
from shardlearn.solvers import locally
from shardlearn.solvers.ahead import ahead, later
from shardlearn.solvers.bisecting import Bisecting, Grown, names_of, pruned
from shardlearn.solvers.clusters import Clusters
from shardlearn.solvers.halving import Halving
from shardlearn.solvers.kmeans import KMeans
from shardlearn.solvers.lloyd import Lloyd
from shardlearn.solvers.problem import Shape
from shardlearn.solvers.registry import SOLVERS
from shardlearn.storage import state as storage

rng = np.random.default_rng(0)
BLOBS = rng.normal(size=(900, 5)) + 3.0 * rng.integers(0, 3, (900, 5))
EXAMPLES = [name for name in SOLVERS if name.startswith("bisecting")]


def clusters(X: Any, k: int, **settings: Any) -> Clusters:
    return Clusters(
        Shape(Grid(0, X.shape[0], 64), X.shape[1], isinstance(X, Csr)), k, X.dtype == np.float32, **settings
    )


def halving(seeding: str = "random", **settings: Any) -> Halving:
    return Halving(KMeans(Lloyd(**settings), seeding))


def solved(solver: Any, problem: Any, X: Any, weight: Any = None, engine: Any = None) -> list[Any]:
    """All states."""
    engine, states = engine or SerialEngine(), []
    data = engine.open(ArrayBlocks(X, None, weight))
    run(solver, problem, {"train": data}, engine, after=lambda now: bool(states.append(now)))
    return states


def one_by_one(solver: Bisecting, problem: Clusters, rows: Block) -> tuple[Any, Any, Any]:
    """The definition: no split is made that isn't needed, each on its own rows alone; labels, centres, inertia."""
    grown, held = Grown.root(rows.p, problem.seed), {0: np.arange(rows.n)}
    while True:
        leaves, whole = grown.leaves(problem.k, grown.weight if solver.heaviest else grown.inertia)
        if whole:
            break
        score = grown.weight if solver.heaviest else grown.inertia
        node = leaves[int(np.argmax(score[leaves]))]
        part = rows.take(held[node])
        tries = [
            locally.solved(
                solver.halving,
                replace(problem, k=2, seed=int(grown.seed[node]) + (i << 32)),
                part,
                lambda state: state.status is not Status.RUNNING,
            )
            for i in range(solver.tries)
        ]
        best = min(tries, key=lambda one: float(one.inertia[0] + one.inertia[1]))
        grown = grown.split(node, best.centers, best.inertia, best.weight)
        label = kernels.nearest_center(part.X, problem.compared(best.centers)).label
        for side in (0, 1):
            held[int(grown.left[node]) + side] = held[node][label == side]
    labels = np.zeros(rows.n, np.int32)
    for i, node in enumerate(leaves):
        labels[held[node]] = i
    return labels, grown.centers[leaves], grown.inertia[leaves]


@pytest.mark.parametrize("form", ["f64", "f32, weights", "csr"])
@pytest.mark.parametrize("heaviest", [False, True], ids=["inertia", "weight"])
@pytest.mark.parametrize(("seeding", "tries"), [("random", 1), ("random", 3), ("k-means++", 1)])
def test_splits_on_shared_passes_are_those_made_one_by_one(form: str, heaviest: bool, seeding: str, tries: int) -> None:
    """Bit for bit: what is split beside a cluster, needed or not, changes nothing."""
    example = SOLVERS["k-means, sparse"]() if form == "csr" else None
    X: Any = BLOBS.astype(np.float32) if form == "f32, weights" else BLOBS
    X = X if example is None else example.rows.X
    n = X.shape[0]
    weight = np.random.default_rng(2).integers(0, 3, n).astype(float) if "weights" in form else None
    problem = clusters(X, 9, weighted=weight is not None, seed=11)
    solver = Bisecting(halving(seeding), tries, heaviest, labels=True)
    states = solved(solver, problem, X, weight)
    labels, centers, inertia = one_by_one(solver, problem, Block(X, None, weight, 0))
    last = states[-1]
    np.testing.assert_array_equal(last.labels, labels)
    assert last.grown.centers[last.leaves].tobytes() == centers.tobytes()
    np.testing.assert_allclose(last.grown.inertia[last.leaves], inertia, rtol=1e-13)
    assert max(len(state.wave) for state in states) >= 2
    assert len(last.grown.left) >= 17


@pytest.mark.parametrize("name", EXAMPLES)
def test_lost_carries_and_workers_change_nothing(name: str) -> None:
    """Every state of every round is the same, bit for bit."""
    example = SOLVERS[name]()
    X, weight = example.rows.X, example.rows.weight

    def states(solver: Any = example.solver, engine: Any = None) -> list[Any]:
        return [storage.to_files(state) for state in solved(solver, example.problem, X, weight, engine)]

    wanted = states()
    for share in (0.3, 1.0):
        assert states(Shaken(example.solver, share)) == wanted
    assert states(engine=ForgetfulEngine()) == wanted
    for workers in (1, 2, 3, 7):
        room = Room()
        assert states(engine=PoolEngine("threads", ThreadPool(workers, room), room)) == wanted


def test_inertia_and_weight_are_those_of_the_clusters() -> None:
    weight = np.random.default_rng(2).integers(0, 3, 900).astype(float)
    state = solved(Bisecting(halving(), labels=True), clusters(BLOBS, 7, weighted=True, seed=3), BLOBS, weight)[-1]
    centers = state.grown.centers[state.leaves]
    for j, node in enumerate(state.leaves):
        mine = state.labels == j
        square = ((BLOBS[mine] - centers[j]) ** 2).sum(axis=1)
        assert state.grown.inertia[node] == pytest.approx(float((square * weight[mine]).sum()), rel=1e-12)
        assert state.grown.weight[node] == weight[mine].sum()


def test_clusters_of_clusters() -> None:
    """Where each split is clear, the largest inertia goes first; the largest weight is another order."""
    far = np.array([-100.0, -90.0, 100.0, 101.0])
    X = np.repeat(far, [30, 30, 200, 200])[:, None] + 0.01 * np.random.default_rng(0).normal(size=(460, 1))
    for heaviest, wanted in ((False, [-100, -90, 100.5]), (True, [-95, 100, 101])):
        solver = Bisecting(halving("k-means++"), heaviest=heaviest)
        state = solved(solver, clusters(X, 3), X)[-1]
        np.testing.assert_allclose(np.sort(state.grown.centers[state.leaves, 0]), wanted, atol=0.01)
        assert state.labels is None


def test_one_cluster() -> None:
    state = solved(Bisecting(halving(), labels=True), clusters(BLOBS, 1), BLOBS)[-1]
    np.testing.assert_allclose(state.grown.centers, BLOBS.mean(axis=0)[None], rtol=1e-14)
    assert state.grown.inertia[0] == pytest.approx(((BLOBS - BLOBS.mean(axis=0)) ** 2).sum(), rel=1e-13)
    assert not state.labels.any()


@pytest.mark.parametrize("seeding", ["random", "k-means++"])
@pytest.mark.parametrize("k", [2, 3, 40])
def test_as_many_clusters_as_rows(seeding: str, k: int) -> None:
    X = np.random.default_rng(1).normal(size=(k, 3))
    state = solved(Bisecting(halving(seeding), labels=True), clusters(X, k), X)[-1]
    assert state.grown.inertia[state.leaves].sum() == 0.0
    assert sorted(state.labels.tolist()) == list(range(k))


@pytest.mark.parametrize("heaviest", [False, True])
def test_fewer_places_than_clusters(heaviest: bool) -> None:
    """What lies on one place is not split any more: rows go to the left, and the other cluster has none."""
    X = np.repeat(np.random.default_rng(1).normal(size=(4, 3)), 10, axis=0)
    solver = Bisecting(halving("k-means++"), heaviest=heaviest, labels=True)
    state = solved(solver, clusters(X, 9), X)[-1]
    assert state.status is Status.CONVERGED
    assert len(state.leaves) == 9
    assert np.count_nonzero(state.grown.weight[state.leaves]) == len(set(state.labels.tolist()))
    assert len(set(state.labels.tolist())) == (4 if not heaviest else pytest.approx(3, abs=1))


def test_iterations_that_run_out_are_said() -> None:
    state = solved(Bisecting(halving(tol=0.0, max_iter=2)), clusters(BLOBS, 4), BLOBS)[-1]
    assert state.status is Status.OUT_OF_ROUNDS


def test_trees() -> None:
    """Names of nodes, and what is left of a tree."""
    grown = Grown.root(1, 5)
    for node in (0, 2, 1, 3):
        grown = grown.split(node, np.array([[node], [node + 0.5]]), np.zeros(2), np.zeros(2))
    assert grown.left.tolist() == [1, 5, 3, 7, -1, -1, -1, -1, -1]
    leaves = np.array([5, 6, 3, 4])
    assert names_of(grown.left, leaves).tolist() == [-1, -1, -1, 2, 3, 0, 1, 2, 2]
    left, nodes = pruned(grown, leaves)
    assert nodes.tolist() == [0, 1, 2, 5, 6, 3, 4]
    assert left.tolist() == [1, 3, 5, -1, -1, -1, -1]
    assert len(set(grown.seed.tolist())) == 9


def test_what_is_asked_is_known_before() -> None:
    solver, problem = Bisecting(halving(), tries=2, labels=True), clusters(BLOBS, 12, weighted=True)
    asked: list[Any] = []

    class Kept(SerialEngine):
        def fold(self, data: Any, query: Any, /, *, emit: Any) -> Any:
            asked.append(query)
            return super().fold(data, query, emit=emit)

    solved(solver, problem, BLOBS, np.ones(900), Kept())
    known = [*ahead(solver, problem, ArrayBlocks(BLOBS, None, np.ones(900)).empty()), *later(solver, problem)]
    assert max(one.measure.bytes() for one in known) >= max(query.measure.bytes() for query in asked)
    assert max(one.beside for one in known) >= max(query.beside for query in asked)
    assert len([*later(replace(solver, labels=False), problem)]) == 1


def test_figures_of_every_round() -> None:
    states = solved(Bisecting(halving()), clusters(BLOBS, 5), BLOBS)
    assert {tuple(state.figures) for state in states} == {("nodes", "splitting")}
    assert halving().init(clusters(BLOBS, 2)).figures == {}
