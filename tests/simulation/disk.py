"""A file system in memory that knows what was flushed: the calls that `storage` makes, and what is left after a crash.

A file's bytes are safe when it was flushed, a folder's names when the folder was. What was not may be there after the
power is back, gone, or torn.
"""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PosixPath
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from shardlearn.storage import atomic, places

FAR = 1_000_000  # descriptors that no real file has


class Killed(BaseException):
    """The driver is dead; nothing in it runs any more."""


@dataclass(slots=True, eq=False)
class File:
    data: bytes = b""
    safe: bytes = b""

    def flush(self) -> None:
        self.safe = self.data

    def after(self, luck: random.Random | None) -> File:
        """What is left of it; None: the machine went on, and nothing is lost."""
        if luck is None or self.data == self.safe:
            return File(self.data, self.safe)
        size = len(self.data)
        cut = luck.choice((luck.randrange(size + 1), max(size - luck.randrange(64), 0)))  # the end is most at risk
        left = luck.choice((self.safe, self.data, self.data[:cut], self.data[:cut] + bytes(size - cut)))
        return File(left, left)


@dataclass(slots=True, eq=False)
class Folder:
    names: dict[str, File | Folder] = field(default_factory=dict)
    safe: dict[str, File | Folder] = field(default_factory=dict)

    def flush(self) -> None:
        self.safe = dict(self.names)

    def after(self, luck: random.Random | None) -> Folder:
        left = dict(self.names)
        for name in sorted(self.names.keys() | self.safe) if luck else ():
            if self.names.get(name) is not self.safe.get(name) and luck is not None and luck.random() < 0.6:
                left.pop(name, None)
                if name in self.safe:
                    left[name] = self.safe[name]
        kept = {name: node.after(luck) for name, node in left.items()}
        return Folder(kept, dict(kept) if luck else {name: kept[name] for name in self.safe if name in kept})


@dataclass(slots=True)
class Disk:
    """Stands for the module `os` in `storage`. Dies at call number `dies_at`; the flushes in `lies` do nothing."""

    root: Folder = field(default_factory=Folder)
    dies_at: int | None = None
    lies: frozenset[int] = frozenset()
    dead: bool = False
    calls: int = 0  # that change something
    flushes: int = 0
    lied: int = 0
    _open: dict[int, tuple[File | Folder, list[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.names["runs"] = Folder()
        self.root.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)  # flags, os.path, fspath, sysconf

    def born_again(self, power: bool, luck: int) -> None:
        """After a crash: of the driver alone, or of the machine."""
        self.root = self.root.after(random.Random(luck) if power else None)
        self.dies_at, self.lies, self.dead = None, frozenset(), False
        self._open.clear()

    # -- the calls -----------------------------------------------------------------------------------------------------
    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where, name = self._at(path, dir_fd)
        node = where.names.get(name) if name else where
        if flags & os.O_CREAT:
            self._acts()
            if node is not None:
                raise FileExistsError(errno.EEXIST, "exists", str(path))
            node = where.names[name] = File()
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        if flags & os.O_DIRECTORY and isinstance(node, File):
            raise NotADirectoryError(errno.ENOTDIR, "a file", str(path))
        number = FAR + len(self._open)
        self._open[number] = node, [0]
        return number

    def close(self, at: int) -> None:
        assert at in self._open

    def write(self, at: int, data: Any) -> int:
        self._acts()
        self._open[at][0].data += bytes(data)
        return len(data)

    def read(self, at: int, count: int) -> bytes:
        node, position = self._open[at]
        out: bytes = node.data[position[0] : position[0] + count]
        position[0] += len(out)
        return out

    def fstat(self, at: int) -> SimpleNamespace:
        return SimpleNamespace(st_mode=stat.S_IFREG | 0o600, st_size=len(self._open[at][0].data))

    def fsync(self, at: int) -> None:
        self._acts()
        self.flushes += 1
        if self.flushes - 1 in self.lies:
            self.lied += 1
        else:
            self._open[at][0].flush()

    def unflushed(self, _: int) -> None:
        """A flush that does nothing, of which nobody is to know: for a program that forgets to flush."""
        self._acts()

    def rename(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        self._acts()
        source, target = self._open[src_dir_fd][0], self._open[dst_dir_fd][0]
        target.names[new] = source.names.pop(old)

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._acts()
        where, name = self._at(path, dir_fd)
        if name not in where.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        del where.names[name]

    def mkdir(self, path: Any) -> None:
        self._acts()
        where, name = self._at(path, None)
        if name in where.names:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        where.names[name] = Folder()

    def rmdir(self, path: Any) -> None:
        self._acts()
        where, name = self._at(path, None)
        if where.names[name].names:
            raise OSError(errno.ENOTEMPTY, "not empty", str(path))
        del where.names[name]

    def listdir(self, path: Any) -> list[str]:
        if isinstance(path, int):
            return list(self._open[path][0].names)
        where, name = self._at(path, None)
        if name and name not in where.names:
            raise FileNotFoundError(errno.ENOENT, "no such folder", str(path))
        return list((where.names[name] if name else where).names)

    def exists(self, path: Any) -> bool:
        try:
            where, name = self._at(path, None)
        except FileNotFoundError:
            return False
        return not name or name in where.names

    # -- inside --------------------------------------------------------------------------------------------------------
    def _at(self, path: Any, dir_fd: int | None) -> tuple[Any, str]:
        """The folder, and the name in it."""
        if dir_fd is not None:
            return self._open[dir_fd][0], str(path)
        *above, name = os.fspath(path).strip("/").split("/")
        where: Any = self.root
        for part in above:
            if part not in where.names:
                raise FileNotFoundError(errno.ENOENT, "no such folder", str(path))
            where = where.names[part]
        return where, name

    def _acts(self) -> None:
        self.dead = self.dead or (self.dies_at is not None and self.calls >= self.dies_at)
        if self.dead:
            raise Killed
        self.calls += 1


@contextmanager
def mounted(disk: Disk) -> Iterator[None]:
    """Everything that `storage` saves and loads goes to this disk."""

    class OnDisk(PosixPath):
        def exists(self) -> bool:
            return disk.exists(self)

    assert issubclass(OnDisk, Path)
    with patch.object(atomic, "os", disk), patch.object(places, "os", disk), patch.object(atomic, "Path", OnDisk):
        yield
