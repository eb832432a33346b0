"""Something that happens in the middle of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from shardlearn.engines.scatter import MergeTask
from shardlearn.engines.work import StreamTask, Task


class Died(Exception):  # noqa: N818 - no error: it was told to
    """The worker is gone, in the middle of something."""


@dataclass(slots=True)
class Tripped:
    """A statistic, or a rewrite of rows, at one of whose calls something happens."""

    inner: Any
    names: tuple[str, ...]  # of the methods that count; a rewrite is called itself
    act: Callable[[], None]
    left: int = 1  # calls until then

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.inner, name)
        return self._counted(real) if name in self.names else real

    def __call__(self, block: Any) -> Any:
        return self._counted(self.inner)(block)

    def _counted(self, real: Any) -> Any:
        def call(*args: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                self.act()
            return real(*args)

        return call


def tripped(task: Any, act: Callable[[], None], merging: bool) -> Task:
    """The task, with something that happens in the middle of its blocks, or at the first merge if there is one."""
    middle = len(task.blocks) // 2 + 1
    out: Task = task
    if isinstance(task, MergeTask):  # whose parts have several merges each
        query = task.what.query
        measure = Tripped(query.measure, ("merge",), act, 1 if merging else 2)
        out = replace(task, what=replace(task.what, query=replace(query, measure=measure)))
    elif not isinstance(task, StreamTask):
        names, left = (("merge",), 1) if merging else (("of", "add"), middle)
        out = replace(task, query=replace(task.query, measure=Tripped(task.query.measure, names, act, left)))
    elif not merging:
        out = replace(task, rows=Tripped(task.rows, (), act, middle))
    return out


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
