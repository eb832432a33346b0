"""A search as a method of a model: queries stream past rows that are held, or in batches past rows that stream."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import numpy as np

from shardlearn import engines
from shardlearn.core.block import Block, join
from shardlearn.core.engine import Sharded
from shardlearn.core.errors import MemoryLimitError
from shardlearn.core.events import ignore
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Array, Matrix, concat_rows
from shardlearn.core.query import Query
from shardlearn.core.statistic import Statistic
from shardlearn.core.tree import Counter, Tree
from shardlearn.data import Laid
from shardlearn.faces.answers import NewData
from shardlearn.faces.bases import BaseEstimator
from shardlearn.faces.clean import Clean, counted, look
from shardlearn.faces.labels import EncodeLabels
from shardlearn.faces.predictions import Method, Predictions, gather
from shardlearn.kernels import Tree as Planted
from shardlearn.observe import counting
from shardlearn.statistics.distances import Metric
from shardlearn.statistics.neighbors import Found, NearestRows, take_targets

from ._base import PIECE, Base, Held, Named
from ._outcomes import Near, Outcome

FEWEST = 256  # queries of a piece: for each, held rows are packed anew
PIECES_A_WORKER, MOST = 2, 4096  # pieces at least; queries of a piece at most: Ctrl-C waits for a step of one
SHARE = 4  # a batch takes this part of the memory limit

A = TypeVar("A")
Fold: TypeAlias = Callable[[Query[Any]], Any]


class Searching(Method, Protocol):
    """A question about the neighbours of each row, and what is made of the answer."""

    @property
    def base(self) -> Base: ...
    @property
    def metric(self) -> Metric: ...
    @property
    def classes(self) -> Array | None:
        """Of the base's target, where it stands there as labels."""
        ...

    def within_memory(self, engine: Any, queries: int, /) -> Self:
        """Made ready for so many queries and an engine's limit."""
        ...

    def asked(self, queries: Matrix, /) -> Statistic[Any]:
        """What is asked of rows that stream."""
        ...

    def one_batch(self, blocks: Sequence[Block], fold: Fold, /) -> Iterator[Block]:
        """The outcomes of neighbouring blocks, whose rows are asked about together."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Search:
    """What is asked of the base for every row, and what is made of it."""

    base: Base
    k: int
    metric: Metric
    outcome: Outcome
    alone: bool = False  # the rows are the base's own: none is its own neighbour
    classes: Array | None = None  # of the base's target, where it stands there as labels
    algorithm: str = "auto"
    piece: int = PIECE  # bytes of held rows that are looked at together
    tree: Planted | None = None  # of the held rows

    def __call__(self, block: Block, /) -> Block:
        """Past rows that are held."""
        assert isinstance(self.base, Held)
        asked = self.asked(block.X)
        found = asked.nothing()
        if self.tree is not None:
            self.metric.search_tree(self.tree, asked.packed, found.lists)
            if found.target is not None and self.base.y is not None:
                take_targets(found.target, found.id, self.base.row_ids(), self.base.y)
            return self.made(block, found)
        for rows in self.base.blocks(self.piece):
            found = asked.add(found, rows)
        return self.made(block, found)

    def within_memory(self, engine: Any, queries: int) -> Search:
        """In pieces that fit, or with a tree where one pays."""
        if not isinstance(self.base, Held):
            return self
        tree = self.base.tree(self.algorithm, self.metric, queries, engine.memory)
        return replace(self, base=self.base.alone(), piece=piece_within(engine), tree=tree)

    def one_batch(self, blocks: Sequence[Block], fold: Fold) -> Iterator[Block]:
        X = concat_rows([block.X for block in blocks])
        found: Found = fold(Query(self.asked(X), beside=beside(self, *X.shape)))
        at = 0
        for block in blocks:
            rows = slice(at, at + block.n)
            target = None if found.target is None else found.target[rows]
            yield self.made(block, Found(found.key[rows], found.id[rows], target))
            at += block.n

    def asked(self, queries: Matrix) -> NearestRows:
        return NearestRows(queries, self.k + self.alone, self.metric, self.outcome.targets)

    def made(self, block: Block, found: Found) -> Block:
        """The outcome for rows whose neighbours are found."""
        key, ids, target = found.key, found.id, found.target
        if self.alone:
            own = block.row_ids()
            if isinstance(self.base, Held) and self.base.ids is not None:
                own = self.base.ids[own]
            others = ids != own[:, None]
            others[others.all(axis=1), -1] = False  # duplicates of lower number stand before the row itself
            shape = len(ids), self.k
            key, ids = key[others].reshape(shape), ids[others].reshape(shape)
            target = None if target is None else target[others].reshape(*shape, *target.shape[2:])
        return self.outcome.answered(block, Near(self.metric.distance(key, block.p), ids, target))

    def values(self, block: Block, /) -> Any:
        return self.outcome.values(block)

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return self.outcome.columns(block)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose neighbours are asked for: rows of X, or of the base itself."""

    X: Any
    alone: bool

    def by(self, estimator: BaseEstimator) -> NewData:
        """Rows that the estimator holds have lost their names, and have them."""
        new = NewData.of(estimator, self.X)
        return replace(new, fitted=None) if self.alone and new.found is None else new


def answer(estimator: BaseEstimator, title: str, of: Callable[[], Searching], asked: Asked) -> Any:
    """What is made of the neighbours of each row: an array, or `Predictions` where rows are not in memory."""
    new = asked.by(estimator)
    laid, search = new.lay_out(), of()

    @contextmanager
    def stream(keep: Sequence[str]) -> Iterator[Iterator[Block]]:
        with counted(new.lay_out(keep=keep) if keep else laid) as rows:
            engine = engines.current()
            answers = searched(search, rows, engine)
            if new.in_memory:
                yield answers
                return
            with counting(f"{new.title}, predicting", engine, rows.rows, rows.source.label) as through:
                yield through(answers)

    if new.in_memory:
        with stream(()) as blocks:
            return gather(search, blocks)
    out = Predictions(f"{new.title}.{title}", search, stream)
    if new.opened_here:
        weakref.finalize(out, new.source.close)  # what was unpacked goes when nobody can ask for it any more
    return out


