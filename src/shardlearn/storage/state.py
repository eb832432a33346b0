"""Any solver's state as safetensors + JSON and back, bit for bit, without pickle.

Plain values stand as they are; everything else is an object with one key that starts with `$`. A file never names
what is imported: a class is looked up among those that are allowed before the file is read.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import pkgutil
import struct
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from shardlearn.core import grid, rows, solver
from shardlearn.core.errors import StorageError
from shardlearn.core.fixed import Scale, Weights
from shardlearn.core.matrix import Array, Csr

from . import tensors
from .atomic import check_format, read_folder, write_folder
from .canonical import Json, damaged, dumps, loads
from .kinds import fits, kinds_of

FORMAT = 1
DEEPEST = 100
SMALL = 1 << 63
CORE = (solver.Status, Csr, Scale, Weights, grid.Grid, rows.All, rows.Range, rows.Ids, rows.Hashed, rows.Shuffled)
ROOMS = (
    "shardlearn.solvers",
    "shardlearn.statistics",
)  # every frozen dataclass and enum defined in these packages may stand in a file

T = TypeVar("T")
_allowed: dict[str, type] = {}


def allow(name: str) -> Callable[[type[T]], type[T]]:
    """Let a frozen dataclass or an enum stand in saved states, under a name that outlives its module's."""

    def add(kind: type[T]) -> type[T]:
        if _allowed.get(name, kind) is not kind or name.startswith(("core.", "solvers.", "statistics.")):
            raise ValueError(f"{name} is taken")
        _allowed[name] = kind
        return kind

    return add


