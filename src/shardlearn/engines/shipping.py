"""What goes to workers: a task as bytes, beside it by name the data and the large arrays that go there once."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
from ray import cloudpickle

from shardlearn.core.engine import Held
from shardlearn.core.matrix import Array

from .parts import Parted, part, part_size, parts_of
from .work import Task

LARGE = 65_536  # bytes from which on an array goes by the hash of its content
KEPT = 256 * 1024 * 1024  # bytes of such arrays that stay in the store for the next rounds


@dataclass(frozen=True, slots=True)
class Parcel:
    """A task without its piece; what it refers to, by name."""

    body: bytes
    refs: Mapping[str, Any]
    nbytes: int  # that a worker needs for it: the body, and arrays that were not in the store before
    parted: bool = False  # whether its data go in parts


@dataclass(slots=True)
class Shipped:
    """A source that is in the store: as one, or what is known of it, and its parts."""

    ref: Any
    size: int | None  # blocks of a part
    parts: dict[int, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Shipper:
    """The driver's side. `put` takes a value into the store, once for all workers, and gives a reference."""

    put: Callable[[Any], Any]
    _blocks: dict[int, Shipped] = field(default_factory=dict)  # by the handle's key
    _arrays: OrderedDict[str, tuple[Any, int]] = field(default_factory=OrderedDict)
    _last: tuple[Task, Parcel] | None = None
    _lock: Lock = field(default_factory=Lock)
    _stopped: Exception | None = None

    def parcel(self, task: Task) -> Parcel:
        """The same for all pieces of a pass, so made once, but for the parts of the data that this one needs."""
        with self._lock:
            if self._stopped is not None:
                raise copy(self._stopped)
            last = self._last
            if last is None or last[0].data is not task.data or last[0].asked is not task.asked:
                last = self._last = task, self._packed(task)
            parts = self._parts(task)
            return replace(last[1], refs={**last[1].refs, **parts}, parted=True) if parts else last[1]

    def hand_over(self, old: int, new: int) -> None:
        with self._lock:
            if old in self._blocks and self._stopped is None:
                self._blocks[new] = self._blocks.pop(old)

    def stop(self, why: Exception, timeout: float) -> None:
        """From now on nothing is put and nothing dropped: the store is gone. Waits for who is at it."""
        locked = self._lock.acquire(timeout=timeout)
        self._stopped = why
        if locked:
            self._lock.release()

    def forget(self, key: int) -> None:
        with self._lock:
            if self._stopped is not None:
                return
            self._blocks.pop(key, None)
            if self._last is not None and self._last[0].data.key == key:
                self._last = None
            if not self._blocks:
                self._arrays.clear()  # what was asked of the data goes with them

    def _packed(self, task: Task) -> Parcel:
        key, blocks, refs = task.data.key, task.data.blocks, dict[str, Any]()
        before, out = sum(nbytes for _, nbytes in self._arrays.values()), io.BytesIO()

        def name_of(value: object) -> str | None:
            if value is blocks:
                if key not in self._blocks:
                    size = part_size(blocks)
                    self._blocks[key] = Shipped(self.put(Parted.of(blocks, size) if size else blocks), size)
                refs[name := f"blocks {key}"] = self._blocks[key].ref
                return name
            if type(value) is np.ndarray and value.nbytes > LARGE and not value.dtype.hasobject:
                name = content(value)
                refs[name] = self._array(name, value)
                return name
            return None

        pickler: Any = cloudpickle.Pickler
        pickler = pickler(out, 5)  # functions and classes of a script go by value
        pickler.persistent_id = name_of
        pickler.dump(task.bare())
        body = out.getvalue()
        parcel = Parcel(body, refs, len(body) + sum(nbytes for _, nbytes in self._arrays.values()) - before)
        self._drop()
        return parcel

    def _parts(self, task: Task) -> dict[str, Any]:
        """What is in memory goes into the store when somebody is to work with it: he begins, and the next part goes."""
        key, blocks = task.data.key, task.data.blocks
        shipped = self._blocks[key]
        if task.held or shipped.size is None or not isinstance(blocks, Held):
            return {}
        numbers = parts_of(task.blocks, shipped.size)
        for number in numbers:
            if number not in shipped.parts:
                shipped.parts[number] = self.put(part(blocks, number, shipped.size))
        return {f"part {key} {number}": shipped.parts[number] for number in numbers}

    def _array(self, name: str, value: Array) -> Any:
        if name not in self._arrays:
            self._arrays[name] = self.put(value), value.nbytes
        self._arrays.move_to_end(name)
        return self._arrays[name][0]

    def _drop(self) -> None:
        while sum(nbytes for _, nbytes in self._arrays.values()) > KEPT and len(self._arrays) > 1:
            self._arrays.popitem(last=False)


class Unpickler(pickle.Unpickler):
    """The worker's side."""

    def __init__(self, body: bytes, named: Callable[[str], Any]):
        super().__init__(io.BytesIO(body))
        self.named = named

    def persistent_load(self, name: str) -> Any:
        return self.named(name)


def content(array: Array) -> str:
    """Names an array by all of its bits, and the order in which they lie."""
    order = "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else "-"
    flat = array.T if order == "F" else np.ascontiguousarray(array)
    digest = hashlib.sha256(flat.reshape(-1).view(np.uint8).data).hexdigest()
    return f"array {array.dtype.str} {array.shape} {order} {digest}"
