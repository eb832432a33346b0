"""The words of every refusal of data: scikit-learn's first line, then where, found, needed and fix.

No cell's value is ever part of one: kinds, counts, names and places only.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence

from shardlearn.core.errors import InputError, InputTypeError, SourceChangedError

from .schema import Drift

SHOWN = 5
FROM_ZERO = ", counting from 0"
RESHAPE = (
    "Reshape your data either using array.reshape(-1, 1) if your data has a single feature or "
    "array.reshape(1, -1) if it contains a single sample."
)


def listed(names: Sequence[str]) -> str:
    """Up to five names and how many more there are."""
    shown = ", ".join(f'"{name}"' for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN:,} more"


def as_flag(names: Sequence[str]) -> str:
    """Names as `--columns` and its like take them, for a shell."""
    quoted = ('"' + name.replace('"', '""') + '"' if "," in name or name.startswith('"') else name for name in names)
    return shlex.quote(",".join(quoted))


def several(count: int, what: str) -> str:
    """`1 missing value`, `8,412 missing values`."""
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def gigabytes(size: int) -> str:
    """`1.20 GB`, `3.4 MB`."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def is_number(text: str) -> bool:
    """Whether a text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def no_rows(shape: tuple[int, int], where: str = "") -> InputError:
    return InputError(
        f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required.",
        code="SL2001",
        where=where,
        needed="at least one row",
    )


def no_columns(shape: tuple[int, int], where: str = "") -> InputError:
    return InputError(
        f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required.",
        code="SL2002",
        where=where,
        needed="at least one feature",
    )


def all_dropped(rows: int) -> InputError:
    return InputError(
        f"Found array with 0 sample(s) (all of {rows:,} rows were dropped) while a minimum of 1 is required.",
        code="SL2001",
        found="every row has a missing value",
        needed="at least one row without missing values",
        fix="leave out the columns that are mostly missing (drop_columns=, --drop-columns), or fill them first",
    )


def not_two_dimensional(ndim: int) -> InputError:
    if ndim > 2:
        return InputError(f"Found array with dim {ndim}, while dim <= 2 is required.", code="SL2003")
    got = "scalar" if ndim == 0 else "1D"
    return InputError(f"Expected 2D array, got {got} array instead.", code="SL2003", fix=RESHAPE)


def torn_sparse() -> InputError:
    return InputError(
        "The sparse matrix is damaged: its offsets (indptr) don't cut what is stored",
        code="SL2003",
        needed="offsets that never fall, from 0 to the number of stored values, one more than rows (CSC: columns)",
        fix="X.check_format() says what SciPy finds; build the matrix again",
    )


def outside_sparse(line: str, number: int, index: int, size: int) -> InputError:
    return InputError(
        "The sparse matrix is damaged: an index (indices) is outside the matrix",
        code="SL2003",
        where=f"{line} {number:,}{FROM_ZERO}",
        found=f"index {index:,}",
        needed=f"indices from 0 to {size - 1:,}",
        fix="give the shape that the indices need, or build the matrix again",
    )


def series_as_table(kind: str) -> InputError:
    return InputError(
        f"Expected a 2-dimensional container but got {kind} instead.",
        code="SL2003",
        fix="Pass a DataFrame containing a single row (i.e. single sample) or a single column (i.e. single feature).",
    )


def is_complex(what: str = "X") -> InputError:
    return InputError("Complex data not supported", code="SL2004", where=what, needed="real numbers")


def not_numeric(what: str, kind: str) -> InputError:
    return InputError(
        "dtype='numeric' is not compatible with arrays of bytes/strings. "
        "Convert your data to numeric values explicitly instead.",
        code="SL2105",
        where=what,
        found=kind,
        needed="numbers",
        fix="encode the strings as numbers, or leave them out",
    )


def not_castable(what: str, error: Exception) -> InputError | InputTypeError:
    """An object array that holds something other than numbers; NumPy's own words would repeat the value."""
    if isinstance(error, TypeError):
        return InputTypeError(
            "float() argument must be a string or a real number",
            code="SL2005",
            where=what,
            found="Python objects that are not numbers",
            needed="numbers",
        )
    return InputError(
        "could not convert string to float",
        code="SL2105",
        where=what,
        found="an array of objects with strings among them",
        needed="numbers",
        fix="encode the strings as numbers, or leave the column out",
    )


