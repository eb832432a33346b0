"""Answers too large for the driver: they stay with workers in parts, and each part is merged by one of them.

In two rounds. Pieces are answered as ever, but a worker keeps its answer, as bytes by portion (a range of parts), and
says only that it has it. Then each portion is a piece of work: a worker gets it from all that have some of it, and
merges it in the same fixed tree. What can't be had any more is asked for again.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, cast

from shardlearn.core.engine import Sharded
from shardlearn.core.errors import EngineError
from shardlearn.core.events import Emit, PieceRetried, Timed
from shardlearn.core.query import Query
from shardlearn.core.statistic import Cut, Statistic, is_cut, is_spread
from shardlearn.core.tree import Merge, Node, Tree, aligned, depth

from .plan import Plan
from .reading import Attempt, Lane, Place
from .rounds import Piece
from .serial import finished
from .stopping import Stopped
from .visit import concluded, nothing, quiet, walks
from .work import Task, rows_of

A = TypeVar("A")
WORTH = 1 << 19  # bytes of an answer that a worker merges
LOST = "its answer was lost with the machine that kept it"


@dataclass(slots=True)
class Gathering(Generic[A]):
    """Answers of pieces, in any order, become one: by the tree, or as they come where the order can't show."""

    query: Query[Any]
    tree: Tree[A]
    seconds: float = 0.0
    parts: Sequence[Any] | None = None  # of the answer, finished, where workers merged it; none: no block had one
    _into: A | None = None

    @quiet
    def add(self, answer: Any) -> None:
        began = perf_counter()
        if not walks(self.query):
            self.tree.add(answer)
        elif answer is not None:
            self._into = answer if self._into is None else self.tree.merge(self._into, answer)
        self.seconds += perf_counter() - began

    def root(self) -> A | None:
        return self._into if walks(self.query) else self.tree.root()

    def part(self) -> object:
        """What a task answers whose piece this was."""
        return self._into if walks(self.query) else self.tree.nodes()

    def concluded(self, at: Sharded) -> A:
        """What the solver is told."""
        if self.parts:
            return cast(A, cut(self.query.measure).join(self.parts))
        root = self.root() if self.parts is None else None
        out: A = concluded(self.query.measure, nothing(at, self.query) if root is None else root)
        return out


@dataclass(frozen=True, slots=True)
class Left:
    """A piece was answered, and its answer stays with its worker."""

    answered: bool  # whether a block had an answer
    held: tuple[Any, ...]  # by portion: by what another worker gets it


@dataclass(frozen=True, slots=True)
class Gone:
    """What could not be had: numbers of the pieces that it was the answer of."""

    pieces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Merging:
    """What is the same for all portions of a pass."""

    query: Query[Any]
    first: int  # of all blocks or runs
    stop: int
    gaps: tuple[Piece, ...] = ()  # runs without blocks

    def gathering(self) -> Gathering[list[Any]]:
        """Of parts of answers, a list of them in place of each answer."""
        tree = Tree(_one_by_one(self.query.measure.merge), self.first, self.stop)
        tree.add(Node(*at, None) for gap in self.gaps for at in aligned(*gap))
        return Gathering(self.query, tree)


@dataclass(frozen=True, slots=True)
class MergeTask:
    """Parts of an answer, finished, or what could not be had of them."""

    data: Sharded
    what: Merging
    piece: Piece  # of parts
    held: tuple[Any, ...] = ()  # this portion of each piece's answer, in the order of the pieces
    lane: ClassVar[Lane | None] = None
    portions: ClassVar[tuple[Piece, ...]] = ()

    @property
    def asked(self) -> object:
        return self.what

    @property
    def blocks(self) -> range:
        """All that were asked, as an answer of all is made here."""
        return self.data.grid.blocks

    @property
    def place(self) -> float:
        """Where the middle of the portion lies among all parts, from 0 to 1."""
        return sum(self.piece) / (2 * cut(self.what.query.measure).parts)

    @property
    def need(self) -> int:
        """Bytes that are held here at once, about: nodes that wait for those beside, and what has just come."""
        first, stop = self.piece
        measure = cut(self.what.query.measure)
        return (depth(self.what.stop - self.what.first) + 1) * measure.bytes() * (stop - first) // measure.parts

    def bare(self) -> MergeTask:
        return replace(self, piece=(0, 0), held=())

    @quiet
    def do(self, place: Place, attempt: Attempt, /) -> object:
        gathering, gone = self.what.gathering(), list[int]()
        for number, held in enumerate(self.held):
            if attempt.stop():
                raise Stopped
            try:
                kept = attempt.fetch(held)
            except ConnectionError:
                gone.append(number)
                continue
            if not gone:
                gathering.add(pickle.loads(kept))  # noqa: S301 - from a worker of ours
        if gone:
            return Gone(tuple(gone))
        measure, merged = self.what.query.measure, gathering.root()
        assert merged is not None
        attempt.emit(Timed("merge", gathering.seconds))
        return [measure.finish(i, part) if is_spread(measure) else part for i, part in enumerate(merged, self.piece[0])]


