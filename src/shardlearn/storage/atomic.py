"""A folder of files that is saved whole or not at all.

Each file is written under a temporary name in the same folder (O_EXCL, 0600), flushed with fsync, renamed, and the
folder flushed. Names carry a hash of the contents, so that nothing a committed manifest names is ever overwritten;
MANIFEST.json (name, length, SHA-256 each) comes last in the same way: it is the commit mark.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shardlearn.core.errors import StorageError

from .canonical import Json, damaged, dumps, loads

FORMAT = 1
MANIFEST = "MANIFEST.json"
BESIDE = "run.json"
CHUNK = 1 << 20
MOST_FILES, MANIFEST_BYTES = 64, 64 * 1024
ROLE = re.compile(r"[a-z][a-z0-9_]{0,40}\.(json|safetensors)")
STORED = re.compile(r"[a-z][a-z0-9_]{0,40}-[0-9a-f]{16}\.(json|safetensors)")
TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a manifest: what it is for, its name, length and SHA-256."""

    role: str
    name: str
    length: int
    sha256: str


def write_folder(
    folder: str | os.PathLike[str],
    kind: str,
    files: Mapping[str, bytes],
    *,
    overwrite: bool,
    beside: bytes | None = None,
) -> None:
    """Save the files so that a reader finds all of them or what was there before.

    `beside` is kept as run.json: it varies from run to run and is no part of what is saved.
    """
    path = Path(folder)
    entries, manifest = sealed(kind, files)
    try:
        _make_folder(path)
        with _locked(path) as at:
            _check_free(path, at, overwrite)
            for entry in entries:
                _put(at, entry.name, files[entry.role])
            _put(at, MANIFEST, manifest)
            if beside is not None:
                _put(at, BESIDE, beside)
            _sweep(at, {entry.name for entry in entries})
    except OSError as error:
        raise unwritten(str(path), error) from error


def write_file(folder: str | os.PathLike[str], name: str, data: bytes) -> None:
    """One file, whole or what it was before."""
    path = Path(folder)
    try:
        _make_folder(path)
        at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _put(at, name, data)
        finally:
            os.close(at)
    except OSError as error:
        raise unwritten(str(path), error) from error


def read_folder(folder: str | os.PathLike[str], kind: str) -> dict[str, bytes]:
    """The files of a saved folder by role, each with the length and SHA-256 that the manifest names."""
    path = Path(folder)
    try:
        at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise absent(str(path), error.strerror or "no folder") from None
    try:
        for _ in range(3):  # a save that replaces this folder may take old files away while we read
            manifest = _slurp(at, path, MANIFEST, MANIFEST_BYTES)
            try:
                return {e.role: _verified(at, path, e) for e in listed(manifest, str(path), kind)}
            except FileNotFoundError as error:
                missing = str(error.filename)
        raise damaged(str(path / missing), "the file is missing")
    except FileNotFoundError:
        raise absent(str(path)) from None
    except OSError as error:
        raise damaged(str(path), f"{error.strerror} ({errno.errorcode.get(error.errno or 0, 'unknown')})") from None
    finally:
        os.close(at)


def remove_folder(folder: str | os.PathLike[str]) -> None:
    """The manifest first: what is left by a kill in between is a folder whose save was cut off. Failures are let be."""
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder), key=lambda name: name != MANIFEST):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


# -- writing -----------------------------------------------------------------------------------------------------


def sealed(kind: str, files: Mapping[str, bytes]) -> tuple[list[Entry], bytes]:
    """What is written: the files' names, and the manifest that commits them."""
    entries = [_entry(role, data) for role, data in sorted(files.items())]
    return entries, _manifest(kind, entries)


def unwritten(where: str, error: Exception) -> StorageError:
    """The error for a save that the system would not do."""
    number = getattr(error, "errno", None) or 0
    found = f"{getattr(error, 'strerror', None)} ({errno.errorcode.get(number, 'unknown')})"
    return StorageError(
        f"Can't save to {where}.",
        code="SL5101",
        found=found if number else str(error).split("\n")[0][:160],
        needed="room and permission to write; what was saved there before is as it was",
        fix="free space or name another folder, and save again",
    )


def _entry(role: str, data: bytes) -> Entry:
    if not ROLE.fullmatch(role):
        raise ValueError(f"not a name of a saved file: {role!r}")
    digest = hashlib.sha256(data).hexdigest()
    stem, suffix = role.split(".")
    return Entry(role, f"{stem}-{digest[:16]}.{suffix}", len(data), digest)


def _manifest(kind: str, entries: list[Entry]) -> bytes:
    """Names every file, and itself by the checksum of the rest."""
    files: list[Json] = [{"role": e.role, "name": e.name, "length": e.length, "sha256": e.sha256} for e in entries]
    rest: dict[str, Json] = {"format": FORMAT, "kind": kind, "files": files}
    return dumps(rest | {"check": hashlib.sha256(dumps(rest)).hexdigest()})


def _make_folder(path: Path) -> None:
    """The folder and those above it; each new one is flushed into its parent.

    So is the last one that is there: whoever made it may have been killed before that.
    """
    path = path.absolute()
    missing = [p for p in (path, *path.parents) if not p.exists()]
    there = missing[-1].parent if missing else path
    if not os.path.ismount(there):  # where others mount, folders can't always be flushed
        with contextlib.suppress(PermissionError):  # nor read
            _flush(there.parent)
    for new in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(new)
        _flush(new.parent)