def other_lengths(lengths: Sequence[int]) -> InputError:
    return InputError(
        f"Found input variables with inconsistent numbers of samples: {list(lengths)}",
        code="SL2006",
        needed="one entry of y for each row of X",
    )


def weight_length(found: tuple[int, ...], rows: int) -> InputError:
    return InputError(
        f"sample_weight.shape == {found}, expected {(rows,)}!", code="SL2006", needed="one weight for each row of X"
    )


def weight_dimension(ndim: int) -> InputError:
    return InputError(
        f"Sample weights must be 1D array or scalar, got {ndim}D array. Expected either a scalar value or a 1D array "
        "with the same length as the number of samples.",
        code="SL2003",
    )


def integer_too_large(what: str, found: str, fix: str, where: str = "") -> InputError:
    return InputError(
        f"Input {what} contains an integer beyond 2**53, which float64 does not hold exactly.",
        code="SL2108",
        where=where,
        found=found,
        needed="integers between -2**53 and 2**53",
        fix=fix,
    )


def unknown_names(missing: Sequence[str], known: Sequence[str], where: str, what: str = "columns") -> InputError:
    """Names that the data lacks, with those that look like them."""
    folded = {name.casefold(): name for name in reversed(known)}
    close = {name: difflib.get_close_matches(name.casefold(), folded, 1, 0.6) for name in missing[:SHOWN]}
    meant = [f'"{folded[match[0]]}" for "{name}"' for name, match in close.items() if match]
    fix = f"did you mean {', '.join(meant)}?" if meant else "`shardlearn inspect` lists the columns"
    split = [name for name in known if "," in name and {part.strip() for part in name.split(",")} & set(missing)]
    if split:
        fix = f"did you mean {listed(split)}? A flag takes that as {as_flag(split)}"
    elif known and not meant and 2 * sum(map(is_number, known)) >= len(known):
        fix = "write the names of the columns into the first line: it is never taken for a row"
    return InputError(
        f"{what[0].upper()}{what[1:]} not found in the data: {listed(missing)}",
        code="SL2101",
        where=where,
        found=f"{several(len(known), 'column')}: {listed(known)}",
        needed="names as they stand in the data",
        fix=fix,
    )


def nothing_to_keep(keep: Sequence[str], where: str) -> InputError:
    return InputError(
        f"Columns not found in the data: {listed(keep)}",
        code="SL2101",
        where=where,
        found="a matrix, whose columns have no names",
        needed="a table, to keep columns of it beside the predictions",
        fix="leave keep= (--keep) out: a column `row` then holds each row's number in the data",
    )


def duplicate_names(names: Sequence[str], where: str) -> InputError:
    return InputError(
        f"Column names are not unique: {listed(names)}",
        code="SL2102",
        where=where,
        needed="each name once, because columns are matched by name",
        fix="rename them, or name the other columns: shardlearn.read(..., columns=[...]) or --columns",
    )


def refused_kind(columns: Sequence[str], kind: str, where: str, fix: str, late: str = "") -> InputError:
    """Columns that are no numbers; `late`: one of them is, but for a row far down."""
    if len(columns) <= SHOWN:
        fix = fix.replace("[...]", f"[{listed(columns)}]").replace("NAME", as_flag(columns))
    first = "could not convert string to float" if kind == "string" else f"Columns of kind {kind} are not numbers"
    return InputError(
        f"{first}: {'column' if len(columns) == 1 else 'columns'} {listed(columns)}",
        code="SL2105" if kind == "string" else "SL2106",
        where=where,
        found=f"{several(len(columns), 'column')} of kind {kind}{late and '; ' + late}",
        needed="numbers",
        fix=fix,
    )


def drifted(drift: Drift) -> InputError:
    """One column that two files hold as kinds that do not go together."""
    first, other = drift.first, drift.other
    return InputError(
        f'The files do not agree on column "{drift.column}".',
        code="SL2107",
        where=f"{first[0]} and {other[0]}",
        found=f"{first[1]} in the first, {other[1]} in the second",
        needed="one kind of values in all files",
        fix=f"mend the file, or leave the column out (drop_columns=, --drop-columns {as_flag([drift.column])})",
    )


