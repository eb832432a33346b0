"""What goes to workers goes once; what comes back says what happened."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.engines.conformance import equal
from tests.engines.fakes import FloatSum, random_blocks
from tests.engines.test_conformance import QUERIES, reference

from shardlearn.core.engine import Sharded
from shardlearn.core.errors import ParameterError
from shardlearn.core.query import Query
from shardlearn.core.rows import Ids
from shardlearn.core.tree import Tree
from shardlearn.engines import shipping
from shardlearn.engines.rounds import Done, Failed, Ticket
from shardlearn.engines.shipping import Shipper, content
from shardlearn.engines.work import FoldTask, RunTask
from shardlearn.engines.worker import Worker, sendable

BIG = np.arange(10_000)


@dataclass
class Store:
    """What was put, and how often each was fetched."""

    held: list[bytes] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)

    def put(self, value: Any) -> int:
        self.held.append(pickle.dumps(value))
        return len(self.held) - 1

    def get(self, ref: int) -> Any:
        self.fetched.append(ref)
        return pickle.loads(self.held[ref])


def done(worker: Worker, shipper: Shipper, task: FoldTask | RunTask, piece: tuple[int, int]) -> Any:
    parcel = shipper.parcel(task)
    events, end = pickle.loads(worker.do(Ticket(0, 0, 0, piece, 1), parcel.body, parcel.refs, None))
    assert [type(event).__name__ for event in events].count("Timed") == len(events)
    return end


@pytest.mark.parametrize("name", QUERIES)
def test_a_worker_answers_as_the_task_does(name: str) -> None:
    store, blocks, query = Store(), random_blocks(resident=False, at=(0, 6, 9)), QUERIES[name]
    whole = (0, 16) if query.runs is None else (0, query.runs)
    kind = FoldTask if query.runs is None else RunTask
    end = done(Worker(2, "here", store.get), Shipper(store.put), kind(Sharded(1, blocks), query, whole), whole)
    assert isinstance(end, Done)
    answer: Any = end.answer
    if isinstance(answer, list):
        tree = Tree(query.measure.merge, *whole)
        tree.add(answer)
        answer = tree.root()
    if name == "parts":
        answer = np.concatenate([query.measure.part(answer, i) for i in range(2)])  # type: ignore[attr-defined]
    expected = reference(blocks, query)
    assert answer is None or equal(answer, expected)
    if answer is not None:
        assert answer.flags.writeable


def test_data_and_large_arrays_go_once() -> None:
    store = Store()
    shipper, worker, data = Shipper(store.put), Worker(1, "here", store.get), Sharded(1, random_blocks())
    for piece in ((0, 8), (8, 16)):
        for query in (Query(FloatSum(), rows=Ids(BIG)), Query(FloatSum(), rows=Ids(BIG.copy()))):
            assert isinstance(done(worker, shipper, FoldTask(data, query, piece), piece), Done)
    assert len(store.held) == 2
    assert store.fetched == [0, 1]
    done(worker, shipper, FoldTask(data, Query(FloatSum()), (0, 8)), (0, 8))
    assert worker.arrays == {}, "what is not named any more is not kept"
    for side in (shipper, worker):
        side.hand_over(1, 2)
    assert isinstance(done(worker, shipper, FoldTask(Sharded(2, data.blocks), Query(FloatSum()), (0, 8)), (0, 8)), Done)
    assert len(store.held) == 2
    for side in (shipper, worker):
        side.forget(2)
    assert worker.data == worker.arrays == {}
    done(worker, shipper, FoldTask(Sharded(2, data.blocks), Query(FloatSum()), (0, 8)), (0, 8))
    assert len(store.held) == 3
    for side in (shipper, worker):
        side.forget(2)
    done(worker, shipper, FoldTask(data, Query(FloatSum(), rows=Ids(BIG)), (0, 8)), (0, 8))
    assert len(store.held) == 5, "large arrays leave the store with the last data"


def test_the_store_keeps_what_was_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "KEPT", 200_000)
    store, data = Store(), Sharded(1, random_blocks())
    shipper = Shipper(store.put)
    for i in (0, 1, 0, 2, 0, 1):
        parcel = shipper.parcel(FoldTask(data, Query(FloatSum(), rows=Ids(BIG + i)), (0, 16)))
        assert len(parcel.refs) == 2
    assert len(store.held) == 1 + 4, "of 1, which was used before 0 and 2, a second time"


def test_content_is_every_bit_and_its_order() -> None:
    square = np.arange(90_000.0).reshape(300, 300)
    names = [square, square.T, -square, square.astype(np.int64), square.reshape(-1), square[::2], square.T[:, ::2]]
    assert len({content(array) for array in names}) == len(names)
    assert content(square) == content(square.copy())


def test_a_worker_stops_when_it_is_told() -> None:
    store, ticket = Store(), Ticket(0, 0, 0, (0, 16), 1)
    worker, parcel = (
        Worker(1, "here", store.get),
        Shipper(store.put).parcel(FoldTask(Sharded(1, random_blocks()), Query(FloatSum()), (0, 16))),
    )
    worker.stop(ticket)
    _, end = pickle.loads(worker.do(ticket, parcel.body, parcel.refs, None))
    assert isinstance(end, Failed)
    assert type(end.error).__name__ == "Stopped"
    _, end = pickle.loads(worker.do(ticket, parcel.body, parcel.refs, None))
    assert isinstance(end, Done), "that was for one attempt"


class Local(Exception):  # noqa: N818
    """Can't be unpickled: it takes two arguments, and hands over one."""

    def __init__(self, one: str, two: str):
        super().__init__(one + two)


def test_errors_travel() -> None:
    error = sendable(ParameterError("no", code="SL1"))
    assert isinstance(error, ParameterError)
    other = sendable(Local("a", "b"))
    assert (type(other), str(other)) == (RuntimeError, "Local: ab")
