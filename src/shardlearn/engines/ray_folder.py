"""The folder of a private cluster: gone when the cluster is, or, if its program was killed, when the next one starts.

A program holds a lock on a file of its folder, which ends with the program, however that ends. The lock is taken before
the file has its name, so a folder whose file can be locked has nobody.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PREFIX = "shardlearn-"
LOCK = "locked"
SHORT = 20  # the path of a socket may have 107 characters, and Ray's own part is long


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder that nobody else may look into; what others of ours have left is removed."""
    above = above_folders()
    sweep(above)
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above))  # mode 0700
    lock = os.open(made / "new", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(made / "new", made / LOCK)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def above_folders() -> Path:
    named = tempfile.gettempdir()
    return Path(named if len(named) <= SHORT else "/tmp")


def sweep(above: Path) -> None:
    """Remove folders of ours that nobody lives in."""
    for path in above.glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_if_left(path)


def _remove_if_left(path: Path) -> None:
    with ExitStack() as opened:
        inside = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        opened.callback(os.close, inside)
        facts = os.fstat(inside)
        if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) != 0o700:
            return
        lock = os.open(LOCK, os.O_RDWR | os.O_NOFOLLOW, dir_fd=inside)
        opened.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in set(os.listdir(inside)) - {LOCK}:
            if stat.S_ISDIR(os.lstat(name, dir_fd=inside).st_mode):
                shutil.rmtree(name, ignore_errors=True, dir_fd=inside)
            else:
                os.unlink(name, dir_fd=inside)
        if os.listdir(inside) == [LOCK]:  # else somebody of that cluster still writes: the next start tries again
            os.unlink(LOCK, dir_fd=inside)
            os.rmdir(path)
