"""Every parameter is honoured or refused in words; signatures are scikit-learn's."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model as sk
from sklearn.utils.estimator_checks import check_parameters_default_constructible
from tests.linear_model.problems import classification, regression

from shardlearn import ParameterError
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

PAIRS = [(LinearRegression, sk.LinearRegression), (Ridge, sk.Ridge), (LogisticRegression, sk.LogisticRegression)]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_signatures_are_those_of_scikit_learn(ours: Any, theirs: Any) -> None:
    mine, other = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
    assert list(mine) == list(other)
    for name in mine:
        assert mine[name].kind == other[name].kind
        if (ours, name) != (LogisticRegression, "solver"):
            assert mine[name].default == other[name].default, name
    for method in ("fit", "score"):
        assert list(inspect.signature(getattr(ours, method)).parameters) == ["self", "X", "y", "sample_weight"]
    check_parameters_default_constructible(ours.__name__, ours())


REFUSED = [
    (LogisticRegression, {"penalty": "l2"}, "leave it out"),
    (LogisticRegression, {"penalty": None}, "C=np.inf"),
    (LogisticRegression, {"dual": True}, "dual=False"),
    (LogisticRegression, {"l1_ratio": 0.5}, "l1_ratio=0"),
    (LogisticRegression, {"l1_ratio": None}, "l1_ratio=0"),
    (LogisticRegression, {"intercept_scaling": 2.0}, "intercept_scaling=1"),
    (LogisticRegression, {"n_jobs": 2}, "shardlearn.engine"),
    (LogisticRegression, {"solver": "liblinear"}, 'solver="auto"'),
    (LogisticRegression, {"solver": "sag"}, 'solver="auto"'),
    (LogisticRegression, {"solver": "saga"}, 'solver="auto"'),
    (LogisticRegression, {"solver": "newton-cg"}, 'solver="newton-cholesky"'),
    (Ridge, {"solver": "sag"}, 'solver="auto"'),
    (Ridge, {"solver": "saga"}, 'solver="auto"'),
    (Ridge, {"solver": "lbfgs"}, "positive=True"),
    (Ridge, {"solver": "svd", "positive": True}, "positive=False"),
    (Ridge, {"solver": "lsqr", "positive": True}, "positive=False"),
]


@pytest.mark.parametrize(("Model", "parameters", "fix"), REFUSED)
def test_refused_in_words(Model: Any, parameters: dict[str, Any], fix: str) -> None:
    data = classification() if Model is LogisticRegression else regression()
    with pytest.raises(ParameterError) as caught:
        Model(**parameters).fit(data.X, data.y)
    name = list(parameters)[-1]
    assert caught.value.code == "SL1002"
    assert str(caught.value).startswith(f"{Model.__name__} does not support {name}={parameters[name]!r}.")
    assert fix in str(caught.value)


WRONG = [
    (LinearRegression, {"tol": -1.0}),
    (LinearRegression, {"positive": "yes"}),
    (Ridge, {"alpha": -1.0}),
    (Ridge, {"alpha": "much"}),
    (Ridge, {"max_iter": 0}),
    (Ridge, {"solver": "magic"}),
    (LogisticRegression, {"C": 0.0}),
    (LogisticRegression, {"C": -1.0}),
    (LogisticRegression, {"max_iter": -1}),
    (LogisticRegression, {"tol": "small"}),
    (LogisticRegression, {"class_weight": "heavy"}),
    (LogisticRegression, {"solver": "magic"}),
    (LogisticRegression, {"random_state": "lucky"}),
]


@pytest.mark.parametrize(("Model", "parameters"), WRONG)
def test_wrong_values_in_the_words_of_scikit_learn(Model: Any, parameters: dict[str, Any]) -> None:
    data = classification()
    ((name, _),) = parameters.items()
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of {Model.__name__} must be ") as caught:
        Model(**parameters).fit(data.X, data.y)
    assert caught.value.code == "SL1001"


def test_nothing_is_read_before_parameters_are_checked() -> None:
    with pytest.raises(ParameterError):
        Ridge(solver="saga").fit("no/such/file.parquet", y="y")


@pytest.mark.parametrize("alpha", [[-1.0], [np.nan], [np.inf, 1.0]])
def test_penalties_of_targets_are_checked_too(alpha: Any) -> None:
    data = regression(targets=len(alpha))
    with pytest.raises(ParameterError, match="alpha must be finite"):
        Ridge(alpha=alpha).fit(data.X, data.y)


def test_classes_that_y_does_not_have_are_refused() -> None:
    data = classification()
    with pytest.raises(ParameterError, match="are not in class_weight") as caught:
        LogisticRegression(class_weight={"a": 1.0, 0: 2.0}).fit(data.X, data.y)
    assert caught.value.code == "SL1004"


def test_accepted_and_said_who_computes() -> None:
    data = regression()
    model = LinearRegression(n_jobs=7, copy_X=False).fit(data.X, data.y)
    assert model.report_.threads


def test_reading_by_iteration_stops_at_max_iter() -> None:
    data = regression(n=300, p=40, kappa=1e5)
    with pytest.warns(UserWarning, match="did not converge after 2 iterations"):
        model = Ridge(alpha=1e-9, solver="sparse_cg", max_iter=2, tol=1e-12).fit(data.X, data.y)
    assert (model.n_iter_ == 2).all()