def dump(state: object, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Save a state so that `load` gives it back, bit for bit."""
    write_folder(folder, "state", to_files(state), overwrite=overwrite)


def load(folder: str | os.PathLike[str]) -> Any:
    """The state that was saved; `StorageError` for anything damaged, foreign or hostile."""
    return from_files(read_folder(folder, "state"), os.fspath(folder))


def to_files(state: object) -> dict[str, bytes]:
    """A state as two files."""
    value, arrays = encode(state)
    return {"state.json": dumps({"format": FORMAT, "state": value}), "state.safetensors": tensors.pack(arrays)}


def from_files(files: Mapping[str, bytes], where: str) -> Any:
    """The state of two files."""
    if set(files) != {"state.json", "state.safetensors"}:
        raise damaged(where, "other files than a state's", "SL5108")
    value = loads(files["state.json"], where)
    if not isinstance(value, dict) or set(value) != {"format", "state"}:
        raise damaged(where, "no state", "SL5108")
    check_format(value["format"], FORMAT, where)
    return decode(value["state"], tensors.unpack(files["state.safetensors"], where), where)


# -- writing -----------------------------------------------------------------------------------------------------


def encode(value: object, path: str = "state") -> tuple[Json, dict[str, Array]]:
    """A value as JSON, and the arrays that it refers to by path."""
    arrays: dict[str, Array] = {}
    return _encode(value, path, arrays, 0), arrays


def _encode(value: object, path: str, arrays: dict[str, Array], depth: int) -> Json:
    if depth > DEEPEST:
        raise _unsaveable(path, f"nested more than {DEEPEST} deep")

    def inner(item: object, name: object) -> Json:
        return _encode(item, f"{path}/{name}", arrays, depth + 1)

    def pairs(items: Mapping[Any, object]) -> Json:
        names = [k if type(k) is str and k.isidentifier() else i for i, k in enumerate(items)]
        return [[inner(k, f"{i}-key"), inner(v, names[i])] for i, (k, v) in enumerate(items.items())]

    match value:
        case None | bool():
            return value
        case Enum():
            return {"$enum": _name_of(type(value), path), "name": value.name}
        case np.ndarray() if value.dtype == object:
            return {"$objects": [inner(v, i) for i, v in enumerate(value.flat)], "shape": list(value.shape)}
        case np.ndarray() if type(value) is np.ndarray:
            arrays[path] = value
            return {"$array": path} | tensors.describe(value)
        case np.generic():
            arrays[path] = np.asarray(value)
            return {"$scalar": path} | tensors.describe(arrays[path])
        case dict() if type(value) is dict:
            return {"$map": pairs(value)}
        case MappingProxyType():
            return {"$frozen": pairs(value)}
        case tuple() if type(value) is tuple:
            return [inner(v, i) for i, v in enumerate(value)]
        case list() if type(value) is list:
            return {"$list": [inner(v, i) for i, v in enumerate(value)]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: inner(getattr(value, f.name), f.name) for f in dataclasses.fields(value)}
        return {"$class": _name_of(type(value), path), "fields": fields}
    return _scalar(value, path)


def _scalar(value: object, path: str) -> Json:
    if type(value) is int:
        return value if -SMALL <= value < SMALL else {"$int": hex(value)}
    if type(value) is float:
        return value if abs(value) < float("inf") else {"$float": struct.pack(">d", value).hex()}
    if type(value) is str:
        return value
    raise _unsaveable(path, f"a value of type {type(value).__name__}")


def _unsaveable(path: str, found: str) -> StorageError:
    return StorageError(
        f"{path} can't be saved.",
        code="SL5109",
        found=found,
        needed="frozen dataclasses, tuples, mappings, enums, numbers, strings, None or arrays",
    )


# -- reading -----------------------------------------------------------------------------------------------------


def decode(value: Json, held: Mapping[str, Array], where: str) -> Any:
    """What `encode` was given; every array of the file is used once."""
    reader = _Reader(held, where)
    out = reader.value(value, 0)
    if reader.used != set(held):
        raise reader.wrong("arrays that nothing refers to")
    return out


class _Reader:
    def __init__(self, held: Mapping[str, Array], where: str):
        self.held, self.where, self.used = held, where, set[str]()

    def wrong(self, found: str) -> StorageError:
        return damaged(self.where, found, "SL5108")

    def value(self, value: Json, depth: int) -> Any:
        if depth > DEEPEST:
            raise self.wrong(f"values nested more than {DEEPEST} deep")
        if isinstance(value, list):
            return tuple(self.value(v, depth + 1) for v in value)
        if not isinstance(value, dict):
            return value
        match value:
            case {"$array": str(path), **rest}:
                return self.array(path, rest)
            case {"$scalar": str(path), **rest}:
                return self.array(path, rest)[()]
            case {"$objects": list(items), "shape": list(shape), **rest} if not rest:
                return self.objects(items, shape, depth)
            case {"$map": list(pairs), **rest} if not rest:
                return self.mapping(pairs, depth)
            case {"$frozen": list(pairs), **rest} if not rest:
                return MappingProxyType(self.mapping(pairs, depth))
            case {"$list": list(items), **rest} if not rest:
                return [self.value(v, depth + 1) for v in items]
            case {"$enum": str(name), "name": str(member), **rest} if not rest:
                return self.member(name, member)
            case {"$class": str(name), "fields": dict(fields), **rest} if not rest:
                return self.instance(name, fields, depth)
        return self.number(value)

    def number(self, value: Mapping[str, Json]) -> int | float:
        try:
            match list(value.items()):
                case [("$int", str(text))] if hex(int(text, 16)) == text:
                    return int(text, 16)
                case [("$float", str(text))] if len(text) == 16:
                    return float(struct.unpack(">d", bytes.fromhex(text))[0])
        except ValueError:
            pass
        raise self.wrong("a value of an unknown kind")

    def array(self, path: str, described: Mapping[str, Json]) -> Array:
        if path not in self.held or path in self.used:
            raise self.wrong("an array that is missing or named twice")
        self.used.add(path)
        return tensors.restore(self.held[path], described, self.where)

    def objects(self, items: list[Json], shape: list[Json], depth: int) -> Array:
        out = np.empty(len(items), object)
        for i, item in enumerate(items):
            out[i] = self.value(item, depth + 1)
            if not isinstance(out[i], str | int | float | None):
                raise self.wrong("an array of objects that are no plain values")
        return out.reshape(tensors.shape_of({"shape": shape}, len(items), self.where))

    def mapping(self, pairs: list[Json], depth: int) -> dict[Any, Any]:
        out = {}
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise self.wrong("no mapping")
            try:
                out[self.value(pair[0], depth + 1)] = self.value(pair[1], depth + 1)
            except TypeError:
                raise self.wrong("a key that can't be one") from None
        if len(out) != len(pairs):
            raise self.wrong("a mapping with a key twice")
        return out

    def member(self, name: str, member: str) -> Enum:
        kind = _known(name)
        if kind is None or not issubclass(kind, Enum) or member not in kind.__members__:
            raise self.unknown(name)
        return kind.__members__[member]

    def instance(self, name: str, fields: Mapping[str, Json], depth: int) -> Any:
        kind = _known(name)
        if kind is None or not dataclasses.is_dataclass(kind):
            raise self.unknown(name)
        if set(fields) != {f.name for f in dataclasses.fields(kind)}:
            raise self.wrong(f"{name} with other fields than it has")
        values = {field: self.value(v, depth + 1) for field, v in fields.items()}
        strange = [
            field for field, kinds in kinds_of(kind).items() if field in values and not fits(values[field], kinds)
        ]
        if strange:
            raise self.wrong(f"{name} whose {strange[0]} is of another kind than it says")
        out: Any = kind(**values)
        if isinstance(out, Csr):
            self.check_csr(out)
        return out

    def check_csr(self, X: Csr) -> None:
        """Native code follows these offsets without looking."""
        kinds: tuple[tuple[Any, str], ...] = (X.data, "fd"), (X.indices, "i"), (X.indptr, "l")
        arrays = all(isinstance(a, np.ndarray) and a.ndim == 1 and a.dtype.char in chars for a, chars in kinds)
        if not arrays or type(X.n_columns) is not int or len(X.indptr) == 0 or len(X.data) != len(X.indices):
            raise self.wrong("no sparse matrix")
        ascending = bool((X.indptr[1:] >= X.indptr[:-1]).all())
        inside = X.indptr[0] >= 0 and X.indptr[-1] <= len(X.data)
        if not ascending or not inside or bool(((X.indices < 0) | (X.indices >= X.n_columns)).any()):
            raise self.wrong("a sparse matrix whose offsets lead outside")

    def unknown(self, name: str) -> StorageError:
        return StorageError(
            "The saved file holds a class that this release doesn't know.",
            code="SL5107",
            where=self.where,
            found=name[:80] if name.isprintable() else "an unprintable name",
            fix="load it with the release that saved it, or a later one",
        )


# -- the classes that may stand in a file ------------------------------------------------------------------------


def _name_of(kind: type, path: str) -> str:
    for table in _tables():
        for name, known in table.items():
            if known is kind:
                return name
    raise _unsaveable(path, f"a value of type {kind.__name__}, which is not among the classes that may be saved")


def _known(name: str) -> type | None:
    return next((table[name] for table in _tables() if name in table), None)


def _tables() -> Iterator[Mapping[str, type]]:
    """The rooms are imported when a class is found nowhere else."""
    yield _allowed
    yield {_stable(kind): kind for kind in CORE}
    yield _of_rooms()


@cache
def _of_rooms() -> dict[str, type]:
    """Stable name -> class: `solvers.lbfgs.LbfgsState`."""
    table: dict[str, type] = {}
    for room in ROOMS:
        package = importlib.import_module(room)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{room}.{info.name}")
            kinds = [kind for kind in vars(module).values() if isinstance(kind, type)]
            table |= {_stable(k): k for k in kinds if k.__module__ == module.__name__ and _may_stand(k)}
    return table


def _stable(kind: type) -> str:
    return f"{kind.__module__.removeprefix('shardlearn.')}.{kind.__qualname__}"


def _may_stand(kind: type) -> bool:
    if issubclass(kind, Enum):
        return True
    params = getattr(kind, "__dataclass_params__", None)
    fields: Mapping[str, dataclasses.Field[Any]] = getattr(kind, "__dataclass_fields__", {})
    return params is not None and params.frozen and all(field.init for field in fields.values())
