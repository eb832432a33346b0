"""Parts of answers on Ray: they stay in the nodes' stores, and outlive the actors that made them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from tests.engines.conformance import DEADLY, ScriptedBlocks, equal
from tests.engines.crew import crew, kill, pid, ray_engine
from tests.engines.fakes import CutSum, Seen, SpreadSum, Where, random_blocks
from tests.engines.test_conformance import reference
from tests.engines.test_scatter import ALWAYS, QUERIES

import shardlearn
from shardlearn.core.events import Event, PieceFinished, PieceRetried, ignore
from shardlearn.core.query import Query
from shardlearn.engines import context, scatter
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.scatter import LOST, Left, Scatter
from shardlearn.engines.spread import LARGE, Spread
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge


@pytest.fixture(autouse=True)
def _cluster(ray_cluster: None) -> None:
    """There is one."""


def scattering(workers: int = 2, **policy: Any) -> PoolEngine:
    engine = ray_engine(workers, **policy)
    engine.plans = ALWAYS
    return engine


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("name", QUERIES)
def test_every_query(name: str, workers: int) -> None:
    engine = scattering(workers)
    for blocks in (random_blocks(resident=False, at=(0, 6, 9), first=320), random_blocks(n=70)):
        answer = engine.fold({"train": engine.open(blocks)}, QUERIES[name], emit=ignore)
        assert equal(answer, reference(blocks, QUERIES[name]))
    assert engine.room.idle


@pytest.mark.parametrize("name", DEADLY)
def test_deaths_while_pieces_are_answered(name: str, tmp_path: Path) -> None:
    inner = random_blocks(at=(0, 4, 5, 13), resident=False, reader=100)
    blocks = ScriptedBlocks(inner, DEADLY[name], str(tmp_path))
    engine, seen = scattering(deadline=1.0, attempts=50), Seen()
    answer = engine.fold({"train": engine.open(blocks)}, Query(CutSum()), emit=seen)
    assert equal(answer, reference(inner, Query(CutSum())))
    assert blocks.fired_all()
    assert seen.of(PieceRetried)


def test_parts_are_finished_by_workers() -> None:
    engine = scattering()
    answer = engine.fold({"train": engine.open(random_blocks())}, Query(Where()), emit=ignore)
    assert {int(answer[2]), int(answer[5])} <= {pid(0), pid(1)}


def test_a_death_while_parts_are_merged(tmp_path: Path) -> None:
    engine, seen, before = scattering(), Seen(), {pid(0), pid(1)}
    query = Query(Where(grave=str(tmp_path / "grave")))
    answer = engine.fold({"train": engine.open(random_blocks())}, query, emit=seen)
    assert np.array_equal(np.delete(answer, [2, 5]), reference(random_blocks(), Query(SpreadSum())))
    [retried] = seen.of(PieceRetried)
    assert retried.merging
    assert "died" in retried.why
    assert len(before & {pid(0), pid(1)}) == 1


def test_what_an_actor_has_answered_outlives_it() -> None:
    """Killed when all have answered, before anything is merged: nobody is asked again."""
    engine, seen, killed = scattering(), Seen(), []

    def shoot(event: Event) -> None:
        seen(event)
        if isinstance(event, PieceFinished) and sum(piece.rows for piece in seen.of(PieceFinished)) == 1000:
            killed.extend((pid(0), pid(1)))
            kill(0)
            kill(1)

    answer = engine.fold({"train": engine.open(random_blocks())}, Query(CutSum()), emit=shoot)
    assert equal(answer, reference(random_blocks(), Query(CutSum())))
    assert killed
    assert not {pid(0), pid(1)} & set(killed)
    assert not seen.of(PieceRetried)


def test_what_is_lost_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a node goes: what the first range has left can't be fetched. Here it is what a dead actor never said."""
    engine, seen, lost = scattering(), Seen(), []
    actor = crew().slots[2].actor
    kill(2)

    class Losing(Scatter):
        def results(self) -> list[Any]:
            merge = self.merge

            def losing(portions: Sequence[Any], left: Any) -> Iterator[Any]:
                if not lost:
                    lost.append(min(left))
                    dead = tuple(actor.hello.remote() for _ in left[lost[0]].held)
                    left = {**left, lost[0]: Left(True, dead)}
                return merge(portions, left)

            self.merge = losing
            return super().results()

    monkeypatch.setattr(scatter, "Scatter", Losing)
    answer = engine.fold({"train": engine.open(random_blocks())}, Query(CutSum()), emit=seen)
    assert equal(answer, reference(random_blocks(), Query(CutSum())))
    assert lost[0][0] == 0
    assert [(again.why, again.first, again.merging) for again in seen.of(PieceRetried)] == [(LOST, 0, False)]


def using(engine: PoolEngine) -> Any:
    """For what people call."""
    return mock.patch.object(context, "current", return_value=engine)


def rows(p: int) -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    X = draw.standard_normal((6_000, p))
    return X, X @ draw.standard_normal(p) + draw.standard_normal(6_000)


@pytest.mark.parametrize("name", ["least squares", "ridge", "newton"])
def test_wide_fits(name: str) -> None:
    """With matrices of 2 MB, for any number of workers: the bits of threads."""
    X, y = rows(500)
    models = {"least squares": LinearRegression(), "ridge": Ridge(2.0)}
    model: Any = models.get(name, LogisticRegression(solver="newton-cholesky"))
    y = y > 0 if name == "newton" else y
    with shardlearn.engine("threads", workers=2):
        wanted = shardlearn.fingerprint(model.fit(X, y))
    for workers in (1, 2, 3, 7):
        with using(ray_engine(workers)):
            assert shardlearn.fingerprint(model.fit(X, y)) == wanted
        assert model.report_.engine == "ray"


def test_the_driver_is_sent_one_answer_whoever_has_answered() -> None:
    """And of a matrix its upper triangle; else it would be sent one by each range of rows, and more."""
    X, y = rows(1_000)
    size, sent = 8 * 1_000 * 1_000, {}
    engine, model = ray_engine(4), LinearRegression()
    for large in (LARGE, 1 << 40):
        engine.plans = Spread(large=large)
        with using(engine):
            model.fit(X, y)
        sent[large] = model.report_.bytes_up
        assert model.report_.bytes_up > size / 2
    assert sent[LARGE] < 0.7 * size
    assert sent[1 << 40] > 3 * size
