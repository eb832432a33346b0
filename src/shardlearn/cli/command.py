"""command.json beside the checkpoints of a fit: the command, so that `shardlearn resume` can give it again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from shardlearn.core.errors import StorageError
from shardlearn.data.files import REMOTE, without_secrets
from shardlearn.storage.atomic import check_format
from shardlearn.storage.canonical import damaged, dumps, loads
from shardlearn.storage.places import Place, place_of

from . import record
from .flags import Data, Run, Stored, Training
from .output import Usage

NAME, FORMAT, LARGEST = "command.json", 1, 1 << 20
GROUPS = ("where", "training", "saving", "run")
MUST_BE_SAME = GROUPS[:2]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """What to train, on what, and where to put it."""

    estimator: str
    where: Data
    training: Training
    saving: Stored


@contextmanager
def storing(job: Job, run: Run) -> Iterator[None]:
    """Store the fit inside, and first the command, if that was asked for."""
    folder = job.saving.checkpoint
    if folder is None:
        yield
        return
    from shardlearn.faces.checkpoint import checkpoint

    with checkpoint(folder, every=job.saving.checkpoint_every):
        _write(place_of(folder), job, run)
        yield


def read(folder: str) -> tuple[Job, Run]:
    """The command of a folder of checkpoints."""
    place = place_of(folder)
    found = _read(place)
    if found is None:
        raise StorageError(
            f"{place} can't be resumed.",
            code="SL5114",
            found=f"no {NAME}",
            needed="a folder that `shardlearn fit ... --checkpoint FOLDER` has written",
            fix="shardlearn.resume(...) in Python, or the same program again, where a program made it",
        )
    job = Job(
        str(found["estimator"]),
        _made(Data, found["where"], place),
        _made(Training, found["training"], place),
        replace(_made(Stored, found["saving"], place), checkpoint=folder),
    )
    return job, _made(Run, found["run"], place)


def free(job: Job) -> Job:
    """The job; it replaces what an earlier run of the same checkpoints has saved."""
    folder, out = job.saving.checkpoint, job.saving.out
    if folder is None:
        return job
    stored, saved = str(place_of(folder)), os.path.abspath(out)
    if stored == saved or stored.startswith(saved + os.sep):
        raise Usage("--checkpoint takes a folder outside of --out, which holds the model alone")
    if record.read(out).get("checkpoint") == stored:
        return replace(job, saving=replace(job.saving, overwrite=True))
    return job


def _write(place: Place, job: Job, run: Run) -> None:
    now: dict[str, Any] = loads(dumps(_plain(job, run)), NAME)  # type: ignore[assignment]  # an object
    then = _read(place)
    if then is not None:
        _must_be_same(place, then, now)
    if then != now:
        place.put(NAME, dumps(now))


def _plain(job: Job, run: Run) -> dict[str, Any]:
    """For JSON; paths as they are from wherever it is read."""
    where = asdict(job.where) | {"data": [path if REMOTE.match(path) else _whole(path) for path in job.where.data]}
    return {
        "format": FORMAT,
        "estimator": job.estimator,
        "where": where,
        "training": asdict(job.training),
        "saving": asdict(job.saving) | {"out": _whole(job.saving.out), "checkpoint": None},
        "run": asdict(run),
    }


def _whole(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _read(place: Place) -> dict[str, Any] | None:
    data = place.get(NAME, LARGEST)
    if data is None:
        return None
    where = f"{place}/{NAME}"
    found = loads(data, where)
    if not isinstance(found, dict) or set(found) != {"format", "estimator", *GROUPS}:
        raise damaged(where, "no command", "SL5108")
    check_format(found["format"], FORMAT, where)
    return found


def _must_be_same(place: Place, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """The job itself may not change; where the answer goes, and who computes, may."""
    pairs = [("ESTIMATOR", then["estimator"], now["estimator"])]
    for group in MUST_BE_SAME:
        pairs += [(_flag(name), then[group].get(name), value) for name, value in now[group].items()]
    changed = [f"{name}: {_words(a)} then, {_words(b)} now" for name, a, b in pairs if a != b]
    if changed:
        raise StorageError(
            "The checkpoint belongs to another command.",
            code="SL5111",
            where=str(place),
            found="; ".join(changed),
            needed="the same estimator, data, target and parameters",
            fix="undo the change, or name another folder to start anew",
        )


def _flag(name: str) -> str:
    return "--" + name.strip("_").replace("_", "-")


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(without_secrets, value)) or "nothing"
    return "nothing" if value is None else str(value)


def _made(kind: type[T], values: Any, place: Place) -> T:
    """The flags of one group; other names or kinds of values than flags have are refused."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    plain = (str, int, float, type(None))
    lists = isinstance(values, dict) and all(
        isinstance(v, plain) or (isinstance(v, list) and all(isinstance(one, str) for one in v))
        for v in values.values()
    )
    if not lists or not set(values) <= known:
        raise damaged(f"{place}/{NAME}", "no command", "SL5108")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
