"""Errors that say where, what was found, what is needed and how to mend it."""

from __future__ import annotations

from typing import Any


class ShardlearnError(Exception):
    """Base of all errors raised on purpose; `code` is stable, the words may improve."""

    code: str

    def __init__(self, first: str, *, code: str, where: str = "", found: str = "", needed: str = "", fix: str = ""):
        self.code, self.first = code, first
        self.where, self.found, self.needed, self.fix = where, found, needed, fix
        parts = [("where ", where), ("found ", found), ("needed", needed), ("fix   ", fix)]
        super().__init__("\n".join([first, *(f"  {name}: {text}" for name, text in parts if text)]))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.first, self.code, self.where, self.found, self.needed, self.fix)

    @property
    def headline(self) -> str:
        """`shardlearn.InputError [SL2103]: Input X contains NaN.`, and the rest below it."""
        return f"shardlearn.{type(self).__name__} [{self.code}]: {self}"


def _rebuild(
    kind: type[ShardlearnError], first: str, code: str, where: str, found: str, needed: str, fix: str
) -> ShardlearnError:
    return kind(first, code=code, where=where, found=found, needed=needed, fix=fix)


class InputError(ShardlearnError, ValueError):
    """The data can't be used as it is."""


class InputTypeError(ShardlearnError, TypeError):
    """The data is of a kind that can't be used."""


class ParameterError(ShardlearnError, ValueError):
    """A parameter's value can't be honoured."""


class MemoryLimitError(ShardlearnError, ValueError):
    """What was asked can't fit into the memory limit; nothing was read."""


class EngineError(ShardlearnError, RuntimeError):
    """A piece of work failed as often as it may, or nobody is left to do it."""


class StorageError(ShardlearnError, ValueError):
    """A saved model or checkpoint is damaged, foreign or of another format."""


class SourceChangedError(ShardlearnError, RuntimeError):
    """The data changed while it was in use."""


class Interrupted(KeyboardInterrupt):
    """The user stopped a fit: the estimator holds the model of the last whole round."""


for _kind in (
    ShardlearnError,
    InputError,
    InputTypeError,
    ParameterError,
    MemoryLimitError,
    EngineError,
    StorageError,
    SourceChangedError,
    Interrupted,
):
    _kind.__module__ = "shardlearn"
