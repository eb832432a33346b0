"""Paths, globs, folders, lists and URIs as files in a fixed order, and whether a file is still the same."""

from __future__ import annotations

import difflib
import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from shardlearn.core.errors import InputError, InputTypeError

from . import refusals

ENDINGS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".svm": "svmlight",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
    ".svm.gz": "svmlight",
    ".svmlight.gz": "svmlight",
    ".libsvm.gz": "svmlight",
}
MAGIC = re.compile(r"[*?\[]")
REMOTE = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class File:
    """One file as it was when the source was opened."""

    path: str  # local, or inside its file system
    size: int
    mtime_ns: int
    inode: int  # 0 where the file system has none
    root: str = ""  # URI of the file system; empty: local
    name: str = ""  # the path as it was given, where `path` is another one
    disk: str = ""  # the machine, as it was started, and the device there: inodes of two are not comparable

    def __reduce__(self) -> tuple[type[File], tuple[object, ...]]:
        """A worker may stand in another folder."""
        path = self.path if self.root else os.path.abspath(self.path)
        return File, (path, self.size, self.mtime_ns, self.inode, self.root, self.given, self.disk)

    @property
    def given(self) -> str:
        return self.name or self.path

    @property
    def shown(self) -> str:
        """How people know it: no credentials of a URI."""
        return f"{self.root.split('://')[0]}://{self.path}" if self.root else self.given

    @property
    def stamp(self) -> str:
        """By path, size and time of the last change: the same in other processes, and wherever they were started."""
        return f"{self.shown if self.root else os.path.abspath(self.path)} {self.size} {self.mtime_ns}"

    def must_be_same(self) -> None:
        """Refuse a file that is another one than when the source was opened.

        Size and time are the same on all nodes that see it; inodes are what a mount makes of them.
        """
        try:
            now = stat(self.path, self.root)
        except InputError:
            raise refusals.changed(self.shown, "the file is gone") from None
        if now.size != self.size:
            raise refusals.changed(self.shown, "another size")
        if now.mtime_ns != self.mtime_ns:
            raise refusals.changed(self.shown, "written again since")
        if now.disk == self.disk and now.inode != self.inode:
            raise refusals.changed(self.shown, "another file of the same size and time is in its place")


@lru_cache(maxsize=16)
def system_of(uri: str) -> tuple[Any, str]:
    """The pyarrow file system of a URI, and the path inside it."""
    from pyarrow import fs

    system, path = fs.FileSystem.from_uri(uri)
    return system, str(path)


def file_system(root: str) -> Any:
    """The file system that a file was found in."""
    return system_of(root)[0]


def open_input(file: File) -> Any:
    """A random-access Arrow file, refused by name where it can't be opened."""
    import pyarrow as pa

    try:
        return file_system(file.root).open_input_file(file.path) if file.root else pa.OSFile(file.path)
    except (OSError, pa.ArrowException) as error:
        raise refusals.unreadable(file.shown, why(error), "check the path and its permissions") from None


def why(error: BaseException) -> str:
    """An operating system's reason, without anything of the file's content."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    first = str(error).strip().split("\n")[0].split(". ")[0]
    return first[:160] if isinstance(error, OSError) or "arquet" in first else type(error).__name__


def stat(path: str, root: str = "") -> File:
    """The facts by which a file is known to be the same."""
    try:
        if root:
            info = file_system(root).get_file_info(path)
            if not info.is_file:
                raise FileNotFoundError(2, "No such file")
            return File(path, int(info.size), int(info.mtime_ns or 0), 0, root)
        facts = os.stat(path)
        disk = f"{_started()} {facts.st_dev}"
        return File(path, facts.st_size, facts.st_mtime_ns, facts.st_ino, disk=disk)
    except OSError as error:
        raise refusals.unreadable(path, why(error), "check the path and its permissions") from None


@lru_cache(maxsize=1)
def _started() -> str:
    """A name of this machine that lasts until it is started again; empty where it has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def is_path(data: object) -> bool:
    """Whether it names files: a string, a path, or a list of such."""
    if isinstance(data, str | os.PathLike):
        return True
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(one, str | os.PathLike) for one in data)


def texts(data: Any) -> tuple[str, ...]:
    """What `find` is given, as text."""
    return tuple(os.fsdecode(one) for one in (data if isinstance(data, list | tuple) else [data]))


