"""A thread in which Ray is started and left: Ctrl-C, which the main thread gets, leaves nothing half done.

It lives as long as the cluster, whose processes the kernel tells of the end of the thread that started them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
Do = Callable[[Callable[[], Any]], Any]


@contextmanager
def thread() -> Iterator[Do]:
    """Does what it is told, one after the other; who tells it waits."""
    calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()

    def serve() -> None:
        while (call := calls.get()) is not None:
            what, future = call
            try:
                future.set_result(what())
            except BaseException as error:  # whatever it is, it belongs to who waits
                future.set_exception(error)

    def do(what: Callable[[], T]) -> T:
        future: Future[T] = Future()
        calls.put((what, future))
        try:
            return future.result()
        finally:
            if not future.done():  # interrupted: what was begun is done first, so that it can be undone
                future.exception()

    server = Thread(target=serve, name="shardlearn-ray-home", daemon=True)
    server.start()
    try:
        yield do
    finally:
        calls.put(None)
        server.join()
