"""Native kernels with typed signatures: the same bits on every processor with fused multiply-add.

Every output element is a fixed sequence of IEEE operations that depends on the input alone; sums are kept in float64.
`reference.py` says in NumPy what each function means.
"""

from __future__ import annotations

try:
    import shardlearn._native as _native
except ModuleNotFoundError as error:
    if error.name != "shardlearn._native":
        raise
    raise ImportError(
        "shardlearn's compiled kernels (shardlearn._native) are missing: install a wheel, or build them "
        "in a checkout with `pip install --no-build-isolation -e .` (needs a C++17 compiler)."
    ) from error

from shardlearn.kernels.algebra import (
    add_upper,
    axpy,
    cholesky,
    dot,
    gemv,
    gemv_t,
    matmul,
    pivoted_cholesky,
    solve_lower,
    solve_lower_t,
    symmetric_eigen,
)
from shardlearn.kernels.clusters import (
    Bounded,
    Centers,
    Moved,
    Moves,
    center_squares,
    centers_of,
    cluster_sums,
    double_sum,
    loosened,
    nearest_bounds,
    nearest_center,
)
from shardlearn.kernels.columns import BadValues, Moments, all_finite, column_range, count_bad, moments
from shardlearn.kernels.distances import Measure, join_nearest, nearest_by, normalized, unit_rows
from shardlearn.kernels.elementwise import exp, expit, expm1, log, log1p, softplus, tanh
from shardlearn.kernels.gram import GramSums, gram
from shardlearn.kernels.integers import distinct_i64, encode_i64, philox
from shardlearn.kernels.points import Nearest, Neighbors, Points, nearest, nearest_rows
from shardlearn.kernels.rows import (
    LOGISTIC,
    MULTINOMIAL,
    POISSON,
    SQUARED,
    GlmSums,
    glm_sums,
    glm_values,
    row_products,
    weighted_rows_sum,
)
from shardlearn.kernels.sparse_clusters import (
    Across,
    cell_means,
    join_cells,
    lines_of,
    moved_cells,
    no_lines,
    points_across,
    unit_lines,
)


def simd() -> str:
    """The instruction set in use: "avx512", "avx2" or "scalar" (SHARDLEARN_SIMD overrides; the bits are the same)."""
    return _native.simd()


__all__ = [
    "LOGISTIC",
    "MULTINOMIAL",
    "POISSON",
    "SQUARED",
    "Across",
    "BadValues",
    "Bounded",
    "Centers",
    "GlmSums",
    "GramSums",
    "Measure",
    "Moments",
    "Moved",
    "Moves",
    "Nearest",
    "Neighbors",
    "Points",
    "add_upper",
    "all_finite",
    "axpy",
    "cell_means",
    "center_squares",
    "centers_of",
    "cholesky",
    "cluster_sums",
    "column_range",
    "count_bad",
    "distinct_i64",
    "dot",
    "double_sum",
    "encode_i64",
    "exp",
    "expit",
    "expm1",
    "gemv",
    "gemv_t",
    "glm_sums",
    "glm_values",
    "gram",
    "join_cells",
    "join_nearest",
    "lines_of",
    "log",
    "log1p",
    "loosened",
    "matmul",
    "moments",
    "moved_cells",
    "nearest",
    "nearest_bounds",
    "nearest_by",
    "nearest_center",
    "nearest_rows",
    "no_lines",
    "normalized",
    "philox",
    "pivoted_cholesky",
    "points_across",
    "row_products",
    "simd",
    "softplus",
    "solve_lower",
    "solve_lower_t",
    "symmetric_eigen",
    "tanh",
    "unit_lines",
    "unit_rows",
    "weighted_rows_sum",
]