def scored(
    estimator: BaseEstimator, data: tuple[Asked, Any, Any], search: Searching, measure: Callable[[Method], Statistic[A]]
) -> A:
    """A score of the outcomes of X against y, with weights, in the fixed tree over the blocks of X."""
    new = data[0].by(estimator)
    statistic = measure(Answered(search))
    try:
        with counted(new.lay_out(*data[1:])) as laid:
            span, rows = laid.grid.blocks, laid.grid.rows
            counter: Counter[A] = Counter(statistic.merge, span.start)
            for block in whole(searched(search, laid, engines.current(), nested=True), rows):
                counter.push(block.start // rows, statistic.of(block))
            tree: Tree[A] = Tree(statistic.merge, span.start, span.stop)
            tree.add(counter.finish(span.stop))
            root = tree.root()
            return statistic.of(laid.empty()) if root is None else root
    finally:
        if new.opened_here:
            new.source.close()


@dataclass(frozen=True, eq=False, slots=True)
class Answered:
    """A method whose answers the blocks hold already."""

    search: Searching

    def __call__(self, block: Block, /) -> Block:
        return block

    def values(self, block: Block, /) -> Any:
        return self.search.values(block)

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return self.search.columns(block)


def searched(search: Searching, queries: Laid, engine: Any, nested: bool = False) -> Iterator[Block]:
    """The outcomes in the order of the rows; `nested`: in blocks of the queries' grid, or pieces of such."""
    search = search.within_memory(engine, queries.rows)
    if isinstance(search.base, Named):
        yield from whole(in_batches(search, search.base, queries, engine), queries.grid.rows)
        return
    if queries.in_memory:
        queries = finer(queries, engine.workers, nested)
    if len(queries.grid.blocks) == 1:  # no engine is faster than any
        for _, block in queries.blocks.read(queries.grid.blocks, emit=ignore):
            yield Clean(search)(block)
        return
    data = engine.open(queries.blocks)
    try:
        yield from engine.stream(data, Clean(search), emit=ignore)
    finally:
        engine.close(data)


def piece_within(engine: Any) -> int:
    """Bytes of held rows that are looked at together."""
    if engine.memory is None:
        return PIECE
    return int(min(PIECE, max(engine.memory // (4 * SHARE * engine.workers), 1)))


def finer(laid: Laid, workers: int, nested: bool) -> Laid:
    """Rows in memory cut so that there is work for all, into few pieces: the answers don't depend on it."""
    grid = laid.grid
    pieces = min(PIECES_A_WORKER * workers, grid.count // FEWEST) if workers > 1 else 1
    pieces = max(pieces, -(-grid.count // MOST))
    rows = -(-grid.count // max(pieces, 1))
    if nested:
        rows = 1 << (rows - 1).bit_length()
    rows = min(rows, grid.rows)
    blocks: Any = laid.blocks
    return replace(laid, blocks=replace(blocks, grid=Grid(grid.first, grid.stop, rows)))


def whole(pieces: Iterator[Block], rows: int) -> Iterator[Block]:
    """Pieces put together to blocks of a grid."""
    waiting: Block | None = None
    for piece in pieces:
        if waiting is not None and waiting.start // rows == piece.start // rows:
            waiting = join(waiting, piece)
            continue
        if waiting is not None:
            yield waiting
        waiting = piece
    if waiting is not None:
        yield waiting


def in_batches(search: Searching, base: Named, queries: Laid, engine: Any) -> Iterator[Block]:
    """The base is read once for each batch of queries."""
    with base.opened() as laid:
        data = engine.open(laid.blocks)
        try:
            if search.classes is not None:
                data = engine.refine(data, EncodeLabels(search.classes))
            for blocks in batches(queries, batch(search, queries, data, engine)):
                yield from search.one_batch(blocks, lambda query: engine.fold({"train": data}, query, emit=ignore))
        finally:
            engine.close(data)


def batch(search: Searching, queries: Laid, data: Sharded, engine: Any) -> int:
    """Queries that are asked about in one pass: as many as a part of the memory limit holds, beside the reader."""
    most, p = max(queries.rows, 1), queries.n_features
    limit: int | None = engine.memory
    if limit is None:
        return most
    answers: int = (3 * engine.workers + 3) * search.asked(np.empty((1, p))).bytes()
    most = min(most, max(limit // SHARE // (answers + beside(search, 1, p)), 1))
    while True:
        try:
            engine.must_fit(data, [Query(search.asked(np.empty((most, p))), beside=beside(search, most, p))])
            return most
        except MemoryLimitError:
            if most == 1:
                raise
            most //= 2


def beside(search: Searching, queries: int, p: int) -> int:
    """Bytes of so many queries, as they are and as they are packed."""
    return 16 * queries * p + search.metric.packed_bytes(queries, p)


def batches(queries: Laid, most: int) -> Iterator[Sequence[Block]]:
    """Blocks of queries, cut wherever so many rows are together."""
    waiting: list[Block] = []
    room = most
    for _, block in queries.blocks.read(queries.grid.blocks, emit=ignore):
        look(block)
        at = 0
        while block.n - at >= room:
            yield [*waiting, block.slice(at, at + room)]
            waiting, at, room = [], at + room, most
        if at < block.n or not block.n:
            waiting.append(block.slice(at, block.n))
            room -= block.n - at
    if waiting:
        yield waiting
