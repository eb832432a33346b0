"""Many problems in one pass: a grid search or a path of regularisation costs as many passes as its longest member."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.matrix import Array
from shardlearn.core.query import Carry, Columns, Query
from shardlearn.core.rows import Ids, Rows
from shardlearn.core.solver import Solver, State, Status
from shardlearn.core.statistic import Statistic, is_cut, is_running, is_spread

P = TypeVar("P")
S = TypeVar("S", bound=State)
AnyQuery: TypeAlias = Query[Any]
Answers: TypeAlias = Mapping[int, Any]  # problem -> its answer


@dataclass(frozen=True, slots=True)
class TogetherState(Generic[S]):
    """Where each problem stands."""

    each: tuple[S, ...]

    @property
    def status(self) -> Status:
        """Running while one is; converged when all are; else the first that is not."""
        found = [state.status for state in self.each]
        if Status.RUNNING in found:
            return Status.RUNNING
        return next((status for status in found if status is not Status.CONVERGED), Status.CONVERGED)

    @property
    def figures(self) -> Mapping[str, float]:
        return {"running": float(sum(state.status is Status.RUNNING for state in self.each))}


@dataclass(frozen=True, slots=True)
class Together(Generic[P, S]):
    """The same solver on each of a sequence of problems, all of them asking in the same pass where they can.

    A pass serves the first problem that still runs, and every other that asks for the same rows of the same data.
    """

    solver: Solver[P, S, Any]

    def init(self, problems: Sequence[P], /) -> TogetherState[S]:
        return TogetherState(tuple(self.solver.init(problem) for problem in problems))

    def ask(self, problems: Sequence[P], state: TogetherState[S], /) -> AnyQuery:
        asked = self._asked(problems, state)
        first = next(iter(asked.values()))
        parts = {i: query.measure for i, query in asked.items()}
        if first.runs is not None:
            for part in parts.values():
                if not is_running(part):
                    raise TypeError(f"Query.runs needs a statistic with `add`; {type(part).__name__} has none")
        spread = any(is_spread(part) for part in parts.values())
        carry = tuple(_prefixed(i, carry) for i, query in asked.items() for carry in query.carry)
        return replace(first, measure=SpreadJoint(parts) if spread else Joint(parts), carry=carry)

    def tell(self, problems: Sequence[P], state: TogetherState[S], answers: Answers, /) -> TogetherState[S]:
        each = list(state.each)
        for i in self._asked(problems, state):
            each[i] = self.solver.tell(problems[i], each[i], answers[i])
        return TogetherState(tuple(each))

    def _asked(self, problems: Sequence[P], state: TogetherState[S]) -> dict[int, AnyQuery]:
        """The queries of one pass by problem: a function of problems and state, so `tell` knows them too."""
        running = [i for i, own in enumerate(state.each) if own.status is Status.RUNNING]
        queries = {i: self.solver.ask(problems[i], state.each[i]) for i in running}
        first = queries[running[0]]
        return {i: query for i, query in queries.items() if _one_pass(first, query)}


@dataclass(frozen=True, slots=True)
class Joint:
    """Several statistics of one visit; each sees its own carried columns under their own names.

    Cut into the parts of its parts; one that can't be cut is a part as a whole.
    """

    each: Mapping[int, Statistic[Any]]

    @property
    def exact(self) -> bool:
        return all(one.exact for one in self.each.values())

    def of(self, block: Block, /) -> dict[int, Any]:
        return {i: one.of(_scoped(i, block)) for i, one in self.each.items()}

    def add(self, into: Answers, block: Block, /) -> dict[int, Any]:
        """An exact part that can't walk is merged, which gives the same bits."""
        out = {}
        for i, one in self.each.items():
            own = _scoped(i, block)
            out[i] = one.add(into[i], own) if is_running(one) else one.merge(into[i], one.of(own))
        return out

    def merge(self, left: Answers, right: Answers, /) -> dict[int, Any]:
        return {i: self.each[i].merge(answer, right[i]) for i, answer in left.items()}

    def bytes(self) -> int:
        return sum(one.bytes() for one in self.each.values())

    @property
    def parts(self) -> int:
        return sum(map(_parts, self.each.values()))

    def part(self, answer: Answers, i: int, /) -> dict[int, Any]:
        owner, j = self._where(i)
        one = self.each[owner]
        return {owner: one.part(answer[owner], j) if is_cut(one) else answer[owner]}

    def join(self, results: Sequence[Answers], /) -> dict[int, Any]:
        by_owner: dict[int, list[Any]] = {owner: [] for owner in self.each}
        for result in results:
            for owner, part in result.items():
                by_owner[owner].append(part)
        return {i: one.join(by_owner[i]) if is_cut(one) else by_owner[i][0] for i, one in self.each.items()}

    def _where(self, i: int) -> tuple[int, int]:
        """Problem and own number of a part."""
        ends = list(accumulate(map(_parts, self.each.values())))
        at = bisect_right(ends, i)
        return list(self.each)[at], i - (ends[at - 1] if at else 0)


@dataclass(frozen=True, slots=True)
class SpreadJoint(Joint):
    """One with parts that are finished; the others stay as they are."""

    def finish(self, i: int, merged: Answers, /) -> dict[int, Any]:
        owner, j = self._where(i)
        one = self.each[owner]
        return {owner: one.finish(j, merged[owner]) if is_spread(one) else merged[owner]}


def _parts(one: Statistic[Any]) -> int:
    return one.parts if is_cut(one) else 1


@dataclass(frozen=True, slots=True)
class Scoped:
    """Columns of one problem's carry: it sees its own carried columns, under their own names."""

    problem: int
    columns: Columns

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        return self.columns(_scoped(self.problem, block))


def _scoped(problem: int, block: Block) -> Block:
    prefix = f"{problem}/"
    own = {name.removeprefix(prefix): column for name, column in block.extra.items() if name.startswith(prefix)}
    return replace(block, extra=own)


def _prefixed(problem: int, carry: Carry) -> Carry:
    rebuild, step = Scoped(problem, carry.rebuild), Scoped(problem, carry.step)
    return Carry(f"{problem}/{carry.name}", carry.version, rebuild, step)


def _one_pass(first: AnyQuery, other: AnyQuery) -> bool:
    return (first.data, first.runs) == (other.data, other.runs) and _same_rows(first.rows, other.rows)


def _same_rows(left: Rows, right: Rows) -> bool:
    if isinstance(left, Ids) and isinstance(right, Ids):
        return np.array_equal(left.ids, right.ids)
    return type(left) is type(right) and left == right
