"""LogisticRegression against scikit-learn, closed forms and its own optimality conditions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import special
from sklearn import linear_model as sk
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from tests.linear_model.problems import Array, classification, relative, sparse_rows

from shardlearn import InputError, ParameterError
from shardlearn.linear_model import LogisticRegression

SOLVERS = ["auto", "preconditioned-lbfgs", "lbfgs", "newton-cholesky", "gradient-descent"]


def reference(X: Any, y: Array, weight: Array | None = None, **parameters: Any) -> Any:
    return sk.LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1_000, **parameters).fit(X, y, weight)


def gradient(model: Any, X: Array, y: Array, weight: Array | None = None) -> float:
    """Largest partial derivative of (1/S) sum s log-loss + |w|^2 / (2 C S), by plain NumPy."""
    w = np.ones(len(y)) if weight is None else weight
    hot = (y[:, None] == model.classes_).astype(float)
    z = X @ model.coef_.T + model.intercept_
    two = len(model.classes_) == 2
    slope = special.expit(z) - hot[:, 1:] if two else special.softmax(z, axis=1) - hot
    slope *= w[:, None]
    coef = (slope.T @ X + model.coef_ / model.C) / w.sum()
    return float(max(np.abs(coef).max(), np.abs(slope.sum(axis=0)).max() / w.sum() if model.fit_intercept else 0.0))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "through zero"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("solver", SOLVERS)
def test_agrees_with_newton_of_scikit_learn(solver: str, classes: int, intercept: bool, weighted: bool) -> None:
    data = classification(classes=classes)
    weight = data.weight if weighted else None
    model = LogisticRegression(solver=solver, tol=1e-10, max_iter=10_000, fit_intercept=intercept)
    model.fit(data.X, data.y, weight)
    wanted = reference(data.X, data.y, weight, fit_intercept=intercept)
    assert model.coef_.shape == ((1, 8) if classes == 2 else (4, 8))
    assert relative(model.coef_, wanted.coef_) < 1e-7
    np.testing.assert_allclose(model.intercept_, wanted.intercept_, atol=1e-7)
    np.testing.assert_array_equal(model.classes_, wanted.classes_)


@pytest.mark.parametrize("kappa", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_at_the_solution_is_below_tol(classes: int, offset: float, kappa: float) -> None:
    """Measured about the mean, where NumPy's own rounding does not hide it."""
    data = classification(n=2_000, classes=classes, kappa=kappa, offset=offset)
    model = LogisticRegression(tol=1e-6, C=10.0).fit(data.X, data.y)
    assert model.n_iter_[0] < 100
    mean = data.X.mean(axis=0)
    model.intercept_ = model.intercept_ + model.coef_ @ mean
    assert gradient(model, data.X - mean, data.y) < 1e-6 * (1 + 1e-3 * offset)


@pytest.mark.parametrize("C", [1e-4, 1.0, 1e4, np.inf])
def test_strengths_of_the_penalty(C: float) -> None:
    data = classification(n=2_000)
    model, wanted = LogisticRegression(C=C, tol=1e-10).fit(data.X, data.y), reference(data.X, data.y, C=C)
    assert relative(model.coef_, wanted.coef_) < 1e-7


def test_an_intercept_alone_is_the_logit_of_the_mean() -> None:
    y = np.r_[np.zeros(30), np.ones(70)].astype(int)
    model = LogisticRegression(tol=1e-12).fit(np.zeros((100, 1)), y)
    assert abs(model.intercept_[0] - special.logit(0.7)) < 1e-12
    assert model.coef_[0, 0] == 0.0


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 1: 0.5}, {1: 3.0}])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_weights_of_classes(class_weight: Any, weighted: bool) -> None:
    data = classification(classes=3)
    weight = data.weight if weighted else None
    model = LogisticRegression(class_weight=class_weight, tol=1e-10, max_iter=1_000).fit(data.X, data.y, weight)
    wanted = reference(data.X, data.y, weight, class_weight=class_weight)
    assert relative(model.coef_, wanted.coef_) < 1e-7


def test_integer_weights_are_repeated_rows() -> None:
    data = classification(classes=3)
    assert data.weight is not None
    again = np.repeat(np.arange(len(data.y)), data.weight.astype(int))
    weighted = LogisticRegression().fit(data.X, data.y, data.weight)
    repeated = LogisticRegression().fit(data.X[again], data.y[again])
    assert relative(weighted.coef_, repeated.coef_) < 1e-7


@pytest.mark.parametrize("classes", [2, 3])
def test_sparse_rows_as_dense_ones(classes: int) -> None:
    X = sparse_rows(1_000, 30)
    y = np.random.default_rng(0).integers(0, classes, 1_000)
    for solver in SOLVERS:
        model = LogisticRegression(solver=solver, tol=1e-10, max_iter=10_000)
        coef = model.fit(X, y).coef_
        assert relative(coef, model.fit(X.toarray(), y).coef_) < 1e-7, solver


