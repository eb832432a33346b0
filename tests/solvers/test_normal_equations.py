"""Factors, ranks, shortest solutions and nonnegative ones, against LAPACK and SciPy."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from tests.solvers.fitting import relative

from shardlearn.solvers import normal_equations
from shardlearn.solvers.normal_equations import condition, nonnegative, restricted, shortest, size, solved, system


def normal(X, y):
    return X.T @ X, X.T @ y


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 3.0])
@pytest.mark.parametrize("p", [1, 2, 30])
def test_full_rank(p, alpha):
    draw = np.random.default_rng(p)
    X, y = draw.standard_normal((100, p)) * 10.0 ** draw.uniform(-3, 3, p), draw.standard_normal(100)
    C, h = normal(X, y)
    part = system(C, alpha)
    assert len(part.kept) == p
    w = solved(part, h)
    augmented = np.vstack([X, np.sqrt(alpha) * np.eye(p)])
    assert relative(w, scipy.linalg.lstsq(augmented, np.concatenate([y, np.zeros(p)]))[0]) < 1e-9
    assert size(part, w) == pytest.approx(np.linalg.norm(augmented @ w))


@pytest.mark.parametrize(("p", "rank"), [(6, 1), (30, 5), (30, 25), (40, 0), (40, 20)])
@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_shortest_solution(p, rank, spread):
    draw = np.random.default_rng(p + rank)
    X = draw.standard_normal((200, rank)) @ draw.standard_normal((rank, p)) * 10.0 ** draw.uniform(-spread, spread, p)
    y = draw.standard_normal(200)
    C, h = normal(X, y)
    part = system(C, 0.0)
    assert len(part.kept) == rank
    w = solved(part, h)
    best = scipy.linalg.lstsq(X, y, cond=1e-11)[0]
    np.testing.assert_allclose(w, best, atol=1e-7 * np.abs(best).max(initial=0.0))
    np.testing.assert_allclose(shortest(part, w), w, atol=1e-12 * np.abs(w).max(initial=0.0))
    assert size(part, w) == pytest.approx(np.linalg.norm(X @ w), rel=1e-6)


def test_duplicated_and_constant_columns():
    draw = np.random.default_rng(0)
    x = draw.standard_normal((100, 2))
    X, y = np.column_stack([x[:, 0], np.zeros(100), x[:, 1], x[:, 0]]), draw.standard_normal(100)
    w = solved(system(*[normal(X, y)[0], 0.0]), normal(X, y)[1])
    assert w[1] == 0.0
    assert w[0] == pytest.approx(w[3], rel=1e-12)
    assert relative(w, scipy.linalg.lstsq(X, y)[0]) < 1e-12


def test_a_ridge_too_small_to_matter():
    """Doubled columns and alpha below rounding: the shortest solution, not noise."""
    draw = np.random.default_rng(1)
    x, y = draw.standard_normal((100, 3)), draw.standard_normal(100)
    C, h = normal(np.hstack([x, x]), y)
    w = solved(system(C, 1e-18), h)
    assert relative(w, scipy.linalg.lstsq(np.hstack([x, x]), y)[0]) < 1e-10


@pytest.mark.parametrize("alpha", [0.0, 5.0])
@pytest.mark.parametrize("p", [1, 5, 40, 120])
@pytest.mark.parametrize("common", [0.0, 2.0, 30.0])
def test_nonnegative(p, alpha, common):
    draw = np.random.default_rng(p)
    X = draw.standard_normal((300, p)) + common * draw.standard_normal((300, 1))
    y = X @ np.where(draw.random(p) < 0.5, draw.standard_normal(p), 0.0) + draw.standard_normal(300)
    C, h = normal(X, y)
    w, part = nonnegative(C, h, alpha)
    slope = C @ w + alpha * w - h
    top = np.abs(h).max()
    assert (w >= 0.0).all()
    assert (slope >= -1e-9 * top).all()
    assert np.abs(w * slope).max() <= 1e-9 * top * np.abs(w).max(initial=1.0)
    best = scipy.optimize.nnls(np.vstack([X, np.sqrt(alpha) * np.eye(p)]), np.concatenate([y, np.zeros(p)]))[0]
    np.testing.assert_allclose(w, best, atol=1e-8 * max(np.abs(best).max(), 1e-3))
    assert set(np.flatnonzero(w)) <= set(part.kept)


def test_nonnegative_with_dependent_columns():
    draw = np.random.default_rng(3)
    x = draw.standard_normal((100, 5))
    X = np.hstack([x, x, np.zeros((100, 1))])
    y = x @ np.array([1.0, 2.0, -1.0, 0.5, 3.0])
    w, _ = nonnegative(*normal(X, y), 0.0)
    assert (w >= 0.0).all()
    best = scipy.optimize.nnls(X, y)[1]
    assert np.linalg.norm(X @ w - y) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("exchanges", [0, 3])
def test_single_exchanges_end_what_full_ones_do_not(monkeypatch, exchanges):
    """Random problems in which changing all sides at once does not always make progress."""
    monkeypatch.setattr(normal_equations, "EXCHANGES", exchanges)
    draw = np.random.default_rng(0)
    for _ in range(200):
        A = draw.standard_normal((12, 10))
        C = A.T @ A + 1e-3 * np.eye(10)
        h = draw.standard_normal(10)
        w, _ = nonnegative(C, h, 0.0)
        slope = C @ w - h
        assert (w >= 0.0).all()
        assert (slope >= -1e-8).all()


@pytest.mark.parametrize("kappa", [1.0, 1e3, 1e6])
def test_condition(kappa):
    draw = np.random.default_rng(0)
    q, _ = np.linalg.qr(draw.standard_normal((30, 30)))
    A = (q * np.logspace(0, -2 * np.log10(kappa), 30)) @ q.T
    A = (A + A.T) / 2
    assert kappa / 3 <= condition(np.linalg.cholesky(A)) <= 1.01 * kappa
    assert condition(np.zeros((0, 0))) == 1.0


def test_nothing_is_kept():
    part = restricted(np.eye(3), 0.0, np.zeros(0, np.int64))
    assert solved(part, np.ones(3)).tolist() == [0.0, 0.0, 0.0]
    assert size(part, np.ones(3)) == 0.0
