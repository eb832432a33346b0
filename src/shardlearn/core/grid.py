"""Where blocks begin and end: a function of the data alone."""

from __future__ import annotations

from dataclasses import dataclass

TARGET_BYTES = 4 * 1024 * 1024
SMALLEST, LARGEST = 64, 65_536


def block_rows(row_bytes: float) -> int:
    """Rows of a block: the power of two at or below 4 MiB / row bytes, between 64 and 65,536."""
    rows = LARGEST
    while rows > SMALLEST and rows * row_bytes > TARGET_BYTES:
        rows //= 2
    return rows


def dense_block_rows(n_features: int, itemsize: int) -> int:
    """Rows of a block of a dense matrix."""
    return block_rows(n_features * itemsize)


def sparse_block_rows(n_rows: int, n_stored: int) -> int:
    """Rows of a block of CSR: 12 bytes x mean stored entries a row, compared in integers."""
    rows = LARGEST
    while rows > SMALLEST and rows * 12 * n_stored > TARGET_BYTES * max(n_rows, 1):
        rows //= 2
    return rows


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows `first` to `stop` (excluded) cut at the multiples of `rows`; block i holds the ids [i*rows, (i+1)*rows)."""

    first: int  # id of the first row: 0, or the rows seen so far by partial_fit
    stop: int
    rows: int

    @property
    def count(self) -> int:
        """Number of rows, before any is dropped."""
        return self.stop - self.first

    @property
    def first_block(self) -> int:
        return self.first // self.rows

    @property
    def stop_block(self) -> int:
        return -(-self.stop // self.rows) if self.count else self.first_block

    @property
    def blocks(self) -> range:
        """Numbers of the blocks that hold rows."""
        return range(self.first_block, self.stop_block)

    def span(self, block: int) -> tuple[int, int]:
        """First and last (excluded) row id of a block."""
        return max(block * self.rows, self.first), min((block + 1) * self.rows, self.stop)

    def part(self, blocks: range) -> Grid:
        """The rows of some of the blocks, which keep their numbers."""
        return Grid(self.span(blocks.start)[0], self.span(blocks.stop - 1)[1], self.rows)