def find(data: Any) -> tuple[File, ...]:
    """The files in their order: of a glob or folder the byte order of their paths, of a list its own."""
    if isinstance(data, list | tuple):
        return tuple(file for one in data for file in find(one))
    text = os.fspath(data)
    if isinstance(text, bytes):
        raise InputTypeError("A path of bytes can't be read", code="SL2207", fix="os.fsdecode(path)")
    if text.startswith("file://"):
        text = urlsplit(text).path
    return _find_remote(text) if REMOTE.match(text) else _find_local(os.path.expanduser(text))


def _find_local(text: str) -> tuple[File, ...]:
    if os.path.isdir(text):
        paths: Iterable[str] = (os.path.join(top, name) for top, _, names in os.walk(text) for name in names)
        found = [path for path in paths if _is_data(os.path.relpath(path, text))]
        if not found:
            raise refusals.no_files(text, "no file with a known ending in the folder")
    elif os.path.isfile(text):
        found = [text]
    elif os.path.exists(text):
        raise refusals.no_file(text)
    elif MAGIC.search(text):
        found = [path for path in glob.glob(text, recursive=True) if os.path.isfile(path)]
    else:
        raise refusals.no_files(text, "no such file or folder", _alike(text))
    if not found:
        raise refusals.no_files(text)
    return tuple(stat(path) for path in sorted(found, key=os.fsencode))


def _alike(path: str) -> str:
    """A name beside it that looks like this one, as a question."""
    folder, name = os.path.split(path)
    try:
        close = difflib.get_close_matches(name, os.listdir(folder or "."), 1, 0.8)
    except OSError:
        return ""
    return f"did you mean {os.path.join(folder, close[0])}?" if close else ""


def _find_remote(text: str) -> tuple[File, ...]:
    import pyarrow as pa
    from pyarrow import fs

    fixed = MAGIC.split(text)[0]
    root = fixed if fixed == text else fixed.rsplit("/", 1)[0]
    try:
        system, base = system_of(root)
        info = system.get_file_info(base)
        if fixed == text and info.is_file:
            infos = [info]
        else:
            infos = [one for one in system.get_file_info(fs.FileSelector(base, recursive=True)) if one.is_file]
    except (OSError, pa.ArrowException) as error:
        raise refusals.unreadable(without_secrets(text), why(error), "check the URI and the access to it") from None
    if fixed != text:
        pattern = (base + text[len(root) :]).lstrip("/")
        infos = [one for one in infos if _matches(one.path, pattern)]
    elif not info.is_file:
        infos = [one for one in infos if _is_data(one.path[len(base) :].lstrip("/"))]
    if not infos:
        raise refusals.no_files(without_secrets(text))
    found = (File(one.path, int(one.size), int(one.mtime_ns or 0), 0, root) for one in infos)
    return tuple(sorted(found, key=lambda file: os.fsencode(file.path)))


def _matches(path: str, pattern: str) -> bool:
    """As a local glob would: only `**` goes into folders."""
    return fnmatch.fnmatchcase(path, pattern) and ("**" in pattern or path.count("/") == pattern.count("/"))


def without_secrets(uri: str) -> str:
    """A path or a URI as it may be shown."""
    if not REMOTE.match(uri):
        return uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"


def _is_data(relative: str) -> bool:
    parts = relative.replace("\\", "/").split("/")
    hidden = any(part.startswith((".", "_")) for part in parts)
    return not hidden and ending(relative) is not None


def ending(path: str) -> str | None:
    """The format that a path's ending stands for."""
    name = path.lower()
    return next((kind for end, kind in ENDINGS.items() if name.endswith(end)), None)


def format_of(files: Sequence[File], asked: str | None) -> str:
    """The one format of all files."""
    if asked is not None:
        return asked
    kinds = {file.path: ending(file.path) for file in files}
    unknown = [path for path, kind in kinds.items() if kind is None]
    if unknown:
        raise InputError(
            f"Can't tell the format of {unknown[0]} by its ending",
            code="SL2207",
            needed=", ".join(sorted(ENDINGS)),
            fix='name it, as in shardlearn.read(..., format="csv") or --format csv: parquet, csv or svmlight',
        )
    first = {str(kind): path for path, kind in reversed(kinds.items())}
    if len(first) > 1:
        raise InputError(
            f"Files of several formats: {', '.join(sorted(first))}",
            code="SL2207",
            where=", ".join(path for _, path in sorted(first.items())),
            needed="one format",
            fix="give a glob that takes one of them",
        )
    return str(next(iter(kinds.values())))


def partitions(files: Sequence[File]) -> list[dict[str, str]]:
    """Of each file, the key=value folders on its path."""
    found = []
    for file in files:
        folders = file.given.split("/")[:-1]
        found.append(dict(one.split("=", 1) for one in folders if re.match(r"^[^=]+=[^=]*$", one)))
    return found
