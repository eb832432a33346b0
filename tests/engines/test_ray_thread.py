"""What is begun in the thread is done, whatever interrupts who waits for it."""

from __future__ import annotations

import os
import signal
import threading
from time import monotonic, sleep

import pytest

from shardlearn.engines.ray_thread import thread


def test_answers_and_errors_come_back() -> None:
    def refused() -> None:
        raise ValueError("no")

    before = threading.enumerate()
    with thread() as do:
        assert do(lambda: threading.current_thread().name) == "shardlearn-ray-home"
        with pytest.raises(ValueError, match="no"):
            do(refused)
        assert do(lambda: 3) == 3
    assert threading.enumerate() == before


def test_an_interrupt_waits_for_what_is_begun() -> None:
    begun, done = [], []

    def slow() -> None:
        begun.append(monotonic())
        os.kill(os.getpid(), signal.SIGINT)
        sleep(0.2)
        done.append(monotonic())

    before = threading.enumerate()
    with thread() as do:
        with pytest.raises(KeyboardInterrupt):
            do(slow)
        assert done
    assert threading.enumerate() == before
