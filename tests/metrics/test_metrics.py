"""Metrics equal scikit-learn's, and do not depend on how the rows are cut."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from shardlearn.metrics import Classification, Regression, ranking
from shardlearn.metrics.exact import ExactSum, products
from shardlearn.metrics.ranking import Ranking

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(hnp.arrays(np.float64, st.integers(0, 40), elements=FLOATS))
def test_an_exact_sum_is_the_rational_sum_rounded_once(values) -> None:
    total = ExactSum()
    total.add(values[: len(values) // 3])
    total.add(values[len(values) // 3 :])
    assert total.fraction() == sum((Fraction(float(v)) for v in values), Fraction(0))


def test_exact_sums_at_the_ends_of_the_range() -> None:
    values = np.array([5e-324, -5e-324, 1.7e308, 1.0, -1.7e308, 2.0**-1074])
    total = ExactSum()
    total.add(values)
    assert total.value() == math.fsum(values) == 1.0
    total.add(np.array([np.nan]))
    assert math.isnan(total.value())


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100))
def test_products_are_exact(a, b) -> None:
    if 0 < abs(a * b) < 1e-200 or (a * b == 0 and a and b):
        return
    high, low = products(np.array([a]), np.array([b]))
    assert Fraction(float(high[0])) + Fraction(float(low[0])) == Fraction(a) * Fraction(b)


def rows(n, classes, seed, *, ties=True):
    draw = np.random.default_rng(seed)
    y = draw.integers(0, classes, n)
    raw = draw.random((n, classes)) + 0.5 * (np.arange(classes) == y[:, None])
    if ties:
        raw = np.round(raw, 1) + 0.05
    return y, raw / raw.sum(axis=1, keepdims=True), draw.integers(0, 4, n) / 3 + draw.random(n)


def scored(y, p, weight, cuts):
    out = Classification(p.shape[1], weight is not None)
    for piece in np.split(np.arange(len(y)), cuts):
        out.add(y[piece], p[piece].argmax(axis=1), p[piece], None if weight is None else weight[piece])
    return out.result()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_classification_equals_sklearn(classes, weighted, ties) -> None:
    y, p, weight = rows(5000, classes, 1, ties=ties)
    weight = weight if weighted else None
    got = scored(y, p, weight, [10, 10, 700])
    labels = p.argmax(axis=1)
    assert got.accuracy == pytest.approx(sk.accuracy_score(y, labels, sample_weight=weight), rel=1e-12)
    assert got.log_loss == pytest.approx(sk.log_loss(y, p, sample_weight=weight), rel=1e-12)
    if classes == 2:
        assert got.brier == pytest.approx(sk.brier_score_loss(y, p[:, 1], sample_weight=weight), rel=1e-12)
        assert got.auc == pytest.approx(sk.roc_auc_score(y, p[:, 1], sample_weight=weight), rel=1e-12)
    else:
        assert got.brier == pytest.approx(sk.brier_score_loss(y, p, sample_weight=weight), rel=1e-12)
        assert got.auc is None
    assert got == scored(y, p, weight, [1, 2, 3, 2500, 4999])


@pytest.mark.parametrize("weighted", [False, True])
def test_auc_that_spills(monkeypatch, tmp_path, weighted) -> None:
    for name, value in (("RUN", 64), ("IN_MEMORY", 2), ("RANGE", 300)):
        monkeypatch.setattr(ranking, name, value)
    y, p, weight = rows(4000, 2, 2)
    weight = weight if weighted else None
    seen = set()
    for cuts in ([], [5, 900], list(range(0, 4000, 7))):
        out = Ranking(weighted, str(tmp_path))
        for piece in np.split(np.arange(4000), cuts):
            out.add(y[piece] == 1, p[piece, 1], None if weight is None else weight[piece])
        seen.add(out.auc())
        assert out.sides[0].spilled > 0
        out.close()
    assert len(seen) == 1
    assert seen.pop() == pytest.approx(sk.roc_auc_score(y, p[:, 1], sample_weight=weight), rel=1e-12)
    assert not list(tmp_path.iterdir())  # the files have no names


def test_one_class_has_no_auc() -> None:
    p = np.full((4, 2), 0.5)
    assert scored(np.zeros(4, int), p, None, []).auc is None
    assert scored(np.zeros(4, int), p, np.ones(4), []).auc is None


def test_labels_that_the_model_does_not_know_are_counted() -> None:
    got = scored(np.array([0, 1, -1]), np.array([[0.9, 0.1]] * 3), None, [2])
    assert (got.unknown, got.accuracy) == (1, 1 / 3)
    assert got.log_loss is got.brier is got.auc is None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_regression_equals_sklearn(weighted, offset) -> None:
    draw = np.random.default_rng(3)
    y = draw.normal(size=3000) + offset
    f = y + 0.3 * draw.normal(size=3000)
    weight = draw.random(3000) if weighted else None
    results = []
    for cuts in ([], [1, 5, 2000]):
        out = Regression(weighted)
        for piece in np.split(np.arange(3000), cuts):
            out.add(y[piece], f[piece], None if weight is None else weight[piece])
        results.append(out.result())
    assert results[0] == results[1]
    got = results[0]
    assert got.r2 == pytest.approx(sk.r2_score(y, f, sample_weight=weight), rel=1e-12)
    assert got.mse == pytest.approx(sk.mean_squared_error(y, f, sample_weight=weight), rel=1e-12)
    assert got.mae == pytest.approx(sk.mean_absolute_error(y, f, sample_weight=weight), rel=1e-12)


def test_regression_of_little() -> None:
    one = Regression()
    one.add(np.array([1.0]), np.array([2.0]))
    assert (one.result().r2, one.result().mse) == (None, 1.0)
    flat = Regression()
    flat.add(np.ones(3), np.ones(3))
    assert flat.result().r2 == sk.r2_score(np.ones(3), np.ones(3)) == 1.0
    flat.add(np.ones(1), np.zeros(1))
    assert flat.result().r2 == sk.r2_score(np.ones(4), [1, 1, 1, 0]) == 0.0
    odd = Regression()
    odd.add(np.array([1.0, np.inf]), np.zeros(2))
    assert math.isnan(odd.result().mse)
