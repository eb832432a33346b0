"""Predictions of data that is not in memory: computed when they are asked for, in the order of the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.errors import ParameterError
from shardlearn.core.matrix import Array

from . import tables

if TYPE_CHECKING:
    import pyarrow as pa

KEEP = "keep/"


class Method(Protocol):
    """What a method of an estimator answers for each row; picklable."""

    def __call__(self, block: Block, /) -> Block:
        """Runs where the block is: the answers stand under `extra["out/..."]`, the features are left behind."""
        ...

    def values(self, block: Block, /) -> Any:
        """The method's answer as an array, (n,) or (n, k), or as a tuple of such."""
        ...

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        """The same as named columns (n,), for tables."""
        ...


Stream = Callable[[Sequence[str]], AbstractContextManager[Iterator[Block]]]  # names of the columns to keep


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Predictions of a path, glob, dataset, reader or Source, in the order of its rows.

    Nothing is computed before it is asked for, and nothing is kept: each method below reads the data again, a bounded
    window at a time. scikit-learn's ``set_output`` and ``transform_output`` apply to what is in memory only; a frame of
    predictions, if there is room for it, is ``.to_arrow().to_pandas()``.
    """

    title: str  # "LogisticRegression.predict_proba"
    method: Method
    stream: Stream

    def batches(self, keep: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """One Arrow record batch after the other.

        Parameters
        ----------
        keep : sequence of str, default=()
            Columns of the data that stand beside the predictions, for example ids. Without any, a column ``row`` holds
            the number of each row in the data.
        """
        keep = _names(keep)
        return self._batches(keep)

    def _batches(self, keep: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        schema: pa.Schema | None = None
        with self.stream(keep) as blocks:
            for block in blocks:
                first = {name: block.extra[KEEP + name] for name in keep} or {"row": block.row_ids()}
                batch = tables.batch(first, self.method.columns(block), schema)
                schema = batch.schema
                yield batch

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.batches()

    def to_numpy(self) -> Any:
        """All predictions as one array: what the method gives for data in memory."""
        with self.stream(()) as blocks:
            return gather(self.method, blocks)

    def to_arrow(self, keep: Sequence[str] = ()) -> pa.Table:
        """All predictions as one Arrow table; `keep` as in `batches`."""
        import pyarrow as pa

        return pa.Table.from_batches(list(self.batches(keep)))

    def to_parquet(self, folder: str | Path, *, keep: Sequence[str] = (), overwrite: bool = False) -> Path:
        """Write Parquet files into a folder that appears only when it is whole.

        Parameters
        ----------
        folder : path
            Where to. An existing folder is refused.
        keep : sequence of str, default=()
            Columns of the data that stand beside the predictions. Without any, a column ``row`` holds the number of
            each row in the data.
        overwrite : bool, default=False
            Replace an existing folder, if it holds nothing but predictions that this method wrote.

        Returns
        -------
        Path
            The folder: files ``part-00000.parquet``, ... with the columns ``prediction``, ``probability_<class>`` and
            so on that the method gives, the rows in the order of the data.
        """
        keep = _names(keep)
        return tables.write_folder(Path(folder), lambda: self._batches(keep), overwrite=overwrite)

    def __repr__(self) -> str:
        return (
            f"<Predictions of {self.title}, not yet computed: "
            "use .to_parquet(folder), .to_numpy(), .to_arrow() or .batches()>"
        )

    def __len__(self) -> int:
        raise TypeError("Predictions have no length before they are computed: len(predictions.to_numpy())")

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NoReturn:
        raise TypeError("Predictions may be larger than memory: ask for the array with .to_numpy()")


def gather(method: Method, blocks: Iterator[Block]) -> Any:
    """The answers of all blocks as one array, or as several where a method gives several; there is a block at least."""
    parts = [method.values(block) for block in blocks]
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _names(keep: Sequence[str]) -> tuple[str, ...]:
    if isinstance(keep, str):
        raise ParameterError(
            f"keep should be a list of column names, got the string {keep!r}.", code="SL1003", fix=f"keep=[{keep!r}]"
        )
    return tuple(keep)
