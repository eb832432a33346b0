"""What the data tests share: rows of several kinds, and what comes back as blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shardlearn.core.block import Block
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Array, concat_rows, to_dense
from shardlearn.data import Laid, lay_out, verify
from shardlearn.statistics.survey import Findings, Survey

rng = np.random.default_rng(11)


def blocks(laid: Laid) -> list[Block]:
    """All blocks, each checked to be where the grid has it."""
    out = []
    for number, block in laid.blocks.read(list(laid.grid.blocks), emit=ignore):
        start, stop = laid.grid.span(number)
        assert block.start == start
        assert block.n + (block.dropped.rows if block.dropped else 0) == stop - start
        out.append(block)
    assert len(out) == len(laid.grid.blocks)
    return out


def features(laid: Laid) -> Array:
    return to_dense(concat_rows([block.X for block in blocks(laid)]))


def labels(laid: Laid) -> Array:
    return np.concatenate([block.y for block in blocks(laid) if block.y is not None])


def same(left: list[Block], right: list[Block]) -> None:
    """The same blocks, bit for bit."""
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.X.dtype == other.X.dtype
        assert one.start == other.start
        assert to_dense(one.X).tobytes() == to_dense(other.X).tobytes()
        for a, b in ((one.y, other.y), (one.weight, other.weight), (one.ids, other.ids)):
            assert (a is None) == (b is None)
            assert a is None or np.array_equal(a, b)


def surveyed(*args: Any, **kwargs: Any) -> Findings:
    """Lay out, survey all blocks, and refuse what must be refused."""
    laid = lay_out(*args, **kwargs)
    survey = Survey(laid)
    found = survey.of(laid.empty())
    for block in blocks(laid):
        found = survey.merge(found, survey.of(block))
    verify.check(laid, found)
    return found


def table(n: int = 9000, p: int = 64) -> Any:
    """A wide table of floats, so that blocks are short; y is "y", the weight "w"."""
    X = rng.standard_normal((n, p))
    columns = {f"c{j}": X[:, j] for j in range(p)}
    return pa.table({**columns, "y": np.where(X[:, 0] > 0, "yes", "no"), "w": np.abs(X[:, 1])})


def in_pieces(whole: Any, folder: Path, cuts: list[int], group: int = 700) -> Path:
    """The table as several Parquet files with odd row groups."""
    folder.mkdir()
    for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, whole.num_rows], strict=True)):
        piece = whole.slice(start, stop - start)
        pq.write_table(piece, folder / f"{number:02d}.parquet", row_group_size=group + 100 * number)
    return folder