def _flush(folder: Path) -> None:
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(at)
    finally:
        os.close(at)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The open folder, for one writer at a time (where the file system knows locks)."""
    at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                f"Can't save to {path}.",
                code="SL5101",
                found="another program is saving there at this moment",
                fix="wait for it, or name another folder",
            ) from None
        except OSError:
            pass
        yield at
    finally:
        os.close(at)


def _check_free(path: Path, at: int, overwrite: bool) -> None:
    present = {name for name in os.listdir(at) if not TEMPORARY.fullmatch(name)}
    ours = {name for name in present if STORED.fullmatch(name) or name in (MANIFEST, BESIDE)}
    if present != ours or (MANIFEST in present and not overwrite):
        raise StorageError(
            f"Can't save to {path}.",
            code="SL5102",
            found="a saved model or checkpoint" if present == ours else "a folder that holds other things",
            needed="a new or empty folder" + (", or overwrite=True" if present == ours else ""),
            fix="overwrite=True replaces it" if present == ours else "name another folder",
        )


def _put(at: int, name: str, data: bytes) -> None:
    """Temporary file, write, fsync, rename, fsync of the folder."""
    temporary = f".tmp-{secrets.token_hex(8)}"
    out = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(out, view[:CHUNK]) :]
            os.fsync(out)
        finally:
            os.close(out)
        os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=at)
        raise
    os.fsync(at)


def _sweep(at: int, keep: set[str]) -> None:
    """Files of earlier saves, and of saves that were cut off; after the commit, so a failure here harms nothing."""
    for name in os.listdir(at):
        if TEMPORARY.fullmatch(name) or (STORED.fullmatch(name) and name not in keep):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=at)


# -- reading -----------------------------------------------------------------------------------------------------


def absent(
    where: str, found: str = f"no {MANIFEST}: nothing was saved here, or the save was cut off before its end"
) -> StorageError:
    """The error for a folder without a manifest."""
    return StorageError(
        f"{where} holds no saved model or checkpoint.",
        code="SL5103",
        found=found,
        needed="a folder that shardlearn has saved",
    )


def listed(manifest: bytes, folder: str, kind: str) -> list[Entry]:
    """The files that a manifest names, once it is known to be whole."""
    where = f"{folder}/{MANIFEST}"
    value = loads(manifest, where)
    if not isinstance(value, dict) or type(value.get("format")) is not int:
        raise damaged(where, "no manifest")
    check_format(value["format"], FORMAT, where)
    found = value.get("files")
    check = hashlib.sha256(dumps({key: v for key, v in value.items() if key != "check"})).hexdigest()
    if set(value) != {"format", "kind", "files", "check"} or value["check"] != check:
        raise damaged(where, "other contents than were saved (SHA-256 differs)")
    if not isinstance(found, list) or len(found) > MOST_FILES:
        raise damaged(where, "no list of files", "SL5105")
    if value["kind"] != kind:
        raise StorageError(
            f"{folder} holds no {kind}.",
            code="SL5103",
            where=where,
            found="another kind of file",
            needed=f"a saved {kind}",
        )
    entries = [_listed(item, where) for item in found]
    if len({e.role for e in entries}) != len(entries) or sum(e.length for e in entries) > _memory():
        raise damaged(where, "files named twice, or larger than this machine's memory", "SL5105")
    return entries


def check_format(found: Json, known: int, where: str) -> None:
    """Refuse in words what a later release has written."""
    if type(found) is not int or not 1 <= found <= known:
        raise StorageError(
            "The saved file has a format that this release doesn't know.",
            code="SL5106",
            where=where,
            found=f"format {found if type(found) is int else '?'}",
            needed=f"format {known} or lower",
            fix="pip install --upgrade shardlearn",
        )


def _listed(item: Json, where: str) -> Entry:
    match item:
        case {"role": str(role), "name": str(name), "length": int(length), "sha256": str(digest), **rest} if not rest:
            safe = ROLE.fullmatch(role) and STORED.fullmatch(name) and re.fullmatch(r"[0-9a-f]{64}", digest)
            if safe and type(length) is int and length >= 0:
                return Entry(role, name, length, digest)
    raise damaged(where, "a name, length or checksum that shardlearn doesn't write", "SL5105")


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _slurp(at: int, path: Path, name: str, most: int, exactly: int | None = None) -> bytes:
    """A regular file's bytes; its size is checked before any is read."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(name, flags, dir_fd=at)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise damaged(str(path / name), "a symbolic link", "SL5105") from None
        raise
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise damaged(str(path / name), "not a regular file", "SL5105")
        if status.st_size > most or (exactly is not None and status.st_size != exactly):
            raise damaged(str(path / name), f"{status.st_size} bytes, not {most if exactly is None else exactly}")
        out = bytearray()
        while chunk := os.read(file, min(CHUNK, status.st_size - len(out) + 1)):
            out += chunk
            if len(out) > status.st_size:
                raise damaged(str(path / name), "a file that grows while it is read")
        return bytes(out)
    finally:
        os.close(file)


def _verified(at: int, path: Path, entry: Entry) -> bytes:
    return verified(_slurp(at, path, entry.name, entry.length, entry.length), entry, str(path))


def verified(data: bytes, entry: Entry, folder: str) -> bytes:
    """The bytes of a file, if they are those that the manifest names."""
    if len(data) != entry.length or hashlib.sha256(data).hexdigest() != entry.sha256:
        raise damaged(f"{folder}/{entry.name}", "other contents than were saved (SHA-256 differs)")
    return data
