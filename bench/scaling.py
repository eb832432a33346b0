"""How long a pass takes on many workers: a small model, whose constants `bench/scale.py` measures."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

NODES = 3  # subtrees that a worker hands over: one to five, as its range is cut at few places
INLINE = 1 << 20  # bytes of an answer from which on workers merge among themselves


@dataclass(frozen=True)
class Constants:
    """Measured: seconds, and bytes a second of one thread."""

    round: float  # the driver's own part of a pass
    call: float  # for each worker: a task there, an answer back
    byte: float  # of a state and its answer, once: pickled, put into the store, taken by the solver
    byte_call: float  # the same for each worker
    cold: float  # bytes of a block (as numbers in memory) read from files, decoded and used
    cached: float  # bytes of a block used, where it is in memory already


@dataclass(frozen=True)
class Site:
    """Assumed: what the machines are that the model is asked about. A worker is a machine."""

    threads: int = 16
    memory: float = 64e9  # that blocks may take
    memory_speed: float = 100e9  # bytes a second
    network: float = 1.25e9
    storage: float = 1e9  # bytes of files a second that a machine reads
    packed: float = 0.5  # bytes of files for a byte of numbers
    price: float = 1.0  # of a machine for an hour


@dataclass(frozen=True)
class Job:
    """A fit: so many visits to all data, each with a state that goes out and an answer that comes back."""

    name: str
    data: float  # bytes as numbers in memory
    state: float  # bytes
    answer: float
    passes: int


@dataclass(frozen=True)
class Times:
    """Seconds."""

    first: float  # pass, which reads
    later: float  # pass
    overhead: float  # of a pass, in which no data are worked on

    def fit(self, passes: int) -> float:
        return self.first + (passes - 1) * self.later


def overhead(c: Constants, state: float, answer: float, workers: int, network: float) -> float:
    """round + call W + (byte + byte_call W) bytes; workers merge answers over 1 MiB by parts, among each other."""
    small = c.round + c.call * workers + (c.byte + c.byte_call * workers) * state
    if answer <= INLINE:
        return small + c.byte_call * workers * answer * NODES
    share = (workers - 1) / workers
    return small + c.round + c.call * workers + answer * ((NODES + 1) * share + 1) / network + c.byte * answer


def times(c: Constants, job: Job, site: Site, workers: int) -> Times:
    """Every worker has an equal share, and reads again what it can't keep."""
    each = job.data / workers
    beside = overhead(c, job.state, job.answer, workers, site.network)
    cold = min(site.threads * c.cold, site.storage / site.packed)
    cached = min(site.threads * c.cached, site.memory_speed)
    kept = min(site.memory, each)
    return Times(beside + each / cold, beside + kept / cached + (each - kept) / cold, beside)


def machines(job: Job, site: Site) -> int:
    """That keep all data in memory."""
    return ceil(job.data / site.memory)
