"""shardlearn's kernels"""

from collections.abc import Sequence
from typing import Annotated, overload

import numpy
from numpy.typing import NDArray

def simd() -> str: ...
def complaint(fma: bool, avx2: bool, avx512: bool, asked: str) -> str: ...
def exp(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def log(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def log1p(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def expm1(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def tanh(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def expit(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def softplus(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def sin(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def cos(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def asin(
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def dot(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    b: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
) -> float: ...
def add_upper(
    A: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    into: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def axpy(
    alpha: float,
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    y: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def gemv(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def row_squares(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def gemv_t(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def matmul(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    b: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def cholesky(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    l: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> int: ...
def pivoted_cholesky(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    tol: float,
    l: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    perm: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> int: ...
def symmetric_eigen(
    a: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    values: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    vectors: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def solve_lower(
    l: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def solve_lower_t(
    l: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def peak_flops(rounds: int) -> float: ...
def peak_read(x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)]) -> float: ...
def row_products(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    w: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    b: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    z: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def weighted_rows_sum(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    r: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def glm_sums(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    y: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    weight: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    w: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    b: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    loss: int,
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    grad: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    grad_b: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> tuple[float, float, float]: ...
def glm_values(
    z: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    y: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    loss: int,
    value: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    slope: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def gram(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    y: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    weight: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    pivot_y: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    weight_sum: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    sum_x: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    sum_y: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    g: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    h: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    yy: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def moments(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    weight: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    sum: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    sum_sq: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> float: ...
def column_range(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    low: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    high: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def all_finite(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
) -> bool: ...
def count_bad(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    nans: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    infs: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    first_nan: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    first_inf: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def distinct_i64(
    y: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    values: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    counts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> int: ...
def encode_i64(
    y: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    classes: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    codes: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def philox(
    seed: int,
    purpose: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    stream: int,
    draw_block: int,
    out: Annotated[NDArray[numpy.uint32], dict(order="C", device="cpu")],
) -> None: ...
def uniform(
    seed: int,
    purpose: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    stream: int,
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def panel_floats(k: int, p: int) -> int: ...
def pack_points(
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> float: ...
def nearest(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    scale: float,
    labels: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")] | None,
) -> tuple[int, int]: ...
def nearest_bounds(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    scale: float,
    some: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    labels: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
    upper: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
    lower: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
) -> int: ...
def label_squares(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    labels: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def project(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    scale: float,
    excess: float,
    out: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
) -> None: ...
def nearest_led(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    scale: float,
    few: tuple[
        Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
        Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
        Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
        Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
        Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
        float,
    ],
    excess: float,
    rows: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    flat: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    some: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    labels: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
    upper: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
    lower: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
) -> int: ...
def nearer(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    scale: float,
    first: int,
    labels: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def nearest_rows(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    scale: float,
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    found: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def cluster_sums(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    label: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    before: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    weight: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    factor: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    room: int,
    sums: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    weights: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> int: ...
def sides(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    node: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    pair: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    side: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
) -> None: ...
def pair_sums(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    node: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    pair: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    label: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    before: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    weight: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    factor: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    room: int,
    sums: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    weights: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    changed: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def loosen(
    labels: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    moved: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    most: float,
    next: float,
    upper: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
    lower: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
    doubtful: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> int: ...
def cluster_means(
    sums: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    weights: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    factor: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    room: int,
    bits: int,
    centers: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def point_squares(
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def spread(
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    mass: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    draws: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
    chosen: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def double_sum(
    values: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    weight: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)] | None,
) -> tuple[float, float]: ...
def dense_squares(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def nearest_sparse(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    k: int,
    labels: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")] | None,
) -> None: ...
def sparse_squares(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    k: int,
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def pack_across(
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    lines: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def halves(
    lines: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    k: int,
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def moved_cells(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    label: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    before: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    weight: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    factor: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    room: int,
    weights: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    at: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    limbs: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> tuple[int, int]: ...
def join_cells(
    at: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    limbs: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    other_at: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    other_limbs: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    out_at: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    out_limbs: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> int: ...
def add_cells(
    at: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    limbs: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    k: int,
    sums: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def line_means(
    sums: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    weights: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    before: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    factor: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    room: int,
    bits: int,
    lines: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def unit_lines(
    weights: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    before: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    lines: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    squares: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def nearest_by(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    measure: int,
    power: float,
    keys: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    found: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def unit_rows(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    side: int,
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def normalize(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)] | None,
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)] | None,
    n_columns: int,
    out: Annotated[NDArray, dict(order="C", device="cpu")],
    none: Annotated[NDArray[numpy.bool_], dict(order="C", device="cpu")],
) -> None: ...
def join_nearest(
    keys: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    found: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    other: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    others: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    origin: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
) -> None: ...
def tree_leaves(n: int) -> int: ...
def tree_groups(n: int) -> int: ...
def plant(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    boxes: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    leaves: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    order: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def tree_nearest(
    boxes: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    leaves: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    measure: int,
    power: float,
    keys: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    found: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> int: ...
def tree_within(
    boxes: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    leaves: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    measure: int,
    power: float,
    limit: float,
    counts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")] | None,
) -> tuple: ...
def rows_within(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    pivot: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    panels: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    norm: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    half: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    scale: float,
    limit: float,
    counts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")] | None,
) -> tuple: ...
def within_by(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    points: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    measure: int,
    power: float,
    limit: float,
    counts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")] | None,
) -> tuple: ...
def sparse_nearest(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    values: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    columns: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    starts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    measure: int,
    keys: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
    found: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...
def sparse_within(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    values: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    columns: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    starts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    measure: int,
    limit: float,
    counts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")] | None,
) -> tuple: ...
def unit_values(
    data: Annotated[NDArray, dict(order="C", device="cpu", writable=False)],
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    n_columns: int,
    out: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> None: ...
def sorted_lists(
    points: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    keys: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    ids: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    starts: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
    order: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu")],
) -> None: ...

class CsvScanner:
    """One pass over a CSV: row offsets, and what each column holds"""

    def __init__(self, delimiter: str, nulls: Sequence[str], stride: int) -> None: ...
    def feed(self, data: object) -> None: ...
    def finish(self) -> bool: ...
    def names(self) -> list[str]: ...
    def columns(self) -> list[list[int]]: ...
    def offsets(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,))]: ...
    @property
    def rows(self) -> int: ...
    @property
    def ragged(self) -> int: ...
    @property
    def first_ragged(self) -> int: ...
    @property
    def first_ragged_fields(self) -> int: ...

class SvmScanner:
    """One pass over svmlight text: row offsets, non-zeros, indices"""

    def __init__(self, stride: int) -> None: ...
    def feed(self, data: object) -> None: ...
    def finish(self) -> None: ...
    def offsets(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,))]: ...
    def stored_before(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,))]: ...
    @property
    def rows(self) -> int: ...
    @property
    def stored(self) -> int: ...
    @property
    def least(self) -> int: ...
    @property
    def largest(self) -> int: ...
    @property
    def bad_row(self) -> int: ...
    @property
    def bad_kind(self) -> int: ...
    @property
    def whole_labels(self) -> bool: ...

def parse_svmlight(data: object, base: int) -> tuple:
    """Whole svmlight lines as (values, indices, indptr, labels)"""

@overload
def sort_rows(
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    data: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu", writable=False)],
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    columns: int,
    to_indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
    to_data: Annotated[NDArray[numpy.float64], dict(order="C", device="cpu")],
) -> bool: ...
@overload
def sort_rows(
    indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu", writable=False)],
    data: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu", writable=False)],
    indptr: Annotated[NDArray[numpy.int64], dict(order="C", device="cpu", writable=False)],
    columns: int,
    to_indices: Annotated[NDArray[numpy.int32], dict(order="C", device="cpu")],
    to_data: Annotated[NDArray[numpy.float32], dict(order="C", device="cpu")],
) -> bool:
    """Sparse rows with their columns in order; whether none is there twice"""

class PackColumns:
    """Which columns of a record batch are packed, and how"""

    def __init__(self, which: Sequence[int], codes: Sequence[int], arguments: Sequence[int]) -> None: ...

@overload
def pack_rows(
    batch: object,
    columns: PackColumns,
    start: int,
    stop: int,
    out: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order="C", device="cpu")],
    row: int,
    counts: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu")],
    holes: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order="C", device="cpu")] | None = None,
) -> None: ...
@overload
def pack_rows(
    batch: object,
    columns: PackColumns,
    start: int,
    stop: int,
    out: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order="C", device="cpu")],
    row: int,
    counts: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order="C", device="cpu")],
    holes: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order="C", device="cpu")] | None = None,
) -> None:
    """
    Rows start to stop of an exported record batch into the rows of `out` from `row` on
    """
