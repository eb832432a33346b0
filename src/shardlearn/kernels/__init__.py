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
    row_squares,
    solve_lower,
    solve_lower_t,
    symmetric_eigen,
)
from shardlearn.kernels.clusters import (
    Bounded,
    Centers,
    InPairs,
    Moved,
    PairSums,
    center_squares,
    centers_of,
    cluster_means,
    cluster_sums,
    double_sum,
    loosened,
    nearer_center,
    nearest_bounds,
    nearest_center,
    pair_sums,
    point_squares,
    sides,
    spread,
)
from shardlearn.kernels.columns import BadValues, Moments, all_finite, column_range, count_bad, moments
from shardlearn.kernels.distances import (
    Measure,
    join_nearest,
    nearest_by,
    normalized,
    sorted_lists,
    unit_rows,
    within_by,
)
from shardlearn.kernels.elementwise import asin, cos, exp, expit, expm1, log, log1p, sin, softplus, tanh
from shardlearn.kernels.gram import GramSums, gram
from shardlearn.kernels.integers import distinct_i64, encode_i64, philox, uniform
from shardlearn.kernels.leading import Directions, Led, nearest_led
from shardlearn.kernels.moves import Moves
from shardlearn.kernels.points import (
    Nearest,
    Neighbors,
    Pairs,
    Points,
    label_squares,
    nearest,
    nearest_rows,
    rows_within,
)
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
from shardlearn.kernels.sparse import nearest_sparse_rows, sparse_within, unit_sparse_rows
from shardlearn.kernels.sparse_clusters import (
    Across,
    add_cells,
    join_cells,
    line_means,
    lines_of,
    moved_cells,
    no_line_sums,
    no_lines,
    points_across,
    unit_lines,
)
from shardlearn.kernels.trees import Tree


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
    "Directions",
    "GlmSums",
    "GramSums",
    "InPairs",
    "Led",
    "Measure",
    "Moments",
    "Moved",
    "Moves",
    "Nearest",
    "Neighbors",
    "PairSums",
    "Pairs",
    "Points",
    "Tree",
    "add_cells",
    "add_upper",
    "all_finite",
    "asin",
    "axpy",
    "center_squares",
    "centers_of",
    "cholesky",
    "cluster_means",
    "cluster_sums",
    "column_range",
    "cos",
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
    "label_squares",
    "line_means",
    "lines_of",
    "log",
    "log1p",
    "loosened",
    "matmul",
    "moments",
    "moved_cells",
    "nearer_center",
    "nearest",
    "nearest_bounds",
    "nearest_by",
    "nearest_center",
    "nearest_led",
    "nearest_rows",
    "nearest_sparse_rows",
    "no_line_sums",
    "no_lines",
    "normalized",
    "pair_sums",
    "philox",
    "pivoted_cholesky",
    "point_squares",
    "points_across",
    "row_products",
    "row_squares",
    "rows_within",
    "sides",
    "simd",
    "sin",
    "softplus",
    "solve_lower",
    "solve_lower_t",
    "sorted_lists",
    "sparse_within",
    "spread",
    "symmetric_eigen",
    "tanh",
    "uniform",
    "unit_lines",
    "unit_rows",
    "unit_sparse_rows",
    "weighted_rows_sum",
    "within_by",
]