def no_files(pattern: str, why: str = "no file matches", fix: str = "") -> InputError:
    return InputError(
        f"No data found at {pattern or 'an empty path'}",
        code="SL2201",
        found=why,
        needed="a file, a folder, a glob or a URI of Parquet, CSV or svmlight files",
        fix=fix or "check the path; where it is relative, it starts at the working directory",
    )


def no_file(path: str) -> InputError:
    return InputError(
        f"Can't read {path}: it is no file",
        code="SL2202",
        where=path,
        found="a pipe or a device",
        needed="a file, because data is read several times, in parts",
        fix="write it to a file first",
    )


def unreadable(path: str, why: str, fix: str = "write the file again; it may have been cut short") -> InputError:
    return InputError(f"Can't read {path}", code="SL2202", where=path, found=why, fix=fix)


def empty_file(path: str) -> InputError:
    return InputError(
        f"Can't read {path}: the file is empty",
        code="SL2203",
        where=path,
        found="0 bytes",
        needed="at least a header",
        fix="remove the file, or write it again",
    )


def ragged(path: str, row: int, found: int, needed: int, total: int) -> InputError:
    """A row of a CSV with another number of fields than the header."""
    return InputError(
        f"Can't read {path}: rows with another number of fields than the header",
        code="SL2204",
        where=f"{path}, row {row:,}{FROM_ZERO}" + (f" ({total:,} such rows)" if total > 1 else ""),
        found=several(found, "field"),
        needed=several(needed, "field"),
        fix="mend the row; a field that holds the separator must be quoted",
    )


def bad_line(path: str, row: int, found: str, needed: str) -> InputError:
    """A line of an svmlight file that is not of that format."""
    return InputError(
        f"Can't read {path}: a line is not in svmlight format",
        code="SL2204",
        where=f"{path}, row {row:,}{FROM_ZERO}",
        found=found,
        needed=needed,
    )


def read_once(kind: str) -> InputTypeError:
    return InputTypeError(
        f"{kind} can be read only once, and a fit reads its data several times",
        code="SL2206",
        needed="data that can be read again",
        fix='give the path, or shardlearn.read(data, cache="disk")',
    )


def lazy_frame() -> InputTypeError:
    return InputTypeError(
        "A polars.LazyFrame can't be read yet",
        code="SL2207",
        needed="a table, or a path",
        fix='frame.collect() where it fits in memory, else frame.sink_parquet("data.parquet") and the path',
    )


def unknown_kind(kind: str) -> InputTypeError:
    return InputTypeError(
        f"Can't read data of type {kind}",
        code="SL2207",
        needed="an array, a SciPy sparse matrix, a pandas, Polars or Arrow table, a pyarrow dataset, or a path",
    )


def disk_full(path: str, needed: int, free: int, because: str = "") -> InputError:
    """`because`: why the data is unpacked, where more memory would do too."""
    fix = "free some disk, or point SHARDLEARN_CACHE at another folder"
    return InputError(
        "Not enough disk for the cache of unpacked data",
        code="SL2208",
        where=path,
        found=f"{gigabytes(free)} free",
        needed=gigabytes(needed) + because,
        fix=fix + (", or a larger memory= (--memory)" if because else ""),
    )


def changed(path: str, what: str) -> SourceChangedError:
    return SourceChangedError(
        f"The data changed while it was in use: {path}",
        code="SL2209",
        where=path,
        found=what,
        needed="the same file from the first row read to the last",
        fix="fit again when nothing writes to it, or fit on a copy",
    )


def bad_values(what: str, first: str, places: Sequence[str], found: str, fix: str) -> InputError:
    """Missing or infinite values, with up to five places."""
    return InputError(
        first, code=what, where="\n          ".join(places), found=found, needed="finite numbers", fix=fix
    )


def weights(first: str, code: str, where: str, found: str) -> InputError:
    return InputError(
        first, code=code, where=where, found=found, needed="finite weights >= 0, at least one of them > 0"
    )
