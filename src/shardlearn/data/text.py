"""Text files, packed or not: fed to an index pass, and to the disk cache where they can not be read from within."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Generic, TypeVar

from shardlearn.core.errors import ShardlearnError

from . import cache, refusals
from .files import File, file_system, why

T = TypeVar("T")
R = TypeVar("R")
CHUNK = 1 << 20  # bytes read at a time by the index, and of text parsed at a time, where rows are not longer
FINE = 64  # rows between two offsets of the index pass
FAILURES = (OSError, EOFError, zlib.error, ValueError)  # Arrow's own are among them or derived from them


def is_packed(file: File) -> bool:
    """Whether the file is unpacked, or fetched, into the cache before it is read by ranges."""
    return file.path.lower().endswith(".gz") or bool(file.root)


class Stopped(Exception):  # noqa: N818  no error: another file's error, or Ctrl-C, is on its way
    """The rest is not needed."""


def at_once(work: Callable[[T, Event], R], items: Sequence[T], threads: int) -> list[R]:
    """Each item's result, several items at a time; an error or Ctrl-C stops all of them soon."""
    stop = Event()
    if len(items) == 1 or threads == 1:
        return [work(item, stop) for item in items]
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        futures = [pool.submit(work, item, stop) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def feed(scanner: Any, opened: Any, writer: cache.Writer | None, stop: Event) -> int:
    """Everything that is left of an opened file to a scanner, and to the cache; bytes."""
    size = 0
    while chunk := opened.read(CHUNK):
        if stop.is_set():
            raise Stopped
        scanner.feed(chunk)
        size += len(chunk)
        if writer is not None:
            writer.write(chunk)
    return size


class Remembered(Generic[R]):
    """The indexes of the files that were last opened; a file that changed is another one."""

    MOST = 256

    def __init__(self) -> None:
        self._held: dict[File, R] = {}

    def get(self, file: File, make: Callable[[], R]) -> R:
        found = self._held.get(file)
        if found is None:
            found = make()
            while len(self._held) >= self.MOST:
                self._held.pop(next(iter(self._held)), None)
            self._held[file] = found
        return found


class unpacking:  # noqa: N801  a context, written like one
    """An unpacked stream of a file and a writer into the cache; failures name the file."""

    def __init__(self, file: File, path: str) -> None:
        self.file, self.writer = file, cache.Writer(path)
        self.raw: Any = None

    def __enter__(self) -> tuple[Any, cache.Writer]:
        file = self.file
        try:
            self.raw = file_system(file.root).open_input_stream(file.path) if file.root else open(file.path, "rb")
        except FAILURES as error:
            self.writer.close()
            raise refusals.unreadable(file.shown, why(error)) from None
        packed = file.path.lower().endswith(".gz")
        return gzip.GzipFile(fileobj=self.raw) if packed else self.raw, self.writer

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.writer.close()
        self.raw.close()
        if isinstance(error, FAILURES) and not isinstance(error, ShardlearnError):
            short = isinstance(error, EOFError)
            found = "the file ends before its packed data does" if short else "damaged gzip data"
            raise refusals.unreadable(self.file.shown, found) from None
