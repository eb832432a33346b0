"""What is kept of one open handle: packed blocks and carried columns, as far as there is room."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from shardlearn.core.block import Block
from shardlearn.core.engine import Sharded
from shardlearn.core.matrix import nbytes

from .room import Room
from .visit import Versioned, rewritten


@dataclass(frozen=True, slots=True)
class Held:
    """A cached block, how many of the handle's rewrites it has been through, and what it costs."""

    block: Block
    depth: int
    cost: int


@dataclass(slots=True)
class Shelf:
    """A cache: each part may be dropped at any moment, and is then read or rebuilt. Columns go before blocks."""

    room: Room
    _blocks: dict[int, Held] = field(default_factory=dict)
    _columns: dict[tuple[str, int], Versioned] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    # -- blocks --------------------------------------------------------------------------------------------------------
    def held(self, number: int) -> Held | None:
        return self._blocks.get(number)

    def refreshed(self, number: int, held: Held, data: Sharded) -> Block:
        """A cached block, through the rewrites that came after it was cached."""
        if held.depth == len(data.through):
            return held.block
        block = rewritten(held.block, data.through[held.depth :])
        with self._lock:
            if self._blocks.get(number) is held:
                self._blocks[number] = Held(block, len(data.through), held.cost)
        return block

    def put(self, number: int, raw: Block, block: Block, data: Sharded) -> None:
        """Cache a block that was read, if there is room; of one that shares the caller's arrays, what was rewritten."""
        resident = data.blocks.footprint().resident
        if resident and not data.through:
            return
        cost = added(raw, block) if resident else block.nbytes
        with self._lock:
            if number not in self._blocks and self.room.keep(cost):
                self._blocks[number] = Held(block, len(data.through), cost)

    def give_back(self, nbytes_: int) -> int:
        """Drop blocks, the last ones first, until so many bytes are free; then columns. Returns the bytes."""
        with self._lock:
            freed = self._drop_blocks(nbytes_)
            while freed < nbytes_ and self._columns:
                _, versioned = self._columns.popitem()
                freed += self._back(cost_of(versioned))
        return freed

    # -- columns: Carried ----------------------------------------------------------------------------------------------
    def get(self, key: tuple[str, int], /) -> Versioned | None:
        return self._columns.get(key)

    def __setitem__(self, key: tuple[str, int], value: Versioned, /) -> None:
        with self._lock:
            before = self._columns.pop(key, None)
            if before is not None:
                self._back(cost_of(before))
            cost = cost_of(value)
            if not self.room.keep(cost):
                self._drop_blocks(cost)
                if not self.room.keep(cost):
                    return
            self._columns[key] = value

    # -- both ----------------------------------------------------------------------------------------------------------
    def forget_columns(self) -> None:
        with self._lock:
            while self._columns:
                self._back(cost_of(self._columns.popitem()[1]))

    def forget(self) -> None:
        self.forget_columns()
        with self._lock:
            while self._blocks:
                self._back(self._blocks.popitem()[1].cost)

    def _drop_blocks(self, enough: int) -> int:
        freed = 0
        while freed < enough and self._blocks:
            freed += self._back(self._blocks.popitem()[1].cost)
        return freed

    def _back(self, cost: int) -> int:
        self.room.give_back(cost)
        return cost


def added(raw: Block, block: Block) -> int:
    """Bytes that a rewritten block has beside those of the block that it was made of."""
    pairs = [(raw.y, block.y), (raw.weight, block.weight), (raw.ids, block.ids)]
    own = sum(new.nbytes for old, new in pairs if new is not None and new is not old)
    return own + (0 if block.X is raw.X else nbytes(block.X)) + sum(column.nbytes for column in block.extra.values())


def cost_of(versioned: Versioned) -> int:
    """Bytes of carried columns."""
    return sum(column.nbytes for column in versioned[1].values())
