"""Servers that answer, fall silent for a while, or for good; sockets of our own stand for Ray's."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shardlearn.core.errors import EngineError
from shardlearn.engines import ray_pulse
from shardlearn.engines.ray import Crew, Slot
from shardlearn.engines.ray_pulse import LOOKS, Pulse, Vital
from shardlearn.engines.worker import Hello

WAIT = 10.0  # at most, for what must come
Lost = SimpleQueue[EngineError]


def server(at: str | tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX if isinstance(at, str) else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(at)
    listener.listen()
    return listener


def port_of(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()
    return host, port


@contextmanager
def pulse(*watched: Vital, beat: float = 0.01) -> Iterator[Lost]:
    lost: Lost = SimpleQueue()
    one = Pulse(watched, lost.put, beat)
    try:
        yield lost
    finally:
        one.stop()


def test_a_local_server_that_dies_is_known_at_once(tmp_path: Path) -> None:
    """Not at the next look: its connection has ended."""
    node, head = server(str(tmp_path / "node")), server(("127.0.0.1", 0))
    with pulse(
        Vital("the head", port_of(head), 30.0), Vital("this node", str(tmp_path / "node"), 0.0), beat=60
    ) as lost:
        for listener in (head, node):
            listener.settimeout(WAIT)
        held = node.accept()[0]  # the pulse has looked, and waits
        node.close()
        held.close()
        error = lost.get(timeout=WAIT)
    head.close()
    assert error.code == "SL4019"
    assert str(error).startswith("This node does not answer any more.")
    assert error.found == f"{tmp_path / 'node'}: Connection refused"


@pytest.mark.parametrize("patience", [0.0, 0.05])
def test_a_server_that_never_answers(patience: float) -> None:
    gone = server(("127.0.0.1", 0))
    at = port_of(gone)
    gone.close()
    with pulse(Vital("the head", at, patience)) as lost:
        error = lost.get(timeout=WAIT)
    assert error.found.startswith(f"127.0.0.1:{at[1]}: Connection refused")
    assert ("waited" in error.found) == (patience > 0)


def test_a_head_may_come_back_in_time() -> None:
    """As one that keeps its state elsewhere does."""
    head = server(("127.0.0.1", 0))
    vital = Vital("the head", port_of(head), 30.0)
    head.close()
    one = Pulse([vital], lambda error: pytest.fail(str(error)), beat=0.01)
    silent = one.silent
    while vital not in silent or silent[vital].looks < 2 * LOOKS:
        pass
    head = server(vital.at)
    while silent:
        pass
    one.stop()
    head.close()


def test_a_program_that_was_stopped_itself_looks_again_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time has gone by, and nobody was asked meanwhile."""
    clock = iter(range(0, 10**6, 100))
    monkeypatch.setattr(ray_pulse, "monotonic", lambda: next(clock))
    asked = []

    class Deaf(Vital):
        __slots__ = ()

        def refusal(self) -> str:
            asked.append(1)
            return "no answer"

    with pulse(Deaf("the head", ("127.0.0.1", 9), 30.0)) as lost:
        lost.get(timeout=WAIT)
    assert len(asked) == LOOKS


def test_a_busy_machine_is_no_dead_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one machine only a refusal counts."""

    def slow(self: Vital) -> socket.socket:
        raise TimeoutError

    monkeypatch.setattr(Vital, "connect", slow)
    assert Vital("this node", "/nowhere", 0.0).refusal() == ""
    assert Vital("the head", ("10.0.0.1", 6379), 30.0).refusal() == "no answer"


def test_a_cluster_that_is_gone_is_asked_for_nothing() -> None:
    """Ray would end the program for it."""

    def never(*_: object) -> None:
        pytest.fail("Ray was asked")

    ray = SimpleNamespace(
        remote=lambda **_: lambda _: SimpleNamespace(remote=never),
        **dict.fromkeys(("put", "kill", "available_resources", "cluster_resources"), never),
    )
    crew, task, error = Crew(ray), cast(Any, None), EngineError("It is gone.", code="SL4019")
    crew.slots.append(Slot(0, actor=SimpleNamespace(), hello=Hello(1, "here", "node", 0, {})))
    crew.give_up(error)
    asks: list[Callable[[], object]] = [
        lambda: crew.ready(2, 1),
        lambda: crew.start(task),
        lambda: crew.shipper.parcel(task),
        crew.cpus,
    ]
    for ask in asks:
        with pytest.raises(EngineError, match="It is gone") as caught:
            ask()
        assert caught.value is not error, "several threads may raise it"
    crew.cancel(task)
    crew.hand_over(1, 2)
    crew.forget(1)
    crew.close()


def test_nothing_stays_open(tmp_path: Path) -> None:
    def open_() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_()
    with server(str(tmp_path / "node")), pulse(Vital("this node", str(tmp_path / "node"), 0.0)):
        pass
    assert open_() == before
