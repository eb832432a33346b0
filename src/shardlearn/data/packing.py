"""Arrow columns into row-major blocks: which native code each column takes, worked out once for a reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from shardlearn import _native
from shardlearn.core.matrix import Array, Ints

# The codes of native/pack.hpp.
_CODES: dict[Any, int] = {
    pa.float64(): 0,
    pa.float32(): 1,
    pa.int8(): 2,
    pa.int16(): 3,
    pa.int32(): 4,
    pa.int64(): 5,
    pa.uint8(): 6,
    pa.uint16(): 7,
    pa.uint32(): 8,
    pa.uint64(): 9,
    pa.bool_(): 10,
    pa.null(): 12,
}
DECIMAL, PARTS32, PARTS64 = 11, 13, 14
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
MISSING, INFINITE, LARGE = 0, 1, 2  # columns of the counts


def code_of(type_: Any) -> tuple[int, int] | None:
    """The native code and its argument, or None for a type that is cast first."""
    if type_ in _CODES:
        return _CODES[type_], 0
    if pt.is_decimal128(type_):
        return DECIMAL, type_.scale
    if pt.is_duration(type_) or pt.is_time64(type_):
        return PARTS64, _PER_SECOND[type_.unit]
    if pt.is_time32(type_):
        return PARTS32, _PER_SECOND[type_.unit]
    return None


def castable(type_: Any) -> Any:
    """The type that a column is cast to before it is packed."""
    if pt.is_dictionary(type_):
        inner = type_.value_type
        return inner if code_of(inner) else castable(inner)
    if pt.is_float16(type_):
        return pa.float32()
    if pt.is_decimal(type_) and type_.bit_width < 128:
        return pa.decimal128(type_.precision, type_.scale)
    return pa.float64()  # decimal256, by way of its digits


@dataclass(frozen=True, slots=True)
class Packer:
    """Packs the same columns of batches of one schema."""

    casts: dict[int, Any]  # positions and the type they are cast to first
    native: Any  # _native.PackColumns
    width: int

    def rows(self, exported: Any, span: range, out: Array, row: int = 0, holes: Array | None = None) -> Ints:
        """Rows of an exported batch into `out` from `row` on; missing, infinite and large counts, (p, 3).

        In `holes`, (n,) bools, those of rows with a missing value are set.
        """
        counts = np.zeros((self.width, 3), np.int64)
        _native.pack_rows(exported, self.native, span.start, span.stop, out, row, counts, holes)
        return counts

    def export(self, batch: Any) -> Any:
        """The batch for native code, with the columns cast that need it."""
        for position, type_ in self.casts.items():
            column = batch.column(position)
            if pt.is_dictionary(column.type):
                column = column.dictionary_decode()
            if pt.is_decimal256(column.type):
                column = column.cast(pa.string())  # pyarrow's cast to double is not rounded correctly
            batch = batch.set_column(position, batch.schema.field(position).name, column.cast(type_))
        return batch.__arrow_c_array__()[1]


def packer(schema: Any, positions: Sequence[int]) -> Packer:
    """The packer of these columns, in this order, of batches with this schema."""
    casts, codes = {}, []
    for position in positions:
        type_ = schema.field(position).type
        code = code_of(type_)
        if code is None:
            casts[position] = castable(type_)
            code = code_of(casts[position])
        codes.append(code or (0, 0))
    native = _native.PackColumns(list(positions), [code for code, _ in codes], [argument for _, argument in codes])
    return Packer(casts, native, len(positions))
