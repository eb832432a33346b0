"""What the next estimator costs: a face for Poisson regression in some forty lines, with all that a face gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model as sk
from sklearn.base import RegressorMixin
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.linear_model.problems import features, relative

import shardlearn
from shardlearn import InputError, kernels
from shardlearn.core.block import Block
from shardlearn.faces.answers import answer, measured
from shardlearn.faces.estimator import Face
from shardlearn.faces.labels import one_column
from shardlearn.faces.parameters import check_parameters
from shardlearn.faces.predictions import Predictions
from shardlearn.faces.scores import Explained, r2
from shardlearn.faces.session import fitting
from shardlearn.linear_model._outputs import Linear, answered
from shardlearn.losses.poisson import Poisson
from shardlearn.solvers.choice import glm_solver
from shardlearn.solvers.problem import Glm


@dataclass(frozen=True, eq=False, slots=True)
class Rates:
    linear: Linear

    def __call__(self, block: Block, /) -> Block:
        return answered(block, rate=kernels.exp(self.linear.of(block))[:, 0])

    def values(self, block: Block, /) -> Any:
        return block.extra["out/rate"]

    def columns(self, block: Block, /) -> Mapping[str, Any]:
        return {"prediction": self.values(block)}


class PoissonRegressor(RegressorMixin, Face):
    _parameter_constraints = {"alpha": [float], "tol": [float], "max_iter": [int]}  # noqa: RUF012

    def __init__(self, alpha: float = 1.0, tol: float = 1e-4, max_iter: int = 100):
        self.alpha, self.tol, self.max_iter = alpha, tol, max_iter

    def fit(self, X: Any, y: Any) -> PoissonRegressor:
        check_parameters(self)
        with fitting(self, X, one_column(y), None) as fit:
            assert fit.found is not None
            if fit.found.y_least < 0:
                raise InputError("Some value(s) of y are out of the valid range of the loss", code="SL2399")
            problem = Glm(fit.shape, Poisson(), self.alpha * fit.found.rows)
            state = fit.solve(glm_solver(problem, "auto", self.tol, self.max_iter), problem)
            fit.publish(coef_=state.W[0], intercept_=float(state.b[0]), n_iter_=max(state.iterations, 1))
        return self

    def _rates(self) -> Rates:
        return Rates(Linear(self.coef_[None, :], np.array([self.intercept_])))

    def predict(self, X: Any) -> Any:
        return answer(self, "predict", self._rates, X)

    def score(self, X: Any, y: Any) -> float:
        return r2(measured(self, X, y, None, lambda: Explained(self._rates(), 1)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.positive_only = True
        return tags


@parametrize_with_checks([PoissonRegressor()], xfail_strict=True)
def test_checks(estimator: Any, check: Any) -> None:
    if "array_api" not in getattr(check, "func", check).__name__:
        check(estimator)


def test_agrees_with_scikit_learn_and_streams(tmp_path: Path) -> None:
    X = features(3_000, 5)
    y = np.random.default_rng(0).poisson(np.exp(X @ [0.3, -0.2, 0.1, 0.0, 0.5] + 1.0))
    model = PoissonRegressor(alpha=0.1, tol=1e-8).fit(X, y)
    wanted = sk.PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=1_000).fit(X, y)
    assert relative(model.coef_, wanted.coef_) < 1e-5
    np.testing.assert_allclose(model.predict(X), wanted.predict(X), rtol=1e-5)
    pd.DataFrame(X).add_prefix("x").assign(y=y).to_parquet(tmp_path / "a.parquet")
    again = PoissonRegressor(alpha=0.1, tol=1e-8).fit(str(tmp_path / "a.parquet"), "y")
    np.testing.assert_array_equal(again.coef_, model.coef_)
    found = again.predict(str(tmp_path / "a.parquet"))
    assert isinstance(found, Predictions)
    np.testing.assert_array_equal(found.to_numpy(), model.predict(X))
    with shardlearn.engine("serial"):
        assert again.score(str(tmp_path / "a.parquet"), "y") == model.score(X, y)
    with pytest.raises(InputError, match="out of the valid range"):
        PoissonRegressor().fit(X, X[:, 0])