def parted(query: Query[Any], answer: Any, portions: Sequence[Piece]) -> tuple[bool, list[bytes]]:
    """Whether a piece has an answer, and what its worker keeps of it, by portion."""
    measure = cut(query.measure)

    def parts(whole: Any, portion: Piece) -> list[Any] | None:
        return None if whole is None else [measure.part(whole, i) for i in range(*portion)]

    if walks(query):
        return answer is not None, [pickle.dumps(parts(answer, portion), 5) for portion in portions]
    kept = [[Node(n.level, n.index, parts(n.answer, portion)) for n in answer] for portion in portions]
    return any(node.answer is not None for node in answer), [pickle.dumps(nodes, 5) for nodes in kept]


def portions_of(parts: int, workers: int, nbytes: int) -> tuple[Piece, ...]:
    """Ranges of the parts of an answer, one for each worker, but none that is not worth a call."""
    count = min(parts, workers, max(nbytes // WORTH, 2))
    return tuple((i * parts // count, (i + 1) * parts // count) for i in range(count))


def cut(statistic: Statistic[A]) -> Cut[A, object]:
    """The statistic as one whose answers can be cut; a plan asks for it."""
    assert is_cut(statistic)
    return statistic


Kept: TypeAlias = Mapping[Piece, Left]


@dataclass(slots=True)
class Scatter:
    """The order of rounds. `ask`: answers of these pieces, each for so many-th time; `merge`: these portions of all."""

    pieces: Sequence[Piece]
    portions: Sequence[Piece]
    ask: Callable[[Mapping[Piece, int]], Iterator[tuple[Piece, Left]]]
    merge: Callable[[Sequence[Piece], Kept], Iterator[tuple[Piece, Any]]]
    attempts: int  # to have the answer of a piece until it is merged
    _left: dict[Piece, Left] = field(default_factory=dict)
    _done: dict[Piece, list[Any]] = field(default_factory=dict)

    def results(self) -> list[Any]:
        """Every part, finished; none where no block had an answer."""
        times, wanted = dict.fromkeys(self.pieces, 0), list(self.pieces)
        while len(self._done) < len(self.portions):
            times |= {piece: times[piece] + 1 for piece in wanted}
            self._left.update(self.ask({piece: times[piece] for piece in wanted}))
            if not any(left.answered for left in self._left.values()):
                return []
            gone = self._merged()
            wanted = [piece for piece in self.pieces if piece in gone]
            if any(times[piece] == self.attempts for piece in wanted):
                raise self._lost(wanted)
        return [part for portion in self.portions for part in self._done[portion]]

    def _merged(self) -> set[Piece]:
        """Merge what is not merged yet; pieces whose answers could not be had."""
        order, gone = sorted(self.pieces), set[Piece]()
        for portion, merged in self.merge([one for one in self.portions if one not in self._done], self._left):
            if isinstance(merged, Gone):
                gone.update(order[number] for number in merged.pieces)
            else:
                self._done[portion] = merged
        return gone

    def _lost(self, pieces: Sequence[Piece]) -> EngineError:
        return EngineError(
            f"What workers had answered was lost {self.attempts} times before it could be merged.",
            code="SL4004",
            found=f"{len(pieces)} of {len(self.pieces)} answers could not be fetched from the machines that kept them",
            needed="machines that stay for a pass, and reach each other",
            fix="`shardlearn doctor` looks at every node; the same call goes on where they are steady",
        )


@dataclass(frozen=True, slots=True)
class Scattering:
    """One pass of a plan with portions; `answers` has a pool do such a plan's pieces, each of them a task."""

    at: Sharded
    plan: Plan
    task: Callable[[Piece], Task]
    what: Merging
    answers: Callable[[Plan, Callable[[Piece], Task]], Iterator[tuple[Piece, Any]]]
    emit: Emit

    def gathered(self, attempts: int) -> Gathering[Any]:
        """The answer, its parts merged by workers."""
        what, plan = self.what, self.plan
        parts = Scatter(plan.pieces, plan.portions, self._ask, self._merge, attempts).results()
        return Gathering(what.query, Tree(what.query.measure.merge, what.first, what.stop), parts=parts)

    def _ask(self, attempts: Mapping[Piece, int]) -> Iterator[tuple[Piece, Left]]:
        for piece, attempt in attempts.items():
            if attempt > 1:
                self.emit(PieceRetried(*piece, attempt, LOST, rows_of(self.task(piece))))
        for piece, left in self.answers(replace(self.plan, pieces=tuple(attempts)), self.task):
            if attempts[piece] == 1:
                self.emit(finished(self.at.grid, self.task(piece).blocks))
            yield piece, left

    def _merge(self, portions: Sequence[Piece], left: Kept) -> Iterator[tuple[Piece, Any]]:
        order = sorted(self.plan.pieces)

        def task(portion: Piece) -> MergeTask:
            number = self.plan.portions.index(portion)
            return MergeTask(self.at, self.what, portion, tuple(left[piece].held[number] for piece in order))

        return self.answers(replace(self.plan, pieces=tuple(portions)), task)


def _one_by_one(merge: Merge[Any]) -> Merge[list[Any]]:
    def merged(left: list[Any], right: list[Any]) -> list[Any]:
        return [merge(a, b) for a, b in zip(left, right, strict=True)]

    return merged
