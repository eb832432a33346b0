"""When a journal is stored, and what is none."""

from __future__ import annotations

import pytest

from shardlearn import StorageError
from shardlearn.faces.journal import Journal, Step
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local


def test_it_is_stored_when_it_is_time_and_at_the_end(tmp_path) -> None:
    now = [0.0]
    store = Checkpoints(Local(tmp_path), {}, keep=99)
    journal = Journal(store, None, 10.0, lambda: now[0])
    stored = []
    for now[0] in (3.0, 9.0, 10.0, 15.0, 19.0, 20.0, 21.0):
        journal.put(Step("s", now[0], over=False))
        found = store.newest()
        stored.append(None if found is None else found[1][0].value)
    assert stored == [None, None, 10.0, 10.0, 10.0, 20.0, 20.0]
    journal.flush()
    journal.flush()
    assert store.newest()[1][0].value == 21.0
    assert len(list(tmp_path.iterdir())) == 3


def test_a_journal_of_other_steps_is_refused(tmp_path) -> None:
    journal = Journal(Checkpoints(Local(tmp_path), {}))
    journal.put(Step("Moments", 1, over=True))
    with pytest.raises(StorageError, match="step: Moments then, Gram now"):
        Journal(Checkpoints(Local(tmp_path), {})).found("Gram")


def test_a_fit_refuses_what_is_no_journal(tmp_path) -> None:
    store = Checkpoints(Local(tmp_path), {})
    store.save(("a", "pair"))
    with pytest.raises(StorageError, match="no journal of a fit"):
        Journal(store)


def test_a_store_that_is_down_is_asked_a_tenth_of_the_time(tmp_path, monkeypatch) -> None:
    now, asked = [0.0], []

    def down(self: Checkpoints, state: object) -> None:
        asked.append(now[0])
        now[0] += 6.0
        raise StorageError("Can't save.", code="SL5101")

    journal = Journal(Checkpoints(Local(tmp_path), {}), None, 0.0, lambda: now[0])
    monkeypatch.setattr(Checkpoints, "save", down)

    def seconds(count: int) -> None:
        for _ in range(count):
            journal.put(Step("s", now[0], over=False))
            now[0] += 1.0

    with pytest.warns(UserWarning, match="tries again") as said:
        seconds(200)
    assert len(said) == 1
    assert asked == [0.0, 66.0, 132.0, 198.0]
    monkeypatch.undo()
    now[0] += 60.0
    for value in ("back", "at once"):
        journal.put(Step("s", value, over=False))
        assert journal.store.newest()[1][0].value == value
