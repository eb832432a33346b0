"""The disk cache: what can be read only once, or only from its beginning, unpacked for as long as it is needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shardlearn.config import setting

from . import refusals

MARGIN = 64 * 1024 * 1024  # bytes of disk that are left alone
PREFIX = "shardlearn-"


@dataclass(frozen=True)
class Room:
    """A folder of this process in the cache; removed when nothing refers to it any more, or the process ends."""

    path: str

    def __post_init__(self) -> None:
        weakref.finalize(self, _remove, self.path)  # a copy in another process is made without this

    def close(self) -> None:
        """Remove the folder now."""
        _remove(self.path)


def _remove(path: str) -> None:
    """Remove a folder, unless another process (a fork) asks."""
    if owner(os.path.basename(path)) == (os.getpid(), started(os.getpid()), host()):
        shutil.rmtree(path, ignore_errors=True)


def cache_folder() -> Path:
    """`SHARDLEARN_CACHE`, or the user's cache folder: never the folder for temporary files, which may be memory."""
    named = setting("cache").value
    return Path(named) if named else Path.home() / ".cache" / "shardlearn"


def room() -> Room:
    """A new folder; those of processes that are gone are removed first."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(folder)
        pid = os.getpid()
        return Room(tempfile.mkdtemp(prefix=f"{PREFIX}{pid}-{started(pid)}-{host()}-", dir=folder))
    except OSError as error:
        raise refusals.unreadable(
            str(folder), error.strerror or "can't be written", "point SHARDLEARN_CACHE at a folder that can be written"
        ) from None


def sweep(folder: Path) -> int:
    """Remove what killed processes left behind; how many folders that were."""
    gone = 0
    for entry in os.scandir(folder):
        who = owner(entry.name)
        if who is not None and who[2] == host() and started(who[0]) != who[1]:
            shutil.rmtree(entry.path, ignore_errors=True)
            gone += 1
    return gone


def owner(name: str) -> tuple[int, int, str] | None:
    """Process id, start time and machine in a folder's name."""
    parts = name.removeprefix(PREFIX).split("-")
    if not name.startswith(PREFIX) or len(parts) < 4 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    return int(parts[0]), int(parts[1]), parts[2]


def host() -> str:
    """The machine in eight letters: a cache in a shared home holds the rooms of several."""
    return hashlib.sha256(os.uname().nodename.encode()).hexdigest()[:8]


def started(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 where there is none: a process id alone is used again."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rsplit(b")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def has_room(folder: str, needed: int) -> bool:
    """Whether the disk has room for so many bytes more."""
    return needed <= shutil.disk_usage(folder).free - MARGIN


def on_disk() -> str:
    """The cache's folder, or the one above it that is there, before anything is made."""
    folder = cache_folder()
    while not folder.is_dir():
        folder = folder.parent
    return str(folder)


def must_have(folder: str, needed: int, because: str = "") -> None:
    """Refuse before writing what the disk has no room for."""
    if not has_room(folder, needed):
        raise refusals.disk_full(folder, needed, max(shutil.disk_usage(folder).free - MARGIN, 0), because)


class Writer:
    """Writes one file of a room, and looks at the free disk as it grows."""

    STEP = 64 * 1024 * 1024

    def __init__(self, path: str) -> None:
        self.path, self.size, self._checked = path, 0, 0
        self._file: IO[bytes] = open(path, "xb")  # noqa: SIM115  closed by `close`

    def write(self, data: bytes | memoryview) -> None:
        if self.size + len(data) > self._checked:
            must_have(os.path.dirname(self.path), len(data) + self.STEP)
            self._checked = self.size + self.STEP
        try:
            self._file.write(data)
        except OSError:
            raise refusals.disk_full(os.path.dirname(self.path), len(data), 0) from None
        self.size += len(data)

    def close(self) -> None:
        self._file.close()
