"""Dense linear algebra: within the bounds of one chain, closed forms, failures."""

from __future__ import annotations

import numpy as np
import pytest

from shardlearn import kernels
from shardlearn.core.matrix import Floats
from shardlearn.kernels import reference

U = 2.0**-53


def gamma(m: int) -> float:
    return m * U / (1 - m * U)


def draw(*shape: int) -> Floats:
    x = np.random.default_rng(list(shape)).normal(size=shape)
    x.setflags(write=False)
    return x


def positive(p: int) -> Floats:
    A = draw(p, p + 2)
    return A @ A.T + 0.1 * np.eye(p)


@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 100, 301])
def test_the_upper_triangle_is_added(n: int) -> None:
    rng = np.random.default_rng(n)
    A, into = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    wanted = into + np.triu(A)
    assert (np.abs(wanted - reference.add_upper(A, into)) <= 0.501 * np.spacing(np.abs(wanted))).all()
    kernels.add_upper(A, into)
    np.testing.assert_array_equal(into, wanted)


@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 100, 1001])
def test_dot_and_axpy(n: int) -> None:
    a, b = draw(n), draw(n + 1)[:n].copy()
    bound = gamma(n // 16 + 6) * np.abs(a * b).sum()
    assert abs(kernels.dot(a, b) - reference.dot(a, b)) <= bound
    y = kernels.axpy(0.3, a, b)
    assert (np.abs(y - reference.axpy(0.3, a, b)) <= 0.501 * np.spacing(np.abs(y))).all()  # rounded once


@pytest.mark.parametrize(("m", "k", "n"), [(0, 3, 2), (2, 0, 3), (1, 1, 1), (5, 7, 24), (9, 130, 25), (97, 260, 31)])
def test_products(m: int, k: int, n: int) -> None:
    A, B = draw(m, k), draw(k, n + 1)[:, :n].copy()
    bound = gamma(k + 1) * (np.abs(A) @ np.abs(B))
    assert (np.abs(kernels.matmul(A, B) - reference.matmul(A, B)) <= bound).all()
    x = draw(k)
    assert (np.abs(kernels.gemv(A, x) - reference.matmul(A, x)) <= gamma(k + 6) * (np.abs(A) @ np.abs(x))).all()
    y = draw(m)
    assert (np.abs(kernels.gemv_t(A, y) - reference.matmul(A.T, y)) <= gamma(m + 1) * (np.abs(A).T @ np.abs(y))).all()
    np.testing.assert_array_equal(kernels.gemv(A, x), [kernels.dot(row, x) for row in A])
    np.testing.assert_array_equal(kernels.row_squares(A), [kernels.dot(row, row) for row in A])


@pytest.mark.parametrize("p", [0, 1, 2, 7, 48, 49, 100, 200, 333])
def test_cholesky(p: int) -> None:
    A = positive(p)
    L, failed = kernels.cholesky(A)
    assert failed == -1
    np.testing.assert_array_equal(L, np.tril(L))
    bound = gamma(p + 1) * (np.abs(L) @ np.abs(L).T)  # Higham (2002), theorem 10.3
    assert (np.abs(reference.matmul(L, L.T) - A) <= bound).all()


def test_cholesky_reads_the_upper_triangle() -> None:
    A = positive(60)
    np.testing.assert_array_equal(kernels.cholesky(np.triu(A))[0], kernels.cholesky(A)[0])


@pytest.mark.parametrize("at", [0, 3, 47, 48, 70, 149])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_cholesky_says_where_it_fails(at: int, value: float) -> None:
    A = np.eye(150)
    A[at, at] = value
    L, failed = kernels.cholesky(A)
    assert failed == at
    assert not L.any()
    assert reference.cholesky(A)[1] == at


def test_cholesky_of_an_integer_factor_is_exact() -> None:
    L = np.tril(np.random.default_rng(0).integers(-3, 4, (70, 70))).astype(np.float64)
    np.fill_diagonal(L, 2.0)
    np.testing.assert_array_equal(kernels.cholesky(L @ L.T)[0], L)


@pytest.mark.parametrize(("p", "rank"), [(0, 0), (1, 1), (5, 3), (80, 80), (150, 40)])
def test_pivoted_cholesky(p: int, rank: int) -> None:
    half = draw(p, max(rank, 1))[:, :rank]
    A = half @ half.T
    tol = 1e-10 * (A.diagonal().max() if p else 1.0)
    L, perm, found = kernels.pivoted_cholesky(A, tol)
    assert found == rank
    assert sorted(perm.tolist()) == list(range(p))
    assert not L[:, rank:].any()
    np.testing.assert_array_equal(L, np.tril(L))
    np.testing.assert_allclose(L @ L.T, A[perm][:, perm], atol=100 * tol)
    assert (np.diff(L.diagonal()[:rank]) <= 0).all()


def test_pivots_tie_to_the_smallest_index() -> None:
    L, perm, rank = kernels.pivoted_cholesky(np.diag([1.0, 4.0, 1.0, 4.0, 0.0]), 0.0)
    assert perm.tolist() == [1, 3, 0, 2, 4]
    assert rank == 4
    np.testing.assert_array_equal(L.diagonal(), [2.0, 2.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("p", [0, 1, 3, 8, 47, 48, 100, 170])
@pytest.mark.parametrize("k", [1, 2, 30])
def test_triangular_solves(p: int, k: int) -> None:
    L, B = np.tril(draw(p, p)) + 3 * np.eye(p), draw(p, k)
    for solve, matrix in ((kernels.solve_lower, L), (kernels.solve_lower_t, L.T)):
        x = solve(L, B)
        bound = gamma(p + 1) * (np.abs(matrix) @ np.abs(x))  # Higham (2002), theorem 8.5
        assert (np.abs(reference.matmul(matrix, x) - B) <= bound).all()
        for column in range(k):
            np.testing.assert_array_equal(solve(L, B[:, column].copy()), x[:, column])


SPECTRA = {
    "random": lambda p: np.random.default_rng(p).normal(size=p),
    "positive": lambda p: np.random.default_rng(p).uniform(0.5, 2.0, p),
    "repeated": lambda p: np.repeat([3.0, 1.0, -2.0], p)[::3][:p],
    "one value": lambda p: np.full(p, 0.7),
    "zero": np.zeros,
    "low rank": lambda p: np.where(np.arange(p) < (p + 3) // 4, 1.0, 0.0),
    "graded": lambda p: np.geomspace(1.0, 1e-30, p),
    "clustered": lambda p: 1.0 + 1e-14 * np.arange(p),
    "huge": lambda p: 1e200 * np.geomspace(1.0, 1e-300, p),
    "tiny": lambda p: 1e-250 * np.linspace(1.0, 2.0, p),
}


def symmetric(values: Floats) -> Floats:
    Q, _ = np.linalg.qr(draw(len(values), len(values)))
    A = (Q * values) @ Q.T
    return np.triu(A) + np.triu(A, 1).T


@pytest.mark.parametrize("p", [0, 1, 2, 3, 17, 64, 100])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_eigenvalues_and_vectors(spectrum: str, p: int) -> None:
    """Backward stable: p reflections and some 2 p QL steps, each of norm u (Wilkinson 1965, chapters 5 and 8)."""
    A = symmetric(SPECTRA[spectrum](p))
    values, vectors = kernels.symmetric_eigen(A)
    bound = 10 * (p + 2) * U * p * np.abs(A).max(initial=0.0)  # p times the largest element is at least the norm
    wanted, _ = reference.symmetric_eigen(A)
    assert (np.diff(values) <= 0).all()
    assert np.abs(values - wanted).max(initial=0.0) <= bound
    assert np.abs(vectors @ vectors.T - np.eye(p)).max(initial=0.0) <= 10 * (p + 2) * U
    assert np.abs((vectors.T * values) @ vectors - A).max(initial=0.0) <= bound


def test_eigenvalues_of_matrices_that_fall_apart() -> None:
    """Diagonal, with zeros beside the diagonal of a tridiagonal one, and with nothing on its diagonal."""
    values, vectors = kernels.symmetric_eigen(np.diag([2.0, -1.0, 5.0, 2.0]))
    assert values.tolist() == [5.0, 2.0, 2.0, -1.0]
    np.testing.assert_array_equal(np.abs(vectors), np.eye(4)[[2, 0, 3, 1]])
    off = np.diag([1.0, 0.0, 1e-170, 1.0], 1)
    values, _ = kernels.symmetric_eigen(off + off.T)
    np.testing.assert_allclose(values, [1.0, 1.0, 0.0, -1.0, -1.0], atol=4 * U)
    path = np.diag(np.ones(40), 1)
    values, _ = kernels.symmetric_eigen(path + path.T)
    np.testing.assert_allclose(values, 2 * np.cos(np.pi * np.arange(1, 42) / 42), atol=100 * U)


def test_eigenvalues_read_the_upper_triangle() -> None:
    A = symmetric(np.arange(30.0))
    for found, whole in zip(kernels.symmetric_eigen(np.triu(A)), kernels.symmetric_eigen(A), strict=True):
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_eigenvalues_of_nothing_finite_come_to_an_end(value: float) -> None:
    assert len(kernels.symmetric_eigen(np.full((20, 20), value))[0]) == 20


def test_wrong_shapes_are_value_errors() -> None:
    with pytest.raises(ValueError, match="shape"):
        kernels.dot(draw(3), draw(4))
    with pytest.raises(ValueError, match="shape"):
        kernels.matmul(draw(3, 2), draw(3, 2))
    with pytest.raises(ValueError, match="shape"):
        kernels.cholesky(draw(3, 2))
    with pytest.raises(ValueError, match="shape"):
        kernels.symmetric_eigen(draw(3, 2))
    with pytest.raises(ValueError, match="shape"):
        kernels.solve_lower(draw(3, 3), draw(4, 2))
    with pytest.raises(TypeError):
        kernels.matmul(draw(4, 4).T, draw(4, 4))


def test_unaligned_memory_is_refused() -> None:
    x = np.frombuffer(bytes(8 * 4 + 1), np.uint8)[1:].view(np.float64)
    with pytest.raises(ValueError, match="aligned"):
        kernels.dot(x, x)
