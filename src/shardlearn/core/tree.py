"""The fixed tree: answers of blocks become one answer in an order that depends on block numbers only.

Node (level, i) covers the blocks [i * 2**level, (i + 1) * 2**level). Its answer is merge(left child, right child), or
the only child that has an answer. A worker hands over the few nodes that cover its range; whoever holds both children
of a node merges them. So the left side of every merge is a whole power of two of blocks, whoever computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

A = TypeVar("A")
Merge = Callable[[A, A], A]


@dataclass(frozen=True, slots=True)
class Node(Generic[A]):
    """The answer for the blocks [index * 2**level, (index + 1) * 2**level); None: no block there had one."""

    level: int
    index: int
    answer: A | None


def aligned(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The fewest nodes (level, index) that cover the blocks [start, stop) exactly, from left to right."""
    while start < stop:
        level = (stop - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def merged(merge: Merge[A], left: A | None, right: A | None) -> A | None:
    """One node from its children, either of which may be without an answer."""
    if left is None:
        return right
    return left if right is None else merge(left, right)


@dataclass(slots=True)
class Counter(Generic[A]):
    """Binary counter over consecutive blocks from `start`: holds at most about 2 log2(blocks) answers."""

    merge: Merge[A]
    start: int
    nodes: list[Node[A]] = field(default_factory=list)
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.start

    def push(self, block: int, answer: A | None) -> None:
        """Take the answer of the next block, or of a later one: the blocks between have none."""
        if block < self._next:
            raise ValueError(f"blocks go up: {block} came after {self._next - 1}")
        self.skip_to(block)
        self._push(Node(0, block, answer))

    def skip_to(self, block: int) -> None:
        """The blocks up to `block` (excluded) have no answer."""
        for level, index in aligned(self._next, block):
            self._push(Node(level, index, None))

    def finish(self, stop: int) -> list[Node[A]]:
        """The nodes that cover [start, stop) exactly."""
        self.skip_to(stop)
        return self.nodes

    def _push(self, node: Node[A]) -> None:
        self._next = (node.index + 1) << node.level
        nodes = self.nodes
        while nodes and nodes[-1].level == node.level and node.index % 2 == 1:
            left = nodes.pop()
            node = Node(node.level + 1, node.index // 2, merged(self.merge, left.answer, node.answer))
        nodes.append(node)


@dataclass(slots=True)
class Tree(Generic[A]):
    """Puts nodes together as they arrive, in any order, over the blocks [first, stop).

    `whole`: there are no other blocks. Else others hold those beside, and nodes are put together inside the range only.
    """

    merge: Merge[A]
    first: int
    stop: int
    whole: bool = True
    _waiting: dict[tuple[int, int], A | None] = field(default_factory=dict)

    def add(self, nodes: Iterable[Node[A]]) -> None:
        """Take nodes that no other added node covers."""
        for node in nodes:
            level, index, answer = node.level, node.index, node.answer
            while level < self._height:
                beside = index ^ 1
                if (level, beside) in self._waiting:
                    other = self._waiting.pop((level, beside))
                elif self.whole and self._outside(level, beside):
                    other = None
                else:
                    break
                left, right = (other, answer) if index & 1 else (answer, other)
                level, index, answer = level + 1, index >> 1, merged(self.merge, left, right)
            self._waiting[level, index] = answer

    def root(self) -> A | None:
        """The answer for all blocks; None when no block had one."""
        if self.first >= self.stop:
            return None
        if set(self._waiting) != {(self._height, 0)}:
            raise self._gap()
        return self._waiting[self._height, 0]

    def nodes(self) -> list[Node[A]]:
        """The fewest nodes that cover the range, from left to right, for who holds those beside."""
        if set(self._waiting) != set(aligned(self.first, self.stop)):
            raise self._gap()
        return [Node(*at, self._waiting[at]) for at in aligned(self.first, self.stop)]

    @property
    def _height(self) -> int:
        return (self.stop - 1).bit_length() if self.stop > 1 else 0

    def _gap(self) -> ValueError:
        return ValueError(f"the nodes do not cover the blocks [{self.first}, {self.stop}): {sorted(self._waiting)}")

    def _outside(self, level: int, index: int) -> bool:
        return (index + 1) << level <= self.first or index << level >= self.stop


def depth(blocks: int) -> int:
    """Upper bound of the answers that a counter over so many blocks, and the tree above it, hold at once."""
    return 2 * max(blocks, 1).bit_length() + 1
