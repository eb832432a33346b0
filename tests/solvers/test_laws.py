"""Law 6 over every solver: stop after any round, save, load in a new process, go on: the same bits. And law 12."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.fingerprint import fingerprint
from shardlearn.core.matrix import Csr
from shardlearn.core.solver import Status
from shardlearn.engines.serial import SerialEngine
from shardlearn.run import run
from shardlearn.solvers.clusters import Clusters
from shardlearn.solvers.mini_batch import Streamed
from shardlearn.solvers.one_batch import NextBatch
from shardlearn.solvers.registry import BLOCK, SOLVERS
from shardlearn.storage import state as storage


def go_on(name, state=None, rounds=10**9):
    """Some rounds of an example."""
    example, left = SOLVERS[name](), [rounds]
    blocks = ArrayBlocks(example.rows.X, example.rows.y, example.rows.weight, rows=BLOCK)
    engine = SerialEngine()

    def after(_):
        left[0] -= 1
        return left[0] <= 0

    return run(example.solver, example.problem, {"train": engine.open(blocks)}, engine, state=state, after=after)


def bits(state):
    """All of a state."""
    value, arrays = storage.encode(state)
    return fingerprint(type(state).__name__, {"state": json.dumps(value, sort_keys=True)}, None, arrays)


@pytest.mark.parametrize("name", SOLVERS)
def test_resume(name, tmp_path):
    whole = go_on(name)
    assert whole.status is Status.CONVERGED
    for stop in sorted({1, 2, 3, whole.rounds // 2, whole.rounds - 1} - {0}):
        folder = tmp_path / str(stop)
        storage.dump(go_on(name, rounds=stop), folder)
        assert bits(go_on(name, state=storage.load(folder))) == bits(whole)


def test_resume_in_a_new_process(tmp_path):
    names = [name for name in SOLVERS if go_on(name).rounds > 1]
    for i, name in enumerate(names):
        storage.dump(go_on(name, rounds=max(go_on(name).rounds // 2, 1)), tmp_path / str(i))
    program = (
        "import sys, json; from pathlib import Path; from tests.solvers.test_laws import bits, go_on, storage\n"
        "names, folder = json.loads(sys.argv[1]), Path(sys.argv[2])\n"
        "print(json.dumps([bits(go_on(n, state=storage.load(folder / str(i)))) for i, n in enumerate(names)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(names), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [bits(go_on(name)) for name in names]


CLUSTERS = [name for name in SOLVERS if isinstance(SOLVERS[name]().problem, Clusters | Streamed | NextBatch)]


@pytest.mark.parametrize("name", [name for name in SOLVERS if name not in CLUSTERS])
def test_every_round_leaves_a_model(name):
    example = SOLVERS[name]()
    t = len(example.problem.alpha) if hasattr(example.problem, "alpha") else example.problem.outputs
    for rounds in range(1, 5):
        state = go_on(name, rounds=rounds)
        assert state.W.shape == (t, example.problem.shape.features)
        assert state.b.shape == (t,)
        assert state.rounds == rounds or state.status is not Status.RUNNING
        assert state.iterations >= 0
        assert all(np.isfinite(figure) for figure in state.figures.values())
        assert dataclasses.is_dataclass(state)


def test_examples_vary():
    made = [make() for make in SOLVERS.values()]
    assert {type(e.rows.X) for e in made} == {np.ndarray, Csr}
    assert {str(e.rows.X.dtype) for e in made} == {"float32", "float64"}
    assert any(e.rows.weight is not None and (e.rows.weight == 0.0).any() for e in made)
    assert any(not getattr(e.problem, "intercept", True) for e in made)
    assert len(CLUSTERS) > 3
    assert len({bits(go_on(name)) for name in SOLVERS}) == len(SOLVERS)
    assert bits(go_on("newton-cholesky")) == bits(go_on("newton-cholesky"))
