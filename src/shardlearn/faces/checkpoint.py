"""Where fits are stored while they run: `with shardlearn.checkpoint("runs/x"):`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count

from shardlearn import config
from shardlearn.core.errors import StorageError
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Place, place_of

from .identity import Given, identity, recipe
from .journal import Journal

FIT = "fit-{:04d}"


@dataclass(frozen=True, slots=True)
class Keeping:
    """The folder of a `with` block; its fits are numbered as they begin."""

    place: Place
    every: float
    number: Iterator[int] = field(default_factory=count)
    process: int = field(default_factory=os.getpid)


_HERE: ContextVar[Keeping | None] = ContextVar("shardlearn_checkpoint", default=None)


@contextmanager
def checkpoint(folder: str | os.PathLike[str], *, every: float | str = "30s") -> Iterator[None]:
    """Store every fit inside the `with` block while it runs, so that it goes on when its program was ended.

    Run the same program again: each fit goes on from its newest whole checkpoint, to the same bits, and one that had
    finished returns at once. The n-th fit in the block goes on where the n-th fit stood; if its class, parameters,
    data or release of shardlearn differ, it is refused, and the difference is named. To start anew, name another
    folder or remove this one.

    Parameters
    ----------
    folder : str or path
        A folder of this machine, or a URI that pyarrow knows: "s3://bucket/runs/x", "gs://...", "hdfs://...".
    every : float or str, default="30s"
        How much time may be lost: seconds, or "30s", "5min", "2h"; 0 stores every round. A fit that ends, is
        interrupted or fails stores its last whole round in any case.

    Raises
    ------
    StorageError
        The folder can't be used; by a fit, where the checkpoint belongs to another one.
    """
    keeping = Keeping(usable(place_of(folder)), config.seconds(every, "every", "with shardlearn.checkpoint(...)"))
    token = _HERE.set(keeping)
    try:
        yield
    finally:
        _HERE.reset(token)


def journal(given: Given) -> Journal:
    """The journal of the fit that begins: what is stored of it, or an empty one that nothing stores."""
    keeping = _HERE.get()
    if keeping is None or keeping.process != os.getpid():  # forked children would all be the n-th fit
        return Journal()
    place = keeping.place.inside(FIT.format(next(keeping.number)))
    return Journal(Checkpoints(place, identity(given)), recipe(given), keeping.every)


def usable(place: Place) -> Place:
    """Refuse before hours of work what would be refused after them."""
    why = place.in_the_way()
    if why:
        raise StorageError(
            f"Can't store checkpoints in {place}.",
            code="SL5101",
            found=why,
            needed="a folder that may be written to",
            fix="name another one",
        )
    return place
