"""Law 3: weight 1 is no weight; weight 2 is the row twice; weight 0 is the row absent."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.laws.subjects import FLOATS, SUBJECTS, bits, leaves

from shardlearn.core.block import Block
from shardlearn.core.matrix import take_rows
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

WEIGHTED = [name for name, subject in SUBJECTS.items() if subject.weighted]
seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("name", WEIGHTED)
@settings(max_examples=15)
@given(seeds, st.integers(0, 40))
def test_weight_one_is_none(name, seed, n):
    statistic, block = SUBJECTS[name].case(seed, n)
    assert bits(statistic.of(replace(block, weight=None))) == bits(statistic.of(replace(block, weight=np.ones(n))))


@pytest.mark.parametrize("name", WEIGHTED)
@settings(max_examples=15)
@given(seeds, st.integers(1, 40), st.integers(0, 100))
def test_weights_are_counts_of_rows(name, seed, n, drawn):
    statistic, block = SUBJECTS[name].case(seed, n)
    counts = np.random.default_rng(drawn).integers(0, 3, n)
    where = np.repeat(np.arange(n), counts)
    extra = {name: column[where] for name, column in block.extra.items()}
    repeated = Block(take_rows(block.X, where), None if block.y is None else block.y[where], None, 0, extra=extra)
    one = statistic.of(replace(block, weight=counts.astype(np.float64)))
    two = statistic.of(repeated)
    if name not in FLOATS:
        assert bits(one) == bits(two)
        return
    for a, b, scale in zip(leaves(one), leaves(two), size(statistic, repeated), strict=True):
        assert (np.abs(a - b) <= 1e-12 * scale).all()


def size(statistic, block):
    """The same sums of absolute values."""
    alone = [[np.abs(leaf) for leaf in leaves(statistic.of(block.slice(i, i + 1)))] for i in range(block.n)]
    if not alone:
        return [np.ones(1) for _ in leaves(statistic.of(block))]
    return [np.sum(column, axis=0) for column in zip(*alone, strict=True)]


draw = np.random.default_rng(0)
X = draw.standard_normal((900, 7)) @ np.diag(np.arange(1.0, 8.0)) + 3
COUNTS = draw.integers(0, 3, 900)
NUMBERS = np.stack([X[:, 0] - X[:, 1], X[:, 2]], axis=1) + draw.standard_normal((900, 2))
BINARY = np.where(X[:, 0] - X[:, 1] / 2 + 2 * draw.standard_normal(900) > 0, "yes", "no")
CLASSES = np.argmax(X[:, :3] + 3 * draw.standard_normal((900, 3)), axis=1)
MODELS = {
    "least squares": (LinearRegression(), X, NUMBERS),
    "least squares, positive": (LinearRegression(positive=True), X, NUMBERS[:, 0]),
    "least squares, sparse": (LinearRegression(), sp.csr_array(np.where(X > 5, X, 0)), NUMBERS[:, 0]),
    "ridge": (Ridge(alpha=3.0), X, NUMBERS),
    "ridge, float32": (Ridge(alpha=3.0), X.astype(np.float32), NUMBERS),
    "ridge, no intercept": (Ridge(fit_intercept=False), X, NUMBERS[:, 0]),
    "logistic": (LogisticRegression(), X, BINARY),
    "logistic, balanced": (LogisticRegression(class_weight="balanced"), X, BINARY),
    "logistic, classes": (LogisticRegression(C=0.1), X, CLASSES),
    "logistic, sparse": (LogisticRegression(), sp.csr_array(np.where(X > 5, X, 0)), BINARY),
    "logistic, lbfgs": (LogisticRegression(solver="lbfgs", max_iter=1000), X, BINARY),
    "logistic, newton": (LogisticRegression(solver="newton-cholesky"), X, CLASSES),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_weighted_rows(name):
    model, features, target = MODELS[name]
    where = np.repeat(np.arange(900), COUNTS)
    order = np.concatenate([where[::2], where[1::2]])  # the copies of a row don't lie side by side
    weighted = model.fit(features, target, sample_weight=COUNTS.astype(float))
    one = np.append(np.ravel(weighted.coef_), weighted.intercept_)
    repeated = model.fit(features[order], target[order])
    two = np.append(np.ravel(repeated.coef_), repeated.intercept_)
    assert np.abs(one - two).max() <= 1e-7 * max(1.0, np.abs(one).max())


@pytest.mark.parametrize("name", MODELS)
def test_models_of_rows_with_weight_one(name):
    model, features, target = MODELS[name]
    one = model.fit(features, target).coef_.tobytes()
    assert model.fit(features, target, sample_weight=np.ones(900)).coef_.tobytes() == one