def test_wide_and_short() -> None:
    data = classification(n=60, p=40)
    X, y = data.X[:20], data.y[:20]
    assert relative(LogisticRegression(tol=1e-10).fit(X, y).coef_, reference(X, y).coef_) < 1e-7


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (np.array(["no", "yes"]), "U"),
        (np.array(["no", "yes"], dtype=object), "U"),
        (np.array([False, True]), "b"),
        (np.array([-1, 1], dtype=np.int8), "i"),
        (np.array([2.0, 5.0]), "f"),
    ],
    ids=["str", "object", "bool", "int8", "float"],
)
def test_labels_keep_their_kind(labels: Array, kind: str) -> None:
    data = classification()
    model = LogisticRegression().fit(data.X, labels[data.y])
    assert model.classes_.dtype.kind == kind
    np.testing.assert_array_equal(model.classes_, labels)
    predicted = model.predict(data.X)
    assert predicted.dtype == model.classes_.dtype
    assert (predicted == labels[data.y]).mean() == model.score(data.X, labels[data.y])


def test_probabilities_agree_with_scikit_learn() -> None:
    for classes in (2, 3):
        data = classification(classes=classes, kappa=100.0)
        model = LogisticRegression().fit(data.X, data.y)
        peer = model.to_sklearn()
        np.testing.assert_array_equal(peer.predict(data.X), model.predict(data.X))
        np.testing.assert_allclose(model.predict_proba(data.X), peer.predict_proba(data.X), rtol=1e-12)
        np.testing.assert_allclose(
            model.predict_log_proba(data.X), peer.predict_log_proba(data.X), rtol=1e-9, atol=1e-14
        )
        np.testing.assert_allclose(model.decision_function(data.X), peer.decision_function(data.X), atol=1e-12)


def test_log_probabilities_stay_finite_where_probabilities_vanish() -> None:
    model = LogisticRegression(C=1e6).fit(np.array([[-1.0], [1.0]]), [0, 1])
    far = np.array([[1e6], [-1e6]])
    assert model.predict_proba(far).min() == 0.0
    assert np.isfinite(model.predict_log_proba(far)).all()


def test_max_iter_warns_and_leaves_the_best_so_far() -> None:
    data = classification(kappa=1e3)
    with pytest.warns(ConvergenceWarning, match=r"failed to converge after 1 iteration"):
        model = LogisticRegression(max_iter=1, tol=1e-12).fit(data.X, data.y)
    assert model.n_iter_ == [1]
    assert model.report_.status == "out of rounds"
    with pytest.warns(ConvergenceWarning):
        none = LogisticRegression(max_iter=0).fit(data.X, data.y)
    assert not none.coef_.any()


def test_warm_start_goes_on_from_the_last_fit() -> None:
    data = classification(classes=3)
    cold = LogisticRegression(tol=1e-8, solver="lbfgs").fit(data.X, data.y)
    warm = LogisticRegression(tol=1e-8, solver="lbfgs", warm_start=True).fit(data.X, data.y)
    assert warm.n_iter_ == cold.n_iter_ > 3
    warm.fit(data.X, data.y)
    assert warm.n_iter_[0] <= 1
    np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-6)
    with pytest.raises(ParameterError, match=r"expected shape \(3, 5\)"):
        warm.fit(data.X[:, :5], data.y)


def test_separable_classes_without_a_penalty_end() -> None:
    X = np.linspace(-1, 1, 40)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=np.inf).fit(X, X[:, 0] > 0)
    assert np.isfinite(model.coef_).all()
    assert model.score(X, X[:, 0] > 0) == 1.0


def test_one_class_and_numbers_are_refused() -> None:
    X = np.zeros((4, 1))
    with pytest.raises(InputError, match="at least 2 classes in the data, but the data contains only one class"):
        LogisticRegression().fit(X, [1, 1, 1, 1])
    with pytest.raises(InputError, match="Unknown label type: continuous"):
        LogisticRegression().fit(X, [0.5, 1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="requires y to be passed, but the target y is None"):
        LogisticRegression().fit(X, None)
    with pytest.raises(InputError, match="y should be a 1d array"):
        LogisticRegression().fit(X, np.zeros((4, 2)))
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        LogisticRegression().fit(X, [[0], [1], [0], [1]])


def test_score_knows_no_label_it_was_not_fitted_on() -> None:
    data = classification()
    model = LogisticRegression().fit(data.X, data.y)
    assert model.score(data.X, data.y + 10) == 0.0
    right = model.predict(data.X) == data.y
    assert data.weight is not None
    assert model.score(data.X, data.y, data.weight) == pytest.approx(np.average(right, weights=data.weight))


def test_verbose_says_something(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    data = classification()
    monkeypatch.delenv("SHARDLEARN_PROGRESS", raising=False)
    LogisticRegression(verbose=1).fit(data.X, data.y)
    assert "LogisticRegression" in capsys.readouterr().err


def test_random_state_changes_nothing() -> None:
    data = classification()
    one, other = (LogisticRegression(random_state=seed).fit(data.X, data.y) for seed in (0, 1))
    np.testing.assert_array_equal(one.coef_, other.coef_)
