"""Where blocks begin: a function of rows and their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn.core.grid import Grid, block_rows, dense_block_rows, sparse_block_rows


@pytest.mark.parametrize(
    ("row_bytes", "rows"),
    [(8, 65_536), (64, 65_536), (65, 32_768), (400, 8_192), (8_000, 512), (65_536, 64), (10**9, 64)],
)
def test_rows_of_a_block(row_bytes: int, rows: int) -> None:
    assert block_rows(row_bytes) == rows


def test_dense_and_sparse_rows() -> None:
    assert dense_block_rows(50, 8) == 8_192
    assert sparse_block_rows(1000, 1000 * 14) == 16_384
    assert sparse_block_rows(1, 10**9) == 64
    assert sparse_block_rows(0, 0) == 65_536


@given(first=st.integers(0, 500), count=st.integers(0, 2000), rows=st.sampled_from([64, 128, 1024]))
def test_spans_cover_the_rows(first: int, count: int, rows: int) -> None:
    grid = Grid(first, first + count, rows)
    spans = [grid.span(block) for block in grid.blocks]
    ids = [i for start, stop in spans for i in range(start, stop)]
    assert ids == list(range(first, first + count))
    assert grid.count == count
    assert all(
        start // rows == (stop - 1) // rows == block for block, (start, stop) in zip(grid.blocks, spans, strict=False)
    )
    if count:
        part = grid.part(grid.blocks[1:] or grid.blocks)
        assert [part.span(block) for block in part.blocks] == (spans[1:] or spans), "blocks keep their numbers"
