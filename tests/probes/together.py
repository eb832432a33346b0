"""Ten problems in one pass, each with its own carry: k-means|| and Lloyd for ten numbers of clusters; and ten trees."""

from __future__ import annotations

from typing import Any

from tests.engines.fakes import ArrayBlocks
from tests.probes import kmeans, tree
from tests.probes.plain import Probe, blobs, fingerprint

from shardlearn.core.solver import Status
from shardlearn.run import run
from shardlearn.solvers.together import Together, TogetherState


class Various:
    """One solver whose problem says which: (solver, its problem)."""

    def init(self, problem: Any, /) -> Any:
        return problem[0].init(problem[1])

    def ask(self, problem: Any, state: Any, /) -> Any:
        return problem[0].ask(problem[1], state)

    def tell(self, problem: Any, state: Any, answer: Any, /) -> Any:
        return problem[0].tell(problem[1], state, answer)


X, LABEL = blobs(11, 500, 3, 3)
DATA = {"train": ArrayBlocks(X, LABEL)}
PROBLEMS = tuple((kmeans.KMeans(k, seed=k, draws=1 + k % 3, most=6), 3) for k in range(2, 8)) + tuple(
    (tree.Tree(bins, 3, gather), 3) for bins, gather in ((4, 0), (8, 50), (8, 500), (16, 20))
)


def check(state: TogetherState[Any]) -> None:
    """Each problem has the bits that it has alone."""
    from shardlearn.engines.serial import SerialEngine

    assert state.status is not Status.RUNNING
    for problem, own in zip(PROBLEMS, state.each, strict=True):
        engine = SerialEngine()
        data = {name: engine.open(blocks) for name, blocks in DATA.items()}
        assert fingerprint(run(Various(), problem, data, engine)) == fingerprint(own)


PROBE = Probe("together", Together(Various()), PROBLEMS, (DATA,), check)
