"""Where checkpoints lie: a folder of this machine, or of any file system that pyarrow knows by a URI.

A folder here is saved by the recipe of `atomic`. An object store shows a file when it is whole, and knows no rename and
no fsync: there the files come first and the manifest last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from shardlearn.core.errors import StorageError

from . import atomic
from .atomic import MANIFEST, MANIFEST_BYTES
from .canonical import damaged

REMOTE = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+://")


class Place(Protocol):
    """One folder; `str` of it is what people are told: no secrets of a URI."""

    def inside(self, name: str, /) -> Place: ...
    def in_the_way(self) -> str:
        """Why nothing can be written there, as far as that can be seen before; "" where nothing is known against it."""
        ...

    def names(self) -> list[str]:
        """What lies there; nothing where there is no such folder yet."""
        ...

    def write(self, kind: str, files: Mapping[str, bytes], /) -> None:
        """A folder with a manifest, whole or not there."""
        ...

    def read(self, kind: str, /) -> dict[str, bytes]:
        """What `write` was given."""
        ...

    def put(self, name: str, data: bytes, /) -> None:
        """One file by itself."""
        ...

    def get(self, name: str, most: int, /) -> bytes | None:
        """One file of at most so many bytes; None where there is none."""
        ...

    def remove(self) -> None:
        """Take a folder with a manifest away; failures are let be."""
        ...


def place_of(folder: str | os.PathLike[str]) -> Place:
    """The place that a path or a URI names."""
    text = os.fspath(folder)
    if text.startswith("file://"):
        text = urlsplit(text).path
    if REMOTE.match(text):
        return _remote(text)
    return Local(Path(os.path.abspath(os.path.expanduser(text))))


@dataclass(frozen=True, slots=True)
class Local:
    """A folder of this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def inside(self, name: str, /) -> Local:
        return Local(self.path / name)

    def in_the_way(self) -> str:
        there = next(path for path in (self.path, *self.path.parents) if os.path.lexists(path))
        if not there.is_dir():
            return f"{there} is a file"
        return "" if os.access(there, os.W_OK | os.X_OK) else f"no permission to write to {there}"

    def names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(str(self), error) from error

    def write(self, kind: str, files: Mapping[str, bytes], /) -> None:
        atomic.write_folder(self.path, kind, files, overwrite=False)

    def read(self, kind: str, /) -> dict[str, bytes]:
        return atomic.read_folder(self.path, kind)

    def put(self, name: str, data: bytes, /) -> None:
        atomic.write_file(self.path, name, data)

    def get(self, name: str, most: int, /) -> bytes | None:
        try:
            with open(self.path / name, "rb") as file:
                return _short(file.read(most + 1), most, f"{self}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(str(self), error) from error

    def remove(self) -> None:
        atomic.remove_folder(self.path)


@dataclass(frozen=True)
class Remote:
    """A folder of a pyarrow file system."""

    system: Any  # pyarrow.fs.FileSystem
    path: str
    shown: str

    def __str__(self) -> str:
        return self.shown

    def inside(self, name: str, /) -> Remote:
        return replace(self, path=f"{self.path}/{name}", shown=f"{self.shown}/{name}")

    def in_the_way(self) -> str:
        return ""

    def names(self) -> list[str]:
        from pyarrow import fs

        try:
            found = self.system.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        except _failures() as error:
            raise _unreadable(self.shown, error) from error
        return sorted(info.base_name for info in found)

    def write(self, kind: str, files: Mapping[str, bytes], /) -> None:
        entries, manifest = atomic.sealed(kind, files)
        self._put({entry.name: files[entry.role] for entry in entries} | {MANIFEST: manifest})

    def read(self, kind: str, /) -> dict[str, bytes]:
        manifest = self.get(MANIFEST, MANIFEST_BYTES)
        if manifest is None:
            raise atomic.absent(self.shown)
        out = {}
        for entry in atomic.listed(manifest, self.shown, kind):
            data = self.get(entry.name, entry.length)
            if data is None:
                raise damaged(f"{self.shown}/{entry.name}", "the file is missing")
            out[entry.role] = atomic.verified(data, entry, self.shown)
        return out

    def put(self, name: str, data: bytes, /) -> None:
        self._put({name: data})

    def _put(self, files: Mapping[str, bytes]) -> None:
        """One after the other."""
        try:
            self.system.create_dir(self.path, recursive=True)
            for name, data in files.items():
                with self.system.open_output_stream(f"{self.path}/{name}", compression=None) as file:
                    file.write(data)
        except _failures() as error:
            raise atomic.unwritten(self.shown, error) from error

    def get(self, name: str, most: int, /) -> bytes | None:
        path = f"{self.path}/{name}"
        try:
            if not self.system.get_file_info(path).is_file:
                return None
            with self.system.open_input_stream(path, compression=None) as file:
                return _short(file.read(most + 1), most, f"{self.shown}/{name}")
        except _failures() as error:
            raise _unreadable(self.shown, error) from error

    def remove(self) -> None:
        try:
            self.system.delete_file(f"{self.path}/{MANIFEST}")
        except _failures():
            pass  # a save that was cut off has none
        try:
            self.system.delete_dir(self.path)
        except _failures():
            pass


def _remote(uri: str) -> Remote:
    from pyarrow import fs

    parts = urlsplit(uri)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
    try:
        system, path = fs.FileSystem.from_uri(uri)
    except _failures() as error:
        raise StorageError(
            f"{shown} names no folder that can be used.",
            code="SL5112",
            found=str(error).split("\n")[0].replace(uri, shown)[:160],
            needed="a local folder, or a URI that pyarrow.fs.FileSystem.from_uri takes",
        ) from None
    return Remote(system, str(path).rstrip("/"), shown)


def _failures() -> tuple[type[Exception], ...]:
    """What pyarrow's file systems raise."""
    import pyarrow as pa

    return OSError, pa.ArrowException


def _short(data: bytes, most: int, where: str) -> bytes:
    if len(data) > most:
        raise damaged(where, f"more than {most} bytes")
    return data


def _unreadable(where: str, error: Exception) -> StorageError:
    return StorageError(
        f"{where} can't be read.",
        code="SL5112",
        found=getattr(error, "strerror", None) or str(error).split("\n")[0][:160],
        needed="a folder that may be read and written to",
    )
