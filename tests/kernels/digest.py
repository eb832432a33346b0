"""Prints a SHA-256 of the bits of every kernel over many shapes, as JSON: run under each SHARDLEARN_SIMD."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Csr, Floats, Matrix, raw
from shardlearn.data.packing import packer

ROWS = (0, 1, 63, 257, 4097)
COLUMNS = (1, 3, 17, 50, 400)
KINDS = ("f64", "f32", "csr", "csr32")


class Hashes:
    """One running hash a function."""

    def __init__(self) -> None:
        self._by_name: dict[str, Any] = {}

    def add(self, name: str, *results: Any) -> None:
        digest = self._by_name.setdefault(name, hashlib.sha256())
        for result in results:
            array = np.ascontiguousarray(result)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())

    def hex(self) -> dict[str, str]:
        return {name: digest.hexdigest() for name, digest in sorted(self._by_name.items())}


def numbers(rng: np.random.Generator, *shape: int) -> Floats:
    """Doubles with 40 random bits: exact on every machine, and of several magnitudes."""
    values = rng.integers(-(2**40), 2**40, shape) / 2.0**38
    return values * 2.0 ** rng.integers(-3, 3, shape)


def matrix(rng: np.random.Generator, kind: str, n: int, p: int) -> Matrix:
    X = numbers(rng, n, p)
    if not kind.startswith("csr"):
        return X.astype(np.float32 if kind == "f32" else np.float64)
    keep = rng.integers(0, 5, (n, p)) == 0
    indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=1))]).astype(np.int64)
    data = X[keep].astype(np.float32 if kind == "csr32" else np.float64)
    return Csr(data, np.nonzero(keep)[1].astype(np.int32), indptr, p)


def blocks() -> Iterator[tuple[np.random.Generator, Matrix, Floats | None]]:
    """A generator of its own, a matrix and a pivot (None for sparse) for every shape and kind."""
    for n in ROWS:
        for p in COLUMNS:
            for number, kind in enumerate(KINDS):
                rng = np.random.default_rng([n, p, number])
                X = matrix(rng, kind, n, p)
                yield rng, X, None if isinstance(X, Csr) else numbers(rng, p)


def add_rows(hashes: Hashes, rng: np.random.Generator, X: Matrix, pivot: Floats | None) -> None:
    n, p = X.shape
    weight = rng.integers(0, 4, n) / 2.0
    for k in (1, 3):
        W, b = numbers(rng, k, p) / p, numbers(rng, k)
        hashes.add("row_products", kernels.row_products(X, W, b, pivot), kernels.row_products(X, W))
        hashes.add("weighted_rows_sum", kernels.weighted_rows_sum(X, numbers(rng, n, k), pivot))
        for loss in range(4):
            if loss == kernels.MULTINOMIAL and k == 1:
                continue
            shape = (n,) if k == 1 or loss == kernels.MULTINOMIAL else (n, k)
            y = rng.integers(0, k if loss == kernels.MULTINOMIAL else 2, shape).astype(np.float64)
            for w in (None, weight):
                hashes.add("glm_sums", *kernels.glm_sums(X, y, w, W, b, loss, pivot))


def add_sums(hashes: Hashes, rng: np.random.Generator, X: Matrix, pivot: Floats | None) -> None:
    n, p = X.shape
    weight = numbers(rng, n)
    for w in (None, weight):
        hashes.add("moments", *kernels.moments(X, w, pivot))
        if n * p <= 2000 * 400:
            Y = numbers(rng, n, 2)
            sums = kernels.gram(X, Y, w, pivot, numbers(rng, 2))
            hashes.add("gram", *sums)
            hashes.add("gram", *kernels.gram(X, None, w, pivot))
            hashes.add("gram_walk", *kernels.gram(X, Y, w, pivot, None, sums))
    hashes.add("columns", *kernels.column_range(X), kernels.all_finite(X))


def add_elementwise(hashes: Hashes) -> None:
    rng = np.random.default_rng(1)
    special = np.array(
        [0.0, -0.0, 5e-324, -5e-324, 1e-310, 2.0**-60, 709.7, 710.0, -708.5, -745.0, -746.0, 1e300, np.inf]
    )
    for x in (numbers(rng, 5000), numbers(rng, 5000) * 300, numbers(rng, 5001) * 2.0**-30, special, -special):
        for name in ("exp", "expm1", "tanh", "expit", "softplus", "sin", "cos", "asin"):
            hashes.add(name, getattr(kernels, name)(x))
        for name in ("log", "log1p"):
            hashes.add(name, getattr(kernels, name)(np.abs(x)))


def add_algebra(hashes: Hashes) -> None:
    for p in (0, 1, 2, 7, 24, 33, 100, 150, 301):
        rng = np.random.default_rng([2, p])
        A, B, x = numbers(rng, p, p + 3), numbers(rng, p + 3, 29), numbers(rng, p + 3)
        hashes.add("dot", kernels.dot(x, x))
        hashes.add("axpy", kernels.axpy(0.3, x, x[::-1].copy()))
        hashes.add("gemv", kernels.gemv(A, x), kernels.row_squares(A))
        hashes.add("gemv_t", kernels.gemv_t(A, x[:p].copy()))
        hashes.add("matmul", kernels.matmul(A, B))
        S = kernels.matmul(A, np.ascontiguousarray(A.T))
        upper = S.copy()
        kernels.add_upper(A[:, :p].copy(), upper)
        hashes.add("add_upper", upper)
        hashes.add("cholesky", *kernels.cholesky(S), *kernels.cholesky(-S))
        hashes.add("pivoted_cholesky", *kernels.pivoted_cholesky(S, 1e-9), *kernels.pivoted_cholesky(S, 5.0))
        hashes.add("symmetric_eigen", *kernels.symmetric_eigen(S), *kernels.symmetric_eigen(S - 3.0 * np.eye(p)))
        L, rhs = np.tril(A[:, :p]) + 4 * np.eye(p), B[:p]
        for right in (rhs, rhs[:, 0].copy()):
            hashes.add("solve_lower", kernels.solve_lower(L, right))
            hashes.add("solve_lower_t", kernels.solve_lower_t(L, right))


def add_integers(hashes: Hashes) -> None:
    rng = np.random.default_rng(3)
    ids = rng.integers(-(2**62), 2**62, 101)
    hashes.add("philox", kernels.philox(2**63 + 5, 7, ids, 1, 2), kernels.uniform(2**63 + 5, 7, ids, 1))
    for y in (rng.integers(0, 9, 1001), rng.integers(0, 9, 1001) * 10**12):
        found = kernels.distinct_i64(y, 100)
        assert found is not None
        hashes.add("distinct_i64", *found)
        hashes.add("encode_i64", kernels.encode_i64(y, found[0][1:].copy()))


def add_packing(hashes: Hashes) -> None:
    rng, n = np.random.default_rng(4), 1003
    odd = numbers(rng, n) * 10.0 ** rng.integers(-320, 300, n)
    odd[::50], odd[7::90], odd[9::90] = np.nan, np.inf, -np.inf
    whole = rng.integers(-(2**62), 2**62, n) >> rng.integers(0, 62, n)
    with np.errstate(over="ignore"):
        arrays = [
            odd,
            odd.astype("f4"),
            whole,
            *(whole.astype(code) for code in ("i1", "i2", "i4", "u1", "u2", "u4", "u8")),
        ]
    arrays += [whole > 0, whole.astype("m8[us]"), whole.astype("i4").astype("m8[s]")]
    columns = [pa.array(a, mask=mask) for a in arrays for mask in (None, rng.random(n) < 0.1, np.arange(n) % 7 > 0)]
    columns += [pa.array(whole).cast(pa.decimal128(38, 0)).cast(pa.decimal128(38, 9)), pa.nulls(n)]
    batch = pa.record_batch(columns, [str(j) for j in range(len(columns))])
    for piece in (batch, batch.slice(5, 100), batch.slice(64, 64), batch.slice(999)):
        for width in (1, 3, 8, len(columns)):
            for dtype in ("f4", "f8"):
                pack, holes = packer(batch.schema, range(width)), np.zeros(len(piece), np.bool_)
                out = np.empty((len(piece), width), dtype)
                hashes.add("pack", pack.rows(pack.export(piece), range(len(piece)), out, 0, holes), out, holes)


def in_order(pairs: kernels.Pairs, m: int) -> list[Any]:
    starts, order = kernels.sorted_lists(pairs, m)
    return [starts, pairs.square[order], pairs.id[order]]


def add_trees(hashes: Hashes, X: Any, points: Floats) -> None:
    tree = kernels.Tree.of(X, np.arange(len(X)))
    hashes.add("plant", tree.boxes, tree.leaves, tree.ids)
    for measure in (kernels.Measure.SQUARE, kernels.Measure.ABSOLUTE, kernels.Measure.LARGEST, kernels.Measure.POWER):
        for k in (10, 50):
            found = kernels.Neighbors.none(len(points), k)
            tree.nearest(points, measure, 3.0, found)
            hashes.add("tree_nearest", found.square, found.id)
        hashes.add("tree_within", *in_order(tree.within(points, measure, 3.0, 2.0), len(points)))


def add_sparse_points(hashes: Hashes) -> None:
    for n, p, m in ((1, 1, 1), (700, 17, 600), (300, 400, 30)):
        for number, kind in enumerate(("csr", "csr32")):
            rng = np.random.default_rng([7, n, p, number])
            X, Q = matrix(rng, kind, n, p), matrix(rng, "csr", m, p)
            assert isinstance(X, Csr)
            assert isinstance(Q, Csr)
            for measure in (kernels.Measure.SQUARE, kernels.Measure.PRODUCT):
                found = kernels.Neighbors.none(m, 10)
                kernels.nearest_sparse_rows(X, np.arange(n), Q, measure, found)
                hashes.add("nearest_sparse_rows", found.square, found.id)
                inside = kernels.sparse_within(X, np.arange(n), Q, measure, 2.0)
                hashes.add("sparse_within", *in_order(inside, m))
            unit = kernels.unit_sparse_rows(X, queries=True)
            hashes.add("unit_sparse_rows", unit.data, unit.indices, unit.indptr)


def add_points(hashes: Hashes) -> None:
    rng = np.random.default_rng(5)
    for n, p, k in ((1, 1, 1), (63, 3, 7), (1003, 17, 65), (257, 400, 100)):
        X, C = numbers(rng, n, p), numbers(rng, k, p)
        for rows in (X, X.astype(np.float32), np.rint(X)):
            points = kernels.Points.of(np.rint(C) if rows is not X else C)
            found = kernels.Neighbors.none(k, 10)
            kernels.nearest_rows(rows, np.arange(n), points, found)
            hashes.add("nearest_rows", found.square, found.id)
            for measure in kernels.Measure:
                for power in (3.0, 2.5):
                    other = kernels.Neighbors.none(k, 10)
                    kernels.nearest_by(rows, np.arange(n) + 7, points.values, measure, power, other)
                    hashes.add("nearest_by", other.square, other.id)
                    inside = kernels.within_by(rows, np.arange(n), points.values, measure, power, 2.0)
                    hashes.add("within_by", *in_order(inside, k))
            hashes.add("rows_within", *in_order(kernels.rows_within(rows, np.arange(n), points, 9.0 * p), k))
            add_trees(hashes, rows, points.values)
            hashes.add("join_nearest", kernels.join_nearest(found, other), found.square, found.id)
            hashes.add("unit_rows", kernels.unit_rows(rows, queries=False), kernels.unit_rows(rows, queries=True))
            found = kernels.nearest(rows, points, squares=True)
            hashes.add("nearest", *found)
            kernels.nearer_center(rows, kernels.Points.of(numbers(rng, k, p)), k, found.label, found.square)
            hashes.add("nearer", found.label, found.square)
            if k > 6:
                at = kernels.InPairs.of(rng.integers(0, 4, n).astype(np.int32), [3, 0, 1])
                side = np.zeros(n, np.int32)
                kernels.sides(rows, points.values[:6].reshape(3, 2, p), at, side)
                into = kernels.PairSums.none(3, p, 2)
                kernels.pair_sums(
                    rows, at, kernels.Moves(side, side[::-1].copy()), (np.full((3, p), 2.0**30), 40), into
                )
                hashes.add("pairs", side, into.sums, into.weights, into.changed)
            bounded = kernels.nearest_bounds(rows, points)
            hashes.add("nearest_bounds", bounded.label, bounded.upper, bounded.lower)
            if k > 1 and p > 3:
                directions = kernels.Directions.of(np.eye(min(p, 9), p), np.zeros(p))
                led = kernels.nearest_led(rows, kernels.Led.of(points.values, directions), directions.coordinates(rows))
                hashes.add("nearest_led", led[0].label)
            moved = kernels.Moved(np.linspace(0.0, 0.25, k, dtype=np.float32), 0.25, 0.125)
            loosened, doubtful = kernels.loosened(bounded, moved)
            hashes.add("loosened", loosened.upper, loosened.lower, doubtful)


def add_clusters(hashes: Hashes) -> None:
    for n, p, k in ((0, 3, 2), (1, 1, 1), (700, 17, 5), (300, 400, 9)):
        for number, kind in enumerate(KINDS):
            rng = np.random.default_rng([6, n, p, number])
            X = matrix(rng, kind, n, p)
            scale = fixed.scale(np.full(p, 64.0), 1 << 20, itemsize=X.dtype.itemsize)
            label, before = (rng.integers(low, k, n).astype(np.int32) for low in (0, -1))
            for weight in (None, rng.integers(0, 9, (1, n)), rng.integers(0, 9, (3, n))):
                layers = 1 if weight is None else len(weight)
                sums, weights = np.zeros((layers, scale.limbs, k, p), np.int64), np.zeros((layers, k), np.int64)
                changed = kernels.cluster_sums(X, kernels.Moves(label, before, weight), scale, sums, weights)
                hashes.add("cluster_sums", changed, sums, weights)
                hashes.add("cluster_means", kernels.cluster_means(sums, weights, np.zeros((k, p)), scale, 4))
            hashes.add("normalized", raw(kernels.normalized(X)[0]).data, kernels.normalized(X)[1])
            if isinstance(X, Csr):
                add_cells(hashes, X, scale, label, before, numbers(rng, k, p))
            found = kernels.nearest_center(X, kernels.centers_of(numbers(rng, k, p), isinstance(X, Csr)), squares=True)
            hashes.add("nearest_center", *found)
            squares = kernels.center_squares(X, kernels.centers_of(numbers(rng, k, p), isinstance(X, Csr)))
            hashes.add("center_squares", squares)
            hashes.add(
                "double_sum", *kernels.double_sum(numbers(rng, n)), *kernels.double_sum(found.square, found.square)
            )


def add_cells(hashes: Hashes, X: Csr, scale: fixed.Scale, label: Any, before: Any, C: Floats) -> None:
    weights = np.zeros((1, len(C)), np.int64)
    (first,) = kernels.moved_cells(X, kernels.Moves(label), scale, weights)
    (second,) = kernels.moved_cells(X, kernels.Moves(before.clip(0), label), scale, weights)
    hashes.add("moved_cells", *first, *second, weights)
    both = kernels.join_cells(*first[:2], *second[:2])
    hashes.add("join_cells", *both)
    sums = kernels.no_line_sums(X.n_columns, len(C), scale.limbs)
    kernels.add_cells(*both, len(C), sums[0])
    hashes.add("add_cells", sums)
    means, apart = kernels.line_means(sums, weights, C, scale)
    hashes.add("line_means", means, apart)
    again = np.concatenate([sums, sums]), np.concatenate([weights, weights])
    hashes.add("line_means", *kernels.line_means(*again, C, scale, 4))
    hashes.add("unit_lines", *kernels.unit_lines(means, weights, C))
    hashes.add("halves", kernels.Across.of(C).half, kernels.lines_of(C)[:, : len(C)])


def add_choices(hashes: Hashes) -> None:
    rng = np.random.default_rng(7)
    for m, p, k in ((1, 1, 1), (63, 3, 7), (200, 50, 30)):
        points, mass = numbers(rng, m, p), rng.integers(0, 9, m).astype(np.float64)
        squares = kernels.point_squares(points)
        draws = kernels.uniform(5, 3, np.arange(9 * k), 1).reshape(k, 9)
        hashes.add("spread", squares, kernels.spread(points, mass, draws), kernels.spread(points, mass, draws, squares))


def digest() -> dict[str, str]:
    hashes = Hashes()
    add_packing(hashes)
    add_elementwise(hashes)
    add_algebra(hashes)
    add_integers(hashes)
    add_points(hashes)
    add_sparse_points(hashes)
    add_clusters(hashes)
    add_choices(hashes)
    for rng, X, pivot in blocks():
        add_rows(hashes, rng, X, pivot)
        add_sums(hashes, rng, X, pivot)
    return hashes.hex()


if __name__ == "__main__":
    print(json.dumps({"simd": kernels.simd(), **digest()}, indent=1))
